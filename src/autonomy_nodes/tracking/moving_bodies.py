"""Bodies that move: where they are, how fast they go, and thus where they will be.

A return where an earlier scan saw through is of something that has come there since. What stands,
seen from a robot that drives, never looks like that; so nothing has to be known of the bodies'
shapes, and a crowded but motionless place has no bodies at all. (The test for a "free-space
violation" is that of Wang, Thorpe et al., "Simultaneous Localization, Mapping and Moving Object
Tracking", 2007; the velocity is the slope of a least squares line, as nothing here needs more.)
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import LaserScan, Pose2D, nanoseconds, seconds
from autonomy_nodes.tracking.entered import LIKELY, SURE, mark_entered, seen_through

X, Y, VX, VY, RADIUS = range(5)
"""Columns of a table of bodies."""
NO_BODIES: NDArray[np.float64] = np.empty((0, 5))
AGES_S = (0.3, 0.7)
"""Of the scans that are looked back at: the first for what walks, the second for what creeps."""
AGE_SLACK_S = 0.3
AGES_NS = tuple((nanoseconds(age_s), nanoseconds(age_s + AGE_SLACK_S)) for age_s in AGES_S)
"""The least and the most of each."""
DEPTH = 0.15
"""Metres into what was free: more than a scan's noise, the odometry's drift in `AGES_S`, a cell."""
WIDTH = 0.1
"""Metres beside it that must have been free too: an edge that is hit once more has not moved."""
TURNED = 0.03
"""Radians that the odometry may be off in `AGES_S`."""
REACH = 8.0
"""Metres; farther away, a body's returns are few and far between."""
GAP = 0.25
"""Metres between neighbouring returns of one body."""
LEAST_RETURNS = 3
LARGEST = 1.2
"""Metres across; what is larger is no body but a scan that does not fit its odometry."""
SMALLEST_RADIUS = 0.2
NEAR = 0.15
"""Metres beyond the radius at which a return may be of a body that is known."""
GATE = 0.4
"""Metres from where a body was expected."""
MEMORY_S = 0.5
LOST_S = 0.3
LEAST_SIGHTINGS = 4
LEAST_SPEED = 0.15
MOST_SPEED = 3.0
STRAY = 0.1
"""Metres, root mean square, that sightings may be off the line that is drawn through them."""


def moved(bodies: NDArray[np.float64], duration_s: float) -> NDArray[np.float64]:
    """The bodies after a while in which they went on as they do."""
    later = bodies.copy()
    later[:, [X, Y]] += later[:, [VX, VY]] * duration_s
    return later


@dataclass(frozen=True)
class _Past:
    """A scan that is looked back at: what it saw through, and from where."""

    stamp_ns: int
    sensor: tuple[float, float, float]
    free: NDArray[np.float64]


@dataclass
class _Track:
    """A body's sightings: seconds, x, y; and its radius at the last one, metres."""

    sightings: deque[tuple[float, float, float]] = field(default_factory=deque)
    radius: float = SMALLEST_RADIUS

    def see(self, now_s: float, x: float, y: float, radius: float) -> None:
        self.sightings.append((now_s, x, y))
        while now_s - self.sightings[0][0] > MEMORY_S:
            self.sightings.popleft()
        self.radius = radius

    def at(self, now_s: float) -> tuple[float, float]:
        """Where the body is expected, metres."""
        seen_s, x, y = self.sightings[-1]
        vx, vy = self.velocity() or (0.0, 0.0)
        return x + vx * (now_s - seen_s), y + vy * (now_s - seen_s)

    def velocity(self) -> tuple[float, float] | None:
        """m/s; None where it was seen too rarely, or not along a line."""
        if len(self.sightings) < LEAST_SIGHTINGS:
            return None
        sightings = np.array(self.sightings)
        off = sightings - sightings.mean(axis=0)
        vx, vy = (off[:, 0] @ off[:, 1:]) / (off[:, 0] @ off[:, 0])
        stray = off[:, 1:] - np.outer(off[:, 0], (vx, vy))
        if float((stray**2).sum(axis=1).mean()) > STRAY**2:
            return None
        return float(vx), float(vy)


