"""The collision check sees exactly what the footprint sweeps until standstill."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.messages import Costmap, Odometry
from autonomy_nodes.decision.rollout import RolloutConfig, StoppingRollout

FOOTPRINT = (0.25, 0.2, -0.25, 0.2, -0.25, -0.2, 0.25, -0.2)


def _rollout(margin: float = 0.0) -> StoppingRollout:
    return StoppingRollout(RolloutConfig(FOOTPRINT, margin, 0.1, 5.0, 10.0, 5.0, 10.0))


ROLLOUT = _rollout()
HERE = Odometry(0, 0.0, 0.0, 0.0)


def _costmap(*points: tuple[float, float], value: int = 100) -> Costmap:
    data = np.zeros((400, 400), np.int8)
    for x, y in points:
        data[math.floor((y + 4.0) / 0.02), math.floor((x + 4.0) / 0.02)] = value
    return Costmap(0, 0.02, -4.0, -4.0, data)


def test_stops_short_of_what_is_past_the_braking_distance():
    # 2 m/s: 0.2 m of reaction, 0.4 m of braking, 0.25 m of nose.
    assert not ROLLOUT.touches(_costmap((0.93, 0.0)), HERE, 2.0, 0.0)
    assert ROLLOUT.touches(_costmap((0.80, 0.0)), HERE, 2.0, 0.0)


def test_passes_beside_and_turns_away():
    assert not ROLLOUT.touches(_costmap((0.6, 0.23)), HERE, 2.0, 0.0)
    assert ROLLOUT.touches(_costmap((0.6, 0.17)), HERE, 2.0, 0.0)
    assert not ROLLOUT.touches(_costmap((0.8, -0.15)), HERE, 1.0, 2.0)


def test_a_base_that_is_fast_already_is_tested_from_its_speed():
    fast = Odometry(0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0)
    ahead = _costmap((0.6, 0.0))
    assert not ROLLOUT.touches(ahead, HERE, 0.2, 0.0)
    assert ROLLOUT.touches(ahead, fast, 0.2, 0.0)


def test_a_turn_that_takes_time_to_build_up_cuts_the_corner():
    straight = Odometry(0, 0.0, 0.0, 0.0, 1.5, 0.0, 0.0)
    beside = _costmap((0.45, -0.17))
    turning = Odometry(0, 0.0, 0.0, 0.0, 1.5, 0.0, 4.0)
    assert ROLLOUT.touches(beside, straight, 1.5, 4.0)
    assert not ROLLOUT.touches(beside, turning, 1.5, 4.0)


def test_turning_in_place_sweeps_the_corners():
    corner = _costmap((0.0, 0.27))
    assert ROLLOUT.touches(corner, HERE, 0.0, 4.0)
    assert not ROLLOUT.touches(corner, HERE, 0.0, 0.2)


def test_reverse_is_swept_too():
    assert ROLLOUT.touches(_costmap((-0.4, 0.0)), HERE, -1.0, 0.0)


def test_inflated_and_unknown_cells_are_no_obstacles():
    assert not ROLLOUT.touches(_costmap((0.5, 0.0), value=99), HERE, 1.0, 0.0)
    assert not ROLLOUT.touches(_costmap((0.5, 0.0), value=-1), HERE, 1.0, 0.0)


def test_a_cell_inside_the_footprint_does_not_hold_the_robot():
    assert not ROLLOUT.touches(_costmap((0.2, 0.0)), HERE, -0.5, 0.0)


def test_a_cell_in_the_margin_may_be_left_and_passed_but_not_touched():
    rollout = _rollout(0.05)
    ahead, beside = _costmap((0.27, 0.0)), _costmap((0.1, 0.23))
    assert rollout.touches(ahead, HERE, 0.5, 0.0)
    assert not rollout.touches(ahead, HERE, -0.5, 0.0)
    assert not rollout.touches(beside, HERE, 0.5, 0.0)
    assert rollout.touches(beside, HERE, 0.5, 2.0)


def test_off_the_map_there_is_nothing_to_touch():
    assert not ROLLOUT.touches(_costmap((0.5, 0.0)), Odometry(0, 90.0, 0.0, 0.0), 2.0, 0.0)


@pytest.mark.parametrize("vx, wz", [(1e17, 0.0), (0.0, 1e17), (1e9, 0.0), (math.nan, 0.0)])
def test_a_speed_that_no_brake_stops_is_free_nowhere_and_the_check_ends(vx, wz):
    assert ROLLOUT.touches(_costmap((3.0, 3.0)), HERE, vx, wz)
    garbled = Odometry(0, 0.0, 0.0, 0.0, vx, 0.0, wz)
    assert ROLLOUT.touches(_costmap((3.0, 3.0)), garbled, 0.5, 0.0)
    assert ROLLOUT.free_share(_costmap((3.0, 3.0)), garbled, 0.5, 0.0) == 0.0


def test_a_heavy_base_that_brakes_for_long_is_still_swept_to_its_stop():
    # 5 m/s and 0.25 m/s²: twenty seconds and 50 m of braking.
    lorry = StoppingRollout(RolloutConfig(FOOTPRINT, 0.0, 0.1, 1.0, 1.0, 0.25, 1.0))
    data = np.zeros((40, 1200), np.int8)
    data[20, 1000] = 100  # 49.05 m ahead
    assert lorry.touches(Costmap(0, 0.05, -1.0, -1.0, data), HERE, 5.0, 0.0)
    data[20, 1000], data[20, 1060] = 0, 100
    assert not lorry.touches(Costmap(0, 0.05, -1.0, -1.0, data), HERE, 5.0, 0.0)


@given(
    st.floats(-2.0, 2.0),
    st.floats(-4.0, 4.0),
    st.floats(-1.5, 1.5),
    st.floats(-1.5, 1.5),
    st.floats(-math.pi, math.pi),
)
def test_verdict_does_not_depend_on_where_the_robot_stands(vx, wz, x, y, yaw):
    """The same scene, moved and turned with the robot; the point is kept off the grid's limit."""
    turned = math.cos(yaw) * 0.6 - math.sin(yaw) * 0.05, math.sin(yaw) * 0.6 + math.cos(yaw) * 0.05
    moved = _costmap((x + turned[0], y + turned[1]))
    roomy, tight = _rollout(0.03), _rollout(-0.03)
    there = Odometry(0, x, y, yaw)
    here = _costmap((0.6, 0.05))
    if tight.touches(here, HERE, vx, wz):
        assert roomy.touches(moved, there, vx, wz)
    if tight.touches(moved, there, vx, wz):
        assert roomy.touches(here, HERE, vx, wz)


