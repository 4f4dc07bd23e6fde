"""Distance from a polygon to circles and segments, compiled."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from autonomy_interfaces.polygon import inside


@njit(cache=True)
def _point_segment(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> float:
    ex, ey = bx - ax, by - ay
    length = ex * ex + ey * ey
    place = 0.0
    if length > 0.0:
        place = min(1.0, max(0.0, ((px - ax) * ex + (py - ay) * ey) / length))
    return math.hypot(px - ax - place * ex, py - ay - place * ey)


@njit(cache=True)
def _side(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> float:
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


@njit(cache=True)
def _segments_cross(
    ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float
) -> bool:
    first = _side(ax, ay, bx, by, cx, cy) * _side(ax, ay, bx, by, dx, dy)
    second = _side(cx, cy, dx, dy, ax, ay) * _side(cx, cy, dx, dy, bx, by)
    return bool(first < 0.0 and second < 0.0)


@njit(cache=True)
def polygon_clearance(
    corners: NDArray[np.float64],
    circles: NDArray[np.float64],
    segments: NDArray[np.float64],
    reach: float,
) -> float:
    """Least distance from a polygon to circles and segments; 0 where they overlap.

    Args:
        corners: (N, 2) of the polygon, metres, in the frame of the others.
        circles: (C, 3) centre x, y and radius.
        segments: (S, 4) ends ax, ay, bx, by.
        reach: distances above it count as infinite.
    """
    count = corners.shape[0]
    nearest = reach
    mx, my, around = corners[:, 0].mean(), corners[:, 1].mean(), 0.0
    for i in range(count):
        around = max(around, math.hypot(corners[i, 0] - mx, corners[i, 1] - my))
    for k in range(circles.shape[0]):
        x, y, radius = circles[k]
        if math.hypot(x - mx, y - my) - radius - around > nearest:
            continue
        if inside(corners, x, y):
            return 0.0
        for i in range(count):
            j = (i + 1) % count
            edge = _point_segment(x, y, corners[i, 0], corners[i, 1], corners[j, 0], corners[j, 1])
            nearest = min(nearest, max(0.0, edge - radius))
    for k in range(segments.shape[0]):
        ax, ay, bx, by = segments[k]
        if _point_segment(mx, my, ax, ay, bx, by) - around > nearest:
            continue
        if inside(corners, ax, ay) or inside(corners, bx, by):
            return 0.0
        for i in range(count):
            j = (i + 1) % count
            px, py, qx, qy = corners[i, 0], corners[i, 1], corners[j, 0], corners[j, 1]
            if _segments_cross(ax, ay, bx, by, px, py, qx, qy):
                return 0.0
            nearest = min(
                nearest,
                _point_segment(px, py, ax, ay, bx, by),
                _point_segment(ax, ay, px, py, qx, qy),
                _point_segment(bx, by, px, py, qx, qy),
            )
    return nearest if nearest < reach else np.inf
