from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from safety_monitor.beams import Scan, beam_towards, bearing, misfit, project_scan, unseen
from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import body_of
from safety_monitor.kernels import (
    STEP,
    Body,
    clearance,
    is_hit,
    largest_scale,
    roll_out,
    signed_distance,
)

RECTANGLE = (0.254, 0.215, -0.254, 0.215, -0.254, -0.215, 0.254, -0.215)
ARROW = (0.4, 0.0, -0.2, 0.3, -0.05, 0.0, -0.2, -0.3)
L_SHAPE = (0.3, 0.0, 0.3, 0.2, -0.3, 0.2, -0.3, -0.2, 0.0, -0.2, 0.0, 0.0)
CLOCKWISE = (0.254, -0.215, -0.254, -0.215, -0.254, 0.215, 0.254, 0.215)
SHAPES = {"rectangle": RECTANGLE, "arrow": ARROW, "l_shape": L_SHAPE, "clockwise": CLOCKWISE}
BODIES: dict[str, Body] = {
    name: body_of(MonitorConfig(footprint=shape, turning_point=0.0))
    for name, shape in SHAPES.items()
}
near = st.floats(-0.8, 0.8)
speed = st.floats(-2.0, 2.0)
rate = st.floats(-4.0, 4.0)


@pytest.mark.parametrize("shape", SHAPES)
@given(x=near, y=near)
def test_the_distance_from_a_polygon_is_signed(polygon_distance, shape, x: float, y: float) -> None:
    corners = np.array(SHAPES[shape]).reshape(-1, 2)
    expected = polygon_distance(np.array([[x, y]]), corners)
    assert signed_distance(np.array([[x, y]]), corners) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@given(x=near, y=near)
def test_clearance_is_that_distance_or_far_away_less(
    polygon_distance, shape, x: float, y: float
) -> None:
    expected = polygon_distance(np.array([[x, y]]), np.array(SHAPES[shape]).reshape(-1, 2))[0]
    found = clearance(x, y, BODIES[shape])
    if max(abs(x), abs(y)) < BODIES[shape].half - 0.004:
        assert found == pytest.approx(expected, abs=2.5e-3)
    if expected >= 0.0:
        assert found <= expected + 1e-9


@pytest.mark.parametrize("shape", SHAPES)
def test_the_field_ends_beyond_every_margin(shape) -> None:
    body = BODIES[shape]
    assert body.half - body.radius >= 0.09
    assert body.radius == pytest.approx(np.hypot(*np.reshape(SHAPES[shape], (-1, 2)).T).max())


def manoeuvre(state, sent, command, upper, reaction=0.05, age=0.03):
    phases = np.zeros((3, 5))
    phases[0] = age, min(sent[0], 0), max(sent[0], 0), min(sent[1], 0), max(sent[1], 0)
    phases[1] = reaction, command[0], command[0], command[1], command[1]
    poses = np.empty((2000, 6))
    count = roll_out(np.repeat(state, 2), phases, BODIES["arrow"], upper, poses)
    assert count <= len(poses)
    return poses[:count]


@given(v=speed, w=rate, sv=speed, sw=rate, cv=speed, cw=rate, upper=st.integers(0, 3))
def test_no_point_of_the_body_moves_farther_than_the_spacing(v, w, sv, sw, cv, cw, upper) -> None:
    poses = manoeuvre((v, w), (sv, sw), (cv, cw), upper)
    corners = np.array(ARROW).reshape(-1, 2)
    x, y, c, s = poses.T[:4, :, None]
    at = np.stack(
        [x + c * corners[:, 0] - s * corners[:, 1], y + s * corners[:, 0] + c * corners[:, 1]]
    )
    moved = np.hypot(*np.diff(at, axis=1))
    assert moved.max(initial=0.0) <= STEP + 1e-9
    assert (moved.max(axis=1) <= np.diff(poses[:, 4]) + 1e-9).all()


def test_straight_braking_takes_the_distance_of_the_sure_deceleration() -> None:
    poses = manoeuvre((2.0, 0.0), (2.0, 0.0), (2.0, 0.0), 1)
    assert poses[-1, 0] == pytest.approx(2.0 * 0.08 + 2.0**2 / (2 * 5.0), abs=1e-3)


def test_turning_on_the_spot_stops_at_the_angle_of_the_sure_deceleration() -> None:
    poses = manoeuvre((0.0, 4.0), (0.0, 4.0), (0.0, 4.0), 2)
    angle = math.atan2(poses[-1, 3], poses[-1, 2])
    assert angle == pytest.approx(4.0 * 0.08 + 4.0**2 / (2 * 10.0), abs=2e-3)


