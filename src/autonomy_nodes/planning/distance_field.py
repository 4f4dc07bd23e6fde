"""Exact Euclidean distance to the nearest occupied cell."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

OCCUPIED = 100
FAR = 1e6


@njit(cache=True)
def distance_field(
    cost: NDArray[np.int8], first_row: int, first_col: int, out: NDArray[np.float32], cell: float
) -> None:
    """Fill `out` with the distance from each cell's centre to the nearest occupied centre.

    The lower envelope of parabolas, one pass along rows and one along columns (Felzenszwalb and
    Huttenlocher, "Distance Transforms of Sampled Functions", 2012).

    Args:
        cost: (H, W) int8 costmap data.
        first_row: row of `cost` that out[0] stands for; parts outside `cost` hold no obstacle.
        first_col: column of `cost` that out[:, 0] stands for.
        out: (h, w) float32 output, metres; large where there is no obstacle.
        cell: metres per cell.
    """
    height, width = out.shape
    rows, cols = cost.shape
    longest = max(height, width)
    value = np.empty(longest)
    vertex = np.empty(longest, dtype=np.int64)
    boundary = np.empty(longest + 1)
    squared = np.empty((height, width))
    for r in range(height):
        row = first_row + r
        for c in range(width):
            col = first_col + c
            occupied = 0 <= row < rows and 0 <= col < cols and cost[row, col] == OCCUPIED
            squared[r, c] = 0.0 if occupied else FAR
    for c in range(width):
        for r in range(height):
            value[r] = squared[r, c]
        _lower_envelope(value, height, vertex, boundary, squared[:, c])
    for r in range(height):
        for c in range(width):
            value[c] = squared[r, c]
        _lower_envelope(value, width, vertex, boundary, squared[r])
        for c in range(width):
            out[r, c] = cell * np.sqrt(squared[r, c])


@njit(cache=True)
def _lower_envelope(
    value: NDArray[np.float64],
    count: int,
    vertex: NDArray[np.int64],
    boundary: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Squared distance transform of one line."""
    k = 0
    vertex[0] = 0
    boundary[0] = -np.inf
    boundary[1] = np.inf
    for q in range(1, count):
        crossing = _crossing(value, q, vertex[k])
        while crossing <= boundary[k]:
            k -= 1
            crossing = _crossing(value, q, vertex[k])
        k += 1
        vertex[k] = q
        boundary[k] = crossing
        boundary[k + 1] = np.inf
    k = 0
    for q in range(count):
        while boundary[k + 1] < q:
            k += 1
        out[q] = (q - vertex[k]) ** 2 + value[vertex[k]]


@njit(cache=True)
def _crossing(value: NDArray[np.float64], q: int, v: int) -> float:
    """Where the parabolas rooted at `q` and `v` meet."""
    return float(((value[q] + q * q) - (value[v] + v * v)) / (2.0 * (q - v)))
