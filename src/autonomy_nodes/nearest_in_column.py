"""The first half of a separable distance transform: how far the nearest occupied cell is by rows.

The second half is its user's: along a row, only a cell whose neighbour on one side is farther from
an occupied cell than itself matters to the cells beyond that neighbour. To all others some cell
between is nearer, which is why most of a grid can be passed over.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def rows_to_occupied(cells: NDArray[np.int8], free: int, far: int, away: NDArray[np.int16]) -> None:
    """Fill `away` with the rows between each cell and the nearest occupied one of its column.

    Args:
        cells: (H, W) int8.
        free: what is greater is occupied.
        far: stands for this many rows and more, below 32767.
        away: (H, W + 2) int16 output, with a column of `far` at either side.
    """
    height, width = cells.shape
    most, one = np.int16(far), np.int16(1)
    away[:, 0] = far
    away[:, width + 1] = far
    before = np.full(width, far, dtype=np.int16)
    for row in range(height):
        line, here = cells[row], away[row, 1 : width + 1]
        for col in range(width):
            farther = np.int16(before[col] + one)
            farther = farther if farther < most else most
            before[col] = np.int16(0) if line[col] > free else farther
            here[col] = before[col]
    before[:] = far
    for row in range(height - 1, -1, -1):
        here = away[row, 1 : width + 1]
        for col in range(width):
            farther = np.int16(before[col] + one)
            before[col] = farther if farther < here[col] else here[col]
            here[col] = before[col]
