"""Sensors beside lidar, inertial unit and odometry: cameras, satellite receiver, joint states."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from autonomy_interfaces.messages import SECOND
from world_sim import stepping
from world_sim.camera import CameraRenderer, color_image, depth_image
from world_sim.camera_gl import opengl_problem
from world_sim.earth import east_north, geodetic
from world_sim.measurement import JointStates, Measurement, NavSatFix
from world_sim.model import BuiltRobot
from world_sim.model_tree import ONE_AXIS
from world_sim.robot import Clocked, Robot
from world_sim.sdf.types import CameraSpec, Model, NavSatSpec, Noise, Sensor
from world_sim.sdf.values import positive
from world_sim.sensors import draw_bias, sensor_rng

if TYPE_CHECKING:
    from world_sim.simulator import Simulator

JOINT_STATE_PUBLISHER = "joint-state-publisher"
JOINT_STATE_RATE = 50.0
CAMERA_RATE, NAVSAT_RATE = 10.0, 1.0
# Numbers of the generators of images, so that a depth camera's noise is not a colour camera's.
COLOR_STREAM, DEPTH_STREAM = 1, 2

_log = logging.getLogger(__name__)


class Cameras:
    """What the cameras of one simulation share: one renderer, or why there is none."""

    def __init__(self, simulator: Simulator, robots: Sequence[BuiltRobot]) -> None:
        self._simulator = simulator
        self._sensors = [
            (name, sensor)
            for robot in robots
            for name, sensor in robot.sensors
            if isinstance(sensor.spec, CameraSpec)
        ]
        self._renderer: CameraRenderer | None = None
        self.problem = ""
        quality = simulator.config.camera_quality
        if not self._sensors:
            return
        if quality == "off":
            self.problem = "switched off by camera_quality"
            return
        self.problem = opengl_problem()
        if self.problem:
            names = ", ".join(name for name, _ in self._sensors)
            _log.warning("cameras are off (%s): %s", names, self.problem)

    def renderer(self, models: Sequence[Model]) -> CameraRenderer:
        """The renderer; made when it is first needed."""
        if self._renderer is None:
            fine = self._simulator.config.camera_quality == "fine"
            self._renderer = CameraRenderer(self._simulator.world, models, self._sensors, fine)
        return self._renderer


def optional_clocks(
    robot: Robot, built: BuiltRobot, models: Sequence[Model], seed: int
) -> Iterator[Clocked]:
    """The clocks of a robot's further sensors."""
    for number, (name, sensor) in enumerate(built.sensors):
        stream = (seed, robot.index, number)
        if isinstance(sensor.spec, CameraSpec) and not robot.simulator.cameras.problem:
            if sensor.spec.color:
                yield CameraClock(robot, name, sensor, models, stream, depth=False)
            if sensor.spec.depth:
                yield CameraClock(robot, name, sensor, models, stream, depth=True)
        elif isinstance(sensor.spec, NavSatSpec):
            yield NavSatClock(robot, name, sensor, sensor.spec, sensor_rng(*stream))
    if not robot.simulator.config.joint_states:
        return
    model = next(model for model in models if model.name == built.name)
    for plugin in model.plugins:
        if JOINT_STATE_PUBLISHER in plugin.filename:
            rate = positive(plugin.element, "update_rate", JOINT_STATE_RATE)
            wanted = [child.text for child in plugin.element.find_all("joint_name")]
            yield JointStateClock(robot, model, built, wanted, rate)
            return


class CameraClock(Clocked):
    """The colour or the depth image of a camera."""

    def __init__(
        self,
        robot: Robot,
        name: str,
        sensor: Sensor,
        models: Sequence[Model],
        stream: tuple[int, int, int],
        depth: bool,
    ) -> None:
        super().__init__(robot, sensor.update_rate or CAMERA_RATE)
        self._name = name
        self._sensor = sensor
        self._models = models
        self._depth = depth
        entropy = np.random.SeedSequence([*stream, DEPTH_STREAM if depth else COLOR_STREAM])
        self._rng = np.random.Generator(np.random.PCG64(entropy))

    def measure(self) -> Measurement:
        """Render from where the camera is now."""
        simulator = self.robot.simulator
        mujoco.mj_kinematics(simulator.model, simulator.data)
        renderer = simulator.cameras.renderer(self._models)
        now_ns = simulator.now_ns
        picture = renderer.picture(self._name, now_ns, simulator.model, simulator.data)
        if self._depth:
            image = depth_image(picture, self._sensor, now_ns, self._rng)
            return Measurement(self.robot.name, "depth", image)
        image = color_image(picture, self._sensor, now_ns, self._rng)
        return Measurement(self.robot.name, "camera", image)


