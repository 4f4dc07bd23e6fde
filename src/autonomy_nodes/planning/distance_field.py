"""Euclidean distance to the nearest occupied cell, up to a bound."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from autonomy_nodes.nearest_in_column import rows_to_occupied

OCCUPIED = 100


def distance_kernel(bound: float, cell: float) -> NDArray[np.float32]:
    """Distances around an occupied cell, (2R+1, 2R+1) float32 metres, at most `bound`."""
    radius = math.ceil(bound / cell)
    axis = np.arange(-radius, radius + 1) * cell
    distance = np.minimum(np.hypot(axis[:, None], axis[None, :]), bound)
    return np.ascontiguousarray(distance, dtype=np.float32)


@njit(cache=True)
def distance_field(
    cost: NDArray[np.int8],
    first_row: int,
    first_col: int,
    kernel: NDArray[np.float32],
    bound: float,
    out: NDArray[np.float32],
) -> None:
    """Fill `out` with the distance from each cell's centre to the nearest occupied centre.

    Each cell learns how many rows away the nearest occupied cell of its column is; then that
    cell's line of the kernel is laid along the row, to the sides where it may be the nearest:
    exact below `bound`, and `bound` where nothing is nearer.

    Args:
        cost: (H, W) int8 costmap data.
        first_row: row of `cost` that out[0] stands for; parts outside `cost` hold no obstacle.
        first_col: column of `cost` that out[:, 0] stands for.
        kernel: from `distance_kernel`.
        bound: metres.
        out: (h, w) float32 output, metres.
    """
    height, width = out.shape
    radius = kernel.shape[0] // 2
    out[:, :] = bound
    around = _window(cost, first_row - radius, first_col - radius, out.shape, 2 * radius)
    away = np.empty((height + 2 * radius, width + 2 * radius + 2), dtype=np.int16)
    rows_to_occupied(around, OCCUPIED - 1, radius + 1, away)
    for row in range(height):
        here, line = away[row + radius], out[row]
        for col in range(-radius, width + radius):
            at = col + radius + 1
            rows = here[at]
            if rows > radius:
                continue
            low = max(0, col - radius if here[at - 1] > rows else col)
            high = min(width, col + radius + 1 if here[at + 1] > rows else col + 1)
            if low >= high:
                continue
            target = line[low:high]
            source = kernel[radius + rows, low - col + radius : high - col + radius]
            for i in range(target.shape[0]):
                before, given = target[i], source[i]
                target[i] = before if before < given else given


@njit(cache=True)
def _window(
    cost: NDArray[np.int8], top: int, left: int, shape: tuple[int, int], more: int
) -> NDArray[np.int8]:
    """Cells of `cost` from (top, left) on, `shape` and `more` of them; unknown outside of it."""
    window = np.full((shape[0] + more, shape[1] + more), -1, dtype=np.int8)
    first_row, last_row = max(0, top), min(cost.shape[0], top + window.shape[0])
    first_col, last_col = max(0, left), min(cost.shape[1], left + window.shape[1])
    for row in range(first_row, last_row):
        for col in range(first_col, last_col):
            window[row - top, col - left] = cost[row, col]
    return window
