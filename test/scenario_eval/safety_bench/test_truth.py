"""The judge by ground truth: distances, places, and what it calls unsafe."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario_eval.safety_bench.truth import Body, Braking, CommandJudge, free_pose, obstacle_discs
from world_sim.simulator import GroundTruth, RobotSpawn, Simulator
from world_sim.world import load_world

BODY = Body(np.array([[0.25, 0.2], [-0.25, 0.2], [-0.25, -0.2], [0.25, -0.2]]))
BRAKING = Braking(quickest=(20.0, 25.0), surest=(5.0, 10.0))


def at(x: float, vx: float, wz: float = 0.0) -> GroundTruth:
    return GroundTruth(x, 0.0, 0.0, vx, wz, "")


def clearance(pose: tuple[float, float, float], *discs: tuple[float, float, float]) -> float:
    return float(BODY.clearance(np.array(discs), np.array([pose]))[0])


def test_clearance_is_the_distance_to_the_nearest_side_or_corner() -> None:
    assert clearance((0, 0, 0), (1.0, 0.0, 0.1)) == pytest.approx(0.65)
    assert clearance((0, 0, math.pi / 2), (1.0, 0.0, 0.1)) == pytest.approx(0.7)
    assert clearance((1, 1, 0), (1.28, 1.24, 0.0)) == pytest.approx(0.05)
    assert clearance((0, 0, 0), (0.2, 0.0, 0.01)) == pytest.approx(-0.06)


@given(x=st.floats(-3, 3), y=st.floats(-3, 3), yaw=st.floats(-3, 3), turn=st.floats(-3, 3))
def test_clearance_does_not_depend_on_the_frame(
    x: float, y: float, yaw: float, turn: float
) -> None:
    c, s = math.cos(turn), math.sin(turn)
    disc = (0.7, -0.3, 0.05)
    moved = (c * disc[0] - s * disc[1], s * disc[0] + c * disc[1], disc[2])
    pose, turned = (x, y, yaw), (c * x - s * y, s * x + c * y, yaw + turn)
    assert clearance(pose, disc) == pytest.approx(clearance(turned, moved), abs=1e-9)


def test_a_command_into_an_obstacle_within_braking_distance_is_unsafe() -> None:
    judge = CommandJudge(np.array([[1.0, 0.0, 0.1]]), BODY, BRAKING)
    # 0.65 m between body and disc; from 2 m/s braking takes 0.4 m, and a cycle takes 0.04 m.
    assert not judge.unsafe(at(0.0, 2.0), 2.0, 0.0)
    assert judge.unsafe(at(0.23, 2.0), 2.0, 0.0)
    assert not judge.unsafe(at(0.23, 2.0), 0.0, 0.0)
    assert judge.unsafe(at(0.0, 0.0), math.nan, 0.0)


def test_what_a_stop_cannot_avoid_any_more_is_not_the_command_s_fault() -> None:
    judge = CommandJudge(np.array([[1.0, 0.0, 0.1]]), BODY, BRAKING)
    assert not judge.unsafe(at(0.5, 2.0), 2.0, 0.0)


def test_turning_a_corner_into_an_obstacle_is_unsafe() -> None:
    corner = np.array([[0.0, 0.31, 0.0]])
    judge = CommandJudge(corner, BODY, BRAKING)
    standing, turning = at(0.0, 0.0), GroundTruth(0.0, 0.0, 0.78, 0.0, 1.0, "")
    assert not judge.unsafe(standing, 0.0, 1.0)
    assert judge.unsafe(turning, 0.0, 4.0)


def test_a_free_pose_has_room_and_there_may_be_none() -> None:
    rng = np.random.default_rng(0)
    grid = np.array([(x, y, 0.05) for x in np.arange(0, 5, 1.5) for y in np.arange(0, 5, 1.5)])
    pose = free_pose(grid, 0.4, rng)
    gaps = np.hypot(grid[:, 0] - pose.x, grid[:, 1] - pose.y) - grid[:, 2]
    assert gaps.min() >= 0.4
    with pytest.raises(ValueError, match="no place"):
        free_pose(grid, 1.5, rng, attempts=50)


def test_discs_are_what_the_lidar_measures(field_file) -> None:
    simulator = Simulator(load_world(field_file), [RobotSpawn()])
    discs = obstacle_discs(simulator)
    assert len(discs) > 100
    assert np.allclose(discs[:, 2], 0.075)
