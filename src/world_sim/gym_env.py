"""A Gymnasium environment over the lockstep simulator: drive to the goal, touch nothing.

    import gymnasium, world_sim.gym_env
    env = gymnasium.make("edge_autonomy/WorldSim-v0")

See docs/gym.md for spaces, reward and seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import yaml
from gymnasium import spaces
from numpy.typing import NDArray

from autonomy_interfaces.geometry import compose, relative
from autonomy_interfaces.messages import (
    MILLISECOND,
    SECOND,
    LaserScan,
    Odometry,
    Pose2D,
    VelocityCommand,
    nanoseconds,
)
from autonomy_interfaces.share import share_directory
from world_sim.drive import read_drive
from world_sim.faults import Fault
from world_sim.simulator import RobotSpawn, Simulator, SimulatorConfig
from world_sim.world import World, load_world

ENVIRONMENT_ID = "edge_autonomy/WorldSim-v0"
ROBOT = "robot"
FARTHEST_GOAL_M = 1000.0
COMMAND_PERIOD_NS = 100 * MILLISECOND
"""A held command is repeated this often, well within a base's command timeout."""

Observation = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Task:
    """From where to where, in which world: poses in the world's frame; the goal's yaw is free."""

    world: Path
    start: Pose2D
    goal: Pose2D


@dataclass(frozen=True, slots=True)
class EnvConfig:
    """The parameters of the environment.

    beams: sectors that the scan is reduced to, the nearest return of each.
    control_period_s: simulated time of one step, with one scan at its end.
    time_limit_s: an episode is truncated after it.
    goal_tolerance_m: the goal is reached within it.
    max_speed, max_turn: what an action of 1 asks for, m/s and rad/s.
    max_range_m: what a beam without return reads.
    """

    beams: int = 72
    control_period_s: float = 0.1
    time_limit_s: float = 60.0
    goal_tolerance_m: float = 0.5
    max_speed: float = 2.0
    max_turn: float = 2.0
    max_range_m: float = 10.0


@dataclass(frozen=True, slots=True)
class RewardConfig:
    """Reward of one step: `progress` per metre come nearer, `time` per second, and the ends.

    The straight-line distance to the goal, in truth, counts; `reached` and `contact` are given
    once, at the end of the episode.
    """

    progress: float = 1.0
    time: float = -0.1
    reached: float = 10.0
    contact: float = -10.0


