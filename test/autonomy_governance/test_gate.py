"""The gate: what it grants, what it leaves to a person, and that nothing is granted by failure."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy_governance import gate
from autonomy_governance.gate import ActionRequest, Decision, Gate
from autonomy_governance.gate_limits import LoopDetector, RateLimiter
from autonomy_governance.gate_policy import Policy, PolicyError, PolicySources, read_sources

SECOND = 1_000_000_000
SOURCES = read_sources(Path(__file__).parents[2] / "config" / "gate")
OPEN_GOAL = {"x": 3.0, "y": -2.0, "frame": "odom"}
BAY_GOAL = {"x": 102.0, "y": 8.0, "frame": "odom"}
BATTERY_GOAL = {"x": 112.0, "y": 2.0, "frame": "odom"}


def changed_site(**values: Any) -> PolicySources:
    files = dict(SOURCES.files)
    content = json.loads(files["site.json"])
    content["site"].update(values)
    files["site.json"] = json.dumps(content).encode()
    return PolicySources(tuple(sorted(files.items())))


BROKEN = PolicySources((*SOURCES.files, ("typo.rego", b"package gate\nallow if {")))


@pytest.fixture(autouse=True, scope="module")
def compile_each_policy_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "Policy", functools.cache(gate.Policy))
        yield


class Rig:
    """A gate with the shipped policy, a nominal robot and a clock that is moved by hand."""

    def __init__(self, sources: PolicySources = SOURCES) -> None:
        self.gate = Gate()
        assert self.gate.adopt(sources), self.gate.alarm
        self.now_ns = 1000 * SECOND
        self.count = 0
        self.hear("nominal")

    def hear(self, state: str) -> None:
        self.gate.observe(state, self.now_ns)

    def wait(self, seconds: float, state: str = "nominal") -> None:
        self.now_ns += round(seconds * SECOND)
        self.hear(state)

    def ask(
        self, action: str, request_id: str = "", who: str = "mission", **values: Any
    ) -> Decision:
        self.count += 1
        request = ActionRequest(request_id or f"request-{self.count}", action, who, values)
        return self.gate.decide(request, self.now_ns)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_grants_what_the_policy_allows_and_names_the_policy(rig: Rig) -> None:
    decision = rig.ask("drive_to", **OPEN_GOAL)
    assert (decision.outcome, decision.tier, decision.by) == ("allow", "low", "policy")
    assert decision.policy_version == f"1.0.0+{SOURCES.sha256[:12]}"


def test_a_number_too_small_for_the_engine_is_as_good_as_zero(rig: Rig) -> None:
    assert rig.ask("drive_to", x=5e-324, y=-0.0, frame="odom").outcome == "allow"


def test_denies_with_the_policys_reason(rig: Rig) -> None:
    decision = rig.ask("enter_area", zone="stairwell")
    assert decision.outcome == "deny" and "stairwell" in decision.reason


def test_denies_everything_before_a_policy_is_there() -> None:
    gate = Gate()
    gate.observe("nominal", 0)
    decision = gate.decide(ActionRequest("1", "drive_to", "mission", OPEN_GOAL), 0)
    assert decision.outcome == "deny" and "no policy" in decision.reason
    assert not gate.adopt(BROKEN)
    decision = gate.decide(ActionRequest("2", "drive_to", "mission", OPEN_GOAL), 0)
    assert decision.outcome == "deny" and "typo.rego:2" in decision.reason


def test_a_broken_policy_keeps_the_last_good_one_and_raises_the_alarm(rig: Rig) -> None:
    version = rig.gate.policy_version
    assert not rig.gate.adopt(BROKEN)
    assert rig.gate.alarm.startswith("typo.rego:2")
    assert rig.gate.policy_version == version
    assert rig.ask("drive_to", **OPEN_GOAL).outcome == "allow"
    assert rig.gate.adopt(changed_site(version="1.0.1"))
    assert rig.gate.alarm == "" and rig.gate.policy_version.startswith("1.0.1+")


def test_a_policy_that_went_back_to_the_good_one_clears_the_alarm(rig: Rig) -> None:
    rig.gate.adopt(BROKEN)
    rig.gate.adopt(SOURCES)
    assert rig.gate.alarm == ""


def test_nothing_is_granted_when_the_policy_fails_on_a_request(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PolicyError("engine lost")

    monkeypatch.setattr(Policy, "decide", fail)
    decision = rig.ask("drive_to", **OPEN_GOAL)
    assert decision.outcome == "deny" and "engine lost" in decision.reason


def test_nothing_is_granted_in_an_emergency_or_when_the_monitor_is_silent(rig: Rig) -> None:
    rig.hear("emergency_stop")
    assert rig.ask("drive_to", **OPEN_GOAL).outcome == "deny"
    rig.hear("nominal")
    rig.now_ns += 2 * SECOND
    assert "not heard" in rig.ask("drive_to", **OPEN_GOAL).reason


def test_a_person_grants_what_was_escalated(rig: Rig) -> None:
    escalated = rig.ask("drive_to", "bay", **BAY_GOAL)
    assert escalated.outcome == "escalate" and escalated.deadline_ns == rig.now_ns + 60 * SECOND
    assert [decision.request_id for _, decision in rig.gate.pending] == ["bay"]
    rig.wait(30)
    granted = rig.gate.approve("bay", "operator", rig.now_ns)
    assert (granted.outcome, granted.by) == ("allow", "operator")
    assert rig.gate.pending == ()
    assert rig.ask("drive_to", "bay", **BAY_GOAL) == granted


def test_a_person_rejects(rig: Rig) -> None:
    rig.ask("drive_to", "bay", **BAY_GOAL)
    assert rig.gate.reject("bay", "anybody", rig.now_ns).outcome == "deny"
    assert rig.gate.approve("bay", "operator", rig.now_ns).outcome == "deny"


def test_silence_denies(rig: Rig) -> None:
    rig.ask("drive_to", "bay", **BAY_GOAL)
    rig.wait(59.9)
    assert rig.gate.expire(rig.now_ns) == ()
    rig.wait(0.1)
    (decision,) = rig.gate.expire(rig.now_ns)
    assert (decision.request_id, decision.outcome, decision.by) == ("bay", "deny", "timeout")


def test_an_approval_after_the_deadline_denies_even_before_expiry_was_noticed(rig: Rig) -> None:
    rig.ask("drive_to", "bay", **BAY_GOAL)
    rig.wait(60)
    assert rig.gate.approve("bay", "operator", rig.now_ns).outcome == "deny"
    assert rig.gate.pending == ()


def test_who_may_not_approve_leaves_the_request_open(rig: Rig) -> None:
    rig.ask("drive_to", "battery", **BATTERY_GOAL)
    refused = rig.gate.approve("battery", "operator", rig.now_ns)
    assert (refused.outcome, refused.by) == ("escalate", "operator")
    assert "operator may not approve" in refused.reason
    assert rig.gate.approve("battery", "safety_officer", rig.now_ns).outcome == "allow"


def test_nobody_approves_their_own_request(rig: Rig) -> None:
    rig.ask("drive_to", "mine", who="operator", **BAY_GOAL)
    assert rig.gate.approve("mine", "operator", rig.now_ns).outcome == "escalate"


def test_an_approval_is_judged_by_what_holds_now(rig: Rig) -> None:
    rig.ask("drive_to", "bay", **BAY_GOAL)
    rig.hear("emergency_stop")
    decision = rig.gate.approve("bay", "operator", rig.now_ns)
    assert decision.outcome == "deny" and "emergency" in decision.reason


def test_an_approval_is_judged_by_the_policy_now_in_force(rig: Rig) -> None:
    rig.ask("drive_to", "bay", **BAY_GOAL)
    tiers = json.loads(dict(SOURCES.files)["site.json"])["site"]["tiers"]
    tiers["elevated"]["approvers"] = ["somebody_else"]
    cases = json.loads(dict(SOURCES.files)["tests/cases.json"])["cases"]
    files = dict(changed_site(tiers=tiers).files)
    kept = [case for case in cases if case.get("approver", {}).get("who") != "operator"]
    files["tests/cases.json"] = json.dumps({"cases": kept}).encode()
    assert rig.gate.adopt(PolicySources(tuple(sorted(files.items())))), rig.gate.alarm
    assert rig.gate.approve("bay", "operator", rig.now_ns).outcome == "escalate"
    assert rig.gate.approve("bay", "somebody_else", rig.now_ns).outcome == "allow"


def test_what_changes_the_guard_is_denied_while_nothing_is_recorded(rig: Rig) -> None:
    rig.gate.audited = False
    assert "audit" in rig.ask("enter_area", zone="battery_room").reason
    assert rig.ask("drive_to", **OPEN_GOAL).outcome == "allow"


def test_every_decision_is_journaled_once(rig: Rig) -> None:
    journal: list[Decision] = []
    rig.gate = gate.Gate(lambda request, decision: journal.append(decision))
    rig.gate.adopt(SOURCES)
    rig.hear("nominal")
    for _ in range(3):
        rig.ask("drive_to", "open", **OPEN_GOAL)
        rig.ask("drive_to", "bay", **BAY_GOAL)
    rig.ask("drive to", "malformed")
    rig.ask("drive_to", "open", **BAY_GOAL)
    rig.gate.approve("bay", "stranger", rig.now_ns)
    rig.gate.approve("bay", "operator", rig.now_ns)
    rig.ask("drive_to", "late", **BAY_GOAL)
    rig.wait(60)
    rig.gate.expire(rig.now_ns)
    assert [(d.request_id, d.outcome, d.by) for d in journal] == [
        ("open", "allow", "policy"),
        ("bay", "escalate", "policy"),
        ("malformed", "deny", "gate"),
        ("open", "deny", "gate"),
        ("bay", "allow", "operator"),
        ("late", "escalate", "policy"),
        ("late", "deny", "timeout"),
    ]


def test_a_risk_that_has_grown_since_it_was_escalated_needs_who_may_approve_it_now(
    rig: Rig,
) -> None:
    rig.ask("set_speed_tier", "fast", speed_tier="fast")
    speeds = json.loads(dict(SOURCES.files)["site.json"])["site"]["speed_tiers"]
    speeds["fast"]["tier"] = "high"
    cases = json.loads(dict(SOURCES.files)["tests/cases.json"])["cases"]
    files = dict(changed_site(speed_tiers=speeds).files)
    kept = [case for case in cases if case["name"] != "full speed"]
    files["tests/cases.json"] = json.dumps({"cases": kept}).encode()
    assert rig.gate.adopt(PolicySources(tuple(sorted(files.items())))), rig.gate.alarm
    assert rig.gate.approve("fast", "operator", rig.now_ns).outcome == "escalate"
    assert rig.gate.approve("fast", "safety_officer", rig.now_ns).outcome == "allow"


def test_an_unknown_request_is_neither_approved_nor_rejected(rig: Rig) -> None:
    assert rig.gate.approve("ghost", "operator", rig.now_ns).outcome == "deny"
    assert rig.gate.reject("ghost", "operator", rig.now_ns).outcome == "deny"


def test_a_repeated_question_gets_the_same_answer_and_is_not_counted_again(rig: Rig) -> None:
    first = rig.ask("drive_to", "again", **OPEN_GOAL)
    assert all(rig.ask("drive_to", "again", **OPEN_GOAL) is first for _ in range(100))


def test_an_old_answer_is_no_answer(rig: Rig) -> None:
    rig.ask("drive_to", "again", **OPEN_GOAL)
    rig.wait(10)
    assert "used before" in rig.ask("drive_to", "again", **OPEN_GOAL).reason


def test_an_answer_holds_for_its_request_only(rig: Rig) -> None:
    rig.ask("drive_to", "again", **OPEN_GOAL)
    decision = rig.ask("drive_to", "again", **BATTERY_GOAL)
    assert decision.outcome == "deny" and "used before" in decision.reason


@pytest.mark.parametrize(
    "request_",
    [
        ActionRequest("", "drive_to", "mission", OPEN_GOAL),
        ActionRequest("1", "drive to", "mission", OPEN_GOAL),
        ActionRequest("1", "drive_to", 'x"; allow', OPEN_GOAL),
        ActionRequest("1", "drive_to", "mission", {**OPEN_GOAL, "x": float("nan")}),
        ActionRequest("1", "drive_to", "mission", {**OPEN_GOAL, "x": float("inf")}),
        ActionRequest("1", "drive_to", "mission", {**OPEN_GOAL, "note": "two\nlines"}),
        ActionRequest("1", "drive_to", "mission", {**OPEN_GOAL, "note": "x" * 129}),
        ActionRequest("1", "drive_to", "mission", {f"k{i}": 1.0 for i in range(17)}),
    ],
    ids=range(8),
)
def test_what_is_malformed_is_denied_before_it_reaches_the_engine(
    rig: Rig, request_: ActionRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Policy, "decide")
    assert rig.gate.decide(request_, rig.now_ns).outcome == "deny"


def test_an_action_beyond_its_rate_is_denied_until_the_window_moves_on(rig: Rig) -> None:
    sha256 = "1" * 64
    for _ in range(3):
        assert rig.ask("switch_policy", sha256=sha256).outcome == "allow"
    assert "more than 3 within 60 s" in rig.ask("switch_policy", sha256=sha256).reason
    assert rig.ask("drive_to", **OPEN_GOAL).outcome == "allow"
    rig.wait(60)
    rig.gate.progress()
    assert rig.ask("switch_policy", sha256=sha256).outcome == "allow"


def test_the_same_recovery_from_the_same_place_becomes_a_persons_question(rig: Rig) -> None:
    for step in range(3):
        rig.gate.observe_place(0.1 * step, 0.0)
        assert rig.ask("recover", behaviour="back_up").outcome == "allow"
        rig.wait(5)
    looping = rig.ask("recover", behaviour="back_up")
    assert (looping.outcome, looping.tier) == ("escalate", "elevated")
    assert "4 times" in looping.reason
    assert rig.gate.approve(looping.request_id, "operator", rig.now_ns).outcome == "allow"


def test_another_recovery_another_place_or_a_reached_goal_is_no_loop(rig: Rig) -> None:
    for step in range(8):
        rig.gate.observe_place(0.6 * step, 0.0)
        assert rig.ask("recover", behaviour="back_up").outcome == "allow"
        rig.gate.observe_place(0.0, 0.0)
    for behaviour in ("spin", "clear_costmap"):
        assert rig.ask("recover", behaviour=behaviour).outcome == "allow"
    for _ in range(8):
        rig.gate.progress()
        assert rig.ask("drive_to", **OPEN_GOAL).outcome == "allow"


def test_odometry_without_numbers_hides_no_loop(rig: Rig) -> None:
    for _ in range(4):
        rig.gate.observe_place(math.nan, math.inf)
        last = rig.ask("recover", behaviour="back_up")
    assert (last.outcome, last.tier) == ("escalate", "elevated")


def test_going_back_and_forth_between_two_failures_is_a_loop(rig: Rig) -> None:
    outcomes = []
    for step in range(8):
        rig.gate.observe_place(3.0 * (step % 2), 0.0)
        outcomes.append(rig.ask("drive_to", **OPEN_GOAL).outcome)
        rig.wait(5)
    assert outcomes == ["allow"] * 6 + ["escalate"] * 2


def test_too_many_open_questions_are_denied() -> None:
    rig = Rig(changed_site(limits={"*": {"count": 1000, "window_s": 1}}))
    decisions = [rig.ask("enter_area", zone="battery_room") for _ in range(40)]
    assert sum(decision.outcome == "escalate" for decision in decisions) == 32
    assert {d.reason for d in decisions[32:]} == {"too many requests await a person"}


def test_memory_stays_bounded() -> None:
    rig = Rig(changed_site(limits={"*": {"count": 10, "window_s": 60}}))
    for _ in range(2000):
        rig.ask("drive_to", **OPEN_GOAL)
        rig.now_ns += 1
    assert len(rig.gate._answered) <= 256


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(st.integers(0, 5 * SECOND), min_size=1, max_size=60),
    count=st.integers(1, 5),
)
def test_no_window_ever_holds_more_than_its_rate(steps: list[int], count: int) -> None:
    limiter = RateLimiter({"*": {"count": count, "window_s": 10}})
    now, granted = 0, []
    for step in steps:
        now += step
        if not limiter.admit("any", now):
            granted.append(now)
    for start in granted:
        assert sum(start <= time < start + 10 * SECOND for time in granted) <= count


def test_a_loop_is_forgotten_after_its_window() -> None:
    loops = LoopDetector({"repeats": 2, "window_s": 10, "distance_m": 1, "tier": "high"})
    assert loops.ask("a", (0.0, 0.0), 0) == ""
    assert loops.ask("a", (0.0, 0.0), 10 * SECOND - 1) != ""
    loops.progress()
    assert loops.ask("a", (0.0, 0.0), 10 * SECOND) == ""
    assert loops.ask("a", (0.0, 0.0), 20 * SECOND) == ""


parameters = st.dictionaries(
    st.text(max_size=6), st.one_of(st.floats(), st.text(max_size=12)), max_size=5
)


@pytest.fixture(scope="module")
def shared_rig() -> Rig:
    return Rig()


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(max_size=12),
    values=parameters,
    goal=st.tuples(st.floats(), st.floats()),
)
def test_any_request_is_answered_and_none_by_an_exception(
    shared_rig: Rig, text: str, values: dict[str, str | float], goal: tuple[float, float]
) -> None:
    rig = shared_rig
    rig.wait(60)
    x, y = goal
    assert rig.ask(text, **{"x": x}).outcome == "deny"
    assert rig.gate.decide(ActionRequest("r" + str(rig.now_ns), text, text, values), rig.now_ns)
    outcome = rig.ask("drive_to", x=x, y=y, frame="odom").outcome
    assert outcome in ("allow", "deny", "escalate")


def test_requests_that_differ_by_a_hair_are_alike() -> None:
    one = ActionRequest("1", "drive_to", "mission", OPEN_GOAL)
    hair = replace(one, request_id="2", parameters={**OPEN_GOAL, "x": 3.004})
    far = replace(one, request_id="3", parameters={**OPEN_GOAL, "x": 4.0})
    assert one.likeness() == hair.likeness() != far.likeness()
