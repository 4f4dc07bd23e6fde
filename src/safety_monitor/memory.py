"""What was seen to be free around the robot, for where no beam looks now.

Unknown is not free: a cell counts as free only after beams went past all of it, or the robot
itself stood on it. A lidar of 270° leaves the rear to this memory; so do masked and NaN beams.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from safety_monitor.config import MonitorConfig
from safety_monitor.kernels import Floats
from safety_monitor.memory_kernels import (
    CELLS,
    NEAR,
    NEVER,
    ROWS_PER_SCAN,
    cover,
    recentre,
    remember,
    unknown_cells,
)
from safety_monitor.scanner import Scanner

_SECOND = 1_000_000_000
_BEYOND_TURNING = 0.25
Pose = tuple[float, float, float]


class SeenSpace:
    """A window of cells around the robot, each with the time when it was last seen to be free."""

    def __init__(self, config: MonitorConfig, edges: Floats, radius: float) -> None:
        self._edges = edges
        self._cell = max(0.01, (radius + _BEYOND_TURNING) / NEAR)
        self._turning_circle = radius + config.margin + config.start_clearance
        self._memory_ns = round(config.memory_time * _SECOND)
        self._grid: NDArray[np.int64] = np.full((CELLS, CELLS), NEVER, dtype=np.int64)
        self._centre = np.zeros(2, dtype=np.int64)
        self._row = 0

    def start(self, base: Pose, stamp_ns: int, vouched: bool) -> None:
        """Forget everything but the ground that the robot stands on.

        vouched: a person has put the robot where it can turn.
        """
        self._grid.fill(NEVER)
        here = np.array(base)
        recentre(self._grid, self._centre, self._cell, base[0], base[1])
        circle = self._turning_circle if vouched else 0.0
        cover(self._grid, self._cell, here, self._edges, circle, stamp_ns, NEVER)

    def doubt(self, base: Pose, offset: float, turn: float, stamp_ns: int) -> None:
        """Let what is unknown grow: the robot may be `offset` metres and `turn` rad off `base`.

        A cell stays free only if all were that could be in its place now. The window's far part,
        where a turn has a long lever, is given up.
        """
        recentre(self._grid, self._centre, self._cell, base[0], base[1])
        lines = [(centre + np.arange(-NEAR, NEAR)) % CELLS for centre in self._centre]
        near = self._grid[np.ix_(*lines)]
        self._grid.fill(NEVER)
        reach = math.ceil(offset / self._cell + turn * NEAR)
        if reach < NEAR:
            for axis in (0, 1):
                sides = [(reach, reach) if side == axis else (0, 0) for side in (0, 1)]
                padded = np.pad(near, sides, constant_values=NEVER)
                near = sliding_window_view(padded, 2 * reach + 1, axis).min(-1)
            self._grid[np.ix_(*lines)] = near
        cover(self._grid, self._cell, np.array(base), self._edges, 0.0, stamp_ns, NEVER)

    def remember(self, scanner: Scanner, base: Pose) -> None:
        """Enter a scan taken when the robot was at `base`."""
        scan = scanner.scan
        recentre(self._grid, self._centre, self._cell, base[0], base[1])
        self._row = (self._row + ROWS_PER_SCAN) % (2 * NEAR)
        remember(
            self._grid,
            self._centre,
            self._cell,
            np.array(base),
            scanner.pose,
            scan.points,
            scan.ranges,
            scan.usable,
            scan.layout,
            self._edges,
            self._row,
            scan.stamp_ns,
            scan.stamp_ns - self._memory_ns // 4,
        )

    def unknown(self, base: Pose, reach: float, scanners: list[Scanner], now_ns: int) -> Floats:
        """(N, 2) centres of cells that are neither in view nor remembered as free, base frame."""
        points: Floats = unknown_cells(
            self._grid, self._cell, np.array(base), reach, now_ns - self._memory_ns
        )
        for scanner in scanners:
            if not len(points):
                break
            points = points[~scanner.looks_at(points)]
        return points
