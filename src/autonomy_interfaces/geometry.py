"""Planar geometry shared by the cores."""

from __future__ import annotations

import math

from autonomy_interfaces.messages import Pose2D


def wrap_angle(angle: float) -> float:
    """Wrap radians to (-pi, pi]."""
    wrapped = math.remainder(angle, math.tau)
    return math.pi if wrapped == -math.pi else wrapped


def compose(parent: Pose2D, child: Pose2D) -> Pose2D:
    """Pose of `child` (given in `parent`'s frame) in the frame that `parent` is given in."""
    cosine, sine = math.cos(parent.yaw), math.sin(parent.yaw)
    return Pose2D(
        parent.x + cosine * child.x - sine * child.y,
        parent.y + sine * child.x + cosine * child.y,
        wrap_angle(parent.yaw + child.yaw),
    )


def relative(reference: Pose2D, pose: Pose2D) -> Pose2D:
    """Express `pose` in the frame of `reference`; both are given in one common frame."""
    cosine, sine = math.cos(reference.yaw), math.sin(reference.yaw)
    dx, dy = pose.x - reference.x, pose.y - reference.y
    return Pose2D(
        cosine * dx + sine * dy,
        -sine * dx + cosine * dy,
        wrap_angle(pose.yaw - reference.yaw),
    )


def yaw_of_quaternion(x: float, y: float, z: float, w: float) -> float:
    """Yaw of a quaternion, radians in (-pi, pi]."""
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def quaternion_of_yaw(yaw: float) -> tuple[float, float, float, float]:
    """Quaternion (x, y, z, w) of a rotation by `yaw` radians about z."""
    return 0.0, 0.0, math.sin(yaw / 2.0), math.cos(yaw / 2.0)
