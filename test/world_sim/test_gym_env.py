"""The Gymnasium environment: its contract, its seeds, its ends, its vectorised form."""

from __future__ import annotations

import hashlib
import math
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from autonomy_interfaces.messages import LaserScan, Pose2D
from world_sim.faults import parse_faults
from world_sim.gym_env import (
    ENVIRONMENT_ID,
    EnvConfig,
    RewardConfig,
    Task,
    WorldSimEnv,
    own_tasks,
    sector_ranges,
)

WALL = """<?xml version="1.0"?><sdf version="1.9"><world name="wall">
<model name="ground"><static>true</static><link name="link"><collision name="c">
<geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
</collision></link></model>
<model name="wall"><static>true</static><pose>2 0 0.5 0 0 0</pose><link name="link">
<collision name="c"><geometry><box><size>0.2 4 1</size></box></geometry></collision>
<visual name="v"><geometry><box><size>0.2 4 1</size></box></geometry></visual>
</link></model></world></sdf>
"""
AHEAD, BACK = np.array([0.5, 0.0], np.float32), np.array([-0.5, 0.0], np.float32)


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("worlds") / "wall.sdf"
    file.write_text(WALL)
    return file


def env_to(wall: Path, x: float, **arguments: Any) -> WorldSimEnv:
    """An environment whose goal lies at (x, 0); the wall stands at x = 2."""
    return WorldSimEnv([Task(wall, Pose2D(0.0, 0.0), Pose2D(x, 0.0))], **arguments)


def run(env: WorldSimEnv, action: np.ndarray, limit: int = 1000) -> tuple[float, dict[str, Any]]:
    """Repeat one action to the end of the episode: (sum of rewards, last info)."""
    env.reset(seed=1)
    total = 0.0
    for _ in range(limit):
        _, reward, terminated, truncated, info = env.step(action)
        total += reward
        if terminated or truncated:
            return total, {**info, "terminated": terminated, "truncated": truncated}
    raise AssertionError("the episode did not end")


