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
from scenario_eval.barn import GOAL_IN_ODOM, START
from scenario_eval.lockstep import LockstepStack, StackOptions
from scenario_eval.worldgen import FieldParameters, generate, write_sdf
from world_sim.simulator import RobotSpawn, Simulator
from world_sim.world import load_world

SCRIPT = share_directory() / "docs" / "examples" / "arc_scorer.py"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("policies") / "arc_scorer"
    arguments, sys.argv = sys.argv, [str(SCRIPT), str(directory)]
    try:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    finally:
        sys.argv = arguments
    return directory


@pytest.fixture(scope="module")
def policy(directory):
    return load_policy(directory)


def test_example_is_fifty_lines():
    assert len(SCRIPT.read_text().splitlines()) <= 50


def test_example_drives_to_its_goal_in_the_whole_stack(directory, tmp_path):
    """Another shape and another output kind than the shipped policy's, under the same cores."""
    file = tmp_path / "field.sdf"
    write_sdf(generate(2, FieldParameters(fill=(0.12, 0.15))), file)
    simulator = Simulator(load_world(file), [RobotSpawn(pose=START)], seed=0)
    stack = LockstepStack(simulator, StackOptions(policy=directory))
    stack.set_goal(GOAL_IN_ODOM)
    episode = stack.run(lambda tick: tick.mission not in ("active", "idle"), 60.0)
    assert episode.ticks[-1].mission == "reached"
    assert episode.contact == ""
    assert episode.policy_tick_share > 0.8


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