class WorldSimEnv(gymnasium.Env[Observation, NDArray[np.float32]]):
    """One robot, one goal, one episode at a time.

    Args:
        tasks: each reset draws one of them; none: those of the package's own worlds.
        config: spaces, times and limits.
        reward: what is rewarded.
        faults: what goes wrong in every episode.
        robot: model of the robot.
        resource_path: where `model://` is looked up first.
        render_mode: none is offered; the argument is there because `gymnasium.make` passes it.

    Raises:
        ValueError: there is no task, or a render mode is asked for.
        WorldError: a world cannot be played (raised by `reset`).
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own declaration)

    def __init__(
        self,
        tasks: Sequence[Task] = (),
        config: EnvConfig | None = None,
        reward: RewardConfig | None = None,
        faults: Sequence[Fault] = (),
        robot: str = "model://rover",
        resource_path: Sequence[Path] = (),
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None:
            raise ValueError(f"render_mode '{render_mode}' is not offered; known: None")
        self.config = config or EnvConfig()
        self.reward = reward or RewardConfig()
        self.tasks = tuple(tasks) or own_tasks()
        self._faults = tuple(faults)
        self._robot = robot
        self._resource_path = tuple(resource_path)
        self._simulator: Simulator | None = None
        self._period_ns = nanoseconds(self.config.control_period_s)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._spaces = observation_boxes(self.config)
        self.observation_space = spaces.Dict(self._spaces)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of the episode and of those after it.
            options: `task`: index of the task to take, instead of a drawn one.
        """
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(len(self.tasks)))
        simulator_seed = int(self.np_random.integers(2**31))
        self._task = self.tasks[int((options or {}).get("task", drawn))]
        self._simulator = Simulator(
            _world_without_robots(self._task.world, self._resource_path),
            [RobotSpawn(self._robot, ROBOT, self._task.start)],
            simulator_seed,
            self._faults,
            SimulatorConfig(lidar_rate=1.0 / self.config.control_period_s),
        )
        self._scan: LaserScan | None = None
        self._odometry: Odometry | None = None
        self._take(self._simulator.advance(self._period_ns))
        self._distance = self._true_distance()
        return self._observation(), self._info("")

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Command a velocity for one control period; `action` is (forward, turn) in [-1, 1]."""
        if self._simulator is None:
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        forward, turn = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        command = VelocityCommand(
            self._simulator.now_ns,
            float(forward) * self.config.max_speed,
            float(turn) * self.config.max_turn,
        )
        self._hold(command)
        distance = self._true_distance()
        outcome = self._outcome(distance)
        reward = (
            self.reward.progress * (self._distance - distance)
            + self.reward.time * self.config.control_period_s
            + {"reached": self.reward.reached, "contact": self.reward.contact}.get(outcome, 0.0)
        )
        self._distance = distance
        terminated, truncated = outcome in ("reached", "contact"), outcome == "timeout"
        return self._observation(), float(reward), terminated, truncated, self._info(outcome)

    def close(self) -> None:
        """Let the simulation go."""
        self._simulator = None

    def _hold(self, command: VelocityCommand) -> None:
        """Advance one period, repeating the command as a base with a command timeout needs it."""
        assert self._simulator is not None
        left_ns = self._period_ns
        while left_ns > 0:
            slice_ns = min(left_ns, COMMAND_PERIOD_NS)
            self._simulator.command(replace(command, stamp_ns=self._simulator.now_ns))
            self._take(self._simulator.advance(slice_ns))
            left_ns -= slice_ns

    def _take(self, measurements: Sequence[Any]) -> None:
        for measurement in measurements:
            if isinstance(measurement.message, LaserScan):
                self._scan = measurement.message
            elif isinstance(measurement.message, Odometry):
                self._odometry = measurement.message

    def _outcome(self, distance: float) -> str:
        assert self._simulator is not None
        if self._simulator.contacts_since_start:
            return "contact"
        if distance <= self.config.goal_tolerance_m:
            return "reached"
        limit_s = self.config.time_limit_s + self.config.control_period_s
        return "timeout" if self._simulator.now_ns >= nanoseconds(limit_s) else ""

    def _true_distance(self) -> float:
        assert self._simulator is not None
        truth, goal = self._simulator.ground_truth(), self._task.goal
        return math.hypot(goal.x - truth.x, goal.y - truth.y)

    def _observation(self) -> Observation:
        """What the robot knows: its scan, and the goal and its speed by its own odometry."""
        odometry = self._odometry or Odometry(0, 0.0, 0.0, 0.0)
        believed = compose(self._task.start, odometry.pose)
        goal = relative(believed, self._task.goal)
        distance, bearing = math.hypot(goal.x, goal.y), math.atan2(goal.y, goal.x)
        polar = np.array([distance, math.cos(bearing), math.sin(bearing)])
        velocity = np.array([odometry.vx, odometry.wz])
        return {
            "scan": sector_ranges(self._scan, self.config.beams, self.config.max_range_m),
            "goal": _into(self._spaces["goal"], polar),
            "velocity": _into(self._spaces["velocity"], velocity),
        }

    def _info(self, outcome: str) -> dict[str, Any]:
        """Ground truth, for evaluation; `outcome` is "" while the episode runs."""
        assert self._simulator is not None
        truth = self._simulator.ground_truth()
        return {
            "outcome": outcome,
            "time_s": self._simulator.now_ns / SECOND,
            "pose": np.array([truth.x, truth.y, truth.yaw]),
            "distance_m": self._distance,
            "contact": truth.contact,
        }


def observation_boxes(config: EnvConfig) -> dict[str, spaces.Box]:
    """The spaces of the observation's parts."""
    speed, turn = 2.0 * config.max_speed, 2.0 * config.max_turn
    lows = {"scan": [0.0] * config.beams, "goal": [0.0, -1.0, -1.0], "velocity": [-speed, -turn]}
    highs = {
        "scan": [config.max_range_m] * config.beams,
        "goal": [FARTHEST_GOAL_M, 1.0, 1.0],
        "velocity": [speed, turn],
    }
    return {
        name: spaces.Box(np.array(lows[name], np.float32), np.array(highs[name], np.float32))
        for name in lows
    }


def _into(box: spaces.Box, values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The values as float32 within their space; what a fault made NaN reads 0."""
    finite = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    clipped: NDArray[np.float32] = np.clip(finite, box.low, box.high).astype(np.float32)
    return clipped


def sector_ranges(scan: LaserScan | None, sectors: int, max_range: float) -> NDArray[np.float32]:
    """(sectors,) float32, metres: the nearest return of each sector of a scan.

    No return (and no scan) reads `max_range`; a sector without a single valid beam reads 0, as
    does a return nearer than the sensor can measure.
    """
    if scan is None or len(scan.ranges) == 0:
        return np.full(sectors, max_range, np.float32)
    ranges = np.where(np.isneginf(scan.ranges), np.float32(0.0), scan.ranges)
    ranges = np.minimum(ranges, np.float32(max_range))
    edges = np.linspace(0, len(ranges), sectors + 1).astype(np.intp)[:-1]
    # fmin passes over NaN as long as there is anything else.
    nearest = np.fmin.reduceat(ranges, edges)
    return np.nan_to_num(nearest, nan=0.0).astype(np.float32, copy=False)


def own_tasks() -> tuple[Task, ...]:
    """The tasks of the package's own worlds (gazebo_worlds/worlds.yaml)."""
    directory = share_directory() / "gazebo_worlds"
    places = yaml.safe_load((directory / "worlds.yaml").read_text())
    return tuple(
        Task(directory / f"{name}.sdf", Pose2D(*place["start"]), Pose2D(*place["goal"]))
        for name, place in places.items()
    )


@lru_cache(maxsize=32)
def _world_without_robots(file: Path, resource_path: tuple[Path, ...]) -> World:
    """The world, read once, without the robots that it includes: the task places its own."""
    world = load_world(file, resource_path)
    others = tuple(model for model in world.models if read_drive(model) is None)
    return replace(world, models=others)


gymnasium.register(ENVIRONMENT_ID, entry_point="world_sim.gym_env:WorldSimEnv")
