"""Occupancy evidence on a grid: ray casting, window shifts and inflation.

Evidence is int8: `UNKNOWN` until a beam has crossed the cell, then `EVIDENCE_MIN` (surely free)
to `EVIDENCE_MAX` (surely occupied). A cell is occupied while its evidence is positive.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from autonomy_nodes.nearest_in_column import rows_to_occupied

UNKNOWN = -128
EVIDENCE_MIN = -6
EVIDENCE_MAX = 12
HIT = 6
MISS = 2
# Beams that cross a cell further than this from its centre (in cells) say nothing against an
# obstacle in it: they graze the free part of a partly filled cell.
CENTRE_CROSSING = 0.3

COST_UNKNOWN = -1
COST_FREE = 0
COST_INSCRIBED = 99
COST_OCCUPIED = 100
MAX_INFLATED_COST = 98

# Cells that a loop over int8 takes at once where it is compiled to vectors: a multiple of them
# leaves no remainder, which would take longer than all the rest.
LANES = 128


@njit(cache=True)
def integrate_scan(
    evidence: NDArray[np.int8],
    hit_mask: NDArray[np.uint8],
    resolution: float,
    sensor_col: float,
    sensor_row: float,
    bearing: float,
    ranges: NDArray[np.float32],
    angle_min: float,
    angle_increment: float,
    range_min: float,
    range_max: float,
    clear_range: float,
    mark_range: float,
) -> int:
    """Add one scan to `evidence` in place and return the number of beams that were used.

    Args:
        evidence: (H, W) int8, changed in place.
        hit_mask: (H, W) uint8 scratch, all zero; zero again on return.
        resolution: metres per cell.
        sensor_col: sensor position in cells from the grid's origin (a cell's centre is at +0.5).
        sensor_row: the same along y.
        bearing: direction of the sensor's x axis in the grid's frame, radians.
        ranges: (N,) float32 metres; NaN, negative and out-of-range values are skipped, `+inf`
            and `range_max` itself clear the beam up to `clear_range`.
        angle_min: direction of beam 0 in the sensor's frame, radians.
        angle_increment: radians between beams.
        range_min: metres, nearer returns are invalid.
        range_max: metres, farther returns are invalid.
        clear_range: metres up to which a beam clears.
        mark_range: metres up to which a return marks.
    """
    height, width = evidence.shape
    used = 0
    for i in range(ranges.shape[0]):
        distance = float(ranges[i])
        if not (range_min <= distance < range_max and distance <= mark_range):
            continue
        angle = bearing + angle_min + i * angle_increment
        col = math.floor(sensor_col + distance * math.cos(angle) / resolution)
        row = math.floor(sensor_row + distance * math.sin(angle) / resolution)
        if 0 <= col < width and 0 <= row < height:
            hit_mask[row, col] = 1

    for i in range(ranges.shape[0]):
        distance = float(ranges[i])
        no_return = distance == np.inf or distance == range_max
        if not (no_return or range_min <= distance < range_max):
            continue
        used += 1
        length = min(clear_range, distance) / resolution
        angle = bearing + angle_min + i * angle_increment
        _clear_ray(evidence, hit_mask, sensor_col, sensor_row, angle, length)

    for i in range(ranges.shape[0]):
        distance = float(ranges[i])
        if not (range_min <= distance < range_max and distance <= mark_range):
            continue
        angle = bearing + angle_min + i * angle_increment
        col = math.floor(sensor_col + distance * math.cos(angle) / resolution)
        row = math.floor(sensor_row + distance * math.sin(angle) / resolution)
        if 0 <= col < width and 0 <= row < height and hit_mask[row, col] == 1:
            hit_mask[row, col] = 0
            evidence[row, col] = min(EVIDENCE_MAX, max(evidence[row, col], 0) + HIT)
    return used


@njit(cache=True)
def _clear_ray(
    evidence: NDArray[np.int8],
    hit_mask: NDArray[np.uint8],
    col0: float,
    row0: float,
    angle: float,
    length: float,
) -> None:
    """Walk the cells of one ray (lengths in cells) and lower the evidence of what it crosses."""
    height, width = evidence.shape
    dx, dy = math.cos(angle), math.sin(angle)
    col, row = math.floor(col0), math.floor(row0)
    step_col, step_row = (1 if dx > 0 else -1), (1 if dy > 0 else -1)
    delta_col = abs(1.0 / dx) if dx != 0.0 else np.inf
    delta_row = abs(1.0 / dy) if dy != 0.0 else np.inf
    next_col = ((col + 1 - col0) if dx > 0 else (col0 - col)) * delta_col
    next_row = ((row + 1 - row0) if dy > 0 else (row0 - row)) * delta_row
    entered = 0.0
    while entered < length and 0 <= col < width and 0 <= row < height:
        if hit_mask[row, col] == 0:
            value = evidence[row, col]
            if value == UNKNOWN:
                evidence[row, col] = 0
            elif value <= 0:
                evidence[row, col] = max(EVIDENCE_MIN, value - 1)
            else:
                offset = abs((col + 0.5 - col0) * dy - (row + 0.5 - row0) * dx)
                if offset < CENTRE_CROSSING:
                    evidence[row, col] = value - MISS
        if next_col < next_row:
            entered = next_col
            next_col += delta_col
            col += step_col
        else:
            entered = next_row
            next_row += delta_row
            row += step_row


@njit(cache=True)
def shift_window(
    evidence: NDArray[np.int8], shifted: NDArray[np.int8], cols: int, rows: int
) -> None:
    """Copy `evidence` into `shifted` for a window moved by whole cells; what enters is unknown."""
    height, width = evidence.shape
    for row in range(height):
        source_row = row + rows
        for col in range(width):
            source_col = col + cols
            if 0 <= source_row < height and 0 <= source_col < width:
                shifted[row, col] = evidence[source_row, source_col]
            else:
                shifted[row, col] = UNKNOWN


@njit(cache=True)
def clear_polygon(
    evidence: NDArray[np.int8], polygon_col: NDArray[np.float64], polygon_row: NDArray[np.float64]
) -> None:
    """Set cells whose centre lies in the polygon (in cells) free: the robot's body is there."""
    height, width = evidence.shape
    first_row = max(0, math.floor(polygon_row.min()))
    last_row = min(height - 1, math.ceil(polygon_row.max()))
    first_col = max(0, math.floor(polygon_col.min()))
    last_col = min(width - 1, math.ceil(polygon_col.max()))
    corners = polygon_col.shape[0]
    for row in range(first_row, last_row + 1):
        for col in range(first_col, last_col + 1):
            inside = False
            x, y = col + 0.5, row + 0.5
            j = corners - 1
            for i in range(corners):
                if (polygon_row[i] > y) != (polygon_row[j] > y):
                    slope = (polygon_col[j] - polygon_col[i]) / (polygon_row[j] - polygon_row[i])
                    if x < polygon_col[i] + slope * (y - polygon_row[i]):
                        inside = not inside
                j = i
            if inside:
                evidence[row, col] = EVIDENCE_MIN


