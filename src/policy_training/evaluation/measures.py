"""How hard a world is: what episodes are sliced by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from autonomy_interfaces.geometry import wrap_angle
from policy_training.worlds import TrainingWorld

CELL = 0.05
MARGIN = 2.0
WIDEST = 4.0
NEAR = 0.5
STRIP = 2.0


@dataclass(frozen=True)
class Difficulty:
    """Properties of a world and its task, none of which depends on who drives.

    gap_m: width of the narrowest place on the widest way to the goal, standing things alone, at
    most `WIDEST`; clutter: share of the strip of 4 m between start and goal that is within 0.5 m
    of a surface; heading_error: radians from the heading at the start to the goal's bearing, 0 to
    pi; walkers: number of bodies that move; walker_speed: m/s of the fastest, 0 without.
    """

    gap_m: float
    clutter: float
    heading_error: float
    walkers: int
    walker_speed: float


def difficulty(world: TrainingWorld, yaw: float) -> Difficulty:
    """Measure a world that is begun with heading `yaw`, radians."""
    clearance, corner = clearance_map(world)
    return Difficulty(
        gap_m=round(_widest_gap(clearance, corner, world), 3),
        clutter=round(_clutter(clearance, corner, world), 3),
        heading_error=round(abs(wrap_angle(math.atan2(world.goal.y, world.goal.x) - yaw)), 3),
        walkers=len(world.movers),
        walker_speed=round(float(world.movers[:, 5].max()), 3) if len(world.movers) else 0.0,
    )


def clearance_map(world: TrainingWorld) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres to the nearest standing surface on a grid, and the grid's corner (x, y).

    Returns:
        (H, W) float64, row along y, cells of `CELL`; (2,) metres of cell (0, 0)'s centre.
    """
    points = np.vstack([world.circles[:, :2], [[0.0, 0.0], [world.goal.x, world.goal.y]]])
    corner = points.min(axis=0) - MARGIN
    width, height = np.ceil((points.max(axis=0) + MARGIN - corner) / CELL).astype(int) + 1
    x = corner[0] + CELL * np.arange(width)
    y = corner[1] + CELL * np.arange(height)
    free = np.ones((height, width), dtype=bool)
    for cx, cy, radius in world.circles:
        # At least the nearest cell: a thin post must not fall between two.
        reach = max(radius, 0.75 * CELL)
        columns = np.flatnonzero(np.abs(x - cx) <= reach)
        rows = np.flatnonzero(np.abs(y - cy) <= reach)
        inside = (x[columns] - cx) ** 2 + (y[rows, None] - cy) ** 2 <= reach**2
        free[np.ix_(rows, columns)] &= ~inside
    distance: NDArray[np.float64] = ndimage.distance_transform_edt(free, sampling=CELL)
    return distance, corner


def _widest_gap(
    clearance: NDArray[np.float64], corner: NDArray[np.float64], world: TrainingWorld
) -> float:
    """Twice the largest clearance that start and goal are still connected at, by bisection."""
    start = _cell(corner, 0.0, 0.0)
    goal = _cell(corner, world.goal.x, world.goal.y)
    low, high = 0.0, WIDEST / 2
    while high - low > CELL / 4:
        middle = (low + high) / 2
        open_cells = clearance >= middle
        # The robot may stand nearer to something than the way's narrowest place.
        for cell in (start, goal):
            _open_around(open_cells, cell)
        region, _ = ndimage.label(open_cells, structure=np.ones((3, 3)))
        if region[start] == region[goal]:
            low = middle
        else:
            high = middle
    return 2.0 * low


def _open_around(cells: NDArray[np.bool_], cell: tuple[int, int]) -> None:
    """Count what is within 0.6 m of `cell` as open: worlds are kept clear there."""
    reach = round(0.6 / CELL)
    rows, columns = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    near = np.argwhere(rows**2 + columns**2 <= reach**2) - reach + cell
    inside = np.all((near >= 0) & (near < cells.shape), axis=1)
    cells[tuple(near[inside].T)] = True


def _clutter(
    clearance: NDArray[np.float64], corner: NDArray[np.float64], world: TrainingWorld
) -> float:
    rows, columns = np.indices(clearance.shape)
    x, y = corner[0] + CELL * columns, corner[1] + CELL * rows
    length = math.hypot(world.goal.x, world.goal.y)
    along = (x * world.goal.x + y * world.goal.y) / length
    across = (x * world.goal.y - y * world.goal.x) / length
    strip = (along >= 0.0) & (along <= length) & (np.abs(across) <= STRIP)
    return float(np.mean(clearance[strip] < NEAR))


def _cell(corner: NDArray[np.float64], x: float, y: float) -> tuple[int, int]:
    return round((y - corner[1]) / CELL), round((x - corner[0]) / CELL)
