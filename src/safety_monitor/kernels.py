"""The geometry of the motion envelope, compiled.

A manoeuvre is: go on under the commands already sent, obey the new one for one reaction time,
then brake to standstill. What the base does with a target velocity is known only to lie between
two rates, the one it surely reaches and the most it ever does; so each axis has an upper and a
lower velocity profile, and the four combinations of both axes are swept.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TurningPoint = tuple[float, float]

STEP = 0.008
"""No point of the footprint moves farther than this between two poses of a sweep, metres.

Between them it may be nearer to an obstacle by half of it than at either of them.
"""
LONGEST_STEP = 0.005
ROUNDING = 1e-6
MERGED = 0.004
"""Neighbouring returns closer than this are one obstacle, metres."""
MOST_POSES = 10_000.0
LEVELS = 20
"""A command passes in full or scaled to one of this many levels."""


class Body(NamedTuple):
    """A footprint and what its base does.

    field: (n, n) distances from the footprint, negative inside, of grid points `cell` metres apart
    from -half to half in x and y. radius: of the circumscribed circle about the origin.
    rates: (2, 2) for v and w the rate surely reached and the highest. turning_point: how far
    ahead of the middle lies what the base turns about, at most, and per v times w. margin: (3,)
    clearance at standstill, more per speed of the fastest point, floor. escape: (2,) v, w allowed
    when the robot is already inside the margin.
    """

    field: Floats
    cell: float
    half: float
    radius: float
    rates: Floats
    turning_point: TurningPoint
    margin: Floats
    escape: Floats


@njit(cache=True)
def clearance(x: float, y: float, body: Body) -> float:
    """Distance from a point to the footprint, negative inside; far away a lower bound of it."""
    u, v = (x + body.half) / body.cell, (y + body.half) / body.cell
    last = body.field.shape[0] - 1
    if not (0.0 <= u < last and 0.0 <= v < last):
        return math.hypot(x, y) - body.radius
    i, j = int(u), int(v)
    a, b, f = u - i, v - j, body.field
    low = (1.0 - b) * f[i, j] + b * f[i, j + 1]
    high = (1.0 - b) * f[i + 1, j] + b * f[i + 1, j + 1]
    return float((1.0 - a) * low + a * high)


@njit(cache=True)
def _approach(value: float, target: float, rise: float, fall: float, dt: float) -> float:
    if value < target:
        return min(target, value + rise * dt)
    return max(target, value - fall * dt)


@njit(cache=True)
def turning_point(v: float, w: float, farthest: float, per_curve: float) -> float:
    """How far ahead of the middle (behind: negative) the point lies that a base turns about.

    In a curve the tyres give way, so that a base drifts outwards: it turns about a point between
    its middle and this one. farthest, per_curve: as `turning_point` in `Body`.
    """
    return math.copysign(min(farthest, per_curve * abs(v * w)), v)


@njit(cache=True)
def arc(
    x: float, y: float, yaw: float, v: float, w: float, dt: float, point: TurningPoint
) -> tuple[float, float, float, float]:
    """Pose after `dt` seconds at constant v, w, and how far it may be to either side of it, m.

    By the midpoint rule. The base turns about what is halfway to the farthest that it may turn
    about. point: as `turning_point` in `Body`.
    """
    give = 0.5 * turning_point(v, w, point[0], point[1]) * w * dt
    c, s = math.cos(yaw + 0.5 * w * dt), math.sin(yaw + 0.5 * w * dt)
    return x + v * dt * c + give * s, y + v * dt * s - give * c, yaw + w * dt, abs(give)


@njit(cache=True)
def go_on(
    velocities: Floats, ends: Floats, told: Floats, dt: float, rates: Floats, point: TurningPoint
) -> None:
    """Carry on between which extremes a base moves that nobody measures.

    Args:
        velocities: (2, 2) the least and the most v, w now; updated.
        ends: (4, 4) x, y, yaw and drift to either side, of the least and the most v with the least
            and the most w; updated.
        told: (2, 2) the least and the most v, w that it may have been told.
        dt: seconds.
        rates: (2, 2) as in `Body`.
        point: as `turning_point` in `Body`.
    """
    before = velocities.copy()
    for k in range(2):
        sure, peak = rates[k]
        velocities[0, k] = _approach(before[0, k], told[0, k], sure, peak, dt)
        velocities[1, k] = _approach(before[1, k], told[1, k], peak, sure, dt)
        before[0, k] = min(before[0, k], velocities[0, k])
        before[1, k] = max(before[1, k], velocities[1, k])
    for m in range(4):
        v, w = before[m & 1, 0], before[m >> 1, 1]
        x, y, yaw, give = arc(ends[m, 0], ends[m, 1], ends[m, 2], v, w, dt, point)
        ends[m, 0], ends[m, 1], ends[m, 2], ends[m, 3] = x, y, yaw, ends[m, 3] + give


@njit(cache=True)
def roll_out(state: Floats, phases: Floats, body: Body, upper: int, poses: Floats) -> int:
    """Poses of one manoeuvre, `STEP` apart or closer; returns how many.

    Args:
        state: (4,) at the start, which is the origin, the lowest and highest v, and of w.
        phases: (3, 5): duration, then lowest and highest target of v, and of w. The last phase
            is braking: it lasts until standstill and its duration is ignored.
        body: as above.
        upper: bit 0: v follows its upper profile, else its lower; bit 1: the same for w.
        poses: (M, 6) output: x, y, cos yaw, sin yaw, how far the footprint's fastest point may
            have come, and by how much the tyres may have let the base drift to either side. Where
            M is too short the count is M + 1: take that as not free.
    """
    v_up, w_up = upper & 1, (upper >> 1) & 1
    v_rise, v_fall = body.rates[0, v_up], body.rates[0, 1 - v_up]
    w_rise, w_fall = body.rates[1, w_up], body.rates[1, 1 - w_up]
    v, w = state[v_up], state[2 + w_up]
    fastest_v = max(abs(v), np.abs(phases[:, 1:3]).max())
    fastest_w = max(abs(w), np.abs(phases[:, 3:5]).max())
    fastest = fastest_v + fastest_w * (body.radius + body.turning_point[0])
    longest = min(LONGEST_STEP, STEP / max(fastest, 1e-9))
    x, y, yaw, moved, drift, count = 0.0, 0.0, 0.0, 0.0, 0.0, 1
    poses[0], poses[0, 2] = 0.0, 1.0
    for p in range(3):
        remaining = phases[p, 0] if p < 2 else math.inf
        while remaining > 1e-9 and (p < 2 or v != 0.0 or w != 0.0):
            if count == poses.shape[0]:
                return count + 1
            dt = min(longest, remaining)
            v_next = _approach(v, phases[p, 1 + v_up], v_rise, v_fall, dt)
            w_next = _approach(w, phases[p, 3 + w_up], w_rise, w_fall, dt)
            mean_v, mean_w = 0.5 * (v + v_next), 0.5 * (w + w_next)
            x, y, yaw, give = arc(x, y, yaw, mean_v, mean_w, dt, body.turning_point)
            moved += (abs(mean_v) + abs(mean_w) * body.radius) * dt + 2.0 * give
            drift += give
            poses[count, 0], poses[count, 1], poses[count, 4], poses[count, 5] = x, y, moved, drift
            poses[count, 2], poses[count, 3] = math.cos(yaw), math.sin(yaw)
            count += 1
            remaining -= dt
            v, w = v_next, w_next
    return count


@njit(cache=True)
def is_hit(
    x: float, y: float, near: float, poses: Floats, count: int, body: Body, keep: float
) -> bool:
    """Whether the swept footprint comes closer than `keep` to a point that is `near` it at first.

    What is d away cannot be closer than `keep` before the footprint has come d - keep.
    """
    k, passed = 0, near - keep
    while near >= keep:
        if poses[count - 1, 4] <= passed:
            return False
        k += int(np.searchsorted(poses[k:count, 4], passed, side="right"))
        dx, dy, c, s = x - poses[k, 0], y - poses[k, 1], poses[k, 2], poses[k, 3]
        near = clearance(c * dx + s * dy, c * dy - s * dx, body) - poses[k, 5]
        passed = poses[k, 4] + max(0.0, near - keep)
    return True


@njit(cache=True)
def _is_free(
    points: Floats,
    near: Floats,
    state: Floats,
    phases: Floats,
    body: Body,
    keep: float,
    leaving: bool,
    poses: Floats,
    culprit: NDArray[np.int64],
) -> bool:
    """Whether all four sweeps of a manoeuvre keep clear.

    leaving: a point that is already closer than `keep` need only not come closer.
    culprit: (2,) the sweep and the point that were last in the way, which are looked at first.
    """
    for k in range(4):
        upper = (culprit[0] + k) & 3
        count = roll_out(state, phases, body, upper, poses)
        if count > poses.shape[0]:
            return False
        # Whatever the footprint's shape and heading, it stays in a box around its way.
        low_x, high_x = poses[:count, 0].min(), poses[:count, 0].max()
        low_y, high_y = poses[:count, 1].min(), poses[:count, 1].max()
        around = body.radius + keep + poses[count - 1, 5]
        for n in range(-1, points.shape[0]):
            i = culprit[1] if n < 0 else n
            if i < 0 or near[i] - keep > poses[count - 1, 4]:
                continue
            x, y = points[i, 0], points[i, 1]
            if max(low_x - x, x - high_x, low_y - y, y - high_y) > around:
                continue
            own = min(keep, near[i] - ROUNDING) if leaving else keep
            if is_hit(x, y, near[i], poses, count, body, own):
                culprit[0], culprit[1] = upper, i
                return False
    return True


@njit(cache=True)
def _thin_out(points: Floats, body: Body, reach: float) -> tuple[Floats, Floats, float]:
    """The points that matter, their clearances, and the least of these.

    Beyond `reach` nothing matters; of a run of points closer than MERGED to its first, only the
    one nearest to the footprint does.
    """
    kept, near = np.empty_like(points), np.empty(points.shape[0])
    n, least, first_x, first_y = 0, np.inf, np.inf, np.inf
    for i in range(points.shape[0]):
        x, y = points[i, 0], points[i, 1]
        if x * x + y * y > reach * reach:
            continue
        free = clearance(x, y, body)
        least = min(least, free)
        if (x - first_x) ** 2 + (y - first_y) ** 2 < MERGED * MERGED:
            if free >= near[n - 1]:
                continue
            n -= 1
        else:
            first_x, first_y = x, y
        kept[n, 0], kept[n, 1], near[n] = x, y, free
        n += 1
    return kept[:n], near[:n], least


@njit(cache=True)
def largest_scale(
    points: Floats, state: Floats, phases: Floats, command: Floats, body: Body, reach: float
) -> tuple[float, float]:
    """The largest scale of a command whose manoeuvre is free, and the present clearance.

    Args:
        points: (N, 2) obstacle points, base frame at the time of `state`.
        state: (4,) as in `roll_out`.
        phases: (3, 5) as in `roll_out`; row 1 (the new command) is filled in here.
        command: (2,) v, w asked for.
        body: as above.
        reach: distance from the origin beyond which no point matters.

    Scaling is searched from above, because being safe is not monotonic in it: turning away can
    be free where going slower along the old arc is not.
    """
    fastest, before = np.abs(command), np.maximum(np.abs(state), np.abs(phases[0, 1:]))
    for k in range(2):
        fastest[k] = max(fastest[k], before[2 * k : 2 * k + 2].max())
    duration = phases[0, 0] + phases[1, 0] + (fastest / body.rates[:, 0]).max()
    arm = body.radius + body.turning_point[0]
    rows = duration * max(1.0 / LONGEST_STEP, (fastest[0] + fastest[1] * arm) / STEP)
    poses = np.empty((int(min(rows, MOST_POSES)) + 16, 6))
    nearby, near, present = _thin_out(points, body, reach)
    culprit = np.array([3, -1])
    speed = abs(command[0]) + abs(command[1]) * body.radius
    for level in range(LEVELS, 0, -1):
        scale = level / LEVELS
        phases[1, 1:3], phases[1, 3:5] = scale * command[0], scale * command[1]
        keep = body.margin[0] + body.margin[1] * speed * scale
        if _is_free(nearby, near, state, phases, body, keep, False, poses, culprit):
            return scale, present
    if present >= body.margin[0]:
        return 0.0, present
    ratio = min(1.0, (body.escape / np.maximum(np.abs(command), 1e-9)).min())
    phases[1, 1:3], phases[1, 3:5] = ratio * command[0], ratio * command[1]
    # Below the floor nothing may come closer than the nearest is now, noise included; what is
    # inside the footprint (present < 0) measures no distance.
    floor = body.margin[2]
    keep = present - ROUNDING if 0.0 <= present < floor else floor
    free = _is_free(nearby, near, state, phases, body, keep, True, poses, culprit)
    return (ratio if free else 0.0), present


def signed_distance(points: Floats, corners: Floats) -> Floats:
    """(N,) distances of points (N, 2) from a simple polygon (K, 2), negative inside."""
    ends = np.roll(corners, -1, axis=0)
    nearest: Floats = np.full(len(points), np.inf)
    inside = np.zeros(len(points), dtype=np.bool_)
    x, y = points.T
    for (ax, ay), (bx, by) in zip(corners, ends, strict=True):
        ex, ey, dx, dy = bx - ax, by - ay, x - ax, y - ay
        along = np.clip((dx * ex + dy * ey) / (ex * ex + ey * ey), 0.0, 1.0)
        nearest = np.minimum(nearest, np.hypot(dx - along * ex, dy - along * ey))
        # The edge crosses the horizontal through the point, to the right of it. Neighbouring edges
        # must judge their common vertex alike, so that it is compared as it is.
        inside ^= ((y < ay) != (y < by)) & ((dx * ey < dy * ex) == (ey > 0.0))
    return np.where(inside, -nearest, nearest)