class NavSatClock(Clocked):
    """A satellite receiver, in the world's place on the Earth."""

    def __init__(
        self, robot: Robot, name: str, sensor: Sensor, spec: NavSatSpec, rng: np.random.Generator
    ) -> None:
        super().__init__(robot, sensor.update_rate or NAVSAT_RATE)
        self._site = int(robot.simulator.model.site(name).id)
        self._position = (spec.horizontal, spec.horizontal, spec.vertical)
        self._velocity = (
            spec.velocity_horizontal,
            spec.velocity_horizontal,
            spec.velocity_vertical,
        )
        self._rng = rng
        self._biases = [draw_bias(noise, rng) for noise in (*self._position, *self._velocity)]

    def measure(self) -> Measurement:
        """Position and velocity now, with their noise."""
        simulator = self.robot.simulator
        model, data, origin = simulator.model, simulator.data, simulator.world.origin
        mujoco.mj_kinematics(model, data)
        twist = np.empty(6)
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_SITE, self._site, twist, 0)
        errors = [
            bias + noise.stddev * float(self._rng.standard_normal())
            for bias, noise in zip(self._biases, (*self._position, *self._velocity), strict=True)
        ]
        x, y, z = (
            float(value) + error
            for value, error in zip(data.site_xpos[self._site], errors[:3], strict=True)
        )
        latitude, longitude, altitude = geodetic(origin, x, y, z)
        east, north = east_north(origin, float(twist[3]), float(twist[4]))
        fix = NavSatFix(
            stamp_ns=simulator.now_ns,
            latitude=math.degrees(latitude),
            longitude=math.degrees(longitude),
            altitude=altitude,
            position_variance=_variances(self._position),
            velocity=(east + errors[3], north + errors[4], float(twist[5]) + errors[5]),
        )
        return Measurement(self.robot.name, "navsat", fix)


def _variances(noises: tuple[Noise, Noise, Noise]) -> tuple[float, float, float]:
    along, across, up = (noise.stddev**2 for noise in noises)
    return (along, across, up)


class JointStateClock(Clocked):
    """Angles of the driven wheels, positions of the robot's other joints of one axis."""

    def __init__(
        self, robot: Robot, model: Model, built: BuiltRobot, wanted: Sequence[str], rate: float
    ) -> None:
        super().__init__(robot, rate)
        self._angles: list[tuple[str, int]] = []
        self._addresses: list[tuple[str, int, int]] = []
        compiled = robot.simulator.model
        for joint in model.joints:
            if joint.kind not in ONE_AXIS or (wanted and joint.name not in wanted):
                continue
            if joint.name in built.drive.left_joints:
                self._angles.append((joint.name, stepping.LEFT_ANGLE))
            elif joint.name in built.drive.right_joints:
                self._angles.append((joint.name, stepping.RIGHT_ANGLE))
            else:
                found = compiled.joint(f"{model.name}::{joint.name}")
                self._addresses.append((joint.name, int(found.qposadr[0]), int(found.dofadr[0])))
        self._before = (0, [0.0] * len(self._angles))

    def measure(self) -> Measurement:
        """Positions now; velocities of wheels are means since the last sample."""
        simulator, row = self.robot.simulator, self.robot.odometry
        now_ns, data = simulator.now_ns, simulator.data
        angles = [float(row[column]) for _, column in self._angles]
        then_ns, before = self._before
        elapsed = max((now_ns - then_ns) / SECOND, 1e-9)
        self._before = (now_ns, angles)
        speeds = [(a - b) / elapsed for a, b in zip(angles, before, strict=True)]
        states = JointStates(
            stamp_ns=now_ns,
            names=tuple(
                [name for name, _ in self._angles] + [name for name, *_ in self._addresses]
            ),
            positions=(*angles, *(float(data.qpos[q]) for _, q, _ in self._addresses)),
            velocities=(*speeds, *(float(data.qvel[v]) for _, _, v in self._addresses)),
        )
        return Measurement(self.robot.name, "joint_states", states)