def test_proportional_braking_stays_on_the_circle() -> None:
    poses = manoeuvre((1.0, 2.0), (1.0, 2.0), (1.0, 2.0), 3)
    radius = np.hypot(poses[:, 0], poses[:, 1] - 0.5)
    assert radius == pytest.approx(np.full(len(poses), 0.5), abs=1e-4)


@pytest.mark.parametrize("shape", ["rectangle", "arrow", "l_shape"])
@given(
    v=speed,
    w=rate,
    cv=speed,
    cw=rate,
    upper=st.integers(0, 3),
    x=near,
    y=near,
    keep=st.floats(0.005, 0.05),
)
def test_the_sweep_finds_what_a_sampling_of_every_pose_finds(
    polygon_distance, shape, v, w, cv, cw, upper, x, y, keep
) -> None:
    body = BODIES[shape]
    poses = manoeuvre((v, w), (v, w), (cv, cw), upper)
    dx, dy, c, s = x - poses[:, 0], y - poses[:, 1], poses[:, 2], poses[:, 3]
    seen = np.column_stack([c * dx + s * dy, c * dy - s * dx])
    truth = polygon_distance(seen, np.array(SHAPES[shape]).reshape(-1, 2)).min()
    # The poses are those of the arrow, whose circle is the largest: no shape's points move faster.
    hit = is_hit(x, y, clearance(x, y, body), poses, len(poses), body, keep)
    if truth < keep - 1.5e-3:
        assert hit
    if truth > keep + 1.5e-3:
        assert not hit


DRIFTING = body_of(MonitorConfig(footprint=ARROW, turning_point=0.15))


def sweep(state, command, upper, rows=3000):
    """Poses of a drifting body's manoeuvre, before rows that an earlier one has left, and count."""
    phases, poses = np.zeros((3, 5)), np.zeros((rows, 6))
    phases[0] = 0.03, *np.repeat(state, 2)
    phases[1] = 0.05, *np.repeat(command, 2)
    return phases, poses, roll_out(np.repeat(state, 2), phases, DRIFTING, upper, poses)


@given(v=speed, w=rate, cw=rate, upper=st.integers(0, 3), x=near, y=near)
@example(v=1.5, w=3.0, cw=3.0, upper=3, x=0.6, y=0.4)
def test_a_sweep_takes_drift_for_nearness_and_ends_with_its_last_pose(v, w, cw, upper, x, y):
    _, poses, count = sweep((v, w), (v, cw), upper)
    swept = [
        clearance(c * (x - px) + s * (y - py), c * (y - py) - s * (x - px), DRIFTING) - drift
        for px, py, c, s, _, drift in poses[:count]
    ]
    for keep in (min(swept) - 2e-3, min(swept) + 2e-3):
        if keep > 0.0:
            hit = is_hit(x, y, clearance(x, y, DRIFTING), poses, count, DRIFTING, keep)
            # What is beyond the field, 0.1 m around the circle, is known to be farther than that.
            if keep + poses[count - 1, 5] < 0.1:
                assert hit == (keep > min(swept))
            else:
                assert keep > min(swept) or not hit


@given(v=speed, w=rate, x=st.floats(-1.2, 1.2), y=st.floats(-1.2, 1.2))
@example(v=2.0, w=4.0, x=0.1, y=0.55)
@example(v=2.0, w=4.0, x=0.15, y=0.35)
@example(v=2.0, w=-4.0, x=0.1, y=-0.55)
@example(v=-2.0, w=4.0, x=-0.1, y=-0.55)
@example(v=1.5, w=2.0, x=-0.25, y=-0.35)
def test_a_command_passes_in_full_if_none_of_its_sweeps_meets_anything(v, w, x, y) -> None:
    margin = DRIFTING.margin[0] + DRIFTING.margin[1] * (abs(v) + abs(w) * DRIFTING.radius)
    near, met = clearance(x, y, DRIFTING), False
    assume(near >= DRIFTING.margin[0])
    for upper in range(4):
        phases, poses, count = sweep((v, w), (v, w), upper)
        met |= is_hit(x, y, near, poses, count, DRIFTING, margin)
    state, wish = np.repeat((v, w), 2), np.array([v, w])
    scale, present = largest_scale(np.array([[x, y]]), state, phases, wish, DRIFTING, 5.0)
    assert (scale == 1.0) == (not met)
    assert present == near


def test_too_few_rows_for_a_manoeuvre_are_told() -> None:
    poses, phases = np.empty((3, 6)), np.zeros((3, 5))
    assert roll_out(np.array([2.0, 2.0, 0.0, 0.0]), phases, BODIES["rectangle"], 3, poses) > 3


