"""Sampled control sequences, rolled out and scored: the inner loop of the local driver."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from autonomy_nodes.planning.travel_time import sample

COLLISION = 1000.0
# Seconds from the goal at which a rollout has arrived and ends.
ARRIVED = 0.1
# Turning beside an obstacle counts as moving along it at this many metres per radian.
TURN_SHARE = 0.1

# Columns of the weights vector, in the order that `LocalDriver` fills it.
(
    W_CLEARANCE,
    W_OVERSPEED,
    W_HEADING,
    W_AHEAD,
    W_REVERSE,
    W_SMOOTH,
    HARD_MARGIN,
    SOFT_MARGIN,
    SPEED_AT_CONTACT,
    SPEED_PER_CLEARANCE,
    W_SPIN,
    W_BODY,
    BODY_ROOM,
    SPEED_PER_ROOM,
) = range(14)
WEIGHTS = 14

# Columns of the limits vector: m/s, rad/s, m/s², rad/s².
(
    LOWEST_V,
    HIGHEST_V,
    LOWEST_W,
    HIGHEST_W,
    ACCELERATION,
    DECELERATION,
    ANGULAR_ACCELERATION,
) = range(7)
LIMITS = 7


@njit(cache=True)
def interpolate(field: NDArray[np.float32], col: float, row: float) -> float:
    """Bilinear value of a field at a position in cells (centres at +0.5), clamped to its edge."""
    height, width = field.shape
    x = min(max(col - 0.5, 0.0), width - 1.001)
    y = min(max(row - 0.5, 0.0), height - 1.001)
    c, r = int(x), int(y)
    fx, fy = x - c, y - r
    return float(
        (field[r, c] * (1 - fx) + field[r, c + 1] * fx) * (1 - fy)
        + (field[r + 1, c] * (1 - fx) + field[r + 1, c + 1] * fx) * fy
    )


@njit(cache=True)
def clearance(
    field: NDArray[np.float32],
    cell: float,
    discs: NDArray[np.float64],
    circumscribed: float,
    x: float,
    y: float,
    yaw: float,
    enough: float,
) -> float:
    """Distance from the footprint at a pose to the nearest obstacle, metres.

    Exact, up to the grid, near obstacles; where the circumscribed circle is already clear by
    `enough`, that clearance is returned.

    Args:
        field: (h, w) float32 distance field, metres.
        cell: metres per cell of `field`.
        discs: (D, 3) float64 footprint cover, base_link.
        circumscribed: metres.
        x: metres from the field's corner.
        y: the same along y.
        yaw: radians.
        enough: metres.
    """
    free = interpolate(field, x / cell, y / cell) - circumscribed
    if free >= enough:
        return float(free)
    cosine, sine = math.cos(yaw), math.sin(yaw)
    nearest = np.inf
    for i in range(discs.shape[0]):
        px = x + cosine * discs[i, 0] - sine * discs[i, 1]
        py = y + sine * discs[i, 0] + cosine * discs[i, 1]
        nearest = min(nearest, interpolate(field, px / cell, py / cell) - discs[i, 2])
    return nearest


@njit(cache=True)
def body_clearance(
    bodies: NDArray[np.float64],
    after: float,
    discs: NDArray[np.float64],
    circumscribed: float,
    x: float,
    y: float,
    yaw: float,
    enough: float,
) -> float:
    """Distance from the footprint at a pose to the nearest body `after` seconds, metres.

    The arguments are those of `clearance` and of `evaluate`.
    """
    nearest = np.inf
    cosine, sine = math.cos(yaw), math.sin(yaw)
    for b in range(bodies.shape[0]):
        dx = bodies[b, 0] + bodies[b, 2] * after - x
        dy = bodies[b, 1] + bodies[b, 3] * after - y
        radius = bodies[b, 4]
        free = math.hypot(dx, dy) - radius - circumscribed
        if free < enough:
            free = np.inf
            for i in range(discs.shape[0]):
                px = cosine * discs[i, 0] - sine * discs[i, 1]
                py = sine * discs[i, 0] + cosine * discs[i, 1]
                free = min(free, math.hypot(dx - px, dy - py) - radius - discs[i, 2])
        nearest = min(nearest, free)
    return nearest


@njit(cache=True)
def evaluate(
    controls: NDArray[np.float64],
    start: NDArray[np.float64],
    limits: NDArray[np.float64],
    dt: float,
    steps: int,
    field: NDArray[np.float32],
    cell: float,
    discs: NDArray[np.float64],
    circumscribed: float,
    known: NDArray[np.uint8],
    rear: float,
    time: NDArray[np.float32],
    time_cell: float,
    time_x: float,
    time_y: float,
    unreached: float,
    weights: NDArray[np.float64],
    bodies: NDArray[np.float64],
    costs: NDArray[np.float64],
) -> None:
    """Score control sequences: seconds to the goal, plus what makes them unpleasant or unsafe.

    Args:
        controls: (S, K, 2) float64 target velocities (m/s, rad/s) at K knots spread over the
            horizon; linear between them.
        start: (5,) float64 x, y (metres from the field's corner), yaw, vx, wz.
        limits: (LIMITS,) float64, see the column names above.
        dt: seconds per step.
        steps: number of steps.
        field: (h, w) float32 distance field, metres.
        cell: metres per cell of `field` and `known`.
        discs: (D, 3) float64 footprint cover.
        circumscribed: metres.
        known: (h, w) uint8, 1 where the map has been seen.
        rear: metres from the base's origin back to the footprint's rear edge.
        time: (H, W) float32 seconds to the goal.
        time_cell: metres per cell of `time`.
        time_x: position of the field's corner in `time`'s grid, metres.
        time_y: the same along y.
        unreached: seconds that stand for an unreached cell.
        weights: (WEIGHTS,) float64, see the column names above.
        bodies: (M, 5) float64 x, y (metres from the field's corner), vx, vy, radius of what moves.
        costs: (S,) float64 output; at least `COLLISION` where the footprint would touch.
    """
    for s in range(controls.shape[0]):
        costs[s] = _score(
            controls[s], start, limits, dt, steps, field, cell, discs, circumscribed, known, rear,
            time, time_cell, time_x, time_y, unreached, weights, bodies,
        )  # fmt: skip


@njit(cache=True)
def _score(
    knots: NDArray[np.float64],
    start: NDArray[np.float64],
    limits: NDArray[np.float64],
    dt: float,
    steps: int,
    field: NDArray[np.float32],
    cell: float,
    discs: NDArray[np.float64],
    circumscribed: float,
    known: NDArray[np.uint8],
    rear: float,
    time: NDArray[np.float32],
    time_cell: float,
    time_x: float,
    time_y: float,
    unreached: float,
    weights: NDArray[np.float64],
    bodies: NDArray[np.float64],
) -> float:
    """Cost of one control sequence."""
    x, y, yaw, vx, wz = start[0], start[1], start[2], start[3], start[4]
    enough = weights[SOFT_MARGIN]
    margin = weights[HARD_MARGIN]
    at_start = clearance(field, cell, discs, circumscribed, x, y, yaw, enough)
    # From inside the margin, motions that do not come nearer remain allowed.
    body_at_start = body_clearance(bodies, 0.0, discs, circumscribed, x, y, yaw, enough)
    body_margin = min(margin, body_at_start - 0.002)
    margin = min(margin, at_start - 0.002)
    total = 0.0
    remaining, column, line = unreached, 0.0, 0.0
    for k in range(steps):
        target_v, target_w = control_at(knots, (k + 1.0) / steps)
        new_vx, new_wz = ramp(vx, wz, target_v, target_w, limits, dt)
        mean_v, mean_w = 0.5 * (vx + new_vx), 0.5 * (wz + new_wz)
        heading = yaw + 0.5 * mean_w * dt
        x += mean_v * dt * math.cos(heading)
        y += mean_v * dt * math.sin(heading)
        yaw += mean_w * dt
        vx, wz = new_vx, new_wz
        free = clearance(field, cell, discs, circumscribed, x, y, yaw, enough)
        room = body_clearance(bodies, (k + 1) * dt, discs, circumscribed, x, y, yaw, enough)
        if free < margin or room < body_margin:
            return float(COLLISION + (steps - k) * dt * 10.0 + abs(vx) * 10.0)
        if vx < -0.02:
            if _rear_unknown(known, cell, x, y, yaw, rear):
                return COLLISION + (steps - k) * dt * 10.0
            total -= weights[W_REVERSE] * vx * dt
        total += weights[W_AHEAD] * max(0.0, vx) * dt
        close = max(0.0, weights[BODY_ROOM] - max(0.0, room)) / weights[BODY_ROOM]
        total += weights[W_BODY] * close * dt
        free = min(free, room)
        allowed = weights[SPEED_AT_CONTACT] + weights[SPEED_PER_ROOM] * max(0.0, room)
        over = max(0.0, abs(vx) - allowed)
        total += weights[W_OVERSPEED] * over * over * dt
        lack = max(0.0, weights[SOFT_MARGIN] - free) / weights[SOFT_MARGIN]
        total += weights[W_CLEARANCE] * lack * lack * (abs(vx) + TURN_SHARE * abs(wz)) * dt
        allowed = weights[SPEED_AT_CONTACT] + weights[SPEED_PER_CLEARANCE] * max(0.0, free)
        over = max(0.0, abs(vx) - allowed)
        total += weights[W_OVERSPEED] * over * over * dt
        total += weights[W_SPIN] * abs(vx) * wz * wz * dt
        column, line = (x + time_x) / time_cell, (y + time_y) / time_cell
        remaining = sample(time, column, line, unreached)
        if remaining < ARRIVED:
            return float(total + (k + 1) * dt + remaining)
    total += steps * dt + remaining
    total += weights[W_HEADING] * _misalignment(time, column, line, yaw, unreached)
    for k in range(1, knots.shape[0]):
        total += weights[W_SMOOTH] * (knots[k, 1] - knots[k - 1, 1]) ** 2
    return float(total)


@njit(cache=True)
def control_at(knots: NDArray[np.float64], share: float) -> tuple[float, float]:
    """Linear interpolation between the knots; `share` runs from 0 to 1 over the horizon."""
    position = share * (knots.shape[0] - 1)
    i = min(int(position), knots.shape[0] - 2)
    f = position - i
    return (
        knots[i, 0] * (1 - f) + knots[i + 1, 0] * f,
        knots[i, 1] * (1 - f) + knots[i + 1, 1] * f,
    )


@njit(cache=True)
def ramp(
    vx: float, wz: float, target_v: float, target_w: float, limits: NDArray[np.float64], dt: float
) -> tuple[float, float]:
    """Velocities after `dt` under the limits of velocity and acceleration."""
    target_v = min(max(target_v, limits[LOWEST_V]), limits[HIGHEST_V])
    target_w = min(max(target_w, limits[LOWEST_W]), limits[HIGHEST_W])
    braking = target_v * vx < 0.0 or abs(target_v) < abs(vx)
    change = (limits[DECELERATION] if braking else limits[ACCELERATION]) * dt
    spin_change = limits[ANGULAR_ACCELERATION] * dt
    return (
        vx + min(max(target_v - vx, -change), change),
        wz + min(max(target_w - wz, -spin_change), spin_change),
    )


@njit(cache=True)
def _rear_unknown(
    known: NDArray[np.uint8], cell: float, x: float, y: float, yaw: float, rear: float
) -> bool:
    """Whether the middle of the rear edge is over cells that have not been seen."""
    col = int((x - rear * math.cos(yaw)) / cell)
    row = int((y - rear * math.sin(yaw)) / cell)
    inside = 0 <= row < known.shape[0] and 0 <= col < known.shape[1]
    return not inside or known[row, col] == 0


@njit(cache=True)
def _misalignment(
    time: NDArray[np.float32], col: float, row: float, yaw: float, unreached: float
) -> float:
    """0 where the heading points down the travel time field, 1 across, 2 against it."""
    reach = 1.5
    slope_x = sample(time, col + reach, row, unreached) - sample(time, col - reach, row, unreached)
    slope_y = sample(time, col, row + reach, unreached) - sample(time, col, row - reach, unreached)
    norm = math.hypot(slope_x, slope_y)
    if norm < 1e-6:
        return 0.0
    return float(1.0 + (slope_x * math.cos(yaw) + slope_y * math.sin(yaw)) / norm)
