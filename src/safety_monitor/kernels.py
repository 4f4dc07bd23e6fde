"""The geometry of the motion envelope, compiled.

A manoeuvre is: go on under the commands already sent, obey the new one for one reaction time,
then brake to standstill. What the base does with a target velocity is known only to lie between
two rates, the one it surely reaches and the most it ever does; so each axis has an upper and a
lower velocity profile, and the four combinations of both axes are swept.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPACING = 0.025
"""No point of the footprint moves farther than this between two poses of a sweep, metres."""
SAGITTA = 0.0005
"""How far an obstacle's path, seen from the body, strays from the chord between two poses."""
ROUNDING = 1e-6
MERGED = 0.004
"""Neighbouring returns closer than this are one obstacle, metres."""
_GRID = 10
_BISECTIONS = 4


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def clearance(x: float, y: float, edges: Floats) -> float:
    """Signed distance from a point to a polygon, negative inside.

    edges: (K, 5): start x, y, vector x, y, and 1 / length² of each edge.
    """
    nearest = np.inf
    inside = False
    last = edges.shape[0] - 1
    for k in range(edges.shape[0]):
        ex, ey = edges[k, 2], edges[k, 3]
        end_y = edges[k + 1 if k < last else 0, 1]
        dx, dy = x - edges[k, 0], y - edges[k, 1]
        along = min(1.0, max(0.0, (dx * ex + dy * ey) * edges[k, 4]))
        rx, ry = dx - along * ex, dy - along * ey
        nearest = min(nearest, rx * rx + ry * ry)
        # The edge crosses the horizontal through the point, to the right of it. Neighbouring edges
        # must judge their common vertex alike, so that it is compared as it is.
        if (y < edges[k, 1]) != (y < end_y) and (dx * ey < dy * ex) == (ey > 0.0):
            inside = not inside
    distance = math.sqrt(nearest)
    return -distance if inside else distance


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _approach(value: float, target: float, rate_up: float, rate_down: float, dt: float) -> float:
    if value < target:
        return min(target, value + rate_up * dt)
    return max(target, value - rate_down * dt)


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def roll_out(
    state: Floats, phases: Floats, rates: Floats, radius: float, upper: int, poses: Floats
) -> int:
    """Poses of one manoeuvre, dense enough for `SPACING`; returns how many.

    Args:
        state: (2,) v, w at the start, which is the origin.
        phases: (P, 5): duration, then lowest and highest target of v, and of w. The last phase
            is braking: it lasts until standstill and its duration is ignored.
        rates: (2, 2): for v and w the rate surely reached and the highest.
        radius: of the footprint's circumscribed circle about the origin.
        upper: bit 0: v follows its upper profile, else its lower; bit 1: the same for w.
        poses: (M, 6) output: x, y, cos yaw, sin yaw, and the lengths |v| dt and angles |w| dt
            summed up to there. Where it is too short the count is M + 1, which the caller must
            take as not free.
    """
    v_up, w_up = upper & 1, (upper >> 1) & 1
    v_rise, v_fall = (rates[0, 1], rates[0, 0]) if v_up else (rates[0, 0], rates[0, 1])
    w_rise, w_fall = (rates[1, 1], rates[1, 0]) if w_up else (rates[1, 0], rates[1, 1])
    v, w = state[0], state[1]
    x, y, yaw, moved, travel, turn = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    poses[0] = 0.0
    poses[0, 2] = 1.0
    count = 1
    fastest_v, fastest_w = abs(v), abs(w)
    for p in range(phases.shape[0]):
        fastest_v = max(fastest_v, abs(phases[p, 1]), abs(phases[p, 2]))
        fastest_w = max(fastest_w, abs(phases[p, 3]), abs(phases[p, 4]))
    longest = 0.5 * SPACING / max(fastest_v + fastest_w * radius, 0.1)
    for p in range(phases.shape[0]):
        last = p == phases.shape[0] - 1
        remaining = phases[p, 0]
        v_target = phases[p, 2] if v_up else phases[p, 1]
        w_target = phases[p, 4] if w_up else phases[p, 3]
        while (v != 0.0 or w != 0.0) if last else remaining > 1e-9:
            dt = min(longest, 0.005) if last else min(longest, remaining, 0.005)
            v_next = _approach(v, v_target, v_rise, v_fall, dt)
            w_next = _approach(w, w_target, w_rise, w_fall, dt)
            v_mean, w_mean = 0.5 * (v + v_next), 0.5 * (w + w_next)
            step = (abs(v_mean) + abs(w_mean) * radius) * dt
            if moved + step > SPACING:
                poses[count, 0], poses[count, 1] = x, y
                poses[count, 2], poses[count, 3] = math.cos(yaw), math.sin(yaw)
                poses[count, 4], poses[count, 5] = travel, turn
                count += 1
                moved = 0.0
                if count == poses.shape[0]:
                    return count + 1
            heading = yaw + 0.5 * w_mean * dt
            x += v_mean * dt * math.cos(heading)
            y += v_mean * dt * math.sin(heading)
            yaw += w_mean * dt
            moved += step
            travel += abs(v_mean) * dt
            turn += abs(w_mean) * dt
            remaining -= dt
            v, w = v_next, w_next
    if count < poses.shape[0]:
        poses[count, 0], poses[count, 1] = x, y
        poses[count, 2], poses[count, 3] = math.cos(yaw), math.sin(yaw)
        poses[count, 4], poses[count, 5] = travel, turn
    return count + 1


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _touches(ax: float, ay: float, bx: float, by: float, edges: Floats, keep: float) -> bool:
    """Whether a point that goes straight from a to b comes closer than `keep` to a polygon."""
    if clearance(bx, by, edges) < keep:
        return True
    sx, sy = bx - ax, by - ay
    square = sx * sx + sy * sy
    if keep < 0.0 or square == 0.0:
        return False
    for k in range(edges.shape[0]):
        px, py, ex, ey = edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3]
        along = min(1.0, max(0.0, ((px - ax) * sx + (py - ay) * sy) / square))
        rx, ry = px - ax - along * sx, py - ay - along * sy
        if rx * rx + ry * ry < keep * keep:
            return True
        a = ex * (ay - py) - ey * (ax - px)
        b = ex * (by - py) - ey * (bx - px)
        c = sx * (py - ay) - sy * (px - ax)
        d = sx * (py + ey - ay) - sy * (px + ex - ax)
        if a * b < 0.0 and c * d < 0.0:
            return True
    return False


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _is_hit(
    x: float,
    y: float,
    start: float,
    poses: Floats,
    count: int,
    edges: Floats,
    hull: Floats,
    keep: float,
    beyond: Floats,
) -> bool:
    """Whether the swept footprint comes closer than `keep` to a point.

    Between two poses the point's distance beyond a line of the hull changes by no more than the
    travel along the line's normal and the turn times its lever. So where the distances at both
    ends exceed that change together, all between is clear; where they do not, the interval is
    halved, down to two neighbouring poses, between which the point goes along a chord.

    start: the point's clearance at the first pose; beyond: (2, H) scratch.
    """
    if start < keep:
        return True
    k = int((start - keep) / SPACING)
    last = count - 1
    if k >= last:
        return False
    ax, ay = _separate(x, y, poses, k, hull, beyond, 0)
    step = last - k
    while k < last:
        j = min(k + step, last)
        bx, by = _separate(x, y, poses, j, hull, beyond, 1)
        travel, turn = poses[j, 4] - poses[k, 4], poses[j, 5] - poses[k, 5]
        clear = False
        far = math.sqrt(ax * ax + ay * ay)
        for e in range(hull.shape[0]):
            nx, ny = hull[e, 0], hull[e, 1]
            lever = travel + min(far, abs(nx * ay - ny * ax) + far * turn)
            change = abs(nx) * travel + lever * turn
            if beyond[0, e] + beyond[1, e] - change >= 2.0 * keep:
                clear = True
                break
        if not clear and j > k + 1:
            step = (j - k) // 2
            continue
        if not clear and _touches(ax, ay, bx, by, edges, keep):
            return True
        k, step = j, 2 * step
        ax, ay = bx, by
        for e in range(hull.shape[0]):
            beyond[0, e] = beyond[1, e]
    return False


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _separate(
    x: float, y: float, poses: Floats, k: int, hull: Floats, beyond: Floats, row: int
) -> tuple[float, float]:
    """A point in the body's frame at pose k; its distances beyond the hull's lines into a row."""
    dx, dy = x - poses[k, 0], y - poses[k, 1]
    bx = poses[k, 2] * dx + poses[k, 3] * dy
    by = poses[k, 2] * dy - poses[k, 3] * dx
    for e in range(hull.shape[0]):
        beyond[row, e] = hull[e, 0] * bx + hull[e, 1] * by - hull[e, 2]
    return bx, by


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _is_free(
    points: Floats,
    near: Floats,
    state: Floats,
    phases: Floats,
    rates: Floats,
    radius: float,
    edges: Floats,
    hull: Floats,
    keep: float,
    leaving: bool,
    poses: Floats,
    hint: NDArray[np.int64],
) -> bool:
    """Whether all four sweeps of a manoeuvre keep clear; `hint[0]` is the last culprit.

    leaving: a point that is already closer than `keep` need only not come closer.
    """
    culprit = hint[0]
    beyond = np.empty((2, hull.shape[0]))
    for upper in (3, 0, 1, 2):
        count = roll_out(state, phases, rates, radius, upper, poses)
        if count > poses.shape[0]:
            return False
        out_of_reach = (count - 1) * SPACING
        for k in range(-1, points.shape[0]):
            i = culprit if k < 0 else k
            if i < 0 or near[i] - keep >= out_of_reach:
                continue
            own = min(keep, near[i] - ROUNDING) if leaving else keep
            if _is_hit(points[i, 0], points[i, 1], near[i], poses, count, edges, hull, own, beyond):
                hint[0] = i
                return False
    return True


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _thin_out(points: Floats, edges: Floats, reach: float) -> tuple[Floats, Floats, float]:
    """The points that matter, their clearances, and the least of these.

    Beyond `reach` nothing matters; of a run of points closer than MERGED to its first, only the
    one nearest to the footprint does.
    """
    kept = np.empty_like(points)
    near = np.empty(points.shape[0])
    n = 0
    least = np.inf
    first_x, first_y = np.inf, np.inf
    for i in range(points.shape[0]):
        x, y = points[i, 0], points[i, 1]
        if x * x + y * y > reach * reach:
            continue
        free = clearance(x, y, edges)
        least = min(least, free)
        if (x - first_x) ** 2 + (y - first_y) ** 2 < MERGED * MERGED:
            if free >= near[n - 1]:
                continue
            n -= 1
        else:
            first_x, first_y = x, y
        kept[n, 0], kept[n, 1] = x, y
        near[n] = free
        n += 1
    return kept[:n], near[:n], least


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def largest_scale(
    points: Floats,
    edges: Floats,
    hull: Floats,
    radius: float,
    state: Floats,
    phases: Floats,
    command: Floats,
    rates: Floats,
    margin: Floats,
    escape: Floats,
) -> tuple[float, float]:
    """The largest scale of a command whose manoeuvre is free, and the present clearance.

    Args:
        points: (N, 2) obstacle points, base frame at the time of `state`.
        edges: of the footprint, as in `clearance`.
        hull: (H, 3) lines of its convex hull: outward unit normal x, y, and offset.
        radius: of the footprint's circumscribed circle.
        state: (2,) v, w measured.
        phases: (3, 5) as in `roll_out`; row 1 (the new command) is filled in here.
        command: (2,) v, w asked for.
        rates: (2, 2) as in `roll_out`.
        margin: (3,) at standstill, per speed of the fastest point, floor.
        escape: (2,) v, w allowed when the robot is already inside the margin.

    Scaling is searched from above, because being safe is not monotonic in it: turning away can
    be free where going slower along the old arc is not.
    """
    speed = abs(command[0]) + abs(command[1]) * radius
    fastest_v = max(abs(state[0]), abs(phases[0, 1]), abs(phases[0, 2]), abs(command[0]))
    fastest_w = max(abs(state[1]), abs(phases[0, 3]), abs(phases[0, 4]), abs(command[1]))
    duration = phases[0, 0] + phases[1, 0]
    travel = fastest_v * (duration + 0.5 * fastest_v / rates[0, 0])
    turn = fastest_w * (duration + 0.5 * fastest_w / rates[1, 0])
    poses = np.empty((16 + int(2.5 * (travel + turn * radius) / SPACING), 6))
    reach = travel + radius + margin[0]
    reach += margin[1] * (fastest_v + fastest_w * radius) + SPACING
    nearby, near, present = _thin_out(points, edges, reach)
    hint = np.full(1, -1, dtype=np.int64)
    free, blocked = 0.0, 0.0
    for k in range(_GRID, 0, -1):
        scale = k / _GRID
        phases[1, 1] = phases[1, 2] = scale * command[0]
        phases[1, 3] = phases[1, 4] = scale * command[1]
        keep = margin[0] + margin[1] * speed * scale + SAGITTA
        if _is_free(
            nearby, near, state, phases, rates, radius, edges, hull, keep, False, poses, hint
        ):
            free = scale
            break
        blocked = scale
    if free == 1.0:
        return 1.0, present
    if free == 0.0 and present < margin[0]:
        ratio = min(1.0, escape[0] / max(abs(command[0]), 1e-9))
        ratio = min(ratio, escape[1] / max(abs(command[1]), 1e-9))
        phases[1, 1] = phases[1, 2] = ratio * command[0]
        phases[1, 3] = phases[1, 4] = ratio * command[1]
        # Below the floor nothing may come closer than the nearest is now, noise included; what is
        # inside the footprint (present < 0) measures no distance.
        keep = present - ROUNDING if 0.0 <= present < margin[2] else margin[2]
        hint[0] = -1
        ok = _is_free(
            nearby, near, state, phases, rates, radius, edges, hull, keep, True, poses, hint
        )
        return (ratio if ok else 0.0), present
    for _ in range(_BISECTIONS):
        scale = 0.5 * (free + blocked)
        phases[1, 1] = phases[1, 2] = scale * command[0]
        phases[1, 3] = phases[1, 4] = scale * command[1]
        keep = margin[0] + margin[1] * speed * scale + SAGITTA
        if _is_free(
            nearby, near, state, phases, rates, radius, edges, hull, keep, False, poses, hint
        ):
            free = scale
        else:
            blocked = scale
    return free, present


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def project_scan(
    ranges: NDArray[np.float32],
    directions: Floats,
    sensor: Floats,
    range_min: float,
    range_max: float,
) -> tuple[Floats, NDArray[np.bool_], int, int]:
    """Returns of a scan as points, which beams say something, how many are invalid and empty.

    Args:
        ranges: (N,) metres. +inf and beyond range_max: nothing there. NaN, negative numbers and
            zero: invalid. -inf and below range_min: something too near to measure, so that it
            counts as being at range_min (REP-117).
        directions: (N, 2) unit vectors in the scanner's frame; (0, 0) masks a beam.
        sensor: (3,) x, y, yaw of the scanner in the frame wanted.
        range_min: metres.
        range_max: metres.
    """
    points = np.empty((ranges.shape[0], 2))
    usable = np.zeros(ranges.shape[0], dtype=np.bool_)
    n, invalid, empty = 0, 0, 0
    c, s = math.cos(sensor[2]), math.sin(sensor[2])
    for i in range(ranges.shape[0]):
        r = float(ranges[i])
        dx, dy = directions[i, 0], directions[i, 1]
        if dx == 0.0 and dy == 0.0:
            continue
        if math.isnan(r) or (r <= 0.0 and r != -np.inf):
            invalid += 1
            continue
        usable[i] = True
        if r > range_max:
            empty += 1
            continue
        r = max(r, range_min)
        points[n, 0] = sensor[0] + r * (c * dx - s * dy)
        points[n, 1] = sensor[1] + r * (s * dx + c * dy)
        n += 1
    return points[:n], usable, invalid, empty


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def in_view(
    points: Floats, sensor: Floats, layout: Floats, usable: NDArray[np.bool_], complete: bool
) -> NDArray[np.bool_]:
    """Whether a usable beam goes towards each of (N, 2) points, given in base frame.

    sensor: (3,) pose of the scanner on the robot; layout: (3,) first angle, increment, least
    range; complete: all beams are usable.
    """
    seen = np.zeros(points.shape[0], dtype=np.bool_)
    half = 0.5 * abs(layout[1]) * (usable.shape[0] - 1)
    middle = sensor[2] + layout[0] + 0.5 * layout[1] * (usable.shape[0] - 1)
    mx, my = math.cos(middle), math.sin(middle)
    least = math.cos(min(half, math.pi))
    for i in range(points.shape[0]):
        dx, dy = points[i, 0] - sensor[0], points[i, 1] - sensor[1]
        distance = math.sqrt(dx * dx + dy * dy)
        if dx * mx + dy * my < least * distance:
            continue
        if complete:
            seen[i] = True
            continue
        off = math.atan2(mx * dy - my * dx, mx * dx + my * dy) / layout[1]
        low = math.floor(off + 0.5 * (usable.shape[0] - 1))
        high = min(low + 1, usable.shape[0] - 1)
        seen[i] = low >= 0 and usable[low] and usable[high]
    return seen


