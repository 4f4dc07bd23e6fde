"""Time to the goal from everywhere: the eikonal equation over the costmap."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

BLOCKED = 0.0
"""Speed of a cell that the robot's centre cannot cross."""

UNREACHED = np.inf
# Buckets of the narrow band, each of half the time that the fastest cell takes to cross.
BUCKETS = 8192
# Speed at which the field is continued into blocked cells: the robot's centre may be pushed into
# them by noise, and must find the way out.
ESCAPE_SPEED = 0.1
ESCAPE_CELLS = 4
# In which the descent looks for the steepest way down.
DIRECTIONS = 24


def speed_map(
    cost: NDArray[np.int8],
    pool: int,
    passable_cost: int,
    free_speed: float,
    tight_speed: float,
    unknown_speed: float,
) -> NDArray[np.float32]:
    """Speed that the robot may expect in each cell of a grid `pool` times coarser.

    The cheapest cell of each block counts, so that a passage that exists in the fine grid exists
    in the coarse one. Speed falls linearly with cost from `free_speed` at 0 to `tight_speed` at
    98. The outermost ring is blocked: the march needs no bounds checks.

    Args:
        cost: (H, W) int8 costmap data.
        pool: fine cells per coarse cell, along each axis.
        passable_cost: highest cost that the robot's centre may cross.
        free_speed: m/s.
        tight_speed: m/s.
        unknown_speed: m/s, at most this where most of a block has not been seen.

    Returns:
        (H // pool, W // pool) float32, m/s; `BLOCKED` where impassable.
    """
    by_cost = free_speed + (tight_speed - free_speed) * np.arange(128) / 98.0
    by_cost[passable_cost + 1 :] = BLOCKED
    speed = np.empty((cost.shape[0] // pool, cost.shape[1] // pool), dtype=np.float32)
    _pool_speeds(cost, pool, by_cost.astype(np.float32), np.float32(unknown_speed), speed)
    return speed


@njit(cache=True)
def _pool_speeds(
    cost: NDArray[np.int8],
    pool: int,
    by_cost: NDArray[np.float32],
    unknown_speed: np.float32,
    speed: NDArray[np.float32],
) -> None:
    """Fill `speed` as `speed_map` says; `by_cost`: (128,) float32, m/s."""
    height, width = speed.shape
    lowest = np.empty(width * pool, dtype=np.int8)
    unseen = np.empty(width * pool, dtype=np.int8)
    speed[0], speed[height - 1] = BLOCKED, BLOCKED
    for row in range(1, height - 1):
        lowest[:] = 127
        unseen[:] = 0
        for r in range(pool):
            line = cost[row * pool + r]
            for i in range(width * pool):
                lowest[i] = line[i] if line[i] < lowest[i] else lowest[i]
                unseen[i] += line[i] < 0
        speed[row, 0], speed[row, width - 1] = BLOCKED, BLOCKED
        for col in range(1, width - 1):
            cheapest, unknown = 127, 0
            for i in range(col * pool, (col + 1) * pool):
                cheapest = min(cheapest, lowest[i])
                unknown += unseen[i]
            expected = by_cost[max(cheapest, 0)]
            if 2 * unknown > pool * pool:
                expected = min(expected, unknown_speed)
            speed[row, col] = expected


@njit(cache=True, error_model="numpy")
def solve(
    speed: NDArray[np.float32],
    cell: float,
    seeds: NDArray[np.int64],
    seed_times: NDArray[np.float64],
    target: int,
    beyond: float,
    time: NDArray[np.float32],
) -> None:
    """Fill `time` with the least travel time to the seeds, by the fast marching method.

    The narrow band is kept in buckets of equal time, unsorted inside a bucket (Yatziv, Bartesaghi
    and Sapiro, "O(N) implementation of the fast marching algorithm", 2006): linear time, with an
    error below the bucket's width. The march ends `beyond` seconds after it reached `target`.

    Args:
        speed: (H, W) float32, m/s, `BLOCKED` where impassable; its outermost ring must be.
        cell: metres per cell.
        seeds: (S,) int64 flat indices of the cells where the time is known.
        seed_times: (S,) float64 seconds.
        target: flat index of the cell to be reached, or -1 to fill everything.
        beyond: seconds.
        time: (H, W) float32 output, seconds; `UNREACHED` where the march did not come.
    """
    width = speed.shape[1]
    cells = speed.size
    flat_speed = speed.reshape(cells)
    flat_time = time.reshape(cells)
    flat_time[:] = UNREACHED
    # What is blocked needs no more attention than what is settled.
    settled = np.empty(cells, dtype=np.uint8)
    for i in range(cells):
        settled[i] = flat_speed[i] <= BLOCKED
    head = np.full(BUCKETS, -1, dtype=np.int32)
    # A cell enters at most once as a seed and once by each neighbour.
    entry_cell = np.empty(5 * cells, dtype=np.int32)
    entry_next = np.empty(5 * cells, dtype=np.int32)
    per_second = 2.0 * max(float(flat_speed.max()), 1e-3) / cell
    used = 0
    for i in range(seeds.shape[0]):
        seed = seeds[i]
        if flat_speed[seed] > BLOCKED and seed_times[i] < flat_time[seed]:
            flat_time[seed] = seed_times[i]
            used = _enter(head, entry_cell, entry_next, used, seed, seed_times[i] * per_second)
    # Of an unsigned index, compiled code need not ask whether it counts from the end.
    one, row = np.uint64(1), np.uint64(width)
    last = BUCKETS
    bucket = 0
    while bucket < last:
        entry = head[bucket]
        if entry < 0:
            bucket += 1
            continue
        head[bucket] = entry_next[entry]
        index = np.uint64(entry_cell[entry])
        if settled[index]:
            continue
        settled[index] = 1
        if entry_cell[entry] == target:
            last = min(BUCKETS, int((flat_time[index] + beyond) * per_second) + 1)
        for direction in range(4):
            step = one if direction < 2 else row
            neighbour = index - step if direction % 2 else index + step
            if settled[neighbour]:
                continue
            arrival = _arrival(flat_time, neighbour, one, row, cell / flat_speed[neighbour])
            if arrival < flat_time[neighbour]:
                flat_time[neighbour] = arrival
                place = max(float(bucket), arrival * per_second)
                used = _enter(head, entry_cell, entry_next, used, neighbour, place)


@njit(cache=True)
def _enter(
    head: NDArray[np.int32],
    entry_cell: NDArray[np.int32],
    entry_next: NDArray[np.int32],
    used: int,
    index: np.uint64,
    place: float,
) -> int:
    """Put a cell at the head of the bucket `place`; returns the number of entries."""
    bucket = min(BUCKETS - 1, int(place))
    entry_cell[used] = index
    entry_next[used] = head[bucket]
    head[bucket] = used
    return used + 1


@njit(cache=True)
def _arrival(
    time: NDArray[np.float32], index: np.uint64, one: np.uint64, row: np.uint64, crossing: float
) -> float:
    """First-order upwind solution at one cell; `crossing` is the time to cross a cell.

    `one` and `row` are how far the next cell is along a row and along a column.
    """
    a = min(time[index - row], time[index + row])
    b = min(time[index - one], time[index + one])
    if abs(a - b) < crossing:
        root = math.sqrt(2.0 * crossing * crossing - (a - b) * (a - b))
        return float(0.5 * (a + b + root))
    return float(min(a, b) + crossing)


@njit(cache=True)
def continue_into_blocked(
    time: NDArray[np.float32], cell: float, row: int, col: int, reach: int
) -> None:
    """Continue `time` a few cells into what is unreached around (row, col), at `ESCAPE_SPEED`."""
    height, width = time.shape
    first_row, last_row = max(1, row - reach), min(height - 2, row + reach)
    first_col, last_col = max(1, col - reach), min(width - 2, col + reach)
    straight = 1.0 * cell / ESCAPE_SPEED
    slanting = math.sqrt(2.0) * cell / ESCAPE_SPEED
    for _ in range(ESCAPE_CELLS):
        before = time[first_row - 1 : last_row + 2, first_col - 1 : last_col + 2].copy()
        for r in range(first_row, last_row + 1):
            k = r - first_row
            above, here, below = before[k], before[k + 1], before[k + 2]
            line = time[r, first_col : last_col + 1]
            for c in range(line.shape[0]):
                beside = min(min(above[c + 1], below[c + 1]), min(here[c], here[c + 2]))
                across = min(min(above[c], above[c + 2]), min(below[c], below[c + 2]))
                nearest = min(beside + straight, across + slanting)
                line[c] = nearest if here[c + 1] == UNREACHED else here[c + 1]


@njit(cache=True)
def sample(time: NDArray[np.float32], col: float, row: float, unreached: float) -> float:
    """Bilinear value at a position in cells (centres at +0.5); `unreached` stands for infinity."""
    height, width = time.shape
    x = min(max(col - 0.5, 0.0), width - 1.001)
    y = min(max(row - 0.5, 0.0), height - 1.001)
    c, r = int(x), int(y)
    fx, fy = x - c, y - r
    t00 = min(float(time[r, c]), unreached)
    t01 = min(float(time[r, c + 1]), unreached)
    t10 = min(float(time[r + 1, c]), unreached)
    t11 = min(float(time[r + 1, c + 1]), unreached)
    return float((t00 * (1 - fx) + t01 * fx) * (1 - fy) + (t10 * (1 - fx) + t11 * fx) * fy)


@njit(cache=True)
def descend(
    time: NDArray[np.float32], col: float, row: float, step: float, most: int
) -> NDArray[np.float64]:
    """Follow the field down from (col, row): the fastest path.

    Each step goes `step` cells in the best of `DIRECTIONS` directions.

    Returns:
        (M, 2) float64 positions (col, row) in cells, the start first.
    """
    across, along = np.empty(DIRECTIONS), np.empty(DIRECTIONS)
    for k in range(DIRECTIONS):
        angle = k * math.pi / (DIRECTIONS // 2)
        across[k], along[k] = step * math.cos(angle), step * math.sin(angle)
    path = np.empty((most, 2))
    path[0, 0], path[0, 1] = col, row
    count = 1
    unreached = 1e4
    value = sample(time, col, row, unreached)
    while count < most:
        best, best_col, best_row = value, col, row
        for k in range(DIRECTIONS):
            c, r = col + across[k], row + along[k]
            here = sample(time, c, r, unreached)
            if here < best:
                best, best_col, best_row = here, c, r
        if best > value - 1e-4:
            break
        value, col, row = best, best_col, best_row
        path[count, 0], path[count, 1] = col, row
        count += 1
    return path[:count].copy()
