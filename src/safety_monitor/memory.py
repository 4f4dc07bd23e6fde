"""What was seen to be free around the robot, for where no beam looks now.

Unknown is not free: a cell counts as free only after beams went past all of it, or the robot
itself stood on it. A lidar of 270° leaves the rear to this memory; so do masked and NaN beams.

A grid is (CELLS, CELLS) uint8, addressed modulo its size by absolute cell numbers: for how many
further AGES-th parts of `memory_time` a cell is believed to be free, 0 where it is not. `cell` is
the length of a cell's side in metres. A cell is free only if nothing is within that length of its
centre.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from safety_monitor.beams import Scan, beam_towards, unseen
from safety_monitor.config import MonitorConfig
from safety_monitor.kernels import Body, Floats, clearance
from safety_monitor.reckoning import Pose

CELLS = 512
AGES = 4
# Cells are looked at as far as NEAR cells from the robot, and kept as far as the window goes.
NEAR = 64
# Of the 2 NEAR rows, these have their turn with each scan, and the last of those before once more:
# doubt may have come between the two, and a seam of unknown cells would never be seen free.
ROWS, AGAIN = 16, 3
_WRAP, _HALF = CELLS - 1, CELLS // 2
_RING = 360
_ROUND = np.column_stack([f(np.arange(_RING) * math.tau / _RING) for f in (np.cos, np.sin)])
# Times its range: just not in view of the scanner.
_FARTHER = 1.001
_BEYOND_TURNING = 0.25

Grid = NDArray[np.uint8]


@njit(cache=True)
def recentre(grid: Grid, centre: NDArray[np.int64], cell: float, base: Floats) -> None:
    """Move the window so that the robot is in its middle; what enters is unknown."""
    for axis in range(2):
        target = math.floor(base[axis] / cell)
        ahead = target > centre[axis]
        for k in range(min(abs(target - centre[axis]), CELLS)):
            # The line that enters takes the place of the one that leaves.
            line = centre[axis] + _HALF + k if ahead else centre[axis] - _HALF - 1 - k
            if axis == 0:
                grid[line & _WRAP, :] = 0
            else:
                grid[:, line & _WRAP] = 0
        centre[axis] = target


def erode(grid: Grid, centre: NDArray[np.int64], beside: Grid, axis: int) -> None:
    """Let what is unknown grow by a cell to both sides along an axis.

    A cell is believed as long as the least of those that could be in its place now; what lies
    outside of the window is unknown. beside: scratch of the grid's shape.
    """
    step, flat = (CELLS, 1)[axis], grid.reshape(-1)
    np.minimum(flat[: -2 * step], flat[2 * step :], out=beside.reshape(-1)[step:-step])
    # The grid goes around, where its flat view goes on with the next line or ends.
    lines, others = np.moveaxis(grid, axis, 0), np.moveaxis(beside, axis, 0)
    np.minimum(lines[-1], lines[1], out=others[0])
    np.minimum(lines[-2], lines[0], out=others[-1])
    np.minimum(grid, beside, out=grid)
    lines[(centre[axis] + np.array([-_HALF, _HALF - 1])) & _WRAP] = 0


@njit(cache=True)
def _beams_pass(x: float, y: float, cell: float, free: Floats, layout: Floats) -> bool:
    """Whether beams go past a cell, given in the scanner's frame, on all of its width."""
    distance = math.sqrt(x * x + y * y)
    if distance <= layout[2] + cell:
        return False
    beams = free.shape[0]
    middle = beam_towards(x, y, layout, beams)
    # Most cells are behind something: one beam tells.
    if not (0.0 <= middle < beams and free[int(middle)] >= distance + cell):
        return False
    half = math.asin(cell / distance) / abs(layout[1])
    low, high = math.floor(middle - half), math.ceil(middle + half)
    if low < 0 or high >= beams:
        return False
    while low <= high and free[low] >= distance + cell:
        low += 1
    return bool(low > high)


