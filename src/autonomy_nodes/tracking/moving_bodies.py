"""Bodies that move: where they are, how fast they go, and thus where they will be.

A return where an earlier scan saw through is of something that has come there since. What stands,
seen from a robot that drives, does not look like that; so nothing has to be known of the bodies'
shapes, and a crowded but motionless place has no bodies at all. (The test for a "free-space
violation" is that of Wang, Thorpe et al., "Simultaneous Localization, Mapping and Moving Object
Tracking", 2007; the velocity is the slope of a least squares line, as nothing here needs more.)
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import compose
from autonomy_interfaces.messages import LaserScan, Odometry, Pose2D, nanoseconds, seconds
from autonomy_interfaces.polygon import grown
from autonomy_nodes.perception.odometry_history import OdometryHistory
from autonomy_nodes.tracking.entered import (
    LIKELY,
    SURE,
    forget_own,
    mark_entered,
    seen_through,
)
from autonomy_nodes.tracking.track import Track

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
LONGEST_SCAN_S = 0.1
"""A lidar that spins takes as long as from one scan to the next, at the most this."""
REACH = 8.0
"""Metres; farther away, a body's returns are few and far between."""
GAP = 0.25
"""Metres between neighbouring returns of one body."""
LEAST_RETURNS = 3
LARGEST = 1.2
"""Metres across; what is larger is no body, or stands before one."""
MOST = 20
"""Bodies that are followed, the nearest ones: what they cost, a command waits for."""
NEAR = 0.15
"""Metres beyond the radius at which a return may be of a body that is known."""
GATE = 0.4
"""Metres from where a body was expected."""
LOST_S = 0.3
LEAST_SPEED = 0.15
MOST_SPEED = 5.0
OWN_MARGIN = 0.02
"""Metres around the footprint: what is seen in there is the robot's own."""


def moved(bodies: NDArray[np.float64], duration_s: float) -> NDArray[np.float64]:
    """The bodies after a while in which they went on as they do."""
    later = bodies.copy()
    later[:, [X, Y]] += later[:, [VX, VY]] * duration_s
    return later


@dataclass(frozen=True)
class _Seen:
    """A scan: when, from where, while turning how fast, by which beams, and what it saw through."""

    stamp_ns: int
    sensor: tuple[float, float, float]
    wz: float
    beams: tuple[float, float]
    free: NDArray[np.float64]


