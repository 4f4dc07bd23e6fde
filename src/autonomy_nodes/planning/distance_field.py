"""Euclidean distance to the nearest occupied cell, up to a bound."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

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

    Every occupied cell at the edge of its obstacle lowers what its kernel covers: exact below
    `bound`, and `bound` where nothing is nearer.

    Args:
        cost: (H, W) int8 costmap data.
        first_row: row of `cost` that out[0] stands for; parts outside `cost` hold no obstacle.
        first_col: column of `cost` that out[:, 0] stands for.
        kernel: from `distance_kernel`.
        bound: metres.
        out: (h, w) float32 output, metres.
    """
    height, width = out.shape
    rows, cols = cost.shape
    radius = kernel.shape[0] // 2
    out[:, :] = bound
    for row in range(max(0, first_row - radius), min(rows, first_row + height + radius)):
        for col in range(max(0, first_col - radius), min(cols, first_col + width + radius)):
            if cost[row, col] != OCCUPIED or _is_interior(cost, row, col):
                continue
            r, c = row - first_row, col - first_col
            low, high = max(0, c - radius), min(width, c + radius + 1)
            for line in range(max(0, r - radius), min(height, r + radius + 1)):
                target = out[line, low:high]
                source = kernel[line - r + radius, low - c + radius : high - c + radius]
                for i in range(target.shape[0]):
                    here, there = target[i], source[i]
                    target[i] = here if here < there else there
    for r in range(height):
        for c in range(width):
            row, col = first_row + r, first_col + c
            if 0 <= row < rows and 0 <= col < cols and cost[row, col] == OCCUPIED:
                out[r, c] = 0.0


@njit(cache=True)
def _is_interior(cost: NDArray[np.int8], row: int, col: int) -> bool:
    """Whether the four neighbours are occupied too: no free cell is nearest to such a cell."""
    if row == 0 or col == 0 or row == cost.shape[0] - 1 or col == cost.shape[1] - 1:
        return False
    return bool(
        cost[row - 1, col] == OCCUPIED
        and cost[row + 1, col] == OCCUPIED
        and cost[row, col - 1] == OCCUPIED
        and cost[row, col + 1] == OCCUPIED
    )