@njit(cache=True)
def remember(grid: Grid, cell: float, base: Floats, scan: Scan, row: int) -> None:
    """Enter one scan: what it passes is free, what it hits is not.

    base: (3,) pose of the robot in the frame of the grid. row: first of the ROWS that have their
    turn; returns count everywhere.
    """
    cb, sb = math.cos(base[2]), math.sin(base[2])
    mount, free, layout = scan.sensor, scan.free, scan.layout
    sx = base[0] + cb * mount[0] - sb * mount[1]
    sy = base[1] + sb * mount[0] + cb * mount[1]
    cs, ss = math.cos(base[2] + mount[2]), math.sin(base[2] + mount[2])
    bi, bj = math.floor(base[0] / cell), math.floor(base[1] / cell)
    for i in range(bi - NEAR, bi + NEAR):
        if (i - row + AGAIN) & (2 * NEAR - 1) >= ROWS + AGAIN:
            continue
        line, x = grid[i & _WRAP], (i + 0.5) * cell - sx
        for j in range(bj - NEAR, bj + NEAR):
            if line[j & _WRAP] != AGES:
                y = (j + 0.5) * cell - sy
                if _beams_pass(cs * x + ss * y, cs * y - ss * x, cell, free, layout):
                    line[j & _WRAP] = AGES
    for k in range(scan.points.shape[0]):
        px, py = scan.points[k, 0], scan.points[k, 1]
        hx, hy = base[0] + cb * px - sb * py, base[1] + sb * px + cb * py
        ci, cj = math.floor(hx / cell), math.floor(hy / cell)
        if max(abs(ci - bi), abs(cj - bj)) > NEAR:
            continue
        for i in range(ci - 1, ci + 2):
            for j in range(cj - 1, cj + 2):
                dx, dy = (i + 0.5) * cell - hx, (j + 0.5) * cell - hy
                if dx * dx + dy * dy < cell * cell:
                    grid[i & _WRAP, j & _WRAP] = 0


@njit(cache=True)
def cover(grid: Grid, cell: float, base: Floats, body: Body, circle: float) -> None:
    """Set free the cells under the footprint and in a circle of some radius."""
    c, s = math.cos(base[2]), math.sin(base[2])
    n = int(max(body.radius, circle) / cell) + 1
    ci, cj = math.floor(base[0] / cell), math.floor(base[1] / cell)
    for i in range(ci - n, ci + n + 1):
        for j in range(cj - n, cj + n + 1):
            if grid[i & _WRAP, j & _WRAP] == AGES:
                continue
            x, y = (i + 0.5) * cell - base[0], (j + 0.5) * cell - base[1]
            # Half a cell inside, so that nothing beside the body is declared free with it.
            under = clearance(c * x + s * y, c * y - s * x, body) < -0.5 * cell
            if under or x * x + y * y < circle * circle:
                grid[i & _WRAP, j & _WRAP] = AGES


@njit(cache=True)
def unknown_cells(grid: Grid, cell: float, base: Floats, reach: float) -> Floats:
    """(N, 2) centres, in the frame of `base`, of the cells in reach that are not known to be free.

    Of those with no free neighbour only some stand for all, close enough for no body to slip in.
    Where NEAR ends before the reach does, a ring of points stands for all that is beyond.
    """
    c, s = math.cos(base[2]), math.sin(base[2])
    edge = (NEAR - 2) * cell
    limit = min(reach, edge)
    span = int(limit / cell) + 1
    points, n = np.empty(((2 * span + 1) ** 2 + _RING, 2)), 0
    ci, cj = math.floor(base[0] / cell), math.floor(base[1] / cell)
    for i in range(ci - span, ci + span + 1):
        low, here, high = grid[(i - 1) & _WRAP], grid[i & _WRAP], grid[(i + 1) & _WRAP]
        for j in range(cj - span, cj + span + 1):
            if here[j & _WRAP]:
                continue
            beside = here[(j - 1) & _WRAP] | here[(j + 1) & _WRAP]
            inner = not (beside | low[j & _WRAP] | high[j & _WRAP])
            if inner and (i & 3 or j & 3):
                continue
            x, y = (i + 0.5) * cell - base[0], (j + 0.5) * cell - base[1]
            if x * x + y * y <= limit * limit:
                points[n, 0], points[n, 1] = c * x + s * y, c * y - s * x
                n += 1
    if reach > edge:
        for k in range(_RING):
            bearing = math.tau * k / _RING
            points[n, 0], points[n, 1] = edge * math.cos(bearing), edge * math.sin(bearing)
            n += 1
    return points[:n]


