"""Generated worlds: fields of cylinders like BARN's, from a seed.

A cellular automaton fills a field in front of the robot: random cells, a few smoothing passes,
kept if the robot's centre can cross (Perille et al., "Benchmarking Metric Ground Navigation",
2020). The frame, the start and the goal are those of the BARN protocol, so that a generated
world plays wherever a BARN world does.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from autonomy_interfaces.messages import Pose2D

CELL = 0.15
CYLINDER_RADIUS = 0.075
CYLINDER_LENGTH = 1.0
COLUMNS = 30
# Rows of the whole grid, and those of it that the automaton fills: before them the robot stands.
ROWS = 66
FIELD = slice(33, 64)
FIRST_X, FIRST_Y = -4.425, 0.075
START = Pose2D(-2.25, 3.0, math.pi / 2)
GOAL = Pose2D(-2.25, 13.0, math.pi / 2)
MAX_ATTEMPTS = 1000


@dataclass(frozen=True)
class FieldParameters:
    """Ranges that a field is drawn from.

    fill: lowest and highest share of filled cells before smoothing; smoothing: fewest and most
    passes; passage: metres from the robot's centre to the nearest cylinder along the path that
    must exist.
    """

    fill: tuple[float, float] = (0.15, 0.36)
    smoothing: tuple[int, int] = (1, 4)
    passage: float = 0.32


@dataclass(frozen=True)
class GeneratedWorld:
    """A field of cylinders in the world frame.

    cylinders: (N, 2) float64 centres, metres, all of radius 0.075; path: (M, 2) float64, the
    shortest path with the asked clearance from start to goal; start, goal: world frame.
    """

    seed: int
    cylinders: NDArray[np.float64]
    path: NDArray[np.float64]
    start: Pose2D = START
    goal: Pose2D = GOAL


def generate(seed: int, parameters: FieldParameters | None = None) -> GeneratedWorld:
    """Draw a world that can be crossed.

    Raises:
        RuntimeError: none of `MAX_ATTEMPTS` fields could be crossed; the parameters fill too much.
    """
    parameters = parameters or FieldParameters()
    generator = np.random.default_rng(seed)
    for _ in range(MAX_ATTEMPTS):
        occupied = _draw(generator, parameters)
        path = shortest_path(occupied, parameters.passage)
        if path is not None:
            return GeneratedWorld(seed, _centres(occupied), path)
    raise RuntimeError(f"no crossable field in {MAX_ATTEMPTS} draws; lower fill or passage")


def _draw(generator: np.random.Generator, parameters: FieldParameters) -> NDArray[np.bool_]:
    """(ROWS, COLUMNS) occupancy: walls left, right and behind the start, and the field."""
    fill = generator.uniform(*parameters.fill)
    passes = int(generator.integers(parameters.smoothing[0], parameters.smoothing[1] + 1))
    occupied = np.zeros((ROWS, COLUMNS), dtype=bool)
    field = generator.random((FIELD.stop - FIELD.start, COLUMNS)) < fill
    neighbours = np.ones((3, 3))
    neighbours[1, 1] = 0.0
    for _ in range(passes):
        count = ndimage.convolve(field.astype(float), neighbours, mode="constant", cval=0.0)
        field = (count >= 4.5) | (field & (count >= 1.5))
    occupied[FIELD] = field
    occupied[: FIELD.stop, [0, -1]] = True
    occupied[0, :] = True
    return occupied


def _centres(occupied: NDArray[np.bool_]) -> NDArray[np.float64]:
    rows, cols = np.nonzero(occupied)
    return np.column_stack([FIRST_X + CELL * cols, FIRST_Y + CELL * rows])


def shortest_path(
    occupied: NDArray[np.bool_], passage: float, refine: int = 3
) -> NDArray[np.float64] | None:
    """Shortest 8-connected path from start to goal that keeps `passage` from every surface.

    Args:
        occupied: (ROWS, COLUMNS) cells that hold a cylinder.
        passage: metres between the path and the nearest surface.
        refine: search cells per field cell, along each axis.

    Returns:
        (M, 2) float64 metres in the world frame, or None.
    """
    step = CELL / refine
    corner_x, corner_y = FIRST_X - CELL / 2, FIRST_Y - CELL / 2
    rows = math.ceil((GOAL.y + 0.5 - corner_y) / step)
    fine = np.zeros((rows, COLUMNS * refine), dtype=bool)
    centre = refine // 2
    fine[centre : ROWS * refine : refine, centre::refine] = occupied[: (rows + 1) // refine]
    distance = ndimage.distance_transform_edt(~fine, sampling=step) - CYLINDER_RADIUS
    cells = _dijkstra(
        distance >= passage,
        (int((START.y - corner_y) / step), int((START.x - corner_x) / step)),
        (int((GOAL.y - corner_y) / step), int((GOAL.x - corner_x) / step)),
    )
    if cells is None:
        return None
    return np.array([(corner_x + (c + 0.5) * step, corner_y + (r + 0.5) * step) for r, c in cells])


def _dijkstra(
    free: NDArray[np.bool_], start: tuple[int, int], goal: tuple[int, int]
) -> list[tuple[int, int]] | None:
    """Cells of the shortest path on an 8-connected grid, or None."""
    region, _ = ndimage.label(free, structure=np.ones((3, 3)))
    if region[start] == 0 or region[start] != region[goal]:
        return None
    best = {start: 0.0}
    parent: dict[tuple[int, int], tuple[int, int]] = {}
    queue = [(0.0, start)]
    while queue:
        length, cell = heapq.heappop(queue)
        if cell == goal:
            path = [cell]
            while cell in parent:
                cell = parent[cell]
                path.append(cell)
            return path[::-1]
        if length > best[cell]:
            continue
        for dr in (-1, 0, 1):
            for dc in (-1, 0, 1):
                near = (cell[0] + dr, cell[1] + dc)
                if not (0 <= near[0] < free.shape[0] and 0 <= near[1] < free.shape[1]):
                    continue
                if not free[near]:
                    continue
                longer = length + math.hypot(dr, dc)
                if longer < best.get(near, math.inf):
                    best[near] = longer
                    parent[near] = cell
                    heapq.heappush(queue, (longer, near))
    return None


def write_sdf(world: GeneratedWorld, file: Path) -> None:
    """Write the world as SDF 1.6: a ground plane and one static model per cylinder."""
    models = "".join(
        _CYLINDER.format(index=i, x=x, y=y, z=CYLINDER_LENGTH / 2)
        for i, (x, y) in enumerate(world.cylinders)
    )
    file.write_text(_WORLD.format(models=models))


_WORLD = """<?xml version="1.0"?>
<sdf version="1.6">
  <world name="default">
    <light name="sun" type="directional">
      <pose>0 0 10 0 0 0</pose>
      <direction>-0.5 0.5 -1</direction>
    </light>
    <model name="ground_plane">
      <static>1</static>
      <link name="link">
        <collision name="collision">
          <geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
        </collision>
        <visual name="visual">
          <geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
        </visual>
      </link>
    </model>
{models}  </world>
</sdf>
"""

_CYLINDER = """    <model name="unit_cylinder_{index}">
      <static>1</static>
      <pose>{x:.6f} {y:.6f} {z:.3f} 0 0 0</pose>
      <link name="link">
        <collision name="collision">
          <geometry><cylinder><radius>0.075</radius><length>1</length></cylinder></geometry>
        </collision>
        <visual name="visual">
          <geometry><cylinder><radius>0.075</radius><length>1</length></cylinder></geometry>
        </visual>
      </link>
    </model>
"""
