"""Where the robot is, from how fast it says that it goes."""

from __future__ import annotations

import math

import numpy as np

from safety_monitor.kernels import Floats

_SECOND = 1e9
Pose = tuple[float, float, float]


class DeadReckoning:
    """Planar motion from odometry's twist alone, so that no jump of a pose estimate can hurt.

    Poses (x m, y m, yaw rad) are in a frame of its own that starts where the first measurement was.
    """

    HISTORY = 64

    def __init__(self) -> None:
        self._track: list[tuple[int, Pose, float, float]] = []

    @property
    def latest(self) -> tuple[int, Pose, float, float] | None:
        """Stamp, pose, v and w of the newest measurement."""
        return self._track[-1] if self._track else None

    def add(self, stamp_ns: int, v: float, w: float) -> None:
        """Append a measurement that follows closely on the one before; stamps must rise."""
        pose = (0.0, 0.0, 0.0)
        if self._track:
            last_ns, pose, last_v, last_w = self._track[-1]
            dt = (stamp_ns - last_ns) / _SECOND
            pose = advance(pose, 0.5 * (last_v + v), 0.5 * (last_w + w), dt)
        self._track.append((stamp_ns, pose, v, w))
        del self._track[: -self.HISTORY]

    def bridge(
        self, stamp_ns: int, v: float, w: float, velocities: Floats, spans: tuple[float, float]
    ) -> tuple[float, float]:
        """Append a measurement after a gap; returns how wrong the pose may now be, m and rad.

        Args:
            stamp_ns: of the measurement, later than the one before.
            v: m/s.
            w: rad/s.
            velocities: (n, 2) v, w between whose extremes the robot stayed.
            spans: seconds that the gap lasted at least and at most.
        """
        extremes = np.array([velocities.min(axis=0), velocities.max(axis=0)])
        moved = np.concatenate([extremes * span for span in spans])
        low, high = moved.min(axis=0), moved.max(axis=0)
        (way, turn), (half_way, half_turn) = 0.5 * (low + high), 0.5 * (high - low)
        # Nothing can be said of poses within the gap.
        self._track = [(stamp_ns, advance(self._track[-1][1], way, turn, 1.0), v, w)]
        farthest, most = np.abs(moved).max(axis=0)
        return float(half_way + farthest * most), float(half_turn)

    def pose_at(self, stamp_ns: int) -> Pose | None:
        """The pose at a time, between measurements or carried on at constant twist."""
        if not self._track or stamp_ns < self._track[0][0] - int(0.1 * _SECOND):
            return None
        index = len(self._track) - 1
        while index > 0 and self._track[index][0] > stamp_ns:
            index -= 1
        stamp, pose, v, w = self._track[index]
        if index + 1 < len(self._track):
            _, _, next_v, next_w = self._track[index + 1]
            v, w = 0.5 * (v + next_v), 0.5 * (w + next_w)
        return advance(pose, v, w, (stamp_ns - stamp) / _SECOND)


def advance(pose: Pose, v: float, w: float, dt: float) -> Pose:
    """Pose after `dt` seconds at constant twist, by the midpoint rule."""
    x, y, yaw = pose
    heading = yaw + 0.5 * w * dt
    return x + v * dt * math.cos(heading), y + v * dt * math.sin(heading), yaw + w * dt


def between(target: Pose, source: Pose) -> Pose:
    """The pose `source` seen from the pose `target`, both given in one frame."""
    dx, dy = source[0] - target[0], source[1] - target[1]
    c, s = math.cos(target[2]), math.sin(target[2])
    return c * dx + s * dy, c * dy - s * dx, source[2] - target[2]
