"""The cells of `memory`, compiled.

A grid is (CELLS, CELLS) int64, addressed modulo its size by absolute cell numbers: the time in
nanoseconds when the cell was last seen to be free, or NEVER. `cell` is the length of a cell's
side in metres. A cell is free only if nothing is within that length of its centre.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from safety_monitor.kernels import Floats, clearance

CELLS = 512
_WRAP = CELLS - 1
_HALF = CELLS // 2
NEVER = -(2**62)
# Cells are looked at as far as NEAR cells from the robot, and kept as far as the window goes.
NEAR = 64
_ROWS = 2 * NEAR
ROWS_PER_SCAN = 16
_INNER = 3
_RING = 360

Grid = NDArray[np.int64]


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def recentre(grid: Grid, centre: NDArray[np.int64], cell: float, x: float, y: float) -> None:
    """Move the window so that (x, y) is in its middle; what enters is unknown."""
    for axis in range(2):
        target = math.floor((x if axis == 0 else y) / cell)
        ahead = target > centre[axis]
        for k in range(min(abs(target - centre[axis]), CELLS)):
            # The line that enters takes the place of the one that leaves.
            line = centre[axis] + _HALF + k if ahead else centre[axis] - _HALF - 1 - k
            if axis == 0:
                grid[line & _WRAP, :] = NEVER
            else:
                grid[:, line & _WRAP] = NEVER
        centre[axis] = target


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _beams_pass(
    x: float,
    y: float,
    cell: float,
    ranges: NDArray[np.float32],
    usable: NDArray[np.bool_],
    layout: Floats,
) -> bool:
    """Whether beams go past a cell, given in the scanner's frame, on all of its width."""
    distance = math.hypot(x, y)
    if distance <= layout[2] + cell:
        return False
    half = math.asin(cell / distance)
    bearing = math.atan2(y, x)
    first = (bearing - half - layout[0]) / layout[1]
    last = (bearing + half - layout[0]) / layout[1]
    low, high = math.floor(min(first, last)), math.ceil(max(first, last))
    if low < 0 or high >= ranges.shape[0]:
        return False
    stopped = False
    for i in range(low, high + 1):
        stopped |= not usable[i] or ranges[i] < distance + cell
    return not stopped


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def remember(
    grid: Grid,
    centre: NDArray[np.int64],
    cell: float,
    base: Floats,
    sensor: Floats,
    points: Floats,
    ranges: NDArray[np.float32],
    usable: NDArray[np.bool_],
    layout: Floats,
    edges: Floats,
    row: int,
    stamp: int,
    fresh: int,
) -> None:
    """Enter one scan: what it passes is free, what it hits is not, what the body covers is.

    Args:
        grid: as above.
        centre: (2,) cell in the middle of the window.
        cell: side of a cell.
        base: (3,) pose of the robot in the frame of the grid.
        sensor: (3,) pose of the scanner on the robot.
        points: (N, 2) returns in base frame.
        ranges: (B,) metres.
        usable: (B,) whether a beam says anything.
        layout: (3,) first angle and increment of the beams, and the least range.
        edges: of the footprint.
        row: of the ROWS_PER_SCAN rows that have their turn; returns and body count everywhere.
        stamp: of the scan, ns.
        fresh: cells seen to be free after this time need no new look.
    """
    cb, sb = math.cos(base[2]), math.sin(base[2])
    sx, sy = base[0] + cb * sensor[0] - sb * sensor[1], base[1] + sb * sensor[0] + cb * sensor[1]
    cs, ss = math.cos(base[2] + sensor[2]), math.sin(base[2] + sensor[2])
    limit = ((NEAR - 2) * cell) ** 2
    for i in range(centre[0] - NEAR, centre[0] + NEAR):
        if (i - row) & (_ROWS - 1) >= ROWS_PER_SCAN:
            continue
        for j in range(centre[1] - NEAR, centre[1] + NEAR):
            if grid[i & _WRAP, j & _WRAP] > fresh:
                continue
            x, y = (i + 0.5) * cell, (j + 0.5) * cell
            if (x - base[0]) ** 2 + (y - base[1]) ** 2 > limit:
                continue
            ex, ey = x - sx, y - sy
            if _beams_pass(cs * ex + ss * ey, cs * ey - ss * ex, cell, ranges, usable, layout):
                grid[i & _WRAP, j & _WRAP] = stamp
    for k in range(points.shape[0]):
        px, py = points[k, 0], points[k, 1]
        if px * px + py * py > limit:
            continue
        hx, hy = base[0] + cb * px - sb * py, base[1] + sb * px + cb * py
        ci, cj = math.floor(hx / cell), math.floor(hy / cell)
        for i in range(ci - 1, ci + 2):
            for j in range(cj - 1, cj + 2):
                dx, dy = (i + 0.5) * cell - hx, (j + 0.5) * cell - hy
                if dx * dx + dy * dy < cell * cell:
                    grid[i & _WRAP, j & _WRAP] = NEVER
    # The body is long enough to be over every cell of its trail when the first row has its turn.
    if row == 0:
        cover(grid, cell, base, edges, 0.0, stamp, fresh)


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def cover(
    grid: Grid, cell: float, base: Floats, edges: Floats, circle: float, stamp: int, fresh: int
) -> None:
    """Set free the cells under the footprint, or, if it is given, in a circle of that radius."""
    reach = circle
    if circle == 0.0:
        for k in range(edges.shape[0]):
            reach = max(reach, math.hypot(edges[k, 0], edges[k, 1]))
    c, s = math.cos(base[2]), math.sin(base[2])
    n = int(reach / cell) + 1
    ci, cj = math.floor(base[0] / cell), math.floor(base[1] / cell)
    for i in range(ci - n, ci + n + 1):
        for j in range(cj - n, cj + n + 1):
            if grid[i & _WRAP, j & _WRAP] > fresh:
                continue
            dx, dy = (i + 0.5) * cell - base[0], (j + 0.5) * cell - base[1]
            if dx * dx + dy * dy > reach * reach:
                continue
            # Half a cell inside, so that nothing beside the body is declared free with it.
            if circle > 0.0 or clearance(c * dx + s * dy, c * dy - s * dx, edges) < -0.5 * cell:
                grid[i & _WRAP, j & _WRAP] = stamp


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def unknown_cells(grid: Grid, cell: float, base: Floats, reach: float, oldest: int) -> Floats:
    """(N, 2) centres, in the frame of `base`, of the cells in reach not seen free since `oldest`.

    Of those with no free neighbour only some stand for all, close enough for no body to slip in.
    Where NEAR ends before the reach does, a ring of points stands for all that is beyond.
    """
    c, s = math.cos(base[2]), math.sin(base[2])
    edge = (NEAR - 2) * cell
    limit = min(reach, edge)
    span = min(int(limit / cell) + 1, NEAR - 1)
    points = np.empty(((2 * span + 1) ** 2 + _RING, 2))
    n = 0
    ci, cj = math.floor(base[0] / cell), math.floor(base[1] / cell)
    for i in range(ci - span, ci + span + 1):
        for j in range(cj - span, cj + span + 1):
            if grid[i & _WRAP, j & _WRAP] >= oldest:
                continue
            inner = (
                grid[(i - 1) & _WRAP, j & _WRAP] < oldest
                and grid[(i + 1) & _WRAP, j & _WRAP] < oldest
                and grid[i & _WRAP, (j - 1) & _WRAP] < oldest
                and grid[i & _WRAP, (j + 1) & _WRAP] < oldest
            )
            if inner and (i & _INNER or j & _INNER):
                continue
            dx, dy = (i + 0.5) * cell - base[0], (j + 0.5) * cell - base[1]
            if dx * dx + dy * dy <= limit * limit:
                points[n, 0], points[n, 1] = c * dx + s * dy, c * dy - s * dx
                n += 1
    if reach > edge:
        for k in range(_RING):
            bearing = 2.0 * math.pi * k / _RING
            points[n, 0], points[n, 1] = edge * math.cos(bearing), edge * math.sin(bearing)
            n += 1
    return points[:n]
