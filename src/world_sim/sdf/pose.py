"""Rigid transforms in three dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Vector3(NamedTuple):
    """Three numbers along x, y, z."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


class Quaternion(NamedTuple):
    """A unit quaternion, scalar first as in SDF and MuJoCo."""

    w: float = 1.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0

    def rotate(self, vector: Vector3) -> Vector3:
        """Rotate `vector`."""
        w, x, y, z = self
        vx, vy, vz = vector
        tx, ty, tz = 2 * (y * vz - z * vy), 2 * (z * vx - x * vz), 2 * (x * vy - y * vx)
        return Vector3(
            vx + w * tx + y * tz - z * ty,
            vy + w * ty + z * tx - x * tz,
            vz + w * tz + x * ty - y * tx,
        )

    def multiply(self, other: Quaternion) -> Quaternion:
        """Hamilton product: first `other`, then this rotation."""
        aw, ax, ay, az = self
        bw, bx, by, bz = other
        return Quaternion(
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        )

    def inverse(self) -> Quaternion:
        """The opposite rotation."""
        return Quaternion(self.w, -self.x, -self.y, -self.z)

    @property
    def yaw(self) -> float:
        """Rotation about z of the yaw-pitch-roll decomposition, radians."""
        w, x, y, z = self
        return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


ORIGIN = Vector3()
NO_ROTATION = Quaternion()


@dataclass(frozen=True, slots=True)
class Pose3:
    """A frame in another: position in metres and orientation."""

    position: Vector3 = ORIGIN
    orientation: Quaternion = NO_ROTATION

    def compose(self, child: Pose3) -> Pose3:
        """`child`, given in this frame, expressed in the frame that this one is given in."""
        moved = self.orientation.rotate(child.position)
        return Pose3(
            Vector3(*(a + b for a, b in zip(self.position, moved, strict=True))),
            self.orientation.multiply(child.orientation),
        )

    def inverse(self) -> Pose3:
        """The outer frame, expressed in this one."""
        back = self.orientation.inverse()
        x, y, z = back.rotate(self.position)
        return Pose3(Vector3(-x, -y, -z), back)


IDENTITY = Pose3()


def from_euler(roll: float, pitch: float, yaw: float) -> Quaternion:
    """Orientation of SDF's roll-pitch-yaw: rotations about the fixed x, then y, then z axes."""
    cr, sr = math.cos(roll / 2), math.sin(roll / 2)
    cp, sp = math.cos(pitch / 2), math.sin(pitch / 2)
    cy, sy = math.cos(yaw / 2), math.sin(yaw / 2)
    return Quaternion(
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )


def planar(x: float, y: float, yaw: float, z: float = 0.0) -> Pose3:
    """A pose with rotation about z only."""
    return Pose3(Vector3(x, y, z), from_euler(0.0, 0.0, yaw))
