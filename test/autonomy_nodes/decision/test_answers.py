"""Each kind of output means the velocities that its documentation says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_nodes.decision.answers import candidates
from autonomy_nodes.decision.outputs import (
    ManoeuvreOutput,
    TrajectoryScoresOutput,
    WaypointsOutput,
)

MOTIONS = [
    {"name": "straight", "vx": 1.0, "wz": 0.0},
    {"name": "left", "vx": 0.5, "wz": 1.0},
    {"name": "stop", "vx": 0.0, "wz": 0.0},
]
LIMITS = {"vx": {"low": 0.0, "high": 2.0}, "wz": {"low": -2.0, "high": 2.0}}


def _waypoints(**changes) -> WaypointsOutput:
    return WaypointsOutput.model_validate(
        {
            "kind": "waypoints",
            "tensor": "t",
            "shape": [1, 4, 2],
            "units": "m",
            "interval_s": 0.25,
            "tracked": 3,
            **LIMITS,
            **changes,
        }
    )


def _answer(x: float, y: float) -> np.ndarray:
    points = np.zeros((1, 4, 2), np.float32)
    points[0, 3] = x, y
    return points


def test_manoeuvre_is_the_one_of_the_highest_score():
    spec = ManoeuvreOutput.model_validate(
        {"kind": "manoeuvre", "tensor": "t", "shape": [1, 3], "manoeuvres": MOTIONS}
    )
    assert candidates(spec, np.array([[0.1, 0.7, 0.2]], np.float32)) == [(0.5, 1.0)]


def test_trajectories_come_by_score_down_to_the_tolerance():
    spec = TrajectoryScoresOutput.model_validate(
        {
            "kind": "trajectory_scores",
            "tensor": "t",
            "shape": [1, 3],
            "trajectories": MOTIONS,
            "tolerance": 0.3,
        }
    )
    offers = candidates(spec, np.array([[0.5, 0.7, 0.2]], np.float32))
    assert offers == [(0.5, 1.0), (1.0, 0.0)]


@pytest.mark.parametrize("kind", ["manoeuvre", "trajectory_scores"])
def test_a_table_of_another_length_than_the_scores_is_refused(kind):
    table = {"manoeuvre": "manoeuvres", "trajectory_scores": "trajectories"}[kind]
    document = {"kind": kind, "tensor": "t", "shape": [1, 2], table: MOTIONS, "tolerance": 1.0}
    if kind == "manoeuvre":
        del document["tolerance"]
    model = {"manoeuvre": ManoeuvreOutput, "trajectory_scores": TrajectoryScoresOutput}[kind]
    with pytest.raises(ValueError, match="found 2 scores, expected 3"):
        model.model_validate(document)


def test_waypoint_straight_ahead_sets_the_speed():
    assert candidates(_waypoints(), _answer(1.5, 0.0)) == [(1.5, 0.0)]


@given(st.floats(0.05, 1.5), st.floats(-1.0, 1.0))
def test_following_the_arc_reaches_the_waypoint_in_its_time(x, y):
    wide = {"low": -50.0, "high": 50.0}
    ((vx, wz),) = candidates(_waypoints(vx=wide, wz=wide), _answer(x, y))
    if abs(wz) < 1e-6:
        reached = vx, 0.0
    else:
        reached = vx / wz * math.sin(wz), vx / wz * (1.0 - math.cos(wz))
    assert reached == pytest.approx((x, y), abs=1e-3)


@given(st.floats(-5.0, 5.0), st.floats(-5.0, 5.0))
def test_waypoints_never_leave_the_limits_and_keep_the_curvature(x, y):
    ((vx, wz),) = candidates(_waypoints(), _answer(x, y))
    assert 0.0 <= vx <= 2.0 + 1e-9
    assert -2.0 <= wz <= 2.0
    if vx > 1e-3 and math.hypot(x, y) > 0.01:
        bearing = math.atan2(np.float32(y), np.float32(x))
        assert wz / vx == pytest.approx(
            2 * math.sin(bearing) / math.hypot(x, y), rel=1e-3, abs=1e-3
        )


def test_waypoint_behind_is_turned_to_on_the_spot():
    ((vx, wz),) = candidates(_waypoints(), _answer(-1.0, 0.1))
    assert vx == 0.0 and wz > 0.0
    assert candidates(_waypoints(), _answer(0.0, 0.0)) == [(0.0, 0.0)]


def test_tracking_a_waypoint_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="tracked: found 4, expected below 4"):
        _waypoints(tracked=4)