def test_the_checker_finds_nothing(wall: Path) -> None:
    env = gymnasium.make(ENVIRONMENT_ID, tasks=[Task(wall, Pose2D(0, 0), Pose2D(-3, 0))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


def test_it_is_made_by_its_name_with_the_worlds_of_the_package() -> None:
    env = gymnasium.make(ENVIRONMENT_ID)
    observation, info = env.reset(seed=3)
    assert env.observation_space.contains(observation)
    assert info["distance_m"] > 1.0
    env.close()


@pytest.mark.parametrize("index", range(len(own_tasks())))
def test_every_own_task_starts_free_and_far_from_its_goal(index: int) -> None:
    env = WorldSimEnv()
    observation, info = env.reset(seed=0, options={"task": index})
    _, _, terminated, _, after = env.step(np.zeros(2, np.float32))
    assert not terminated
    assert after["contact"] == ""
    assert info["distance_m"] > 5.0
    assert observation["scan"].min() > 0.1


def episode_digest(env: WorldSimEnv, seed: int, steps: int = 30) -> str:
    sha = hashlib.sha256()
    observation, _ = env.reset(seed=seed)
    generator = np.random.default_rng(0)
    for _ in range(steps):
        for name in sorted(observation):
            sha.update(observation[name].tobytes())
        action = generator.uniform(-0.3, 0.3, 2).astype(np.float32)
        observation, reward, *_ = env.step(action)
        sha.update(repr(reward).encode())
    return sha.hexdigest()


def test_the_same_seed_gives_the_same_bytes(wall: Path) -> None:
    first, second = env_to(wall, -3.0), env_to(wall, -3.0)
    digest = episode_digest(first, seed=4)
    assert episode_digest(first, seed=4) == digest
    assert episode_digest(second, seed=4) == digest
    assert episode_digest(second, seed=5) != digest


def test_reaching_the_goal_ends_the_episode_with_its_reward(wall: Path) -> None:
    total, info = run(env_to(wall, -3.0), BACK)
    assert info["outcome"] == "reached"
    assert info["terminated"]
    assert info["distance_m"] <= 0.5
    expected = (3.0 - info["distance_m"]) - 0.1 * (info["time_s"] - 0.1) + 10.0
    assert total == pytest.approx(expected, abs=0.05)


def test_a_contact_ends_the_episode_with_its_penalty(wall: Path) -> None:
    total, info = run(env_to(wall, 9.0, reward=RewardConfig(progress=0.0, time=0.0)), AHEAD)
    assert (info["outcome"], info["contact"]) == ("contact", "wall")
    assert info["terminated"]
    assert not info["truncated"]
    assert total == -10.0


def test_the_time_limit_truncates(wall: Path) -> None:
    env = env_to(wall, 9.0, config=EnvConfig(time_limit_s=1.0))
    env.reset(seed=1)
    ends = [env.step(np.zeros(2, np.float32))[2:4] for _ in range(10)]
    assert ends == [(False, False)] * 9 + [(False, True)]


def test_the_observation_is_in_the_robots_frame(wall: Path) -> None:
    task = Task(wall, Pose2D(0.0, 0.0, math.pi / 2), Pose2D(0.0, 3.0))
    observation, _ = WorldSimEnv([task]).reset(seed=0)
    np.testing.assert_allclose(observation["goal"], [3.0, 1.0, 0.0], atol=0.02)
    # The wall, 1.9 m in front of the world's origin, stands to the right of this robot.
    beams = len(observation["scan"])
    right = observation["scan"][: beams // 2].min()
    assert right == pytest.approx(1.9, abs=0.1)
    assert observation["scan"][beams // 2 :].min() > 1.9


def test_an_action_of_one_asks_for_the_full_speed(wall: Path) -> None:
    env = env_to(wall, -9.0, config=EnvConfig(max_speed=1.5))
    env.reset(seed=0)
    for _ in range(10):
        observation, *_ = env.step(np.array([-1.0, 0.0], np.float32))
    assert observation["velocity"][0] == pytest.approx(-1.5, abs=0.05)


def test_a_command_is_held_over_a_period_longer_than_the_bases_timeout(wall: Path) -> None:
    env = env_to(wall, -9.0, config=EnvConfig(control_period_s=1.0))
    env.reset(seed=0)
    observation, *_ = env.step(BACK)
    assert observation["velocity"][0] == pytest.approx(-1.0, abs=0.05)


def test_faults_reach_the_observation_without_leaving_its_space(wall: Path) -> None:
    faults = parse_faults(
        [
            {"kind": "nan", "target": "odom", "field": "position"},
            {"kind": "inf", "target": "odom"},
            {"kind": "nan", "target": "scan"},
        ]
    )
    env = env_to(wall, 9.0, faults=faults)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert not observation["scan"].any()


def test_the_scan_of_an_observation_is_of_that_very_moment(wall: Path) -> None:
    env = env_to(wall, 9.0)
    env.reset(seed=0)
    for _ in range(5):
        observation, _, _, _, info = env.step(AHEAD)
    # The lidar stands 0.055 m before the base, and the wall's near face at x = 1.9.
    expected = 1.9 - info["pose"][0] - 0.055
    assert observation["scan"].min() == pytest.approx(expected, abs=0.01)


def test_sectors_report_their_nearest_valid_return() -> None:
    ranges = np.array([3, 2, np.nan, 4, np.inf, np.inf, np.nan, np.nan, -np.inf, 5], np.float32)
    scan = LaserScan(0, ranges, -1.0, 0.2, 0.1, 30.0)
    np.testing.assert_array_equal(sector_ranges(scan, 5, 10.0), [2.0, 4.0, 10.0, 0.0, 0.0])


def test_stepping_before_a_reset_is_refused(wall: Path) -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        env_to(wall, 9.0).step(AHEAD)


def test_processes_step_together_and_give_what_one_alone_gives(wall: Path) -> None:
    tasks = [Task(wall, Pose2D(0.0, 0.0), Pose2D(-3.0, 0.0))]
    vector = gymnasium.make_vec(ENVIRONMENT_ID, num_envs=2, vectorization_mode="async", tasks=tasks)
    try:
        vector.reset(seed=[7, 8])
        for _ in range(5):
            observations, rewards, *_ = vector.step(np.stack([BACK, BACK]))
    finally:
        vector.close()
    for index, seed in enumerate((7, 8)):
        alone = WorldSimEnv(tasks)
        alone.reset(seed=seed)
        for _ in range(5):
            observation, reward, *_ = alone.step(BACK)
        assert rewards[index] == reward
        for name, values in observation.items():
            np.testing.assert_array_equal(observations[name][index], values)