def footprint_edges(footprint: Any) -> Floats:
    """(K, 2) vertices to (K, 5) edges as `clearance` takes them.

    Raises:
        ValueError: two neighbouring vertices are the same.
    """
    vertices = np.asarray(footprint, dtype=np.float64).reshape(-1, 2)
    vectors = np.roll(vertices, -1, axis=0) - vertices
    squares = (vectors**2).sum(axis=1, keepdims=True)
    if not (np.isfinite(vertices).all() and (squares > 0.0).all()):
        raise ValueError("footprint: vertices must be finite and distinct")
    return np.hstack([vertices, vectors, 1.0 / squares])


def hull_lines(edges: Floats) -> Floats:
    """(K, 5) edges to the (H, 3) lines of their convex hull: outward unit normal and offset.

    An edge whose line has every vertex on one side is on the hull; so is the line over each
    notch, which joins two vertices.
    """
    vertices = edges[:, :2]
    lines = []
    for i, start in enumerate(vertices):
        for end in np.delete(vertices, i, axis=0):
            normal = np.array([end[1] - start[1], start[0] - end[0]])
            length = float(np.hypot(*normal))
            if length > 0.0:
                normal /= length
                if ((vertices - start) @ normal).max() < 1e-9:
                    lines.append((normal[0], normal[1], float(normal @ start)))
    return np.unique(np.round(np.array(lines), 12), axis=0)