class SeenSpace:
    """A window of cells around the robot, each with how long it is yet believed to be free."""

    def __init__(self, config: MonitorConfig, body: Body) -> None:
        self._body = body
        self._cell = max(0.01, (body.radius + _BEYOND_TURNING) / NEAR)
        self._turning_circle = body.radius + config.margin + config.start_clearance
        self._age_ns = round(config.memory_time * 1e9 / AGES)
        self._grid: Grid = np.zeros((CELLS, CELLS), dtype=np.uint8)
        self._scratch = np.empty_like(self._grid)
        self._centre = np.zeros(2, dtype=np.int64)
        self._rows: dict[str, int] = {}
        self._newest: dict[str, tuple[Scan, Floats, float]] = {}
        self._aged_ns: int | None = None
        self._doubt, self._doubted = [0.0, 0.0], 0.0

    def start(self, base: Pose, vouched: bool) -> None:
        """Forget everything but the ground that the robot stands on.

        vouched: a person has put the robot where it can turn.
        """
        self._grid.fill(0)
        circle = self._turning_circle if vouched else 0.0
        self._stand(np.array(base), circle)

    def _stand(self, base: Floats, circle: float = 0.0) -> None:
        recentre(self._grid, self._centre, self._cell, base)
        cover(self._grid, self._cell, base, self._body, circle)

    def doubt(self, base: Pose, offset: float, along: float, turn: float) -> None:
        """The robot may be farther off `base` than it was.

        A cell stays free only if all were that could be in its place now. Less than half a cell
        of doubt waits for more. The window's far part, where a turn has a long lever, is given up.

        Args:
            base: where it is believed to be.
            offset: metres, any way.
            along: metres, forwards or backwards.
            turn: rad.
        """
        around = offset + turn * NEAR * self._cell
        self._doubted += around + along
        self._doubt[0] += around + along * abs(math.cos(base[2]))
        self._doubt[1] += around + along * abs(math.sin(base[2]))
        changed = False
        for axis, doubt in enumerate(self._doubt):
            cells = max(0, math.ceil(doubt / self._cell - 0.5))
            self._doubt[axis] -= cells * self._cell
            if cells >= NEAR:
                self._grid.fill(0)
                cells, self._doubt[axis] = 1, 0.0
            for _ in range(cells):
                erode(self._grid, self._centre, self._scratch, axis)
            changed |= cells > 0
        if turn > 0.0:
            lines = np.ix_(*[(centre + np.arange(-NEAR, NEAR)) & _WRAP for centre in self._centre])
            near = self._grid[lines]
            self._grid.fill(0)
            self._grid[lines] = near
        if changed:
            self._stand(np.array(base))

    def age(self, now_ns: int) -> None:
        """Believe what was seen before a little less."""
        if self._aged_ns is None:
            self._aged_ns = now_ns
        if (older := (now_ns - self._aged_ns) // self._age_ns) > 0:
            self._grid -= np.minimum(self._grid, np.uint8(min(older, AGES)))
            self._aged_ns += older * self._age_ns

    def remember(self, source: str, scan: Scan, base: Pose) -> None:
        """Enter a scan of a scanner, taken when the robot was at `base`."""
        here = np.array(base)
        recentre(self._grid, self._centre, self._cell, here)
        self._newest[source] = scan, here, self._doubted
        # Every scanner sees to every row.
        row = self._rows[source] = (self._rows.get(source, 0) + ROWS) % (2 * NEAR)
        remember(self._grid, self._cell, here, scan, row)
        # The body is long enough to be over every cell of its trail at its next turn.
        if row == 0:
            self._stand(here)

    def complete(self) -> None:
        """Enter the newest scans in full: a gap begins, and the robot drives on in it.

        Not those since which there has been doubt that would have taken back what they saw.
        """
        for scan, here, doubted in self._newest.values():
            if self._doubted - doubted < 0.5 * self._cell:
                for row in range(0, 2 * NEAR, ROWS):
                    remember(self._grid, self._cell, here, scan, row)
        self._newest.clear()

    def unknown(self, base: Pose, reach: float, scans: list[Scan]) -> Floats:
        """(N, 2) centres of cells that are neither in view nor remembered as free, base frame."""
        points: Floats = unknown_cells(self._grid, self._cell, np.array(base), reach)
        for scan in scans:
            if reach + math.hypot(scan.sensor[0], scan.sensor[1]) > scan.layout[3]:
                points = np.concatenate(
                    [points, scan.sensor[:2] + _FARTHER * scan.layout[3] * _ROUND]
                )
        for scan in scans:
            points = unseen(points, scan)
        return points
