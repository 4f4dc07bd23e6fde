"""The simulator: a world, its robots, and time that advances when told to."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

import mujoco

from autonomy_interfaces.messages import MILLISECOND, SECOND, Pose2D, VelocityCommand
from world_sim.faults import Fault
from world_sim.injection import NEVER, FaultInjection
from world_sim.measurement import Measurement
from world_sim.model import build
from world_sim.optional_sensors import Cameras
from world_sim.robot import GroundTruth, Robot
from world_sim.robot_arrays import RobotArrays
from world_sim.scripted import ScriptedBodies
from world_sim.sdf.pose import planar
from world_sim.sdf.types import Model, World
from world_sim.simulator_config import SimulatorConfig
from world_sim.world import load_model

__all__ = ["GroundTruth", "Measurement", "RobotSpawn", "Simulator", "SimulatorConfig"]


ORIGIN = Pose2D(0.0, 0.0, 0.0)

# Physics steps between two looks at which obstacles are near the moving bodies.
MAX_BATCH = 10
# And while bodies follow a script, which stand still within a batch: a person at 1.5 m/s is then
# never more than 9 mm from where the script has it.
SCRIPTED_BATCH = 3


@dataclass(frozen=True, slots=True)
class RobotSpawn:
    """A robot to put into the world; `pose` in the world frame, its height from the model."""

    uri: str = "model://rover"
    name: str = "robot"
    pose: Pose2D = ORIGIN


class Simulator:
    """Plays a world. Deterministic: the same world, robots, seed and commands, the same bytes.

    Args:
        world: what `load_world` read.
        robots: robots to add; one named like a model of the world replaces it. The models of
            the world that have a differential drive are robots too.
        seed: of every random number.
        faults: what goes wrong, and when; process faults are for who runs the processes.
        config: physics step, command timeout, what the robots' hardware adds.

    Raises:
        WorldError: the world or a robot's model cannot be played.
    """

    def __init__(
        self,
        world: World,
        robots: Sequence[RobotSpawn] = (),
        seed: int = 0,
        faults: Sequence[Fault] = (),
        config: SimulatorConfig | None = None,
    ) -> None:
        self.world = world
        self.seed = seed
        self.faults = tuple(faults)
        self.config = config or SimulatorConfig()
        self._step_ns = self.config.step_ms * MILLISECOND
        spawned = {spawn.name: spawn_model(spawn, world) for spawn in robots}
        models = (*(m for m in world.models if m.name not in spawned), *spawned.values())
        self._built = build(world, models, self._step_ns / SECOND)
        self.model: mujoco.MjModel = self._built.model
        self.data = mujoco.MjData(self.model)
        self._scripted = ScriptedBodies(self.model, models)
        self._scripted.update(self.data, 0.0)
        mujoco.mj_kinematics(self.model, self.data)
        self._built.obstacles.update(self.data)
        mujoco.mj_forward(self.model, self.data)
        self._step = 0
        self.contacts_since_start: list[tuple[int, str]] = []
        self._arrays = RobotArrays(self._built, self.data, self.config)
        self.cameras = Cameras(self, self._built.robots)
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
        timeout_s = self.config.command_timeout_s
        self._timeout_steps = round(timeout_s * SECOND / self._step_ns) if timeout_s > 0 else None
        self._injection = (
            FaultInjection(
                faults, seed, self._built, self._arrays, self._step_ns, self._timeout_steps
            )
            if faults
            else None
        )

    @property
    def shapes(self) -> int:
        """How many collision shapes the world holds."""
        return self._built.shapes

    @property
    def now_ns(self) -> int:
        """Simulated time since the start, nanoseconds."""
        return self._step * self._step_ns

    @property
    def clock_ns(self) -> int:
        """What the robots' clock (ROS time) shows now: simulated time, faults included."""
        return self._injection.pipeline.clock_ns(self.now_ns) if self._injection else self.now_ns

    def command(self, command: VelocityCommand, robot: str = "robot") -> None:
        """Give the base of `robot` a velocity; it passes its limits and its timeout.

        The only robot of a world answers to any name.
        """
        index = self._robot(robot).index
        if self._injection:
            self._injection.command(robot, command, self._step)
            return
        expiry = NEVER if self._timeout_steps is None else self._step + self._timeout_steps
        self._arrays.set_command(index, command.vx, command.wz, expiry)

    def advance(self, duration_ns: int) -> list[Measurement]:
        """Advance the simulation and return what was measured, in the order of arrival.

        Without faults a message arrives at its stamp, so that this is the order of stamps.

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
            measurement = sensor.measure()
            if self._injection:
                self._injection.measured(measurement, self.now_ns)
            else:
                measured.append(measurement)
            heapq.heappush(self._due, (due + sensor.period_steps, order, sensor))
        self._run_to(end)
        if self._injection:
            self._injection.update(end)
            return self._injection.take_delivered()
        return measured

    def _run_to(self, step: int) -> None:
        """Run the physics up to `step`, noting contacts as they begin and end."""
        while self._step < step:
            self._built.obstacles.update(self.data)
            stop = min(step, self._step + (SCRIPTED_BATCH if self._scripted else MAX_BATCH))
            if self._injection:
                self._injection.update(self._step)
                stop = min(stop, self._injection.next_step(self._step))
            self._step += self._arrays.run(self.model, self.data, stop - self._step, self._step)
            self._scripted.update(self.data, self.now_ns / SECOND)
            for robot in self.robots.values():
                if robot.update_contact():
                    event = (self.now_ns, robot.contact)
                    robot.contacts_since_start.append(event)
                    self.contacts_since_start.append(event)

    def place_actor(self, name: str, pose: Pose2D) -> None:
        """Take an actor out of its script and put it at `pose` in the world, z = 0.

        Called tick by tick, this moves it as its caller decides, as one that waits for a robot.

        Raises:
            KeyError: the world has no actor of this name.
        """
        self._scripted.place(name, planar(pose.x, pose.y, pose.yaw))
        self._scripted.update(self.data, self.now_ns / SECOND)

    def ground_truth(self, robot: str = "robot") -> GroundTruth:
        """True pose and twist of the robot's base in the world, and the model it touches."""
        return self._robot(robot).ground_truth()

    def _robot(self, name: str) -> Robot:
        if name in self.robots:
            return self.robots[name]
        if len(self.robots) == 1:
            return next(iter(self.robots.values()))
        raise KeyError(f"no robot '{name}'; there are: {', '.join(self.robots) or 'none'}")


def spawn_model(spawn: RobotSpawn, world: World) -> Model:
    """The model of a robot to add, named and placed.

    Raises:
        WorldError: the model is not found or cannot be read.
    """
    from pathlib import Path

    model = load_model(spawn.uri, [Path(entry) for entry in world.resource_path])
    place = planar(spawn.pose.x, spawn.pose.y, spawn.pose.yaw, model.pose.position.z)
    return replace(model, name=spawn.name, pose=place)
