from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety_monitor import kernels
from safety_monitor.kernels import (
    SPACING,
    clearance,
    footprint_edges,
    hull_lines,
    in_view,
    project_scan,
    roll_out,
)

RECTANGLE = (0.254, 0.215, -0.254, 0.215, -0.254, -0.215, 0.254, -0.215)
ARROW = (0.4, 0.0, -0.2, 0.3, -0.05, 0.0, -0.2, -0.3)
L_SHAPE = (0.3, 0.0, 0.3, 0.2, -0.3, 0.2, -0.3, -0.2, 0.0, -0.2, 0.0, 0.0)
SHAPES = {"rectangle": RECTANGLE, "arrow": ARROW, "l_shape": L_SHAPE, "clockwise": RECTANGLE[::-1]}
near = st.floats(-0.8, 0.8)
speed = st.floats(-2.0, 2.0)
rate = st.floats(-4.0, 4.0)


@pytest.mark.parametrize("shape", SHAPES)
@given(x=near, y=near)
def test_clearance_is_the_signed_distance(polygon_distance, shape, x: float, y: float) -> None:
    footprint = np.array(SHAPES[shape]).reshape(-1, 2)
    expected = polygon_distance(np.array([[x, y]]), footprint)[0]
    found = clearance(x, y, footprint_edges(footprint))
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@given(x=near, y=near)
def test_what_a_hull_line_separates_is_at_least_that_far(shape, x: float, y: float) -> None:
    edges = footprint_edges(SHAPES[shape])
    hull = hull_lines(edges)
    beyond = (hull[:, :2] @ (x, y) - hull[:, 2]).max()
    assert clearance(x, y, edges) >= beyond - 1e-9


@pytest.mark.parametrize("shape", SHAPES)
def test_the_hull_contains_the_footprint(shape) -> None:
    edges = footprint_edges(SHAPES[shape])
    hull = hull_lines(edges)
    assert (edges[:, :2] @ hull[:, :2].T - hull[:, 2] < 1e-9).all()
    assert len(hull) >= 3


@pytest.mark.parametrize("bad", [(0, 0, 0, 0, 1, 1), (0, 0, math.nan, 0, 1, 1)])
def test_a_footprint_that_is_none_is_refused(bad) -> None:
    with pytest.raises(ValueError, match="footprint"):
        footprint_edges(bad)


def manoeuvre(state, sent, command, upper, reaction=0.05, age=0.03):
    phases = np.zeros((3, 5))
    phases[0] = age, min(sent[0], 0), max(sent[0], 0), min(sent[1], 0), max(sent[1], 0)
    phases[1] = reaction, command[0], command[0], command[1], command[1]
    poses = np.empty((2000, 6))
    rates = np.array([[5.0, 20.0], [10.0, 25.0]])
    count = roll_out(np.array(state), phases, rates, 0.42, upper, poses)
    assert count <= len(poses)
    return poses[:count]


@given(v=speed, w=rate, sv=speed, sw=rate, cv=speed, cw=rate, upper=st.integers(0, 3))
def test_no_point_of_the_body_moves_farther_than_the_spacing(v, w, sv, sw, cv, cw, upper) -> None:
    poses = manoeuvre((v, w), (sv, sw), (cv, cw), upper)
    corners = np.array(RECTANGLE).reshape(-1, 2)
    x, y, c, s = poses.T[:4, :, None]
    at = np.stack(
        [x + c * corners[:, 0] - s * corners[:, 1], y + s * corners[:, 0] + c * corners[:, 1]]
    )
    moved = np.hypot(*np.diff(at, axis=1))
    assert moved.max(initial=0.0) <= SPACING + 1e-9


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
@settings(max_examples=200)
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
def test_the_sweep_finds_what_a_dense_sampling_finds(
    polygon_distance, shape, v, w, cv, cw, upper, x, y, keep
) -> None:
    """The chord test may be more careful than the truth by little, and never less careful."""
    edges = footprint_edges(SHAPES[shape])
    hull = hull_lines(edges)
    poses = manoeuvre((v, w), (v, w), (cv, cw), upper)
    fine = interpolate(poses)
    dx, dy = x - fine[:, 0], y - fine[:, 1]
    c, s = np.cos(fine[:, 2]), np.sin(fine[:, 2])
    seen = np.column_stack([c * dx + s * dy, c * dy - s * dx])
    truth = polygon_distance(seen, np.array(SHAPES[shape]).reshape(-1, 2)).min()
    start = clearance(x, y, edges)
    scratch = np.empty((2, len(hull)))
    hit = kernels._is_hit(x, y, start, poses, len(poses), edges, hull, keep, scratch)
    if truth < keep - 1.5e-3:
        assert hit
    if truth > keep + 1.5e-3:
        assert not hit