def judge(points, state=(0.0, 0.0), command=(1.0, 0.0), sent=None, shape="rectangle"):
    """Scale and clearance among (N, 2) points with 70 ms on the way and 30 ms of reaction."""
    phases = np.zeros((3, 5))
    low, high = np.minimum(sent or state, state), np.maximum(sent or state, state)
    phases[0] = 0.07, low[0], high[0], low[1], high[1]
    phases[1, 0] = 0.03
    wish, now = np.array(command, dtype=float), np.repeat(np.array(state, dtype=float), 2)
    return largest_scale(np.array(points, dtype=float), now, phases, wish, BODIES[shape], 5.0)


@pytest.mark.parametrize("v", [0.3, 1.0, 2.0])
def test_a_steady_command_passes_if_its_braking_ends_before_the_obstacle(v: float) -> None:
    """Way until the brakes act, way of the brakes, margin: what the formula says, and no more."""
    stop = v * 0.1 + v * v / (2 * 5.0) + 0.015 + 0.008 * v
    free, _ = judge([[0.254 + stop + 0.004, 0.0]], (v, 0.0), (v, 0.0))
    less, _ = judge([[0.254 + stop - 0.004, 0.0]], (v, 0.0), (v, 0.0))
    assert free == 1.0
    assert less < 1.0


def test_the_clearance_told_is_the_least_of_all_in_reach() -> None:
    _, present = judge([[1.0, 0.0], [0.0, 0.315], [9.0, 0.0]])
    assert present == pytest.approx(0.1, abs=1e-3)
    assert judge(np.empty((0, 2))) == (1.0, math.inf)
    assert judge([[9.0, 0.0]]) == (1.0, math.inf)


def test_of_neighbouring_returns_the_nearest_counts() -> None:
    """Along a wall of returns 1 mm apart none of them gets lost."""
    y = np.arange(-0.3, 0.3, 0.001)
    for tip in (0.0, 0.0015, 0.0035):
        x = np.where(np.abs(y - tip) < 1e-9, 0.30, 0.303)
        _, present = judge(np.column_stack([x, y]))
        assert present == pytest.approx(x.min() - 0.254, abs=1e-3)


@pytest.mark.parametrize("side", [1, -1])
def test_turning_is_stopped_by_what_a_corner_would_touch(side: int) -> None:
    reach = math.hypot(0.254, 0.215)
    assert judge([[0.0, side * (reach + 0.05)]], (0, 0), (0.0, 2.0 * side))[0] == 1.0
    moving = (0, 2.0 * side)
    assert judge([[0.12, side * (reach - 0.05)]], moving, moving)[0] < 1.0


def test_a_notch_of_the_footprint_is_no_part_of_it() -> None:
    """The L leaves room in its corner."""
    point = [[0.15, -0.12]]
    assert judge(point, (0, 0), (-0.5, 0.0), shape="l_shape")[0] == 1.0
    assert clearance(0.15, -0.12, BODIES["rectangle"]) < 0.0


def test_inside_the_margin_the_robot_may_creep_as_far_as_the_floor_and_leave() -> None:
    near, nearer = [[0.254 + 0.012, 0.0]], [[0.254 + 0.003, 0.0]]
    assert judge(near, command=(1.0, 0.0))[0] == pytest.approx(0.1)
    assert judge(nearer, command=(1.0, 0.0))[0] == 0.0
    for point in (near, nearer):
        assert judge(point, command=(-1.0, 0.0))[0] == pytest.approx(0.1)
        assert judge(point, command=(-0.05, 0.0))[0] == 1.0
        assert judge(point, command=(-0.2, 0.8))[0] == pytest.approx(0.5)


def test_what_is_inside_the_body_is_left_and_never_gone_deeper_into() -> None:
    assert judge([[0.2, 0.0]], command=(-0.1, 0.0))[0] == 1.0
    assert judge([[0.2, 0.0]], command=(0.1, 0.0))[0] == 0.0


def test_outside_the_margin_a_blocked_command_is_stopped() -> None:
    assert judge([[0.254 + 0.0155, 0.0]], command=(2.0, 0.0))[0] == 0.0


def scan(values, directions=None, pose=(0.0, 0.0, 0.0)):
    ranges = np.array(values, dtype=np.float32)
    if directions is None:
        directions = np.tile([1.0, 0.0], (len(ranges), 1))
    return project_scan(ranges, directions, np.array(pose), 0.1, 30.0)