@njit(cache=True)
def inflate(evidence: NDArray[np.int8], kernel: NDArray[np.int8], cost: NDArray[np.int8]) -> None:
    """Write the costs of `evidence` to `cost`: occupied cells, inflated by `kernel`.

    Each cell learns how many rows away the nearest occupied cell of its column is; then that
    cell's line of the kernel is laid along the row, to the sides where it may be the nearest.

    Args:
        evidence: (H, W) int8.
        kernel: (2R+1, 2R+1) int8 costs around an occupied cell, which fall with distance.
        cost: (H, W) int8 output; unknown cells that no inflation reaches are -1.
    """
    height, width = evidence.shape
    radius = kernel.shape[0] // 2
    away = np.empty((height, width + 2), dtype=np.int16)
    rows_to_occupied(evidence, 0, radius + 1, away)
    lines = np.full((radius + 1, -(-kernel.shape[1] // LANES) * LANES), COST_UNKNOWN, np.int8)
    lines[:, : kernel.shape[1]] = kernel[radius:]
    # A row of costs with room for a whole line of the kernel around each of its cells.
    room = np.empty(width + lines.shape[1], dtype=np.int8)
    line = room[radius : radius + width]
    for row in range(height):
        here, seen, found = away[row], evidence[row], cost[row]
        for col in range(width):
            line[col] = COST_UNKNOWN if seen[col] == UNKNOWN else COST_FREE
        for col in range(width):
            rows = here[col + 1]
            if rows > radius:
                continue
            if here[col] > rows or here[col + 2] > rows:
                _raise_to(room[col : col + lines.shape[1]], lines[rows])
            else:
                line[col] = max(line[col], kernel[radius + rows, radius])
        for col in range(width):
            found[col] = COST_OCCUPIED if seen[col] > 0 else line[col]


@njit(cache=True)
def _raise_to(target: NDArray[np.int8], least: NDArray[np.int8]) -> None:
    """Make each cost of `target` at least that of `least`; both have a multiple of `LANES`."""
    for i in range(least.shape[0]):
        target[i] = max(target[i], least[i])


def inflation_kernel(
    resolution: float, inscribed_radius: float, inflation_radius: float
) -> NDArray[np.int8]:
    """Costs around an occupied cell, by distance d between cell centres.

    occupied at d = 0, inscribed up to `inscribed_radius`, then falling linearly from 98 to 1 at
    `inflation_radius`: linear, so that equal steps of cost are equal steps of clearance.

    Returns:
        (2R+1, 2R+1) int8 with R = inflation_radius in cells.
    """
    radius = math.floor(inflation_radius / resolution)
    axis = np.arange(-radius, radius + 1) * resolution
    distance = np.hypot(axis[:, None], axis[None, :])
    span = max(inflation_radius - inscribed_radius, 1e-9)
    falling = MAX_INFLATED_COST - (MAX_INFLATED_COST - 1) * (distance - inscribed_radius) / span
    cost = np.where(distance <= inscribed_radius, COST_INSCRIBED, np.round(falling))
    cost = np.where(distance > inflation_radius, COST_FREE, cost)
    cost[radius, radius] = COST_OCCUPIED
    kernel: NDArray[np.int8] = np.clip(cost, 0, 100).astype(np.int8)
    return kernel
