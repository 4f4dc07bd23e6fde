"""Which returns lie where an earlier scan saw through: something has moved there since."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from autonomy_interfaces.polygon import inside

LIKELY, SURE = 1, 2
"""Of a point, that it has entered: where the edge of what stands may look so too, and where not."""
BESIDE = 2
"""Beams to either side that have seen farther where a point is `LIKELY`."""


@njit(cache=True)
def forget_own(
    ranges: NDArray[np.float32],
    angle_min: float,
    angle_increment: float,
    lidar: tuple[float, float, float],
    footprint: NDArray[np.float64],
) -> None:
    """Set ranges that end in the footprint to NaN: what is there is a part of the robot.

    Args:
        ranges: (N,) float32 metres, changed in place.
        angle_min: of the first beam, radians.
        angle_increment: between beams, radians.
        lidar: x, y, yaw of the lidar in base_link.
        footprint: (V, 2) float64 metres, base_link; V may be 0.
    """
    reach = 0.0
    for j in range(footprint.shape[0]):
        reach = max(reach, math.hypot(footprint[j, 0] - lidar[0], footprint[j, 1] - lidar[1]))
    for i in range(ranges.shape[0]):
        if not ranges[i] <= reach:
            continue
        angle = lidar[2] + angle_min + i * angle_increment
        x = lidar[0] + ranges[i] * math.cos(angle)
        y = lidar[1] + ranges[i] * math.sin(angle)
        if inside(footprint, x, y):
            ranges[i] = np.nan


@njit(cache=True)
def seen_through(
    ranges: NDArray[np.float32], range_min: float, range_max: float
) -> NDArray[np.float64]:
    """How far each beam has surely seen nothing, (N,) float64 metres.

    No return (`+inf`) has seen up to `range_max`; NaN, and what is nearer than `range_min`, has
    seen nothing.
    """
    free = np.empty(ranges.shape[0])
    for i in range(ranges.shape[0]):
        free[i] = min(range_max, ranges[i]) if ranges[i] >= range_min else 0.0
    return free


@njit(cache=True)
def mark_entered(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    sensor: tuple[float, float, float],
    free: NDArray[np.float64],
    angle_min: float,
    angle_increment: float,
    depth: float,
    width: float,
    turned: float,
    entered: NDArray[np.uint8],
) -> None:
    """Mark the points that lie inside what an earlier scan has seen through.

    Args:
        x: (K,) float64 metres, of the points, in the frame of `sensor`.
        y: likewise.
        sensor: x, y, yaw of the sensor at the earlier scan.
        free: (N,) float64 metres, `seen_through` of that scan.
        angle_min: of its first beam, radians.
        angle_increment: between its beams, radians; not 0. Where they go all around, the first is
            beside the last.
        depth: metres that the scan must have seen farther than a point.
        width: metres to either side of a point for which that holds where it is `SURE`.
        turned: radians to either side, likewise: by which the sensor's yaw may be off.
        entered: (K,) uint8, raised to `LIKELY` or `SURE`.
    """
    step = abs(angle_increment)
    turn = math.copysign(1.0, angle_increment)
    around = (free.shape[0] + 0.5) * step >= 2.0 * math.pi
    for k in range(x.shape[0]):
        dx, dy = x[k] - sensor[0], y[k] - sensor[1]
        distance = math.hypot(dx, dy)
        bearing = turn * (math.atan2(dy, dx) - sensor[2] - angle_min)
        middle = round((bearing % (2.0 * math.pi)) / step)
        if not _all_beyond(free, around, middle, BESIDE, distance + depth):
            continue
        spread = math.ceil((width / max(distance, width) + turned) / step)
        sure = _all_beyond(free, around, middle, max(spread, BESIDE), distance + depth)
        entered[k] = max(entered[k], SURE if sure else LIKELY)


@njit(cache=True)
def _all_beyond(
    free: NDArray[np.float64], around: bool, middle: int, spread: int, distance: float
) -> bool:
    """Whether the beams around one have all seen farther; not where one of them is missing."""
    count = free.shape[0]
    if not around and (middle - spread < 0 or middle + spread >= count):
        return False
    beyond = True
    for i in range(middle - spread, middle + spread + 1):
        beyond = beyond and free[i % count] > distance
    return beyond
