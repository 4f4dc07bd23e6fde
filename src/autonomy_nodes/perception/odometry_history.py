"""Where the base was at a past instant: a short history of odometry."""

from __future__ import annotations

import math
from collections import deque

from autonomy_interfaces.geometry import wrap_angle
from autonomy_interfaces.messages import Odometry, Pose2D, seconds

FARTHEST = 1e7
"""Metres (radians, or either per second): cells that far away could not be numbered."""


class OdometryHistory:
    """Poses by stamp; interpolates between samples and extrapolates a little beyond the newest."""

    def __init__(self, duration_ns: int, max_extrapolation_ns: int) -> None:
        """Keep `duration_ns` of samples; answer up to `max_extrapolation_ns` past the newest."""
        self._duration_ns = duration_ns
        self._max_extrapolation_ns = max_extrapolation_ns
        self._samples: deque[Odometry] = deque()

    def add(self, odometry: Odometry) -> None:
        """Add a sample; one that is not newer than the last is ignored, or starts afresh.

        A stamp that is older by more than the history's duration means that the clock was set
        back: the old samples mean nothing any more. Poses that are not finite, or farther than
        any robot drives, are ignored.
        """
        pose = (odometry.x, odometry.y, odometry.yaw)
        if not all(abs(value) < FARTHEST for value in pose):
            return
        if self._samples:
            newest = self._samples[-1].stamp_ns
            if odometry.stamp_ns < newest - self._duration_ns:
                self._samples.clear()
            elif odometry.stamp_ns <= newest:
                return
        self._samples.append(odometry)
        while odometry.stamp_ns - self._samples[0].stamp_ns > self._duration_ns:
            self._samples.popleft()

    def pose_at(self, stamp_ns: int) -> Pose2D | None:
        """Pose of the base at `stamp_ns`, or None where the history does not reach."""
        if not self._samples:
            return None
        newest = self._samples[-1]
        if stamp_ns >= newest.stamp_ns:
            if stamp_ns - newest.stamp_ns > self._max_extrapolation_ns:
                return None
            return _extrapolate(newest, seconds(stamp_ns - newest.stamp_ns))
        oldest = self._samples[0]
        if stamp_ns < oldest.stamp_ns:
            if oldest.stamp_ns - stamp_ns > self._max_extrapolation_ns:
                return None
            return _extrapolate(oldest, -seconds(oldest.stamp_ns - stamp_ns))
        later = newest
        for earlier in reversed(self._samples):
            if earlier.stamp_ns <= stamp_ns:
                return _interpolate(earlier, later, stamp_ns)
            later = earlier
        return None


def _interpolate(earlier: Odometry, later: Odometry, stamp_ns: int) -> Pose2D:
    span = later.stamp_ns - earlier.stamp_ns
    share = (stamp_ns - earlier.stamp_ns) / span if span else 0.0
    return Pose2D(
        earlier.x + share * (later.x - earlier.x),
        earlier.y + share * (later.y - earlier.y),
        wrap_angle(earlier.yaw + share * wrap_angle(later.yaw - earlier.yaw)),
    )


def _extrapolate(odometry: Odometry, duration_s: float) -> Pose2D:
    """Follow the sample's twist; the heading halfway gives the arc's chord to second order."""
    vx = odometry.vx if abs(odometry.vx) < FARTHEST else 0.0
    wz = odometry.wz if abs(odometry.wz) < FARTHEST else 0.0
    heading = odometry.yaw + 0.5 * wz * duration_s
    return Pose2D(
        odometry.x + vx * duration_s * math.cos(heading),
        odometry.y + vx * duration_s * math.sin(heading),
        wrap_angle(odometry.yaw + wz * duration_s),
    )
