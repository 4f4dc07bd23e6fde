"""The whole stack in one process: it arrives, touches nothing, and does the same every time."""

import numpy as np
import pytest

from scenario_eval.barn import GOAL_IN_ODOM, START
from scenario_eval.lockstep import LockstepStack, StackOptions
from scenario_eval.worldgen import FieldParameters, generate, write_sdf
from world_sim.simulator import RobotSpawn, Simulator
from world_sim.world import load_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    file = tmp_path_factory.mktemp("worlds") / "field.sdf"
    write_sdf(generate(5, FieldParameters(fill=(0.2, 0.25))), file)
    return load_world(file)


def drive(world, limit_s=30.0, seed=0, **options):
    stack = LockstepStack(
        Simulator(world, [RobotSpawn(pose=START)], seed=seed), StackOptions(**options)
    )
    stack.set_goal(GOAL_IN_ODOM)
    return stack.run(lambda tick: tick.mission not in ("active", "idle"), limit_s)


def test_the_planner_brings_the_robot_to_its_goal_under_the_monitor(world):
    episode = drive(world, driver="fallback")
    assert episode.ticks[-1].mission == "reached"
    assert episode.contact == ""
    assert episode.path_length_m > 9.0
    assert episode.decisions.keys() <= {"fallback", "none"}
    assert "nominal" in episode.monitor_states()


def test_without_the_monitor_the_base_gets_what_decision_asks_for(world):
    episode = drive(world, limit_s=2.0, driver="fallback", monitor=False)
    assert set(episode.monitor_states()) == {"off"}
    assert all(t.command.vx == t.wish.vx and t.command.wz == t.wish.wz for t in episode.ticks)


def test_the_same_seed_gives_the_same_run_and_another_another(world):
    first, again = (drive(world, limit_s=3.0, driver="fallback") for _ in range(2))
    other = drive(world, limit_s=3.0, seed=1, driver="fallback")
    assert first.trajectory.tobytes() == again.trajectory.tobytes()
    assert first.ticks == again.ticks
    assert first.trajectory.tobytes() != other.trajectory.tobytes()


def test_without_a_goal_the_robot_stands(world):
    stack = LockstepStack(
        Simulator(world, [RobotSpawn(pose=START)]), StackOptions(driver="fallback")
    )
    episode = stack.run(lambda tick: False, 1.0)
    assert np.ptp(episode.trajectory[:, 1]) < 1e-3
    assert {tick.driver for tick in episode.ticks} == {"none"}
    assert episode.policy_tick_share == 0.0


def test_parameters_reach_the_cores(world):
    slow = {"decision": {"cruise_speed": 0.4}}
    episode = drive(world, limit_s=3.0, driver="fallback", overrides=slow)
    assert max(tick.command.vx for tick in episode.ticks) <= 0.4 + 1e-9
