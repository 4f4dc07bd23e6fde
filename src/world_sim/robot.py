"""One robot in the simulation: its arrays for the compiled loop, its sensors, its truth."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import wrap_angle
from autonomy_interfaces.messages import SECOND
from world_sim import stepping
from world_sim.measurement import Measurement
from world_sim.model import BuiltRobot
from world_sim.moving import MovingBodies
from world_sim.robot_arrays import RobotArrays
from world_sim.sdf.types import ImuSpec, LidarSpec, Model
from world_sim.sensors import InertialUnit, Lidar, odometry_message, sensor_rng
from world_sim.slices import static_slice

if TYPE_CHECKING:
    from world_sim.simulator import Simulator

# What the robot stands or rolls on is ground, not an obstacle: a surface whose normal is within
# 45° of the vertical or, for a wheel, a contact within 45° of the wheel's lowest point.
STEEPEST = math.cos(math.pi / 4)


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """True state of a robot's base, world frame; twist in the base's own frame.

    x, y metres; yaw radians in (-pi, pi]; vx m/s; wz rad/s; contact: name of a model touched
    now, the ground excluded, or "".
    """

    x: float
    y: float
    yaw: float
    vx: float
    wz: float
    contact: str


class Robot:
    """A driven model in the simulation."""

    def __init__(
        self,
        index: int,
        built: BuiltRobot,
        simulator: Simulator,
        models: Sequence[Model],
        seed: int,
    ) -> None:
        self.index = index
        self.name = built.name
        self.contact = ""
        self.contacts_since_start: list[tuple[int, str]] = []
        self.drive = built.drive
        self._simulator = simulator
        self._arrays: RobotArrays = simulator._arrays
        model = simulator.model
        free = model.joint(f"{built.base_body}::free")
        self._qpos_at, self._qvel_at = int(free.qposadr[0]), int(free.dofadr[0])
        root = model.body(built.base_body).id
        self._geoms = frozenset(
            int(geom) for geom in np.flatnonzero(model.body_rootid[model.geom_bodyid] == root)
        )
        self._wheels = frozenset(
            int(model.site(tyre.name).bodyid[0]) for tyre in (*built.left_tyres, *built.right_tyres)
        )
        self.clocked: list[Clocked] = []
        self._add_sensors(built, models, seed)

    def _add_sensors(self, built: BuiltRobot, models: Sequence[Model], seed: int) -> None:
        model, data = self._simulator.model, self._simulator.data
        config = self._simulator.config
        static = tuple(m for m in models if m.static)
        others = [m for m in models if m.name != built.name]
        for number, (name, sensor) in enumerate(built.sensors):
            rng = sensor_rng(seed, self.index, number)
            site = int(model.site(name).id)
            if isinstance(sensor.spec, LidarSpec):
                height = float(data.site_xpos[site, 2])
                lidar = Lidar(
                    sensor.spec,
                    static_slice(static, height),
                    height,
                    rng,
                    dropout=config.lidar_dropout,
                )
                moving = MovingBodies(model, others, height)
                rate = config.lidar_rate or sensor.update_rate or 10.0
                self.clocked.append(LidarClock(self, rate, site, lidar, moving))
            elif isinstance(sensor.spec, ImuSpec):
                rate = sensor.update_rate or 100.0
                added = (config.gyro_bias, config.accelerometer_bias)
                unit = InertialUnit(sensor.spec, rng, added, 1.0 / rate)
                row = self._arrays.accelerometer_of.index(name)
                gyro = int(model.sensor(f"{name}::gyro").adr[0])
                self.clocked.append(ImuClock(self, rate, unit, row, gyro))
        self.clocked.append(OdometryClock(self, built.drive.odometry_rate))
        # Its clocks are of this module's kind.
        from world_sim.optional_sensors import optional_clocks

        self.clocked += optional_clocks(self, built, models, seed)

    @property
    def simulator(self) -> Simulator:
        """The simulation that the robot is in."""
        return self._simulator

    @property
    def odometry(self) -> NDArray[np.float64]:
        """(13,) float64: this robot's row of the compiled loop's odometry."""
        row: NDArray[np.float64] = self._arrays.odometry[self.index]
        return row

    @property
    def specific_force(self) -> NDArray[np.float64]:
        """(I, 4) float64: the compiled loop's sums of all accelerometers."""
        return self._arrays.specific_force

    def ground_truth(self) -> GroundTruth:
        """True pose and twist of the base, and the model it touches."""
        x, y, _, qw, qx, qy, qz = self._simulator.data.qpos[self._qpos_at : self._qpos_at + 7]
        velocity = self._simulator.data.qvel[self._qvel_at : self._qvel_at + 6]
        yaw = math.atan2(2 * (qw * qz + qx * qy), 1 - 2 * (qy * qy + qz * qz))
        return GroundTruth(
            x=float(x),
            y=float(y),
            yaw=wrap_angle(yaw),
            vx=float(velocity[0] * math.cos(yaw) + velocity[1] * math.sin(yaw)),
            wz=float(velocity[5]),
            contact=self.contact,
        )

    def update_contact(self) -> bool:
        """Look what the robot touches; whether it has just begun to touch something else."""
        before, self.contact = self.contact, ""
        if self._arrays.touching[self.index]:
            self.contact = self._touched()
        return self.contact not in ("", before)

    def _touched(self) -> str:
        simulator = self._simulator
        contacts = simulator.data.contact
        owners = simulator._built.geom_models
        body_of = simulator.model.geom_bodyid
        places = zip(contacts.geom, contacts.frame[:, 2], contacts.pos[:, 2], strict=True)
        for (first, second), slope, height in places:
            mine, other = (first, second) if first in self._geoms else (second, first)
            if mine not in self._geoms or other in self._geoms or body_of[other] == 0:
                continue
            wheel = int(body_of[mine])
            if wheel in self._wheels:
                steep = simulator.data.xpos[wheel, 2] - height < STEEPEST * self.drive.wheel_radius
            else:
                steep = abs(slope) < STEEPEST
            if steep:
                return owners[int(other)]
        return ""


