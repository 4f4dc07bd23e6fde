"""A kinematic rig for gathering data: a unicycle with ramps and a lidar among cylinders.

It trades the simulator's physics for speed; what a policy learns here is checked there. Each
episode draws its own delays, ramps and noises, so that no single value of them is learnt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autonomy_interfaces.geometry import wrap_angle
from autonomy_interfaces.messages import MILLISECOND, LaserScan, Odometry, seconds
from policy_training.ray_casting import cast, clearance
from policy_training.worlds import TrainingWorld

PHYSICS_STEP_NS = 10 * MILLISECOND
BEAMS = 720
FIELD_OF_VIEW = 4.71238
RANGE_MIN, RANGE_MAX = 0.1, 30.0
LIDAR_X = 0.055
FRONT, REAR, SIDE = 0.254, 0.254, 0.215
LARGEST_VX, LARGEST_WZ = 2.0, 4.0


@dataclass(frozen=True)
class Dynamics:
    """What an episode's base does with a command.

    delay_steps: physics steps from command to effect; acceleration m/s², angular_acceleration
    rad/s²; turn_gain: share of the commanded yaw rate that is reached; range_noise: standard
    deviation of a range, metres.
    """

    delay_steps: int
    acceleration: float
    angular_acceleration: float
    turn_gain: float
    range_noise: float


def draw_dynamics(generator: np.random.Generator) -> Dynamics:
    """Dynamics of an episode, from brisk to lazy."""
    return Dynamics(
        delay_steps=int(generator.integers(1, 6)),
        acceleration=float(generator.uniform(6.0, 20.0)),
        angular_acceleration=float(generator.uniform(10.0, 25.0)),
        turn_gain=float(generator.uniform(0.92, 1.05)),
        range_noise=float(generator.uniform(0.0, 0.01)),
    )


class Rig:
    """One robot in one training world, stepped by its caller."""

    def __init__(
        self, world: TrainingWorld, dynamics: Dynamics, generator: np.random.Generator, yaw: float
    ):
        """Place the robot at the origin with heading `yaw`."""
        self._world = world
        self._dynamics = dynamics
        self._generator = generator
        self.now_ns = 0
        self.x, self.y, self.yaw = 0.0, 0.0, yaw
        self.vx, self.wz = 0.0, 0.0
        self.clearance = self._measure_clearance()
        self._pending = [(0.0, 0.0)] * dynamics.delay_steps

    @property
    def contact(self) -> bool:
        """Whether the robot touches a cylinder."""
        return self.clearance < 0.0

    def scan(self) -> LaserScan:
        """The scan of this instant."""
        ranges = np.empty(BEAMS, np.float32)
        increment = FIELD_OF_VIEW / (BEAMS - 1)
        lidar_x = self.x + LIDAR_X * math.cos(self.yaw)
        lidar_y = self.y + LIDAR_X * math.sin(self.yaw)
        start = -FIELD_OF_VIEW / 2
        circles = self._world.circles_at(seconds(self.now_ns))
        cast(circles, lidar_x, lidar_y, self.yaw, start, increment, RANGE_MAX, ranges)
        noise = self._generator.standard_normal(BEAMS) * self._dynamics.range_noise
        ranges += noise.astype(np.float32)
        return LaserScan(self.now_ns, ranges, start, increment, RANGE_MIN, RANGE_MAX)

    def odometry(self) -> Odometry:
        """The odometry of this instant."""
        return Odometry(self.now_ns, self.x, self.y, self.yaw, self.vx, 0.0, self.wz)

    def advance(self, vx: float, wz: float, duration_ns: int) -> None:
        """Hold a command, within the base's limits; stops at the first contact."""
        vx = min(max(vx, -LARGEST_VX), LARGEST_VX)
        wz = min(max(wz, -LARGEST_WZ), LARGEST_WZ)
        step_s = seconds(PHYSICS_STEP_NS)
        dynamics = self._dynamics
        for _ in range(duration_ns // PHYSICS_STEP_NS):
            self.now_ns += PHYSICS_STEP_NS
            self._pending.append((vx, wz * dynamics.turn_gain))
            target_vx, target_wz = self._pending.pop(0)
            self.vx = _towards(self.vx, target_vx, dynamics.acceleration * step_s)
            self.wz = _towards(self.wz, target_wz, dynamics.angular_acceleration * step_s)
            heading = self.yaw + 0.5 * self.wz * step_s
            self.x += self.vx * step_s * math.cos(heading)
            self.y += self.vx * step_s * math.sin(heading)
            self.yaw = wrap_angle(self.yaw + self.wz * step_s)
            self.clearance = self._measure_clearance()
            if self.contact:
                return

    def _measure_clearance(self) -> float:
        circles = self._world.circles_at(seconds(self.now_ns))
        return float(clearance(circles, self.x, self.y, self.yaw, FRONT, REAR, SIDE))


def _towards(value: float, target: float, step: float) -> float:
    return value + min(max(target - value, -step), step)
