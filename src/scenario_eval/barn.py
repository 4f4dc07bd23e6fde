"""The BARN protocol: start, goal, clock, and the score of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Pose2D, seconds

START = Pose2D(-2.25, 3.0, 1.57)
GOAL = Pose2D(-2.25, 13.0)
GOAL_IN_ODOM = Pose2D(10.0, 0.0)
CLOCK_STARTS_AT_M = 0.1
GOAL_RADIUS_M = 1.0
TIMEOUT_S = 100.0
SPEED_OF_OPTIMUM = 2.0
# A robot that never moves is given up after the time-out and this much more.
START_GRACE_S = 10.0


class BarnError(ValueError):
    """Worlds or paths that a campaign cannot be run on; the message names file and remedy."""


class BarnStatus(str, Enum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    COLLIDED = "collided"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class BarnResult:
    """Outcome of one run: its status, the seconds on its clock, and its score, 0 to 0.5."""

    status: BarnStatus
    time_s: float
    score: float


def optimal_length(path_cells: NDArray[np.float64], start: Pose2D, goal: Pose2D) -> float:
    """Length of start → reference path → goal, metres.

    Args:
        path_cells: (M, 2) cells (cx, cy) of the dataset's grid.
        start: world frame.
        goal: world frame.
    """
    points = np.column_stack([0.15 * path_cells[:, 0] - 4.575, 0.15 * path_cells[:, 1] + 5.075])
    points = np.vstack([[start.x, start.y], points, [goal.x, goal.y]])
    steps = np.diff(points, axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def score(status: BarnStatus, time_s: float, length_m: float) -> float:
    """The score: success · OT / clip(T, 2·OT, 8·OT), with OT the optimal length at 2 m/s."""
    if status is not BarnStatus.SUCCEEDED:
        return 0.0
    optimal_time = length_m / SPEED_OF_OPTIMUM
    return optimal_time / min(max(time_s, 2.0 * optimal_time), 8.0 * optimal_time)


class BarnJudge:
    """Watches the true pose and contacts of one run and says when and how it ends.

    The clock starts when the robot is 0.1 m from where it was first seen.
    """

    def __init__(self, length_m: float, goal: Pose2D = GOAL) -> None:
        """Judge a run whose optimal path is `length_m` metres, towards `goal` (world frame)."""
        self._length_m = length_m
        self._goal = goal
        self._start: tuple[float, float] | None = None
        self._seen_ns = 0
        self._started_ns: int | None = None

    def observe(self, stamp_ns: int, x: float, y: float, contact: str) -> BarnResult | None:
        """Take in the truth at one instant; returns the result once the run has ended."""
        if self._start is None:
            self._start, self._seen_ns = (x, y), stamp_ns
        if self._started_ns is None and math.dist(self._start, (x, y)) >= CLOCK_STARTS_AT_M:
            self._started_ns = stamp_ns
        time_s = seconds(stamp_ns - self._started_ns) if self._started_ns is not None else 0.0
        waited_s = seconds(stamp_ns - self._seen_ns)
        if contact:
            return self._result(BarnStatus.COLLIDED, time_s)
        if math.dist((self._goal.x, self._goal.y), (x, y)) <= GOAL_RADIUS_M:
            return self._result(BarnStatus.SUCCEEDED, time_s)
        if time_s >= TIMEOUT_S or waited_s >= TIMEOUT_S + START_GRACE_S:
            return self._result(BarnStatus.TIMED_OUT, TIMEOUT_S)
        return None

    def _result(self, status: BarnStatus, time_s: float) -> BarnResult:
        return BarnResult(status, time_s, score(status, time_s, self._length_m))


@dataclass(frozen=True)
class BarnWorld:
    """One world of the dataset: its index, its file and the optimal length in metres."""

    index: int
    file: Path
    length_m: float


def find_worlds(worlds: Path, paths: Path, indexes: list[int] | None = None) -> list[BarnWorld]:
    """The worlds of a directory that hold `world_N.world` with their `path_N.npy`.

    Raises:
        BarnError: a directory, a world or its path is not there or cannot be read.
    """
    for directory in (worlds, paths):
        if not directory.is_dir():
            raise BarnError(f"{directory}: no such directory; give the dataset's own")
    there = {_index(file): file for file in worlds.glob("world_*.world")}
    there.pop(-1, None)
    if not there:
        raise BarnError(f"{worlds}: holds no world_N.world")
    missing = [index for index in indexes or [] if index not in there]
    if missing:
        known = ", ".join(map(str, sorted(there)))
        raise BarnError(f"{worlds}: no world of index {missing[0]}; there are: {known}")
    chosen = sorted(there) if indexes is None else indexes
    return [BarnWorld(i, there[i], _length(paths / f"path_{i}.npy")) for i in chosen]


def _index(file: Path) -> int:
    digits = file.stem.removeprefix("world_")
    return int(digits) if digits.isdecimal() else -1


def _length(file: Path) -> float:
    try:
        cells = np.load(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BarnError(f"{file}: not a path of the dataset ({error})") from error
    if cells.ndim != 2 or cells.shape[1] != 2:
        raise BarnError(f"{file}: expected an (M, 2) array of cells, found shape {cells.shape}")
    return optimal_length(cells.astype(np.float64), START, GOAL)