class MovingBodies:
    """Finds and follows bodies that move, from scans whose pose is known."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all scans and bodies."""
        self._past: deque[_Past] = deque()
        self._layout: tuple[float, ...] = ()
        self._tracks: list[_Track] = []

    def update(self, scan: LaserScan, sensor: Pose2D) -> None:
        """Add a scan, taken by the lidar at `sensor`, in a frame that stands still.

        A scan no newer than the last is left out; one from before all that is known, or of another
        layout than the last, starts afresh. Its layout is a lidar's, its ranges may be anything.
        """
        layout = (scan.angle_min, scan.angle_increment, float(len(scan.ranges)))
        if self._past:
            newest = self._past[-1].stamp_ns
            if layout != self._layout or scan.stamp_ns < self._past[0].stamp_ns:
                self.reset()
            elif scan.stamp_ns <= newest:
                return
        self._layout = layout
        ranges = np.ascontiguousarray(scan.ranges, dtype=np.float32)
        self._follow(self._entered(scan, ranges, sensor), seconds(scan.stamp_ns))
        free = seen_through(ranges, scan.range_min, scan.range_max)
        self._past.append(_Past(scan.stamp_ns, (sensor.x, sensor.y, sensor.yaw), free))
        while scan.stamp_ns - self._past[0].stamp_ns > AGES_NS[-1][1]:
            self._past.popleft()

    def at(self, now_ns: int) -> NDArray[np.float64]:
        """The bodies at an instant: (M, 5) float64 x, y metres, vx, vy m/s, radius metres."""
        now_s = seconds(now_ns)
        bodies = []
        for track in self._tracks:
            velocity = track.velocity()
            if velocity and LEAST_SPEED < math.hypot(*velocity) < MOST_SPEED:
                bodies.append((*track.at(now_s), *velocity, track.radius))
        return np.array(bodies) if bodies else NO_BODIES

    def _entered(
        self, scan: LaserScan, ranges: NDArray[np.float32], sensor: Pose2D
    ) -> NDArray[np.float64]:
        """(K, 2) float64 metres: the returns where an earlier scan saw through.

        What only may have been seen through counts where a body is expected.
        """
        returned = (ranges >= scan.range_min) & (ranges < min(scan.range_max, REACH))
        beams = np.flatnonzero(returned)
        angles = sensor.yaw + scan.angle_min + beams * scan.angle_increment
        x = sensor.x + ranges[beams] * np.cos(angles)
        y = sensor.y + ranges[beams] * np.sin(angles)
        entered = np.zeros(len(beams), dtype=np.uint8)
        for least_ns, most_ns in AGES_NS:
            past = self._looked_back(scan.stamp_ns - most_ns, scan.stamp_ns - least_ns)
            if past is not None:
                mark_entered(
                    *(x, y, past.sensor, past.free, scan.angle_min, scan.angle_increment),
                    *(DEPTH, WIDTH, TURNED, entered),
                )
        counts = entered == SURE
        for at_x, at_y, _, _, radius in self.at(scan.stamp_ns):
            counts |= (entered == LIKELY) & (np.hypot(x - at_x, y - at_y) < radius + NEAR)
        return np.column_stack((x[counts], y[counts]))

    def _looked_back(self, first_ns: int, last_ns: int) -> _Past | None:
        """The newest scan in a span of time."""
        for past in reversed(self._past):
            if past.stamp_ns <= last_ns:
                return past if past.stamp_ns >= first_ns else None
        return None

    def _follow(self, points: NDArray[np.float64], now_s: float) -> None:
        """Sort the returns into bodies, and those to the bodies that are known already."""
        tracks = [t for t in self._tracks if now_s - t.sightings[-1][0] < LOST_S]
        unseen = list(tracks)
        for first, last in _ends(points):
            x, y = (first + last) / 2.0
            radius = max(SMALLEST_RADIUS, math.dist(first, last) / 2.0)
            nearest = min(unseen, key=lambda t: math.dist(t.at(now_s), (x, y)), default=None)
            if nearest is None or math.dist(nearest.at(now_s), (x, y)) > GATE:
                nearest = _Track()
                tracks.append(nearest)
            else:
                unseen.remove(nearest)
            nearest.see(now_s, float(x), float(y), radius)
        self._tracks = tracks


def _ends(
    points: NDArray[np.float64],
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """First and last of the neighbouring points that belong together, for each body.

    A round body shows half of itself: the line between its ends goes through its middle. Of a
    lidar that looks all around, the last point may be beside the first.
    """
    if not len(points):
        return []
    gaps = np.flatnonzero(np.hypot(*np.diff(points, axis=0).T) > GAP) + 1
    if len(gaps) and math.dist(points[0], points[-1]) <= GAP:
        points, gaps = np.roll(points, -gaps[0], axis=0), gaps[1:] - gaps[0]
    return [
        (points[start], points[end - 1])
        for start, end in pairwise([0, *gaps, len(points)])
        if end - start >= LEAST_RETURNS and math.dist(points[start], points[end - 1]) <= LARGEST
    ]
