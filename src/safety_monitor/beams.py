"""The geometry of a scan, compiled: what its beams hit, where they look, what they should read."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from safety_monitor.kernels import Floats

Bools = NDArray[np.bool_]
Ranges = NDArray[np.float32]


class Scan(NamedTuple):
    """A scan as the monitor keeps it.

    points: (N, 2) returns in the base frame at the time of the scan. ranges: (B,) metres.
    usable: (B,) beams that say something: not masked, not NaN. layout: (3,) angle of the middle
    of all beams, increment, least range. sensor: (3,) pose of the scanner on the robot.
    """

    stamp_ns: int
    points: Floats
    ranges: Ranges
    usable: Bools
    layout: Floats
    sensor: Floats


@njit(cache=True)
def project_scan(
    ranges: Ranges, directions: Floats, sensor: Floats, range_min: float, range_max: float
) -> tuple[Floats, Bools, int, int]:
    """Returns of a scan as points, which beams say something, how many are invalid and empty.

    Args:
        ranges: (N,) metres. +inf and beyond range_max: nothing there. NaN, negative numbers and
            zero: invalid. -inf and below range_min: something too near to measure, so that it
            counts as being at range_min (REP-117).
        directions: (N, 2) unit vectors in the scanner's frame; (0, 0) masks a beam.
        sensor: (3,) x, y, yaw of the scanner in the frame wanted.
        range_min: metres.
        range_max: metres.
    """
    points, usable = np.empty((ranges.shape[0], 2)), np.zeros(ranges.shape[0], dtype=np.bool_)
    n, invalid, empty = 0, 0, 0
    c, s = math.cos(sensor[2]), math.sin(sensor[2])
    for i in range(ranges.shape[0]):
        r, dx, dy = float(ranges[i]), directions[i, 0], directions[i, 1]
        if dx == 0.0 and dy == 0.0:
            continue
        if math.isnan(r) or (r <= 0.0 and r != -np.inf):
            invalid += 1
            continue
        usable[i] = True
        if r > range_max:
            empty += 1
            continue
        r = max(r, range_min)
        points[n, 0] = sensor[0] + r * (c * dx - s * dy)
        points[n, 1] = sensor[1] + r * (s * dx + c * dy)
        n += 1
    return points[:n], usable, invalid, empty


@njit(cache=True)
def beam_towards(x: float, y: float, scan: Scan) -> float:
    """Fractional index of the beam towards a point in the scanner's frame."""
    off = math.atan2(y, x) - scan.layout[0]
    middle = 0.5 * (scan.ranges.shape[0] - 1)
    return float((off - math.tau * round(off / math.tau)) / scan.layout[1] + middle)


@njit(cache=True)
def unseen(points: Floats, scan: Scan) -> Floats:
    """Of points (N, 2) in base frame those towards which no usable beams go."""
    kept, n, beams = np.empty_like(points), 0, scan.usable.shape[0]
    c, s = math.cos(scan.sensor[2]), math.sin(scan.sensor[2])
    for i in range(points.shape[0]):
        dx, dy = points[i, 0] - scan.sensor[0], points[i, 1] - scan.sensor[1]
        k = beam_towards(c * dx + s * dy, c * dy - s * dx, scan)
        if -0.5 <= k <= beams - 0.5:
            low, high = max(0, math.floor(k)), min(beams - 1, math.ceil(k))
            if scan.usable[low] and scan.usable[high]:
                continue
        kept[n], n = points[i], n + 1
    return kept[:n]


@njit(cache=True)
def surprises(
    points: Floats, every: int, pose: tuple[float, float, float], scan: Scan, most: float
) -> Floats:
    """(M,) metres by which ranges differ from what an earlier scan lets expect, up to `most`.

    points: (N, 2) returns of the earlier scan, base frame then, of which `every` so many-th is
    looked at. pose: of the base then, seen from the base now.
    """
    found, n = np.empty(points.shape[0]), 0
    cp, sp = math.cos(pose[2]), math.sin(pose[2])
    cs, ss = math.cos(scan.sensor[2]), math.sin(scan.sensor[2])
    for i in range(0, points.shape[0], every):
        dx = pose[0] + cp * points[i, 0] - sp * points[i, 1] - scan.sensor[0]
        dy = pose[1] + sp * points[i, 0] + cp * points[i, 1] - scan.sensor[1]
        x, y = cs * dx + ss * dy, cs * dy - ss * dx
        k = round(beam_towards(x, y, scan))
        if 0 <= k < scan.ranges.shape[0] and scan.usable[k]:
            found[n] = min(abs(scan.ranges[k] - math.hypot(x, y)), most)
            n += 1
    return found[:n]
