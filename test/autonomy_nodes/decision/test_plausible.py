"""A garbled message stops the robot; it does not end the node."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.plausible import (
    plausible_costmap,
    plausible_goal,
    plausible_odometry,
    plausible_scan,
)
from scenario_eval.safety_bench.fuzz_cores import fuzz_core

SCAN = LaserScan(0, np.ones(720, np.float32), -2.35, 4.7 / 719, 0.1, 30.0)
ODOMETRY = Odometry(0, 1.0, 2.0, 0.5)
COSTMAP = Costmap(0, 0.05, -5.0, -5.0, np.zeros((200, 200), np.int8))


def test_healthy_inputs_pass() -> None:
    assert plausible_scan(SCAN) is SCAN
    assert plausible_odometry(ODOMETRY) is ODOMETRY
    assert plausible_costmap(COSTMAP) is COSTMAP
    assert plausible_goal(Pose2D(3.0, 1.0)) == Pose2D(3.0, 1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"ranges": np.empty(0, np.float32)},
        {"ranges": np.ones((2, 3), np.float32)},
        {"ranges": np.ones(20_001, np.float32)},
        {"angle_min": math.nan},
        {"angle_increment": 0.0},
        {"angle_increment": 1.0},
        {"range_max": math.inf},
    ],
    ids=str,
)
def test_a_scan_of_no_lidar_is_none(change) -> None:
    assert plausible_scan(replace(SCAN, **change)) is None


@pytest.mark.parametrize("change", [{"x": 1e300}, {"yaw": math.nan}, {"wz": -math.inf}], ids=str)
def test_odometry_of_no_robot_is_none(change) -> None:
    assert plausible_odometry(replace(ODOMETRY, **change)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"data": np.zeros((0, 0), np.int8)},
        {"data": np.zeros((200, 2), np.int8)},
        {"resolution": 0.0},
        {"resolution": math.nan},
        {"resolution": math.inf},
        {"origin_x": math.inf},
    ],
    ids=str,
)
def test_a_costmap_without_cells_is_none(change) -> None:
    assert plausible_costmap(replace(COSTMAP, **change)) is None


def test_a_goal_that_is_nowhere_is_none() -> None:
    assert plausible_goal(Pose2D(math.nan, 0.0)) is None
    assert plausible_goal(None) is None


def test_generated_messages_do_not_end_a_decision() -> None:
    count = fuzz_core("decision", 121, 0)
    assert (count.bad_commands, count.exceptions) == (0, 0), count.examples
    assert count.moving > 20
