"""The motion envelope against a slow one that integrates what the base may do, step by step.

The reference shares nothing with the kernels but the statement of the problem: each axis follows
its target no slower than is sure and no faster than it ever does; commands on their way act first,
then the new one for a reaction time, then the brakes.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import Motion, MotionEnvelope, body_of
from safety_monitor.kernels import is_hit, largest_scale, roll_out

ARROW = (0.4, 0.0, -0.2, 0.3, -0.05, 0.0, -0.2, -0.3)
CORNERS = np.array(ARROW).reshape(-1, 2)
# All rates and margins differ, so that none can stand for another.
CONFIG = MonitorConfig(
    footprint=ARROW,
    linear_acceleration=3.0,
    linear_deceleration=4.0,
    peak_linear_acceleration=12.0,
    angular_acceleration=9.0,
    angular_deceleration=7.0,
    peak_angular_acceleration=30.0,
    actuation_delay=0.05,
    margin=0.02,
    margin_per_speed=0.01,
    turning_point=0.12,
    turning_point_per_curve=0.3,
)
SURE, PEAK = (3.0, 7.0), (12.0, 30.0)
BODY = body_of(CONFIG)
DT = 0.002
LEVELS = 20
TOLERANCE = 0.006

speed, rate = st.floats(-1.5, 1.5), st.floats(-3.0, 3.0)
band = st.tuples(st.floats(0.0, 0.6), st.floats(0.0, 0.6), st.floats(0.0, 1.5), st.floats(0.0, 1.5))


def examples(most: int) -> settings:
    """So many, or fewer where the profile asks for fewer."""
    return settings(max_examples=min(most, settings().max_examples))


def follow(value: float, target: float, rise: float, fall: float) -> float:
    if value < target:
        return min(target, value + rise * DT)
    return max(target, value - fall * DT)


def integrate(state, phases, upper: tuple[bool, bool]) -> np.ndarray:
    """(N, 5) x, y, yaw, way of the fastest corner and drift, for one profile of each axis."""
    (v, w), x, y, yaw, way, drift = state, 0.0, 0.0, 0.0, 0.0, 0.0
    found = [(x, y, yaw, way, drift)]
    rates = [(PEAK[k], SURE[k]) if upper[k] else (SURE[k], PEAK[k]) for k in (0, 1)]
    for number, (duration, *targets) in enumerate(phases):
        left = round(duration / DT) if number < 2 else 10_000
        while left and (number < 2 or v or w):
            v_next = follow(v, targets[upper[0]], *rates[0])
            w_next = follow(w, targets[2 + upper[1]], *rates[1])
            way += DT * (abs(v + v_next) + abs(w + w_next) * BODY.radius) / 2
            heading = yaw + DT * (w + w_next) / 4
            x += DT * (v + v_next) / 2 * math.cos(heading)
            y += DT * (v + v_next) / 2 * math.sin(heading)
            # About a point halfway to the farthest, and by as much more or less.
            curve = (v + v_next) / 2 * (w + w_next) / 2
            give = min(0.12, 0.3 * abs(curve)) / 2 * math.copysign(DT * (w + w_next) / 2, curve)
            x, y = x + give * math.sin(heading), y - give * math.cos(heading)
            way, drift = way + 2 * abs(give), drift + abs(give)
            yaw += DT * (w + w_next) / 2
            v, w, left = v_next, w_next, left - 1
            found.append((x, y, yaw, way, drift))
    return np.array(found)


def phases_of(sent, around, command, age: float = 0.08, reaction: float = 0.06) -> np.ndarray:
    """Commands on their way lie in a band around one; then the new one; then the brakes."""
    (v, w), (v_below, v_above, w_below, w_above) = sent, around
    return np.array(
        [
            (age, v - v_below, v + v_above, w - w_below, w + w_above),
            (reaction, command[0], command[0], command[1], command[1]),
            (0.0, 0.0, 0.0, 0.0, 0.0),
        ]
    )


@examples(40)
@given(v=speed, w=rate, sv=speed, sw=rate, around=band, cv=speed, cw=rate, up=st.integers(0, 3))
def test_a_sweep_follows_one_extreme_of_what_the_base_may_do(
    v, w, sv, sw, around, cv, cw, up
) -> None:
    phases, poses = phases_of((sv, sw), around, (cv, cw)), np.empty((4000, 6))
    count = roll_out(np.array([v, v, w, w]), phases, BODY, up, poses)
    x, y, yaw, way, drift = integrate((v, w), phases, (bool(up & 1), bool(up & 2)))[-1]
    end = poses[count - 1]
    assert end[:2] == pytest.approx([x, y], abs=2e-3)
    assert end[2:4] == pytest.approx([math.cos(yaw), math.sin(yaw)], abs=4e-3)
    assert end[4] == pytest.approx(way, abs=4e-3)
    assert end[5] == pytest.approx(drift, abs=2e-3)


def nearest(points, state, phases, polygon_distance) -> float:
    """How close the body comes to any point in any of the four sweeps."""
    least = math.inf
    for upper in itertools.product((False, True), repeat=2):
        x, y, yaw, _, drift = integrate(state, phases, upper).T
        for px, py in points:
            dx, dy, c, s = px - x, py - y, np.cos(yaw), np.sin(yaw)
            seen = np.column_stack([c * dx + s * dy, c * dy - s * dx])
            least = min(least, (polygon_distance(seen, CORNERS) - drift).min())
    return least


def bounds(points, state, sent, around, command, polygon_distance) -> tuple[float, float]:
    """The largest scales that keep the margin with a tolerance to spare, and all but one."""
    most = None
    for level in range(LEVELS, 0, -1):
        scale = level / LEVELS
        v, w = scale * command[0], scale * command[1]
        keep = 0.02 + 0.01 * (abs(v) + abs(w) * BODY.radius)
        free = nearest(points, state, phases_of(sent, around, (v, w)), polygon_distance)
        if most is None and free >= keep - TOLERANCE:
            most = scale
        if free >= keep + TOLERANCE:
            return scale, most or scale
    return 0.0, most or 0.0


bearing = st.floats(-math.pi, math.pi)
place = st.tuples(bearing, st.floats(0.05, 0.5))


@examples(25)
@given(
    v=speed,
    w=rate,
    around=band,
    cv=st.floats(-1.5, 1.5),
    cw=st.floats(-3.0, 3.0),
    places=st.lists(place, min_size=1, max_size=4),
)
def test_the_scale_is_the_largest_that_keeps_the_margin(
    polygon_distance, v, w, around, cv, cw, places
) -> None:
    """Between what is free with a little less margin and what is free with a little more."""
    points = np.array([((0.3 + r) * math.cos(b), (0.3 + r) * math.sin(b)) for b, r in places])
    assume(polygon_distance(points, CORNERS).min() > 0.03)
    told = (v, w), (v, w), around, (cv, cw)
    least, most = bounds(points, *told, polygon_distance)
    phases = phases_of(*told[1:])
    phases[1, 1:] = 0.0
    state, wish = np.array([v, v, w, w]), np.array([cv, cw])
    scale, present = largest_scale(points, state, phases, wish, BODY, 5.0)
    assert least <= scale <= most
    clear = polygon_distance(points, CORNERS).min()
    assert present <= clear + 1e-9
    if np.abs(points).max() < 0.49:
        assert present == pytest.approx(clear, abs=3e-3)


@examples(25)
@given(
    v=speed,
    w=rate,
    sent=st.lists(st.tuples(speed, rate), min_size=1, max_size=3),
    cv=speed,
    b=place,
)
def test_the_envelope_reckons_from_the_measurement_to_the_wheels(
    polygon_distance, v, w, sent, cv, b
) -> None:
    """Age and actuation delay go by under what was sent: the least of it and the most."""
    points = np.array([((0.35 + b[1]) * math.cos(b[0]), (0.35 + b[1]) * math.sin(b[0]))])
    assume(polygon_distance(points, CORNERS)[0] > 0.03)
    low, high = np.min(sent, axis=0), np.max(sent, axis=0)
    around = (0.0, high[0] - low[0], 0.0, high[1] - low[1])
    told = (v, w), tuple(low), around, (cv, 0.5)
    verdict = MotionEnvelope(CONFIG).evaluate(
        points, Motion(v, w, 0.03, tuple(sent)), (cv, 0.5), 0.06, 5.0
    )
    least, most = bounds(points, *told, polygon_distance)
    assert least <= verdict.scale <= most


@examples(25)
@given(v=speed, w=rate, cv=speed, cw=rate, age=st.floats(0.0, 0.3))
def test_nothing_beyond_the_reach_is_ever_met(v, w, cv, cw, age) -> None:
    """Whatever the base does between its rates, no corner comes as far as the reach."""
    envelope = MotionEnvelope(CONFIG)
    sent = ((v, w), (0.5 * cv, -w))
    reach = envelope.reach(Motion(v, w, age, sent), (cv, cw), 0.06)
    low, high = np.min(sent, axis=0), np.max(sent, axis=0)
    around = (0.0, high[0] - low[0], 0.0, high[1] - low[1])
    phases = phases_of(tuple(low), around, (cv, cw), age=age + 0.05)
    for upper in itertools.product((False, True), repeat=2):
        x, y, *_, drift = integrate((v, w), phases, upper).T
        assert (np.hypot(x, y) + drift).max() + BODY.radius + 0.02 <= reach + 4e-3


def test_what_cannot_be_looked_at_to_its_end_is_not_let_through() -> None:
    """A base that hardly brakes drives for longer than there is room to look ahead."""
    slow = body_of(MonitorConfig(linear_acceleration=1e-3, linear_deceleration=1e-3))
    phases = np.zeros((3, 5))
    phases[:2, 0] = 0.1
    empty, still = np.empty((0, 2)), np.zeros(4)
    assert largest_scale(empty, still, phases, np.array([2.0, 0.0]), slow, 5.0)[0] < 1.0
    assert largest_scale(empty, still, phases, np.array([0.01, 0.0]), slow, 5.0)[0] == 1.0


def test_a_robot_that_stands_and_shall_stand_meets_nothing() -> None:
    poses = np.zeros((4, 6))
    poses[0] = math.nan
    count = roll_out(np.zeros(4), np.zeros((3, 5)), BODY, 0, poses)
    assert (count, poses[0].tolist()) == (1, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    assert not is_hit(0.5, 0.0, 0.1, poses, count, BODY, 0.05)
    assert not is_hit(0.5, 0.0, 0.05, poses, count, BODY, 0.05)
    assert is_hit(0.5, 0.0, 0.04, poses, count, BODY, 0.05)


def farthest_step(state, phases) -> float:
    """The farthest that a corner goes between two poses of any sweep."""
    poses, far = np.empty((4000, 6)), 0.0
    for upper in range(4):
        count = roll_out(np.repeat(state, 2), phases, BODY, upper, poses)
        x, y, c, s = poses[:count].T[:4, :, None]
        px, py = CORNERS.T
        moved = np.hypot(np.diff(x + c * px - s * py, axis=0), np.diff(y + s * px + c * py, axis=0))
        far = max(far, moved.max())
    return far


STILL = (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("fast", ["state", "sent", "command"])
@pytest.mark.parametrize("motion", [(2.5, 0.0), (-2.5, 0.0), (0.0, 6.0), (0.0, -6.0)])
def test_whatever_is_fast_no_point_goes_farther_than_8_mm_between_two_poses(fast, motion) -> None:
    told = {"state": (0.0, 0.0), "sent": (0.0, 0.0), "command": (0.0, 0.0), fast: motion}
    phases = phases_of(told["sent"], STILL, told["command"], age=0.3, reaction=0.3)
    assert 0.006 < farthest_step(told["state"], phases) <= 0.008 + 1e-9


@pytest.mark.parametrize("axis", range(4))
def test_each_extreme_of_what_was_sent_is_looked_at_closely(axis: int) -> None:
    around = [0.0] * 4
    around[axis] = 2.5 if axis < 2 else 6.0
    phases = phases_of((0.0, 0.0), around, (0.0, 0.0), age=0.3)
    assert 0.006 < farthest_step((0.0, 0.0), phases) <= 0.008 + 1e-9


@pytest.mark.parametrize("turn", [2.0, -2.0])
def test_a_steady_curve_is_a_circle_all_the_way(turn: float) -> None:
    phases, poses = phases_of((1.0, turn), STILL, (1.0, turn), reaction=1.5), np.empty((4000, 6))
    count = roll_out(np.array([1.0, 1.0, turn, turn]), phases, BODY, 3, poses)
    steady = poses[:count][poses[:count, 4] < 1.5 * (1.0 + 2.0 * BODY.radius)]
    # About a point halfway to the farthest ahead.
    away = np.hypot(steady[:, 0] - 0.06, steady[:, 1] - 1.0 / turn)
    assert away == pytest.approx(np.full(len(steady), math.hypot(0.06, 0.5)), abs=1e-4)
    assert np.ptp(steady[:, 1]) > 0.9


@pytest.mark.parametrize("v", [0.02, 0.1, 0.3])
def test_slow_braking_is_as_exact_as_fast(v: float) -> None:
    phases, poses = phases_of((v, 0.0), STILL, (v, 0.0)), np.empty((4000, 6))
    count = roll_out(np.array([v, v, 0.0, 0.0]), phases, BODY, 1, poses)
    assert poses[count - 1, 0] == pytest.approx(v * 0.14 + v * v / (2 * SURE[0]), abs=5e-4)


def test_a_manoeuvre_that_has_no_room_counts_one_more_than_there_is() -> None:
    phases = phases_of((1.0, 0.0), STILL, (1.0, 0.0))
    state = np.array([1.0, 1.0, 0.0, 0.0])
    enough = roll_out(state, phases, BODY, 1, np.empty((4000, 6)))
    assert roll_out(state, phases, BODY, 1, np.empty((enough, 6))) == enough
    assert roll_out(state, phases, BODY, 1, np.empty((enough - 1, 6))) == enough
    assert roll_out(state, phases, BODY, 1, np.empty((7, 6))) == 8
