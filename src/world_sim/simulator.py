"""The simulator: a world, its robots, and time that advances when told to."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import mujoco
import numpy as np

from autonomy_interfaces.messages import (
    MILLISECOND,
    SECOND,
    Imu,
    LaserScan,
    Odometry,
    Pose2D,
    VelocityCommand,
)
from world_sim.model import build
from world_sim.robot import GroundTruth, Robot, RobotArrays
from world_sim.sdf.pose import planar
from world_sim.sdf.types import Model, World
from world_sim.world import load_model

__all__ = ["GroundTruth", "Measurement", "RobotSpawn", "Simulator", "SimulatorConfig"]


@dataclass(frozen=True, slots=True)
class RobotSpawn:
    """A robot to put into the world; `pose` in the world frame, its height from the model."""

    uri: str = "model://rover"
    name: str = "robot"
    pose: Pose2D = Pose2D(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """How the simulation is run.

    step_ms: physics step, milliseconds.
    command_timeout_s: the base stops when its last command is older; zero: it never does.
    odometry: `fused` (wheels and gyroscope, as a robot's own filter gives it) or `wheel`.
    """

    step_ms: int = 2
    command_timeout_s: float = 0.25
    odometry: str = "fused"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One message of one sensor of one robot."""

    robot: str
    topic: Literal["scan", "imu", "odom"]
    message: LaserScan | Imu | Odometry


class Simulator:
    """Plays a world. Deterministic: the same world, robots, seed and commands, the same bytes.

    Args:
        world: what `load_world` read.
        robots: robots to add. With none, the models of the world that have a differential
            drive are the robots.
        seed: of every random number.
        faults: reserved for scheduled faults; must be empty.
        config: physics step, command timeout, kind of odometry.

    Raises:
        WorldError: the world cannot be played, or there is no robot in it.
    """

    def __init__(
        self,
        world: World,
        robots: Sequence[RobotSpawn] = (),
        seed: int = 0,
        faults: Sequence[object] = (),
        config: SimulatorConfig | None = None,
    ) -> None:
        if faults:
            raise ValueError("scheduled faults are not played yet: pass none")
        self.world = world
        self.config = config or SimulatorConfig()
        self._step_ns = self.config.step_ms * MILLISECOND
        models = (*world.models, *(spawn_model(spawn, world) for spawn in robots))
        self._built = build(world, models, self._step_ns / SECOND)
        self.model: mujoco.MjModel = self._built.model
        self.data = mujoco.MjData(self.model)
        mujoco.mj_forward(self.model, self.data)
        self._step = 0
        self.contacts_since_start: list[tuple[int, str]] = []
        self._arrays = RobotArrays(self._built, self.data)
        self.robots: dict[str, Robot] = {
            built.name: Robot(index, built, self, models, seed)
            for index, built in enumerate(self._built.robots)
        }
        self._due = [
            (sensor.period_steps, order, sensor)
            for order, sensor in enumerate(
                sensor for robot in self.robots.values() for sensor in robot.clocked
            )
        ]
        heapq.heapify(self._due)

    @property
    def now_ns(self) -> int:
        """Simulated time since the start, nanoseconds."""
        return self._step * self._step_ns

    def command(self, command: VelocityCommand, robot: str = "robot") -> None:
        """Give the base of `robot` a velocity; it passes its limits and its timeout."""
        self._arrays.set_command(
            self._robot(robot).index, command.vx, command.wz, self._expiry_step()
        )

    def _expiry_step(self) -> int:
        if self.config.command_timeout_s <= 0:
            return int(np.iinfo(np.int64).max)
        return self._step + round(self.config.command_timeout_s * SECOND / self._step_ns)

    def advance(self, duration_ns: int) -> list[Measurement]:
        """Advance the simulation and return what was measured, in order of stamps.

        Args:
            duration_ns: a whole number of physics steps, nanoseconds.

        Raises:
            ValueError: it is negative or not a whole number of steps.
        """
        steps, remainder = divmod(duration_ns, self._step_ns)
        if remainder or steps < 0:
            raise ValueError(
                f"advance by whole steps of {self.config.step_ms} ms, not {duration_ns} ns"
            )
        end = self._step + steps
        measured: list[Measurement] = []
        while self._due and self._due[0][0] <= end:
            due, order, sensor = heapq.heappop(self._due)
            self._run_to(due)
            measured.append(sensor.measure())
            heapq.heappush(self._due, (due + sensor.period_steps, order, sensor))
        self._run_to(end)
        return measured

    def _run_to(self, step: int) -> None:
        """Run the physics up to `step`, noting contacts as they begin and end."""
        while self._step < step:
            self._step += self._arrays.run(self.model, self.data, step - self._step, self._step)
            for robot in self.robots.values():
                if robot.update_contact():
                    self.contacts_since_start.append((self.now_ns, robot.contact))

    def ground_truth(self, robot: str = "robot") -> GroundTruth:
        """True pose and twist of the robot's base in the world, and the model it touches."""
        return self._robot(robot).ground_truth()

    def _robot(self, name: str) -> Robot:
        try:
            return self.robots[name]
        except KeyError:
            raise KeyError(f"no robot '{name}'; there is: {', '.join(self.robots)}") from None


def spawn_model(spawn: RobotSpawn, world: World) -> Model:
    """The model of a robot to add, named and placed.

    Raises:
        WorldError: the model is not found or cannot be read.
    """
    from pathlib import Path

    model = load_model(spawn.uri, [Path(entry) for entry in world.resource_path])
    place = planar(spawn.pose.x, spawn.pose.y, spawn.pose.yaw, model.pose.position.z)
    return replace(model, name=spawn.name, pose=place)
