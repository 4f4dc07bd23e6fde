"""Transforms for a recording, so that viewers can place what the robot saw.

A viewer needs `/tf` to draw a scan around the robot. `tf2_msgs` comes only with a full ROS
installation, and its one type is simple, so it is written here as CDR by hand.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from autonomy_interfaces.geometry import quaternion_of_yaw
from autonomy_interfaces.messages import SECOND, Pose2D
from edge_autonomy.demo.message_definitions import message_definition

TYPE_NAME = "tf2_msgs/msg/TFMessage"

_LITTLE_ENDIAN_CDR = b"\x00\x01\x00\x00"


@dataclass(frozen=True, slots=True)
class Transform:
    """Where `child_frame` is in `frame`; z in metres above it."""

    frame: str
    child_frame: str
    pose: Pose2D
    z: float = 0.0


def definition() -> str:
    """The type's definition in `ros2msg` form."""
    separator = "=" * 80
    return (
        "geometry_msgs/TransformStamped[] transforms\n\n"
        f"{separator}\nMSG: geometry_msgs/TransformStamped\n"
        f"{message_definition('geometry_msgs/msg/TransformStamped')}"
    )


def encode(transform: Transform, stamp_ns: int) -> bytes:
    """CDR of a message that holds one transform."""
    body = struct.pack("<IiI", 1, stamp_ns // SECOND, stamp_ns % SECOND)
    for frame in (transform.frame, transform.child_frame):
        text = frame.encode() + b"\0"
        body = _aligned(body, 4) + struct.pack("<I", len(text)) + text
    pose = transform.pose
    return (
        _LITTLE_ENDIAN_CDR
        + _aligned(body, 8)
        + struct.pack("<7d", pose.x, pose.y, transform.z, *quaternion_of_yaw(pose.yaw))
    )


def _aligned(data: bytes, size: int) -> bytes:
    return data + bytes(-len(data) % size)
