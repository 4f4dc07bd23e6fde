"""The example of the guide does what the guide says."""

from __future__ import annotations

import runpy
import sys

import numpy as np
import pytest

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.decision import Decision, DecisionConfig, DecisionInputs
from autonomy_nodes.planning.planner import Planner, PlannerConfig

SCRIPT = share_directory() / "docs" / "examples" / "arc_scorer.py"


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    directory = tmp_path_factory.mktemp("policies") / "arc_scorer"
    arguments, sys.argv = sys.argv, [str(SCRIPT), str(directory)]
    try:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    finally:
        sys.argv = arguments
    return load_policy(directory)


@pytest.mark.parametrize(("bearing", "turn"), [(1.0, 1), (-1.0, -1)])
def test_example_drives_towards_the_goal_under_the_decision_core(policy, bearing, turn):
    decision = Decision(DecisionConfig(), policy, Planner(PlannerConfig()))
    ranges = np.full(720, 5.0, np.float32)
    scan = LaserScan(0, ranges, -2.35619, 4.71238 / 719, 0.1, 30.0)
    costmap = Costmap(0, 0.05, -5.0, -5.0, np.zeros((200, 200), np.int8))
    goal = Pose2D(3.0 * np.cos(bearing), 3.0 * np.sin(bearing))
    odometry = Odometry(0, 0.0, 0.0, 0.0)
    output = decision.step(DecisionInputs(scan, odometry, costmap, goal), 0)
    assert output.driver == "policy"
    assert output.command.vx > 0.0
    assert np.sign(output.command.wz) == turn
