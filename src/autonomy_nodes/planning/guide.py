"""The global search: least travel time to the goal through known and unknown space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Costmap, Pose2D
from autonomy_nodes.planning import travel_time
from autonomy_nodes.planning.config import PlannerConfig

# How much of the field behind the robot is solved, in seconds: what a rollout may come to.
BEYOND_ROBOT = 2.0
# Around the robot the field is continued into blocked cells, so that it is never lost there.
CONTINUED_REACH = 4.0
# Farther than this from the robot a free cell does not stand for the robot's own.
NEAREST_FREE = 0.4


@dataclass(frozen=True)
class BlockedPassage:
    """A disc that the search avoids until `until_ns`, although the costmap shows it passable."""

    x: float
    y: float
    radius: float
    until_ns: int


@dataclass(frozen=True)
class TravelTimeField:
    """Seconds to the goal over a grid in the odometry frame.

    time: (H, W) float32, infinite where not solved; origin_x, origin_y: metres of the grid's
    corner; cell: metres; at_robot: seconds from the robot, infinite without a path; unreached:
    finite seconds that stand for infinity in interpolation.
    """

    time: NDArray[np.float32]
    origin_x: float
    origin_y: float
    cell: float
    at_robot: float
    unreached: float


class Guide:
    """Travel time to the goal over the costmap, and the fastest path that follows from it.

    The goal may lie outside the window: then every cell of the window's edge is a way out, at the
    distance that remains from there.
    """

    def __init__(self, config: PlannerConfig) -> None:
        """Take the search's parameters."""
        self._config = config

    def solve(
        self, costmap: Costmap, robot: Pose2D, goal: Pose2D, blocked: Sequence[BlockedPassage] = ()
    ) -> TravelTimeField:
        """Solve the field from the goal to a little beyond the robot.

        Where no way has the asked clearance, one that the robot can just squeeze through will do:
        it may have come in that way.
        """
        field = self._solve(costmap, robot, goal, blocked, self._config.passable_cost)
        if math.isfinite(field.at_robot):
            return field
        return self._solve(costmap, robot, goal, blocked, self._config.squeeze_cost)

    def _solve(
        self,
        costmap: Costmap,
        robot: Pose2D,
        goal: Pose2D,
        blocked: Sequence[BlockedPassage],
        passable_cost: int,
    ) -> TravelTimeField:
        config = self._config
        cell = costmap.resolution * config.search_pool
        speed = travel_time.speed_map(
            costmap.data,
            config.search_pool,
            passable_cost,
            config.cruise_speed,
            config.tight_speed,
            config.unknown_speed,
        )
        for passage in blocked:
            _block(speed, passage, costmap, cell)
        col = (robot.x - costmap.origin_x) / cell
        row = (robot.y - costmap.origin_y) / cell
        time = np.empty_like(speed)
        seeds, seed_times = self._seeds(speed, costmap, cell, goal)
        target = _nearest_free(speed, col, row, NEAREST_FREE / cell)
        travel_time.solve(speed, cell, seeds, seed_times, target, BEYOND_ROBOT, time)
        reach = math.ceil(CONTINUED_REACH / cell)
        travel_time.continue_into_blocked(time, cell, int(row), int(col), reach)
        at_robot = _at(time, col, row)
        unreached = at_robot + 2.0 * BEYOND_ROBOT if math.isfinite(at_robot) else 1e4
        return TravelTimeField(time, costmap.origin_x, costmap.origin_y, cell, at_robot, unreached)

    def path(self, field: TravelTimeField, robot: Pose2D, goal: Pose2D) -> NDArray[np.float64]:
        """The fastest path from the robot, (M, 2) float64 metres in the odometry frame.

        Empty where there is none. It ends at the goal, or at the edge of the window on the way
        to it.
        """
        if not math.isfinite(field.at_robot):
            return np.empty((0, 2))
        col = (robot.x - field.origin_x) / field.cell
        row = (robot.y - field.origin_y) / field.cell
        most = 4 * (field.time.shape[0] + field.time.shape[1])
        cells = travel_time.descend(field.time, col, row, 1.0, most)
        path: NDArray[np.float64] = field.cell * cells
        path += field.origin_x, field.origin_y
        path[0] = robot.x, robot.y
        if math.hypot(path[-1, 0] - goal.x, path[-1, 1] - goal.y) < 3.0 * field.cell:
            path[-1] = goal.x, goal.y
        return path

    def _seeds(
        self, speed: NDArray[np.float32], costmap: Costmap, cell: float, goal: Pose2D
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Cells where the time to the goal is known, and the time."""
        height, width = speed.shape
        goal_col = (goal.x - costmap.origin_x) / cell
        goal_row = (goal.y - costmap.origin_y) / cell
        if 2.0 <= goal_col < width - 2.0 and 2.0 <= goal_row < height - 2.0:
            return self._goal_seeds(speed, cell, goal_col, goal_row)
        rows, cols = np.arange(1, height - 1), np.arange(1, width - 1)
        seeds = np.concatenate(
            [width + cols, (height - 2) * width + cols, rows * width + 1, rows * width + width - 2]
        ).astype(np.int64)
        distance = cell * np.hypot(seeds % width + 0.5 - goal_col, seeds // width + 0.5 - goal_row)
        times = distance / self._config.unknown_speed
        return seeds, times - times.min()

    def _goal_seeds(
        self, speed: NDArray[np.float32], cell: float, goal_col: float, goal_row: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Passable cells nearest to the goal, out to the goal tolerance."""
        width = speed.shape[1]
        for radius in (1.0, self._config.goal_tolerance / cell):
            reach = math.ceil(radius)
            around = np.arange(-reach, reach + 1)
            rows = np.clip(int(goal_row) + around, 0, speed.shape[0] - 1)
            cols = np.clip(int(goal_col) + around, 0, width - 1)
            distance = np.hypot(cols[None, :] + 0.5 - goal_col, rows[:, None] + 0.5 - goal_row)
            usable = (distance <= radius) & (speed[np.ix_(rows, cols)] > travel_time.BLOCKED)
            if usable.any():
                flat = rows[:, None] * width + cols[None, :]
                times = distance * cell / self._config.cruise_speed
                return flat[usable].astype(np.int64), times[usable]
        return np.empty(0, dtype=np.int64), np.empty(0)


def _block(
    speed: NDArray[np.float32], passage: BlockedPassage, costmap: Costmap, cell: float
) -> None:
    """Make the cells of a blocked passage impassable."""
    col = (passage.x - costmap.origin_x) / cell
    row = (passage.y - costmap.origin_y) / cell
    rows = np.arange(speed.shape[0]) + 0.5 - row
    cols = np.arange(speed.shape[1]) + 0.5 - col
    inside = np.hypot(rows[:, None], cols[None, :]) * cell <= passage.radius
    speed[inside] = travel_time.BLOCKED


def _nearest_free(speed: NDArray[np.float32], col: float, row: float, reach: float) -> int:
    """Flat index of the passable cell nearest to a position, or -1."""
    height, width = speed.shape
    span = math.ceil(reach)
    rows = np.arange(max(0, int(row) - span), min(height, int(row) + span + 1))
    cols = np.arange(max(0, int(col) - span), min(width, int(col) + span + 1))
    if len(rows) == 0 or len(cols) == 0:
        return -1
    distance = np.hypot(rows[:, None] + 0.5 - row, cols[None, :] + 0.5 - col)
    distance[speed[np.ix_(rows, cols)] <= travel_time.BLOCKED] = np.inf
    best = int(np.argmin(distance))
    if not distance.flat[best] <= reach:
        return -1
    return int(rows[best // len(cols)] * width + cols[best % len(cols)])


def _at(time: NDArray[np.float32], col: float, row: float) -> float:
    """Least time of the four cells around a position."""
    height, width = time.shape
    c = min(max(int(col - 0.5), 0), width - 2)
    r = min(max(int(row - 0.5), 0), height - 2)
    return float(time[r : r + 2, c : c + 2].min())
