"""The state of all robots of a simulation as the arrays that the compiled loop works on."""

from __future__ import annotations

import math
from collections.abc import Iterable

import mujoco
import numpy as np
from numpy.typing import NDArray

from world_sim import stepping
from world_sim.drive import DriveSpec
from world_sim.model import Built
from world_sim.simulator_config import SimulatorConfig


class RobotArrays:
    """Arrays by robot (R), wheel (W) and inertial unit (I); see `stepping` for the columns.

    limits: (R, 10). speed_scale: (R, 2) wheel speed reached per wheel speed asked for, left and
    right. grip: (R, 2) friction of the tyres per their healthy friction. command: (R, 4).
    expiry: (R,) step from which the command has timed out. odometry: (R, 13). encoders: (R, 4).
    touching: (R,) contacts with anything but the ground. specific_force: (I, 4) sums since the
    last sample. accelerometer_of: the inertial unit of each row of `specific_force`.
    """

    def __init__(self, built: Built, data: mujoco.MjData, config: SimulatorConfig) -> None:
        robots, model = built.robots, built.model
        count = len(robots)
        self.limits = np.array([_limits(robot.drive) for robot in robots]).reshape(-1, 10)
        self.speed_scale = np.ones((count, 2))
        self.grip = np.ones((count, 2))
        self.command = np.zeros((count, 4))
        self.expiry = np.zeros(count, dtype=np.int64)
        self.odometry = np.zeros((count, 13))
        self.encoders = np.array([_encoders(robot.drive, config) for robot in robots])
        self.encoders = self.encoders.reshape(-1, 4)
        self.touching = np.zeros(count, dtype=np.int64)
        self.accelerometer_of = [
            name for robot in robots for name, sensor in robot.sensors if sensor.kind == "imu"
        ]
        self.specific_force = np.zeros((len(self.accelerometer_of), 4))
        self._step_s = float(model.opt.timestep)
        roots = _addresses(
            int(model.joint(f"{robot.base_body}::free").dofadr[0]) for robot in robots
        )
        contact = _addresses(
            int(model.sensor(f"{robot.name}::{what}").adr[0])
            for robot in robots
            for what in ("touching", "ground")
        ).reshape(-1, 2)
        self._tables = (*_wheel_tables(built), *_caster_tables(built), roots, contact)
        self._accelerometer = _addresses(
            int(model.sensor(f"{name}::accelerometer").adr[0]) for name in self.accelerometer_of
        )
        self._views = (
            data.qvel,
            data.ctrl,
            data.actuator_velocity,
            model.actuator_forcerange,
            data.sensordata,
        )

    def set_command(self, robot: int, vx: float, wz: float, expiry_step: int) -> None:
        """Set the target of `robot`; a target that is not finite is a stop."""
        usable = math.isfinite(vx) and math.isfinite(wz)
        self.command[robot, stepping.TARGET_V] = vx if usable else 0.0
        self.command[robot, stepping.TARGET_W] = wz if usable else 0.0
        self.expiry[robot] = expiry_step

    def run(self, model: mujoco.MjModel, data: mujoco.MjData, steps: int, first: int) -> int:
        """Take up to `steps` physics steps, the first numbered `first`; how many were taken."""
        taken: int = stepping.run_steps(
            model._address,
            data._address,
            steps,
            first,
            self._step_s,
            self.limits,
            self.speed_scale,
            self.grip,
            self.command,
            self.expiry,
            self.odometry,
            self.encoders,
            *self._tables,
            self.touching,
            self._accelerometer,
            self.specific_force,
            *self._views,
        )
        return taken


def _addresses(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, dtype=np.int64)


def _limits(drive: DriveSpec) -> tuple[float, ...]:
    return (
        drive.min_linear_velocity,
        drive.max_linear_velocity,
        drive.min_angular_velocity,
        drive.max_angular_velocity,
        drive.min_linear_acceleration,
        drive.max_linear_acceleration,
        drive.min_angular_acceleration,
        drive.max_angular_acceleration,
        drive.wheel_radius,
        drive.wheel_separation,
    )


def _encoders(drive: DriveSpec, config: SimulatorConfig) -> tuple[float, ...]:
    """What the wheels' odometry believes, and how finely it sees; a row of `encoders`."""
    larger = 1.0 + config.wheel_radius_error
    tick = math.tau / config.encoder_ticks if config.encoder_ticks else 0.0
    track = drive.wheel_separation * (1.0 + config.track_error)
    return larger, larger * (1.0 + config.wheel_imbalance), track, tick


def _wheel_tables(
    built: Built,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The `wheels`, `tyres` and `loads` tables; sets the stiffness of the tyres' actuators."""
    model = built.model
    slip = stepping.GRIP_SLIP_RATE * float(model.opt.timestep)
    rows, tyres, loads = [], [], []
    for index, robot in enumerate(built.robots):
        sides = (*((0, t) for t in robot.left_tyres), *((1, t) for t in robot.right_tyres))
        for wheel, (side, tyre) in enumerate(sides):
            along = int(model.actuator(f"{tyre.name}::along").id)
            across = int(model.actuator(f"{tyre.name}::across").id)
            found = int(model.sensor(f"{tyre.name}::ground").adr[0])
            rows.append((index, side, along, across, found))
            friction = [min(value, built.ground_friction) for value in tyre.friction]
            tyres.append((*friction, slip, 0.0))
            loads.append(robot.loads[:, wheel])
            for actuator, value in zip((along, across), friction, strict=True):
                stiffness = max(value * float(robot.loads[:, wheel].max()), 1.0) / slip
                model.actuator_gainprm[actuator, 0] = stiffness
                model.actuator_biasprm[actuator, 2] = -stiffness
    by_mask = np.zeros((len(rows), max((len(column) for column in loads), default=1)))
    for row, column in enumerate(loads):
        by_mask[row, : len(column)] = column
    return np.array(rows, dtype=np.int64).reshape(-1, 5), np.array(tyres).reshape(-1, 4), by_mask


def _caster_tables(built: Built) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Addresses of all casters' contact counts, and where each robot's begin among them."""
    addresses = [
        [int(built.model.sensor(name).adr[0]) for name in robot.casters] for robot in built.robots
    ]
    starts = np.cumsum([0, *(len(own) for own in addresses)])
    return _addresses(a for own in addresses for a in own), starts.astype(np.int64)
