"""What is said of a recorded run: conditions, expectations, reactions, KPIs, statistics."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenario_eval.results import FailureClass, Outcome
from scenario_eval.runner.assertions import judge
from scenario_eval.runner.classify import classify
from scenario_eval.runner.clearance_kernels import polygon_clearance
from scenario_eval.runner.kpis import loops
from scenario_eval.runner.reactions import fault_reactions
from scenario_eval.runner.statistics import bootstrap, estimate, wilson
from scenario_eval.scenarios.expressions import ExpressionError, parse_condition
from scenario_eval.scenarios.schema import Scenario
from scenario_eval.trace import Trace, TraceError, load_trace
from scenario_traces import make_trace
from world_sim.faults import parse_faults


def scenario(expect: dict[str, object], **fields: object) -> Scenario:
    return Scenario.model_validate(
        {"description": "one for a test", "world": {"generate": "empty"}, "expect": expect} | fields
    )


def unmet(expect: dict[str, object], trace: Trace, **fields: object) -> list[tuple[str, float]]:
    results = judge(scenario(expect, **fields), trace, Outcome.REACHED, {"duration_s": 10.0})
    return [(e.text, e.at_s) for e in results if not e.met]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("speed > 0.5", [False, True, True, False]),
        ("speed > 0.5 and state == nominal", [False, True, False, False]),
        ("state == nominal|degraded", [True, True, True, False]),
        ("state != safe_stop", [True, True, True, False]),
        ("cause ~ scan", [False, False, False, True]),
        ("contact", [False, False, True, False]),
        ("clearance < 0.1", [False, False, False, False]),
        ("clearance != 7", [True, True, False, True]),
    ],
)
def test_a_condition_holds_at_the_ticks_it_says(text: str, expected: list[bool]) -> None:
    trace = make_trace(
        4,
        vx=[0.0, 1.0, -1.0, 0.5],
        state=["nominal", "nominal", "degraded", "safe_stop"],
        cause=["", "", "", "scan_silent: 0.1 s old"],
        contact=["", "", "box", ""],
        clearance=[1.0, math.inf, math.nan, 1.0],
    )
    assert parse_condition(text).holds(trace).tolist() == expected


@pytest.mark.parametrize("text", ["", "speed", "speed 3", "state > 3", "speed < fast", "a == b"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_condition(text)


def test_never_reports_the_first_breach() -> None:
    trace = make_trace(100, vx=np.linspace(0.0, 2.0, 100))
    assert unmet({"never": ["speed > 1.0"]}, trace) == [("speed > 1.0", 1.02)]


def test_an_assertion_counts_in_its_window_alone() -> None:
    trace = make_trace(100, vx=np.linspace(0.0, 2.0, 100))
    inside = {"that": "speed > 1.0", "from_s": 0.0, "to_s": 0.9}
    assert unmet({"never": [inside]}, trace) == []
    assert unmet({"always": [{"that": "speed > 1.0", "from_s": 1.2}]}, trace) == []
    assert unmet({"eventually": ["speed > 2.5"]}, trace) == [("speed > 2.5", 2.0)]


@pytest.mark.parametrize(
    ("within_s", "hold_s", "met"), [(0.3, 0.0, True), (0.1, 0.0, False), (0.3, 0.5, False)]
)
def test_a_reaction_comes_in_time_and_stays(within_s: float, hold_s: float, met: bool) -> None:
    trace = make_trace(100)
    stops = make_trace(100, state=["safe_stop" if 60 <= i < 75 else "nominal" for i in range(100)])
    reaction = {"that": "state == safe_stop", "s": within_s, "hold_s": hold_s}
    fault = {"kind": "silence", "target": "scan", "at_s": 1.0}
    found = unmet({"within": [reaction]}, stops, faults=[fault])
    assert (found == []) is met
    assert unmet({"within": [reaction]}, trace, faults=[fault])


def test_contact_fails_a_run_unless_it_is_allowed() -> None:
    trace = make_trace(10, contact=["", "", "box", *([""] * 7)])
    assert unmet({}, trace) == [("contact", 0.06)]
    assert unmet({"contact": "allowed"}, trace) == []


def test_a_kpi_that_is_undefined_is_not_met() -> None:
    results = judge(
        scenario({"kpi": ["detect_s < 1"]}), make_trace(5), Outcome.REACHED, {"detect_s": None}
    )
    assert [e.why for e in results if not e.met] == ["undefined in this run"]


def test_a_fault_is_detected_and_mitigated_when_the_trace_says_so() -> None:
    state = ["nominal"] * 60 + ["safe_stop"] * 40
    cause = [""] * 55 + ["envelope: 0.1 m clear"] * 5 + ["scan_silent: old"] * 40
    trace = make_trace(100, state=state, cause=cause, vx=[1.0] * 75 + [0.0] * 25)
    faults = parse_faults([{"kind": "silence", "target": "scan", "at_s": 1.0}])
    (reaction,) = fault_reactions(faults, trace)
    assert (reaction.detected_s, reaction.mitigated_s) == (0.22, 0.52)
    assert reaction.by == "monitor: scan_silent"


def test_a_fault_that_nobody_mentions_is_not_detected() -> None:
    faults = parse_faults([{"kind": "noise", "target": "scan", "at_s": 1.0}])
    (reaction,) = fault_reactions(faults, make_trace(100))
    assert (reaction.detected_s, reaction.mitigated_s) == (None, None)


def test_a_round_is_a_loop_and_a_spin_is_none() -> None:
    turn = np.linspace(0.0, 2.2 * math.tau, 1000)
    circle = make_trace(1000, x=np.cos(turn), y=np.sin(turn), yaw=turn + math.pi / 2)
    assert loops(circle) == 2
    assert loops(make_trace(1000, yaw=turn)) == 0
    assert loops(make_trace(1000, x=np.linspace(0.0, 20.0, 1000))) == 0


def test_rounds_to_different_goals_are_no_loop() -> None:
    turn = np.linspace(0.0, 1.2 * math.tau, 1000)
    goal = np.where(turn < math.pi, 1.0, 2.0)
    trace = make_trace(1000, x=np.cos(turn), y=np.sin(turn), yaw=turn + math.pi / 2, goal=goal)
    assert loops(trace) == 0


SQUARE = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])
NO_CIRCLES, NO_SEGMENTS = np.zeros((0, 3)), np.zeros((0, 4))
PLACE = st.floats(-3.0, 3.0)


@settings(max_examples=60, deadline=None)
@given(PLACE, PLACE, st.floats(0.05, 1.0))
def test_clearance_to_a_circle_is_that_of_the_nearest_point(x: float, y: float, r: float) -> None:
    gap = math.hypot(max(abs(x) - 0.5, 0.0), max(abs(y) - 0.5, 0.0))
    found = polygon_clearance(SQUARE, np.array([[x, y, r]]), NO_SEGMENTS, 5.0)
    assert found == pytest.approx(max(0.0, gap - r), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(PLACE, PLACE, PLACE, PLACE)
def test_clearance_to_a_segment_is_that_of_its_nearest_point(
    ax: float, ay: float, bx: float, by: float
) -> None:
    places = np.linspace(0.0, 1.0, 400)[:, None]
    points = np.array([ax, ay]) + places * (np.array([bx, by]) - np.array([ax, ay]))
    gaps = np.hypot(*np.maximum(np.abs(points) - 0.5, 0.0).T)
    found = polygon_clearance(SQUARE, NO_CIRCLES, np.array([[ax, ay, bx, by]]), 9.0)
    assert found == pytest.approx(gaps.min(), abs=0.02)


def test_clearance_beyond_reach_is_infinite() -> None:
    far = np.array([[9.0, 0.0, 0.1]])
    assert math.isinf(polygon_clearance(SQUARE, far, NO_SEGMENTS, 5.0))


def test_intervals_hold_the_truth_and_are_honest_about_certainty() -> None:
    low, high = wilson(1.0, 20)
    assert (round(low, 3), high) == (0.839, 1.0)
    values = np.random.default_rng(3).normal(5.0, 1.0, 200).tolist()
    low, high = bootstrap(values)
    assert low < np.mean(values) < high
    assert 0.2 < high - low < 0.4
    assert bootstrap(values) == (low, high)
    assert estimate("path_m", [3.0]).low is None


@pytest.mark.parametrize(
    ("expect", "outcome", "columns", "expected"),
    [
        ({}, Outcome.COLLIDED, {"contact": "box", "vx": 1.0}, FailureClass.MONITOR),
        ({}, Outcome.COLLIDED, {"contact": "glass_1", "vx": 1.0}, FailureClass.PERCEPTION),
        ({}, Outcome.UNREACHABLE, {}, FailureClass.PLANNER),
        ({}, Outcome.TIME_LIMIT, {"state": "safe_stop"}, FailureClass.MONITOR),
        ({}, Outcome.TIME_LIMIT, {"driver": "fallback"}, FailureClass.PLANNER),
        ({}, Outcome.TIME_LIMIT, {}, FailureClass.POLICY),
        ({}, Outcome.CANCELLED, {}, FailureClass.MISSION),
        ({"never": ["driver == policy"]}, Outcome.REACHED, {}, FailureClass.POLICY),
        ({"never": ["t > 0.01"]}, Outcome.REACHED, {}, FailureClass.SCENARIO),
    ],
)
def test_a_failure_is_laid_at_a_door(
    expect: dict[str, object],
    outcome: Outcome,
    columns: dict[str, object],
    expected: FailureClass,
) -> None:
    played, trace = scenario(expect), make_trace(20, **columns)
    missed = tuple(e for e in judge(played, trace, outcome, {}) if not e.met)
    assert classify(played, trace, outcome, missed) is expected


def test_a_trace_is_read_as_it_was_written(tmp_path: Path) -> None:
    trace = make_trace(30, vx=np.arange(30.0), state="degraded")
    trace.save(tmp_path / "a.npz")
    trace.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = load_trace(tmp_path / "a.npz")
    assert np.array_equal(read.numbers, trace.numbers)
    assert set(read.word("state")) == {"degraded"}
    (tmp_path / "a.npz").write_bytes(b"no trace")
    with pytest.raises(TraceError, match="run the scenario again"):
        load_trace(tmp_path / "a.npz")
