"""The plain-data counterparts of the ROS messages that the cores exchange.

A core takes and returns these; a node converts them at its edge (`autonomy_interfaces.ros`).
Units are SI and axes follow REP-103; frames follow REP-105. Time is integer nanoseconds, as
in `builtin_interfaces/Time`, so that lockstep runs are exact: never compare stamps as floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

import numpy as np
from numpy.typing import NDArray

Nanoseconds = NewType("Nanoseconds", int)

SECOND: int = 1_000_000_000
MILLISECOND: int = 1_000_000


def seconds(stamp_ns: int) -> float:
    """Convert nanoseconds to seconds, for arithmetic that ends in a float anyway."""
    return stamp_ns / SECOND


def nanoseconds(duration_s: float) -> int:
    """Convert seconds to whole nanoseconds, rounded to nearest."""
    return round(duration_s * SECOND)


@dataclass(frozen=True, slots=True)
class Pose2D:
    """A planar pose: metres and radians, in the frame that the holder names."""

    x: float
    y: float
    yaw: float = 0.0


@dataclass(frozen=True, slots=True)
class LaserScan:
    """One planar scan (sensor_msgs/LaserScan).

    ranges: (N,) float32, metres; beam i points at `angle_min + i * angle_increment` radians in
    `frame_id`. `+inf` means no return, NaN means invalid, as in REP-117.
    """

    stamp_ns: int
    ranges: NDArray[np.float32]
    angle_min: float
    angle_increment: float
    range_min: float
    range_max: float
    frame_id: str = "lidar_link"


@dataclass(frozen=True, slots=True)
class Imu:
    """One inertial sample (sensor_msgs/Imu), in `frame_id`.

    angular_velocity: (x, y, z) rad/s; linear_acceleration: (x, y, z) m/s², gravity included;
    orientation: (x, y, z, w) or None where the sensor gives none.
    """

    stamp_ns: int
    angular_velocity: tuple[float, float, float]
    linear_acceleration: tuple[float, float, float]
    orientation: tuple[float, float, float, float] | None = None
    frame_id: str = "imu_link"


@dataclass(frozen=True, slots=True)
class Odometry:
    """Planar odometry (nav_msgs/Odometry): pose in `frame_id`, twist in `child_frame_id`.

    x, y metres; yaw radians in (-pi, pi]; vx, vy m/s; wz rad/s.
    """

    stamp_ns: int
    x: float
    y: float
    yaw: float
    vx: float = 0.0
    vy: float = 0.0
    wz: float = 0.0
    frame_id: str = "odom"
    child_frame_id: str = "base_link"

    @property
    def pose(self) -> Pose2D:
        """The planar pose of the base in the odometry frame."""
        return Pose2D(self.x, self.y, self.yaw)


@dataclass(frozen=True, slots=True)
class VelocityCommand:
    """A body velocity (geometry_msgs/TwistStamped): vx m/s forward, wz rad/s counter-clockwise."""

    stamp_ns: int
    vx: float
    wz: float


@dataclass(frozen=True, slots=True)
class Costmap:
    """A planar cost grid (nav_msgs/OccupancyGrid) aligned with the axes of `frame_id`.

    data: (H, W) int8, row = y, column = x; -1 unknown, 0 free, 1..98 inflated, 99 inscribed
    (the robot's centre cannot be here), 100 occupied. Cell (row, col) covers
    `origin_x + [col, col + 1) * resolution` by `origin_y + [row, row + 1) * resolution` metres.
    """

    stamp_ns: int
    resolution: float
    origin_x: float
    origin_y: float
    data: NDArray[np.int8]
    frame_id: str = "odom"
