"""The robot's footprint as a polygon."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


def grown(polygon: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """The polygon, (V, 2) around the origin, with each vertex moved outwards along x and y."""
    return polygon + margin * np.sign(polygon)


@njit(cache=True)
def inside(polygon: NDArray[np.float64], x: float, y: float) -> bool:
    """Even-odd test of a point against a (V, 2) polygon; in none of no vertices."""
    within = False
    j = polygon.shape[0] - 1
    for i in range(polygon.shape[0]):
        if (polygon[i, 1] > y) != (polygon[j, 1] > y):
            slope = (polygon[j, 0] - polygon[i, 0]) / (polygon[j, 1] - polygon[i, 1])
            if x < polygon[i, 0] + slope * (y - polygon[i, 1]):
                within = not within
        j = i
    return within