def test_what_each_range_means() -> None:
    values = [1.0, np.inf, 31.0, np.nan, -1.0, 0.0, -np.inf, 0.05]
    points, free, invalid, empty = scan(values)
    assert points[:, 0] == pytest.approx([1.0, 0.1, 0.1])
    assert free == pytest.approx([1.0, 30.0, 30.0, 0.0, 0.0, 0.0, 0.1, 0.1])
    assert (invalid, empty) == (3, 2)


def test_a_masked_beam_says_nothing() -> None:
    points, free, invalid, empty = scan([1.0, 1.0], np.array([[0.0, 0.0], [1.0, 0.0]]))
    assert (len(points), free.tolist(), invalid, empty) == (1, [0.0, 1.0], 0, 0)


def test_points_are_where_the_scanner_stands_and_looks() -> None:
    points, *_ = scan([2.0], pose=(0.1, 0.2, math.pi / 2))
    assert points[0] == pytest.approx([0.1, 2.2])


def scan_of(free, layout, sensor=(0.0, 0.0, 0.0)) -> Scan:
    return Scan(0, np.empty((0, 2)), free, layout, np.array(sensor))


@given(x=st.floats(-10.0, 10.0), y=st.floats(-10.0, 10.0))
@example(0.0, 0.0)
@example(-1.0, 0.0)
@example(1.0, 1.0)
def test_a_bearing_is_the_arc_tangent(x: float, y: float) -> None:
    assert bearing(x, y) == pytest.approx(math.atan2(y, x), abs=2.5e-8)


@given(angle=st.floats(-math.pi, math.pi), distance=st.floats(0.01, 5.0), flip=st.booleans())
def test_in_view_is_the_angle_between_the_first_and_last_beam(angle, distance, flip) -> None:
    half, beams = 2.35, 720
    increment = 2 * half / (beams - 1) * (-1 if flip else 1)
    layout = np.array([0.0, increment, 0.1, 30.0])
    point = np.array(
        [[0.1 + distance * math.cos(angle + 0.7), -0.2 + distance * math.sin(angle + 0.7)]]
    )
    free = np.ones(beams)
    scan = scan_of(free, layout, (0.1, -0.2, 0.7))
    end = half + 0.5 * abs(increment)
    if abs(abs(angle) - end) > 1e-6:
        assert (len(unseen(point, scan)) == 0) == (abs(angle) < end)
    index = angle / increment + 0.5 * (beams - 1)
    free[max(0, math.floor(index)) : math.ceil(index) + 1] = 0.0
    assert len(unseen(point, scan)) == 1


@given(angle=st.floats(-math.pi, math.pi), start=st.floats(-math.pi, math.pi))
def test_a_scanner_that_looks_all_around_sees_all_around(angle: float, start: float) -> None:
    beams = 360
    increment = math.tau / beams
    layout = np.array([start + 0.5 * increment * (beams - 1), increment, 0.1, 30.0])
    point = np.array([[math.cos(angle), math.sin(angle)]])
    assert len(unseen(point, scan_of(np.ones(beams), layout))) == 0


@given(index=st.integers(0, 719), start=st.floats(-math.pi, 0), flip=st.booleans())
def test_a_beam_is_found_by_where_it_goes(index: int, start: float, flip: bool) -> None:
    increment = 4.7 / 719 * (-1 if flip else 1)
    layout = np.array([start + 0.5 * increment * 719, increment, 0.1, 30.0])
    angle = start + increment * index
    found = beam_towards(math.cos(angle), math.sin(angle), layout, 720)
    assert found == pytest.approx(index, abs=1e-5)


def test_a_misfit_is_the_difference_of_ranges_to_what_motion_lets_expect() -> None:
    """A wall at x = 2 m seen by five beams; then the robot is 0.5 m nearer, turned or not."""
    angles = np.linspace(-0.2, 0.2, 5)
    scan = scan_of(1.4 / np.cos(angles), np.array([0.0, 0.1, 0.1]), (0.1, 0.0, 0.0))
    earlier = np.column_stack([np.full(41, 2.0), 1.4 * np.tan(np.linspace(-0.2, 0.2, 41))])
    met, off, share = misfit(earlier, 1, (-0.5, 0.0, 0.0), scan, 0.3, 0.02)
    assert (met, share) == (41, 0.0)
    assert 0.0 < off < 0.02
    met, off, share = misfit(earlier, 1, (0.0, 0.0, 0.0), scan, 0.3, 0.02)
    assert met > 20
    assert (off, share) == pytest.approx((0.3, 1.0))
    scan.free[:] = 0.0
    assert misfit(earlier, 1, (0.0, 0.0, 0.0), scan, 0.3, 0.02) == (0, 0.0, 0.0)
