"""What a simulated robot's sensors say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Imu, LaserScan, Odometry

Topic = Literal["scan", "imu", "odom", "camera", "depth", "navsat", "joint_states"]


@dataclass(frozen=True, slots=True)
class CameraImage:
    """An image (sensor_msgs/Image) of the camera called `camera`.

    pixels: (H, W, 3) uint8 of encoding rgb8, or (H, W) float32 metres of encoding 32FC1, +inf
    where nothing is (REP-118). horizontal_fov: radians.
    """

    stamp_ns: int
    pixels: NDArray[np.uint8] | NDArray[np.float32]
    encoding: Literal["rgb8", "32FC1"]
    horizontal_fov: float
    camera: str
    frame_id: str = "camera_optical_frame"


@dataclass(frozen=True, slots=True)
class NavSatFix:
    """A position on the Earth (sensor_msgs/NavSatFix): degrees, and metres above WGS 84.

    position_variance: east, north, up, m². velocity: east, north, up, m/s.
    """

    stamp_ns: int
    latitude: float
    longitude: float
    altitude: float
    position_variance: tuple[float, float, float]
    velocity: tuple[float, float, float]
    frame_id: str = "navsat_link"


@dataclass(frozen=True, slots=True)
class JointStates:
    """Joints of a robot (sensor_msgs/JointState): radians or metres, and those per second."""

    stamp_ns: int
    names: tuple[str, ...]
    positions: tuple[float, ...]
    velocities: tuple[float, ...]


Message = LaserScan | Imu | Odometry | CameraImage | NavSatFix | JointStates


@dataclass(frozen=True, slots=True)
class Measurement:
    """One message of one sensor of one robot."""

    robot: str
    topic: Topic
    message: Message