def interpolate(poses: np.ndarray) -> np.ndarray:
    """x, y, yaw every millimetre or so between the poses."""
    yaw = np.unwrap(np.arctan2(poses[:, 3], poses[:, 2]))
    coarse = np.arange(len(poses))
    fine = np.linspace(0, len(poses) - 1, 25 * len(poses))
    return np.column_stack([np.interp(fine, coarse, a) for a in (poses[:, 0], poses[:, 1], yaw)])


def test_too_few_rows_for_a_manoeuvre_are_told() -> None:
    poses = np.empty((3, 6))
    phases = np.zeros((1, 5))
    rates = np.array([[1.0, 20.0], [10.0, 25.0]])
    assert roll_out(np.array([2.0, 0.0]), phases, rates, 0.3, 3, poses) > 3


def scan(values, directions=None, pose=(0.0, 0.0, 0.0)):
    ranges = np.array(values, dtype=np.float32)
    if directions is None:
        directions = np.tile([1.0, 0.0], (len(ranges), 1))
    return project_scan(ranges, directions, np.array(pose), 0.1, 30.0)


def test_what_each_range_means() -> None:
    values = [1.0, np.inf, 31.0, np.nan, -1.0, 0.0, -np.inf, 0.05]
    points, usable, invalid, empty = scan(values)
    assert points[:, 0] == pytest.approx([1.0, 0.1, 0.1])
    assert usable.tolist() == [True, True, True, False, False, False, True, True]
    assert (invalid, empty) == (3, 2)


def test_a_masked_beam_says_nothing() -> None:
    points, usable, invalid, empty = scan([1.0, 1.0], np.array([[0.0, 0.0], [1.0, 0.0]]))
    assert (len(points), usable.tolist(), invalid, empty) == (1, [False, True], 0, 0)


def test_points_are_where_the_scanner_stands_and_looks() -> None:
    points, *_ = scan([2.0], pose=(0.1, 0.2, math.pi / 2))
    assert points[0] == pytest.approx([0.1, 2.2])


@given(bearing=st.floats(-math.pi, math.pi), distance=st.floats(0.01, 5.0), flip=st.booleans())
def test_in_view_is_the_angle_between_the_first_and_last_beam(bearing, distance, flip) -> None:
    half, beams = 2.35, 720
    increment = 2 * half / (beams - 1) * (-1 if flip else 1)
    layout = np.array([half if flip else -half, increment, 0.1])
    sensor = np.array([0.1, -0.2, 0.7])
    point = np.array(
        [[0.1 + distance * math.cos(bearing + 0.7), -0.2 + distance * math.sin(bearing + 0.7)]]
    )
    usable = np.ones(beams, dtype=np.bool_)
    if abs(abs(bearing) - half) > 1e-6:
        assert in_view(point, sensor, layout, usable, True)[0] == (abs(bearing) < half)
        assert in_view(point, sensor, layout, usable, False)[0] == (abs(bearing) < half)
    index = (bearing - layout[0]) / increment
    usable[max(0, math.floor(index)) : math.ceil(index) + 1] = False
    assert not in_view(point, sensor, layout, usable, False)[0]