class MovingBodies:
    """Finds and follows bodies that move, from scans and odometry."""

    def __init__(
        self,
        footprint: tuple[float, ...] = (),
        lidar_pose: tuple[float, ...] = (0.0, 0.0, 0.0),
        odometry_timeout: float = 0.25,
    ) -> None:
        """Know the robot.

        Args:
            footprint: x0, y0, x1, y1, … of its body in base_link, metres.
            lidar_pose: of the lidar in base_link: x m, y m, yaw rad.
            odometry_timeout: how much newer than the odometry a scan may be, seconds.
        """
        corners = np.array(footprint, dtype=np.float64).reshape(-1, 2)
        self._own = grown(corners, OWN_MARGIN)
        self._lidar = Pose2D(*lidar_pose)
        self._odometry_timeout_ns = nanoseconds(odometry_timeout)
        self.reset()

    def reset(self) -> None:
        """Forget all scans and bodies, and where the robot was: the clock was set back."""
        self._history = OdometryHistory(AGES_NS[-1][1], self._odometry_timeout_ns)
        self._past: deque[_Seen] = deque()
        self._tracks: list[Track] = []

    def update(self, scan: LaserScan, odometry: Odometry) -> None:
        """Add a scan and the newest odometry.

        A scan that is no newer than the last, or that the odometry cannot place, is left out. Its
        layout is a lidar's, its ranges may be anything.
        """
        self._history.add(odometry)
        base = self._history.pose_at(scan.stamp_ns)
        if base is None or (self._past and scan.stamp_ns <= self._past[-1].stamp_ns):
            return
        sensor = compose(base, self._lidar)
        ranges = np.array(scan.ranges, dtype=np.float32)
        beams = scan.angle_min, scan.angle_increment
        lidar = self._lidar.x, self._lidar.y, self._lidar.yaw
        forget_own(ranges, *beams, lidar, self._own)
        free = seen_through(ranges, scan.range_min, scan.range_max)
        place = sensor.x, sensor.y, sensor.yaw
        seen = _Seen(scan.stamp_ns, place, odometry.wz, beams, free)
        self._follow(self._groups(scan, ranges, seen), seconds(scan.stamp_ns))
        self._past.append(seen)
        while scan.stamp_ns - self._past[0].stamp_ns > AGES_NS[-1][1]:
            self._past.popleft()

    def at(self, now_ns: int) -> NDArray[np.float64]:
        """The bodies at an instant: (M, 5) float64 x, y metres, vx, vy m/s, radius metres.

        In the odometry frame; no more than `MOST`.
        """
        now_s = seconds(now_ns)
        bodies = [
            (*track.at(now_s), *track.velocity, track.radius)
            for track in self._tracks
            if track.velocity
            and now_s - track.seen_s < LOST_S
            and LEAST_SPEED < math.hypot(*track.velocity) < MOST_SPEED
        ]
        return np.array(bodies) if bodies else NO_BODIES

    def _groups(
        self, scan: LaserScan, ranges: NDArray[np.float32], seen: _Seen
    ) -> list[tuple[float, float, float]]:
        """Middle and radius of what has come where an earlier scan saw through, nearest first."""
        returned = np.flatnonzero(
            (ranges >= scan.range_min) & (ranges < min(scan.range_max, REACH))
        )
        angles = seen.sensor[2] + scan.angle_min + returned * scan.angle_increment
        x = seen.sensor[0] + ranges[returned] * np.cos(angles)
        y = seen.sensor[1] + ranges[returned] * np.sin(angles)
        entered = np.zeros(len(returned), dtype=np.uint8)
        for least_ns, most_ns in AGES_NS:
            past = self._looked_back(seen.stamp_ns - most_ns, seen.stamp_ns - least_ns)
            if past is not None:
                mark_entered(
                    *(x, y, past.sensor, past.free, *past.beams),
                    *(DEPTH, WIDTH, TURNED + self._skew(past, seen), entered),
                )
        counts = entered == SURE
        for at_x, at_y, _, _, radius in self.at(seen.stamp_ns):
            counts |= (entered == LIKELY) & (np.hypot(x - at_x, y - at_y) < radius + NEAR)
        if not counts.any():
            return []
        groups = _groups_of(np.column_stack((x, y)), counts)
        return sorted(groups, key=lambda group: math.dist(group[:2], seen.sensor[:2]))[:MOST]

    def _skew(self, past: _Seen, seen: _Seen) -> float:
        """Radians between two scans of a lidar that spins while the robot turns, now and then."""
        scan_s = seconds(seen.stamp_ns - self._past[-1].stamp_ns)
        return abs(seen.wz - past.wz) * min(scan_s, LONGEST_SCAN_S)

    def _looked_back(self, first_ns: int, last_ns: int) -> _Seen | None:
        """The newest scan in a span of time."""
        for past in reversed(self._past):
            if past.stamp_ns <= last_ns:
                return past if past.stamp_ns >= first_ns else None
        return None

    def _follow(self, groups: list[tuple[float, float, float]], now_s: float) -> None:
        """Sort what was seen to the bodies that are known already."""
        tracks = [track for track in self._tracks if now_s - track.seen_s < LOST_S]
        unseen = list(tracks)
        for x, y, radius in groups:
            away = [track.distance(x, y, now_s) for track in unseen]
            if away and min(away) <= GATE:
                track = unseen.pop(away.index(min(away)))
            else:
                track = Track()
                tracks.append(track)
            track.see(now_s, x, y, radius)
        self._tracks = sorted(tracks, key=lambda track: -track.seen_s)[:MOST]


def _groups_of(
    points: NDArray[np.float64], counts: NDArray[np.bool_]
) -> list[tuple[float, float, float]]:
    """Middle and radius of each run of neighbouring points of which enough count.

    All of the run is the body, if it is small enough: of one that has just set out, only a slice
    is where nothing was. Else what counts is.
    """
    groups = []
    for run, of_run in _runs(points, counts):
        if np.count_nonzero(of_run) < LEAST_RETURNS:
            continue
        if math.dist(run[0], run[-1]) <= LARGEST:
            groups.append(_disc(run))
        else:
            parts = _runs(run[of_run], of_run[of_run])
            groups += [
                _disc(part)
                for part, _ in parts
                if len(part) >= LEAST_RETURNS and math.dist(part[0], part[-1]) <= LARGEST
            ]
    return groups


def _runs(
    points: NDArray[np.float64], counts: NDArray[np.bool_]
) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Neighbouring points that belong together.

    Of a lidar that looks all around, the last point may be beside the first.
    """
    gaps = np.flatnonzero(np.hypot(*np.diff(points, axis=0).T) > GAP) + 1
    if len(gaps) and math.dist(points[0], points[-1]) <= GAP:
        points, counts = np.roll(points, -gaps[0], axis=0), np.roll(counts, -gaps[0])
        gaps = gaps[1:] - gaps[0]
    spans = pairwise([0, *gaps, len(points)])
    return [(points[start:end], counts[start:end]) for start, end in spans]


def _disc(points: NDArray[np.float64]) -> tuple[float, float, float]:
    """A round body shows half of itself: the line between its ends goes through its middle."""
    x, y = (points[0] + points[-1]) / 2.0
    return float(x), float(y), math.dist(points[0], points[-1]) / 2.0
