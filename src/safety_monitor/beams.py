"""The geometry of a scan, compiled: what its beams hit, where they look, what they should read."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from safety_monitor.kernels import Floats

Ranges = NDArray[np.float32]


class Scan(NamedTuple):
    """A scan as the monitor keeps it.

    points: (N, 2) returns in the base frame at the time of the scan. free: (B,) metres that each
    beam passed, the greatest range if nothing stopped it, 0 if it says nothing: masked or invalid.
    layout: (4,) angle of the middle of all beams, increment, least and greatest range. sensor: (3,)
    pose of the scanner on the robot.
    """

    stamp_ns: int
    points: Floats
    free: Floats
    layout: Floats
    sensor: Floats


@njit(cache=True)
def project_scan(
    ranges: Ranges, directions: Floats, sensor: Floats, range_min: float, range_max: float
) -> tuple[Floats, Floats, int, int]:
    """Returns of a scan as points, how far each beam passed, how many are invalid and empty.

    Args:
        ranges: (N,) metres. +inf and beyond range_max: nothing there. NaN, negative numbers and
            zero: invalid. -inf and below range_min: something too near to measure, so that it
            counts as being at range_min (REP-117).
        directions: (N, 2) unit vectors in the scanner's frame; (0, 0) masks a beam.
        sensor: (3,) x, y, yaw of the scanner in the frame wanted.
        range_min: metres.
        range_max: metres.
    """
    points, free = np.empty((ranges.shape[0], 2)), np.zeros(ranges.shape[0])
    n, invalid, empty = 0, 0, 0
    c, s = math.cos(sensor[2]), math.sin(sensor[2])
    for i in range(ranges.shape[0]):
        r, dx, dy = float(ranges[i]), directions[i, 0], directions[i, 1]
        if dx == 0.0 and dy == 0.0:
            continue
        if math.isnan(r) or (r <= 0.0 and r != -np.inf):
            invalid += 1
            continue
        free[i] = min(max(r, range_min), range_max)
        if r > range_max:
            empty += 1
            continue
        r = free[i]
        points[n, 0] = sensor[0] + r * (c * dx - s * dy)
        points[n, 1] = sensor[1] + r * (s * dx + c * dy)
        n += 1
    return points[:n], free, invalid, empty


@njit(cache=True)
def bearing(x: float, y: float) -> float:
    """The angle of a point, rad, as of `math.atan2` but for 2e-8, in a third of its time.

    By the polynomial 4.4.49 of Abramowitz and Stegun, Handbook of Mathematical Functions.
    """
    along, across = abs(x), abs(y)
    t = min(along, across) / max(along, across, 5e-324)
    s = t * t
    p = 0.0028662257
    p = p * s - 0.0161657367
    p = p * s + 0.0429096138
    p = p * s - 0.0752896400
    p = p * s + 0.1065626393
    p = p * s - 0.1420889944
    p = p * s + 0.1999355085
    p = p * s - 0.3333314528
    angle = t + t * s * p
    if across > along:
        angle = 0.5 * math.pi - angle
    if x < 0.0:
        angle = math.pi - angle
    return math.copysign(angle, y)


@njit(cache=True)
def beam_towards(x: float, y: float, layout: Floats, beams: int) -> float:
    """Fractional index of the beam towards a point in the scanner's frame."""
    off = bearing(x, y) - layout[0]
    return float((off - math.tau * round(off / math.tau)) / layout[1] + 0.5 * (beams - 1))


@njit(cache=True)
def unseen(points: Floats, scan: Scan) -> Floats:
    """Of points (N, 2) in base frame those that are not in view.

    In view is what lies within the scanner's range, where beams go that say something: what is
    behind a return is not reached before that.
    """
    kept, n, free, last = np.empty_like(points), 0, scan.free, scan.free.shape[0] - 1
    c, s = math.cos(scan.sensor[2]), math.sin(scan.sensor[2])
    towards = np.empty(points.shape[0])
    # Computed for all before the first is judged: a processor does several at once.
    for i in range(points.shape[0]):
        dx, dy = points[i, 0] - scan.sensor[0], points[i, 1] - scan.sensor[1]
        k = beam_towards(c * dx + s * dy, c * dy - s * dx, scan.layout, last + 1)
        towards[i] = k if dx * dx + dy * dy <= scan.layout[3] ** 2 else -1.0
    for i in range(points.shape[0]):
        k = towards[i]
        if -0.5 <= k <= last + 0.5:
            low, high = max(0, math.floor(k)), min(last, math.ceil(k))
            if free[low] > 0.0 and free[high] > 0.0:
                continue
        kept[n, 0], kept[n, 1] = points[i, 0], points[i, 1]
        n += 1
    return kept[:n]


@njit(cache=True)
def misfit(
    points: Floats,
    every: int,
    pose: tuple[float, float, float],
    scan: Scan,
    most: float,
    jump: float,
) -> tuple[int, float, float]:
    """How well a scan agrees with the returns of an earlier one.

    Args:
        points: (N, 2) returns of the earlier scan, base frame then.
        every: so many-th of them is looked at.
        pose: of the base then, seen from the base now.
        scan: now.
        most: metres that a range may differ from what the earlier return lets expect; what
            differs more counts as this.
        jump: metres, see below.

    Returns:
        How many returns a beam now goes to, the mean difference, metres, and the share of them
        that differ by more than `jump`.
    """
    n, far, total, beams = 0, 0, 0.0, scan.free.shape[0]
    cp, sp = math.cos(pose[2]), math.sin(pose[2])
    cs, ss = math.cos(scan.sensor[2]), math.sin(scan.sensor[2])
    for i in range(0, points.shape[0], every):
        dx = pose[0] + cp * points[i, 0] - sp * points[i, 1] - scan.sensor[0]
        dy = pose[1] + sp * points[i, 0] + cp * points[i, 1] - scan.sensor[1]
        x, y = cs * dx + ss * dy, cs * dy - ss * dx
        k = round(beam_towards(x, y, scan.layout, beams))
        if 0 <= k < beams and scan.free[k] > 0.0:
            off = min(abs(scan.free[k] - math.sqrt(x * x + y * y)), most)
            n, far, total = n + 1, far + (off > jump), total + off
    return n, total / max(n, 1), far / max(n, 1)
