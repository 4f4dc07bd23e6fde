"""The fault matrix: all faults are in it, and it tells what happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scenario_eval.safety_bench import fault_journal
from scenario_eval.safety_bench.fault_cases import (
    HEALTHY,
    OUTSIDE,
    FaultCase,
    pair_cases,
    single_cases,
)
from scenario_eval.safety_bench.fault_journal import FaultJournal, play
from scenario_eval.safety_bench.fault_matrix import figures, markdown_table, plan_runs
from scenario_eval.safety_bench.fault_run import NEARBY, FaultRun, run_faults
from world_sim.faults import REGISTRY

KILL = FaultCase("kill decision", (("kill", "decision"),))
GOOD = FaultRun(KILL, 0, "monitor: command_silent", 80.0, "safe_stop", True, True, "", 0, 0)


def test_every_kind_of_fault_is_a_case_and_can_be_played() -> None:
    cases = single_cases()
    assert {kind for case in cases for kind, _ in case.entries} == set(REGISTRY)
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        (fault,) = case.faults(3)
        assert 1.8 <= fault.at_s <= 3.2


def test_what_is_called_outside_the_assumptions_exists() -> None:
    assert set(OUTSIDE) <= {case.entries[0] for case in single_cases()}


def test_pairs_are_different_and_the_same_for_the_same_seed() -> None:
    pairs = pair_cases(30, 1)
    assert len({pair.entries for pair in pairs}) == 30
    assert all(pair.entries[0] != pair.entries[1] for pair in pairs)
    assert pairs == pair_cases(30, 1)
    assert pairs != pair_cases(30, 2)
    first, second = pairs[0].faults(0)
    assert first.at_s <= second.at_s <= first.at_s + 0.8


def test_more_pairs_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="there are only"):
        pair_cases(10**6, 0)


def test_a_killed_decision_is_noticed_stopped_for_and_recovered_from() -> None:
    run = run_faults((KILL, 1))
    assert run.noticed_by == "monitor: command_silent"
    assert run.noticed_ms is not None and 60.0 <= run.noticed_ms <= 110.0
    assert run.reaction == "safe_stop"
    assert run.stopped and run.went_on
    assert (run.contact, run.unsafe, run.bad) == ("", 0, 0)


def test_a_healthy_run_notices_nothing() -> None:
    run = run_faults((HEALTHY, 0))
    assert run.noticed_by == ""
    assert run.reaction == "nominal"
    assert run.outcome == "drove on"
    assert 0.0 < run.closest_m <= NEARBY


def test_figures_count_what_is_inside_the_assumptions_apart() -> None:
    run = GOOD
    stuck = FaultCase("drive_stuck drive", (("drive_stuck", "drive"),))
    runs = [
        run,
        replace(run, seed=1, noticed_ms=100.0),
        replace(run, case=stuck, contact="wall", unsafe=2, noticed_by="", noticed_ms=None),
    ]
    found = figures(runs)
    assert (found["contacts"], found["contacts_within_assumptions"]) == (1, 0)
    assert (found["unsafe_commands"], found["unsafe_commands_within_assumptions"]) == (2, 0)
    kill, drive = found["cases"]
    assert (kill["median_ms"], kill["max_ms"], kill["noticed"]) == (90.0, 100.0, 2)
    assert drive["contact_seeds"] == [0]
    assert (kill["outcomes"], drive["outcomes"]) == ({"stopped": 2}, {"contact": 1})
    table = markdown_table(found, "the command")
    assert "| `kill decision` | 2/2 | monitor: command_silent 2 | 90 / 100 |" in table
    assert "A3" in table


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "stopped"),
        ({"stopped": False}, "drove on"),
        ({"went_on": False}, "stays"),
        ({"unsafe": 1}, "unsafe command"),
        ({"unsafe": 1, "contact": "wall"}, "contact"),
    ],
)
def test_the_outcome_of_a_run_is_the_worst_that_holds(changes, outcome: str) -> None:
    assert replace(GOOD, **changes).outcome == outcome


def test_the_worst_outcome_comes_first_and_the_closest_approach_counts() -> None:
    runs = [GOOD, GOOD, replace(GOOD, went_on=False, closest_m=0.021)]
    (case,) = figures(runs)["cases"]
    assert list(case["outcomes"].items()) == [("stays", 1), ("stopped", 2)]
    assert case["closest_m"] == 0.021
    table = markdown_table(figures(runs), "the command")
    assert "| stays 1, stopped 2 | 2.1 | 0 | 0 | – |" in table
    assert GOOD.closest_m == NEARBY


def test_runs_of_a_journal_are_not_played_again(tmp_path, monkeypatch) -> None:
    played = []

    def run(job: tuple[FaultCase, int]) -> FaultRun:
        played.append(job)
        return replace(GOOD, case=job[0], seed=job[1])

    monkeypatch.setattr(fault_journal, "run_faults", run)
    jobs = [(HEALTHY, 0), (KILL, 1), (KILL, 2)]
    journal, heard = tmp_path / "runs.jsonl", []
    first = play(jobs[:2], 1, journal, heard.append)
    with journal.open("a") as file:
        file.write('{"software": "cut o')
    assert play(jobs, 1, journal, heard.append)[:2] == first
    assert played == jobs
    assert [run.seed for run in heard] == [0, 1, 0, 1, 2]


def test_a_journal_of_other_software_is_not_believed(tmp_path) -> None:
    FaultJournal(tmp_path / "runs.jsonl", "before").add(GOOD)
    assert FaultJournal(tmp_path / "runs.jsonl", "now").runs([(KILL, 0)]) == {}
    assert FaultJournal(tmp_path / "runs.jsonl", "before").runs([(KILL, 0)]) == {(KILL, 0): GOOD}


def test_a_plan_holds_the_healthy_robot_first_and_can_be_narrowed() -> None:
    jobs = plan_runs(2, 1, seed=5)
    assert jobs[:2] == [(HEALTHY, 5), (HEALTHY, 6)]
    assert len(jobs) == 2 * (1 + len(single_cases()) + 1)
    assert {case.name for case, _ in plan_runs(1, 0, 0, "silence")} == {
        f"silence {target}" for target in ("scan", "imu", "odom", "command")
    }
