"""One tick's surroundings, against which control sequences are scored."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Costmap
from autonomy_nodes.planning import rollouts
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.distance_field import distance_field, distance_kernel
from autonomy_nodes.planning.footprint import circumscribed_radius, cover_with_discs
from autonomy_nodes.planning.guide import TravelTimeField

# Room around what a rollout can reach, metres.
ROOM = 0.6
# The distance field reaches this far beyond the clearance that matters: interpolation needs it.
BOUND_SLACK = 0.1


@dataclass(frozen=True)
class Surroundings:
    """Obstacles around the robot.

    field: (h, w) float32, metres to the nearest obstacle; known: (h, w) uint8, 1 where seen;
    x, y: the field's corner in the odometry frame, metres; cell: metres.
    """

    field: NDArray[np.float32]
    known: NDArray[np.uint8]
    x: float
    y: float
    cell: float


class Body:
    """The robot's footprint among its surroundings."""

    def __init__(self, config: PlannerConfig, reach: float) -> None:
        """Cover the footprint with discs; `reach` is how far a rollout may go, metres."""
        polygon = np.array(config.footprint, dtype=np.float64).reshape(-1, 2)
        self.discs = cover_with_discs(polygon)
        self.circumscribed = circumscribed_radius(polygon)
        self.rear = float(-polygon[:, 0].min())
        self._inset = config.cell_inset
        self._reach = reach + self.circumscribed + ROOM
        self._bound = self.circumscribed + config.soft_margin + BOUND_SLACK
        self._kernel_cell = 0.0

    def surroundings(self, costmap: Costmap, x: float, y: float) -> Surroundings:
        """Distances to the obstacles of a costmap around a position in the odometry frame."""
        cell = costmap.resolution
        half = math.ceil(self._reach / cell)
        first_col = math.floor((x - costmap.origin_x) / cell) - half
        first_row = math.floor((y - costmap.origin_y) / cell) - half
        field = np.empty((2 * half + 1, 2 * half + 1), dtype=np.float32)
        if self._kernel_cell != cell:
            self._kernel, self._kernel_cell = distance_kernel(self._bound, cell), cell
        data = np.ascontiguousarray(costmap.data)
        distance_field(data, first_row, first_col, self._kernel, self._bound, field)
        # An obstacle's surface is somewhere in its cell, not at the centre.
        field -= np.float32(self._inset * cell)
        return Surroundings(
            field,
            _known(data, first_row, first_col, field.shape),
            costmap.origin_x + first_col * cell,
            costmap.origin_y + first_row * cell,
            cell,
        )

    def turn_clearance(self, around: Surroundings, x: float, y: float) -> float:
        """Least distance to an obstacle over a whole turn on the spot, metres."""
        col, row = (x - around.x) / around.cell, (y - around.y) / around.cell
        return float(rollouts.interpolate(around.field, col, row) - self.circumscribed)


@dataclass(frozen=True)
class Scene:
    """Surroundings, travel times, the robot's state and limits, and what counts for how much.

    start: (5,) float64 x, y (odometry frame, metres), yaw, vx, wz; limits, weights: columns as
    named in `rollouts`; dt: seconds per step;
    bodies: (M, 5) float64, those that move, as `MovingBodies.at` tells them at the start.
    """

    body: Body
    around: Surroundings
    travel: TravelTimeField
    start: NDArray[np.float64]
    limits: NDArray[np.float64]
    weights: NDArray[np.float64]
    dt: float
    steps: int
    bodies: NDArray[np.float64]

    def score(self, controls: NDArray[np.float64]) -> NDArray[np.float64]:
        """Costs of (S, K, 2) control sequences, in seconds; see `rollouts.evaluate`."""
        costs = np.empty(len(controls))
        start = self.start.copy()
        start[0] -= self.around.x
        start[1] -= self.around.y
        bodies = self.bodies - np.array([self.around.x, self.around.y, 0.0, 0.0, 0.0])
        rollouts.evaluate(
            np.ascontiguousarray(controls),
            start,
            self.limits,
            self.dt,
            self.steps,
            self.around.field,
            self.around.cell,
            self.body.discs,
            self.body.circumscribed,
            self.around.known,
            self.body.rear,
            self.travel.time,
            self.travel.cell,
            self.around.x - self.travel.origin_x,
            self.around.y - self.travel.origin_y,
            self.travel.unreached,
            self.weights,
            bodies,
            costs,
        )
        return costs


def _known(
    data: NDArray[np.int8], first_row: int, first_col: int, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """(h, w) uint8, 1 where the costmap has been seen; outside the costmap 0."""
    known = np.zeros(shape, dtype=np.uint8)
    rows = slice(max(0, first_row), max(0, min(data.shape[0], first_row + shape[0])))
    cols = slice(max(0, first_col), max(0, min(data.shape[1], first_col + shape[1])))
    inside = data[rows, cols] >= 0
    row, col = rows.start - first_row, cols.start - first_col
    known[row : row + inside.shape[0], col : col + inside.shape[1]] = inside
    return known
