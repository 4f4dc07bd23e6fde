"""What a simulated robot's sensors say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autonomy_interfaces.messages import Imu, LaserScan, Odometry


@dataclass(frozen=True, slots=True)
class Measurement:
    """One message of one sensor of one robot."""

    robot: str
    topic: Literal["scan", "imu", "odom"]
    message: LaserScan | Imu | Odometry
