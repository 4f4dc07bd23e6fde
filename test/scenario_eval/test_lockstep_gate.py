"""A goal that needs leave, in lockstep: policy and people decide whether it is driven.

The policy is the shipped one, with a zone of the test's own in front of the robot.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from autonomy_interfaces.messages import Pose2D
from autonomy_interfaces.parameters import ParameterError
from autonomy_interfaces.share import share_directory
from scenario_eval.lockstep_gate import GatedGoals, gate_of
from scenario_eval.results import Outcome
from scenario_eval.runner.kpis import run_kpis
from scenario_eval.runner.play import Played, play
from scenario_eval.scenarios.schema import Scenario

TICK_NS = 20_000_000
BAY = {"name": "bay", "tier": "elevated", "polygon": [[2, -1], [5, -1], [5, 1], [2, 1]]}
IN_BAY, OUTSIDE = Pose2D(3.0, 0.0), Pose2D(0.0, 5.0)
POLICY = share_directory() / "config/gate"


class Asking:
    """A mission and a gate on a clock of their own."""

    def __init__(self, site: dict[str, object]) -> None:
        self.goals = GatedGoals(lambda: gate_of(POLICY, site))
        self.now_ns = 0

    def run(
        self, ticks: int, state: str = "nominal", mission_runs: bool = True, gate_runs: bool = True
    ) -> list[Pose2D]:
        allowed = []
        for _ in range(ticks):
            self.now_ns += TICK_NS
            if gate_runs:
                self.goals.observe(state, Pose2D(0.0, 0.0), False, self.now_ns)
            goal = self.goals.step(self.now_ns, mission_runs, gate_runs)
            allowed += [goal] if goal is not None else []
        return allowed

    def answer(self, approves: bool, who: str = "operator") -> None:
        self.goals.answer(approves, who, self.now_ns)


@pytest.fixture(scope="module")
def site() -> dict[str, object]:
    return {"zones": [BAY], "tiers": {"elevated": {"timeout_s": 2}}}


def test_a_goal_that_no_rule_minds_is_allowed_within_two_ticks(site: dict[str, object]) -> None:
    asking = Asking(site)
    asking.goals.ask(OUTSIDE, asking.now_ns)
    assert asking.run(2) == [OUTSIDE]
    assert asking.goals.granted == OUTSIDE and not asking.goals.pending


@pytest.mark.parametrize("approves", [True, False])
def test_a_person_decides_what_was_escalated(approves: bool, site: dict[str, object]) -> None:
    asking = Asking(site)
    asking.goals.ask(IN_BAY, asking.now_ns)
    assert asking.run(50) == []
    assert asking.goals.state == "escalated: the goal touches bay"
    asking.answer(approves)
    assert asking.run(2) == ([IN_BAY] if approves else [])
    assert bool(asking.goals.refusal) is not approves


def test_silence_of_people_is_a_no(site: dict[str, object]) -> None:
    asking = Asking(site)
    asking.goals.ask(IN_BAY, asking.now_ns)
    assert asking.run(98) == [] and asking.goals.pending
    assert asking.run(4) == []
    assert asking.goals.refusal.endswith("nobody answered in time")
    asking.answer(True)
    assert asking.run(10) == []


def test_a_monitor_that_is_not_heard_means_no(site: dict[str, object]) -> None:
    asking = Asking(site)
    asking.run(10)
    asking.run(101, state="")
    asking.goals.ask(OUTSIDE, asking.now_ns)
    assert asking.run(3, state="") == []
    assert "the safety monitor is not heard" in asking.goals.refusal


def test_a_hung_mission_hears_its_answer_when_it_goes_on(site: dict[str, object]) -> None:
    asking = Asking(site)
    asking.goals.ask(OUTSIDE, asking.now_ns)
    asking.run(1)
    assert asking.run(20, mission_runs=False) == []
    assert asking.run(1) == [OUTSIDE]


def test_a_mission_that_began_anew_has_asked_for_nothing(site: dict[str, object]) -> None:
    asking = Asking(site)
    asking.goals.ask(IN_BAY, asking.now_ns)
    asking.run(5)
    asking.goals.restart_mission()
    asking.answer(True)
    assert asking.run(5) == [] and asking.goals.granted is None
    asking.goals.ask(OUTSIDE, asking.now_ns)
    assert asking.run(2) == [OUTSIDE]


def test_a_policy_that_is_refused_says_why(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="zone"):
        gate_of(POLICY, {"zones": [{**BAY, "tier": "elevatd"}]})
    with pytest.raises(ParameterError, match=r"site\.json is missing"):
        gate_of(tmp_path, {})


def played(**text: object) -> Played:
    scenario = {
        "description": "one for a test",
        "world": {"generate": "empty"},
        "stack": {"driver": "fallback", "gate": {"site": {"zones": [BAY]}}},
        **text,
    }
    return play(Scenario.model_validate(scenario), Path(__file__).parent, 0)


def test_a_run_waits_for_leave_and_counts_the_question() -> None:
    run = played(goals=[[1.2, 0.0], [2.4, 0.0]], events=[{"at_s": 4.0, "do": "approve"}])
    assert run.outcome is Outcome.REACHED
    assert (run.goals_given, run.goals_reached) == (2, 2)
    assert run_kpis(run, ())["handoffs"] == 1.0
    waits = run.trace.word("gate") == "escalated: the goal touches bay"
    assert waits.any() and set(run.trace.number("goal")[waits]) == {0.0}


def test_a_run_whose_goal_is_denied_ends_refused() -> None:
    run = played(goals=[[3.0, 0.0]], events=[{"at_s": 0.5, "do": "reject"}])
    assert run.outcome is Outcome.REFUSED
    assert run.trace.speed.max() < 0.02


def test_a_refused_goal_leaves_the_one_before_in_force() -> None:
    stack = {"driver": "fallback", "gate": {"site": {"zones": [{**BAY, "tier": "forbidden"}]}}}
    events = [{"at_s": 0.5, "do": "goal", "goal": [3.0, 0.0]}]
    run = played(goals=[[1.2, 0.0]], events=events, stack=stack)
    assert run.outcome is Outcome.REACHED
    assert run.goals_given == 2 and run.trace.number("x").max() < 1.5


def test_a_dead_gate_is_a_no_after_two_seconds(site: dict[str, object]) -> None:
    asking = Asking(site)
    asking.goals.ask(OUTSIDE, asking.now_ns)
    assert asking.run(99, gate_runs=False) == [] and asking.goals.pending
    assert asking.run(2, gate_runs=False) == [] and not asking.goals.pending
    assert asking.goals.refusal.endswith("the gate does not answer")


def test_a_gate_that_began_anew_asks_the_person_again(site: dict[str, object]) -> None:
    asking = Asking(site)
    asking.goals.ask(IN_BAY, asking.now_ns)
    asking.run(50)
    asking.goals.restart_gate()
    asking.run(1, gate_runs=False)
    asking.answer(True)
    assert asking.run(1) == []
    asking.run(30)
    asking.answer(True)
    assert asking.run(2) == [IN_BAY]
