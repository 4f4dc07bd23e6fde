"""Beams of a scanner that stands and looks anywhere on the robot, by homogeneous matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety_monitor.beams import Scan, misfit, project_scan, unseen

BEAMS, FIRST, STEP = 9, -0.8, 0.2
LAYOUT = np.array([FIRST + STEP * (BEAMS - 1) / 2, STEP, 0.1, 10.0])
ANGLES = FIRST + STEP * np.arange(BEAMS)
offset, turn = st.floats(-0.4, 0.4), st.floats(-3.0, 3.0)
pose = st.tuples(offset, offset, turn)


def matrix(x: float, y: float, yaw: float) -> np.ndarray:
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, -s, x], [s, c, y], [0.0, 0.0, 1.0]])


def scan_of(usable, sensor=(0.0, 0.0, 0.0), ranges=2.0) -> Scan:
    return Scan(0, np.empty((0, 2)), np.where(usable, ranges, 0.0), LAYOUT, np.array(sensor))


def in_view(points, scan: Scan) -> list[bool]:
    return [len(unseen(point[None], scan)) == 0 for point in points]


def rays(ranges) -> np.ndarray:
    """(3, N) ends of the beams in the scanner's frame."""
    return np.stack([ranges * np.cos(ANGLES), ranges * np.sin(ANGLES), np.ones(BEAMS)])


@given(sensor=pose, seed=st.integers(0, 99))
def test_a_return_is_where_its_beam_ends(sensor, seed: int) -> None:
    ranges = np.random.default_rng(seed).uniform(0.5, 5.0, BEAMS).astype(np.float32)
    directions = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])
    found, free, invalid, empty = project_scan(ranges, directions, np.array(sensor), 0.1, 30.0)
    expected = (matrix(*sensor) @ rays(ranges))[:2]
    assert found == pytest.approx(expected.T, abs=1e-5)
    assert (free.tolist(), invalid, empty) == (ranges.tolist(), 0, 0)


@given(sensor=pose, base=pose, seed=st.integers(0, 99), off=st.floats(-0.2, 0.2))
def test_a_surprise_is_a_range_that_motion_does_not_explain(sensor, base, seed, off) -> None:
    """What the beams meet now, told in the frame of where the robot was: nothing but `off`."""
    ranges = np.random.default_rng(seed).uniform(0.5, 5.0, BEAMS)
    then = np.linalg.inv(matrix(*base)) @ matrix(*sensor) @ rays(ranges)
    seen = np.ascontiguousarray(then[:2].T)
    scan = scan_of(np.ones(BEAMS, dtype=np.bool_), sensor, ranges + off)
    met, mean, share = misfit(seen, 1, base, scan, 0.3, 0.1)
    assert (met, mean) == (BEAMS, pytest.approx(abs(off), abs=1e-5))
    assert share == (1.0 if abs(off) > 0.1 else 0.0) or abs(abs(off) - 0.1) < 1e-6


@pytest.mark.parametrize("beam", [0, 1, BEAMS - 2, BEAMS - 1])
def test_a_return_is_compared_with_the_beam_that_goes_its_way(beam: int) -> None:
    usable, still = np.zeros(BEAMS, dtype=np.bool_), (0.0, 0.0, 0.0)
    usable[beam] = True
    points = np.ascontiguousarray(rays(np.full(BEAMS, 2.25))[:2].T)
    found = misfit(points, 1, still, scan_of(usable), 0.3, 0.2)
    assert found == (1, pytest.approx(0.25), 1.0)
    assert misfit(points, 1, still, scan_of(usable), 0.1, 0.2) == (1, pytest.approx(0.1), 0.0)


@pytest.mark.parametrize("beyond", [-0.6, BEAMS - 0.4])
def test_a_return_beside_all_beams_is_compared_with_none(beyond: float) -> None:
    bearing = FIRST + STEP * beyond
    point, still = np.array([[math.cos(bearing), math.sin(bearing)]]), (0.0, 0.0, 0.0)
    scan = scan_of(np.ones(BEAMS, dtype=np.bool_))
    assert misfit(point, 1, still, scan, 0.3, 0.1) == (0, 0.0, 0.0)
    assert not in_view(point, scan)[0]


@pytest.mark.parametrize("beam", range(BEAMS))
@given(sensor=pose)
def test_what_lies_on_a_beam_is_in_view_if_that_beam_says_something(beam: int, sensor) -> None:
    point = (matrix(*sensor) @ rays(np.full(BEAMS, 1.5)))[:2, beam]
    usable = np.zeros(BEAMS, dtype=np.bool_)
    assert not in_view(point[None], scan_of(usable, sensor))[0]
    # A hair to either side its neighbour is asked, too.
    usable[max(0, beam - 1) : beam + 2] = True
    assert in_view(point[None], scan_of(usable, sensor))[0]
    usable[:] = True
    usable[beam] = False
    assert not in_view(point[None], scan_of(usable, sensor))[0]


@pytest.mark.parametrize("end", [0, BEAMS - 1])
def test_beside_the_last_beam_it_alone_is_asked(end: int) -> None:
    side = -0.3 if end == 0 else 0.3
    bearing = FIRST + STEP * (end + side)
    point = np.array([[math.cos(bearing), math.sin(bearing)]])
    usable = np.zeros(BEAMS, dtype=np.bool_)
    usable[end] = True
    assert in_view(point, scan_of(usable))[0]
    assert not in_view(point, scan_of(~usable))[0]


def test_a_return_at_the_largest_range_is_one_and_beyond_it_there_is_none() -> None:
    ranges = np.array([30.0, np.nextafter(np.float32(30.0), np.float32(31.0))], np.float32)
    points, *_, empty = project_scan(ranges, np.ones((2, 2)), np.zeros(3), 0.1, 30.0)
    assert (len(points), empty) == (1, 1)


def test_of_many_points_each_is_judged() -> None:
    points = np.ascontiguousarray(rays(np.full(BEAMS, 1.5))[:2].T)
    usable = np.arange(BEAMS) != 4
    assert unseen(points, scan_of(usable)) == pytest.approx(points[4:5])