def _walker(x: float, y: float, vx: float, vy: float) -> np.ndarray:
    return np.array([[x, y, vx, vy, 0.2]])


@pytest.mark.parametrize(
    ("walker", "vx", "meets"),
    [
        (_walker(1.5, -1.0, 0.0, 1.0), 1.5, True),
        (_walker(1.5, -1.0, 0.0, 1.0), 0.3, False),
        (_walker(1.5, -3.0, 0.0, 1.0), 1.5, False),
        (_walker(1.5, -1.0, 0.0, -1.0), 1.5, False),
        (_walker(1.5, 0.0, 1.5, 0.0), 1.5, False),
        (_walker(4.0, 0.0, -1.0, 0.0), 1.5, True),
        (_walker(-1.5, 0.0, 1.0, 0.0), -1.0, True),
    ],
)
def test_who_walks_is_met_where_both_will_be(walker, vx, meets):
    assert ROLLOUT.meets(walker, HERE, vx, 0.0) == meets


def test_who_walks_into_a_robot_that_stands_is_met_within_the_time_that_it_looks_ahead():
    assert ROLLOUT.meets(_walker(0.6, 0.0, -0.2, 0.0), HERE, 0.0, 0.0)
    assert not ROLLOUT.meets(_walker(1.5, 0.0, -0.2, 0.0), HERE, 0.0, 0.0)


def test_nobody_is_met_where_nobody_moves_or_the_command_is_no_number():
    assert not ROLLOUT.meets(np.empty((0, 5)), HERE, 2.0, 0.0)
    assert not ROLLOUT.meets(_walker(1.0, 0.0, 0.0, 0.5), HERE, math.nan, 0.0)


@given(st.floats(-3.1, 3.1), st.floats(-5.0, 5.0), st.floats(-5.0, 5.0))
def test_who_is_met_does_not_depend_on_where_the_world_s_origin_is(yaw, x, y):
    there = Odometry(0, x, y, yaw)
    cosine, sine = math.cos(yaw), math.sin(yaw)

    def placed(px, py):
        return cosine * px - sine * py, sine * px + cosine * py

    at = placed(1.5, -1.0)
    for speed, meets in ((1.0, True), (-1.0, False)):
        walker = _walker(x + at[0], y + at[1], *placed(0.0, speed))
        assert ROLLOUT.meets(walker, there, 1.5, 0.0) == meets
