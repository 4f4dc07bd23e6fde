"""Points along a path: a compiled part of the feature encoder."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def points_along(
    path: NDArray[np.float64], x: float, y: float, distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points on a path at given lengths past the place nearest to (x, y).

    Args:
        path: (M, 2) float64, metres, M >= 2.
        x: metres.
        y: metres.
        distances: (K,) float64, metres along the path.

    Returns:
        (K, 2) float64, metres; the last point for distances past the end.
    """
    count = path.shape[0]
    arc = np.zeros(count)
    nearest, begin = np.inf, 0.0
    for i in range(count - 1):
        step_x, step_y = path[i + 1, 0] - path[i, 0], path[i + 1, 1] - path[i, 1]
        length = math.hypot(step_x, step_y)
        arc[i + 1] = arc[i] + length
        along = (x - path[i, 0]) * step_x + (y - path[i, 1]) * step_y
        share = min(max(along / max(length * length, 1e-12), 0.0), 1.0)
        away = math.hypot(path[i, 0] + share * step_x - x, path[i, 1] + share * step_y - y)
        if away < nearest:
            nearest, begin = away, arc[i] + share * length
    points = np.empty((distances.shape[0], 2))
    for k in range(distances.shape[0]):
        wanted = begin + distances[k]
        i = np.searchsorted(arc, wanted, side="right") - 1
        for axis in range(2):
            points[k, axis] = path[i, axis]
            if i < count - 1:
                slope = (path[i + 1, axis] - path[i, axis]) / (arc[i + 1] - arc[i])
                points[k, axis] += slope * (wanted - arc[i])
    return points