class Clocked(ABC):
    """A sensor that measures at a fixed rate."""

    def __init__(self, robot: Robot, rate: float) -> None:
        self.robot = robot
        step_ns = robot.simulator.config.step_ms * 1_000_000
        self.period_steps = max(1, round(SECOND / rate / step_ns))

    @abstractmethod
    def measure(self) -> Measurement:
        """Measure now."""


class LidarClock(Clocked):
    """A lidar at a site of the robot."""

    def __init__(
        self, robot: Robot, rate: float, site: int, lidar: Lidar, moving: MovingBodies
    ) -> None:
        super().__init__(robot, rate)
        self.lidar = lidar
        self._moving = moving
        self._site = site

    def measure(self) -> Measurement:
        """Scan from where the sensor is now."""
        x, y, yaw = self.pose()
        moving = self._moving.at(self.robot.simulator.data)
        scan = self.lidar.measure(self.robot.simulator.now_ns, x, y, yaw, moving)
        return Measurement(self.robot.name, "scan", scan)

    def pose(self) -> tuple[float, float, float]:
        """Position (m) and heading (rad) of the sensor in the world."""
        simulator = self.robot.simulator
        # Positions of bodies are those before the last step; bring them up to the state.
        mujoco.mj_kinematics(simulator.model, simulator.data)
        x, y, _ = simulator.data.site_xpos[self._site]
        matrix = simulator.data.site_xmat[self._site]
        return float(x), float(y), math.atan2(matrix[3], matrix[0])


class ImuClock(Clocked):
    """An inertial unit; its accelerometer averages the specific force since its last sample."""

    def __init__(self, robot: Robot, rate: float, unit: InertialUnit, row: int, gyro: int) -> None:
        super().__init__(robot, rate)
        self._unit = unit
        self._row = row
        self._gyro = gyro

    def measure(self) -> Measurement:
        """Sample the rates now and the mean force since the last sample."""
        simulator = self.robot.simulator
        force = self.robot.specific_force[self._row]
        mean = force[:3] / max(force[3], 1.0)
        force[:] = 0.0
        rate = simulator.data.sensordata[self._gyro : self._gyro + 3]
        imu, error = self._unit.measure(simulator.now_ns, rate, mean)
        self.robot.odometry[stepping.GYRO_ERROR] = error
        return Measurement(self.robot.name, "imu", imu)


class OdometryClock(Clocked):
    """The base's own odometry.

    Encoders that count see no speed between two counts, so that such a base reports the mean
    since its last message; one with exact angles reports the speed of its wheels now.
    """

    def measure(self) -> Measurement:
        """Report pose and twist as the base believes them."""
        simulator, row = self.robot.simulator, self.robot.odometry
        fused = simulator.config.odometry == "fused"
        start = stepping.FUSED_X if fused else stepping.WHEEL_X
        vx, wz = float(row[stepping.ODOM_V]), float(row[stepping.ODOM_W])
        if simulator.config.encoder_ticks:
            period_s = self.period_steps * float(simulator.model.opt.timestep)
            vx, wz = row[stepping.DISTANCE] / period_s, row[stepping.TURN] / period_s
        row[stepping.DISTANCE] = row[stepping.TURN] = 0.0
        if fused:
            wz = simulator.data.qvel[self.robot._qvel_at + 5] + row[stepping.GYRO_ERROR]
        message = odometry_message(simulator.now_ns, row[start : start + 3], float(vx), float(wz))
        return Measurement(self.robot.name, "odom", message)
