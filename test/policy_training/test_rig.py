"""The gathering rig: exact ranges, exact contact, ramps and delay."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autonomy_interfaces.messages import MILLISECOND, Pose2D
from policy_training.ray_casting import cast, clearance
from policy_training.rig import FRONT, REAR, SIDE, Dynamics, Rig
from policy_training.worlds import TrainingWorld

CIRCLES = st.lists(
    st.tuples(st.floats(-6, 6), st.floats(-6, 6), st.floats(0.02, 1.0)), min_size=1, max_size=12
)
BRISK = Dynamics(2, 20.0, 25.0, 1.0, 0.0)


def _brute_force(circles, x, y, angle, range_max):
    """Distance along one beam by solving the quadratic of every circle."""
    nearest = math.inf
    for cx, cy, radius in circles:
        along = (cx - x) * math.cos(angle) + (cy - y) * math.sin(angle)
        across = -(cx - x) * math.sin(angle) + (cy - y) * math.cos(angle)
        if abs(across) > radius:
            continue
        half = math.sqrt(radius**2 - across**2)
        if along + half >= 0.0:
            nearest = min(nearest, max(0.0, along - half))
    return nearest if nearest <= range_max else math.inf


@settings(max_examples=60)
@given(CIRCLES, st.floats(-3, 3), st.floats(-3, 3), st.floats(-4, 4))
def test_every_beam_is_the_analytic_distance(circles, x, y, yaw):
    # On an edge itself a beam begins inside or outside, as its last bit has it.
    assume(all(abs(math.hypot(cx - x, cy - y) - radius) > 1e-3 for cx, cy, radius in circles))
    ranges = np.empty(181, np.float32)
    angle_min, increment = -2.35619, 4.71238 / 180
    cast(np.array(circles), x, y, yaw, angle_min, increment, 8.0, ranges)
    edges = 0
    for beam, found in enumerate(ranges):
        angle = yaw + angle_min + beam * increment
        expected = _brute_force(circles, x, y, angle, 8.0)
        if not (found == expected or abs(found - expected) < 1e-3):
            nudged = {_brute_force(circles, x, y, angle + d, 8.0) for d in (-1e-6, 1e-6)}
            assert any(abs(found - n) < 1e-2 or found == n for n in nudged)
            edges += 1
    assert edges <= 2 * len(circles)


@pytest.mark.parametrize(
    ("circle", "expected"),
    [
        ((1.0, 0.0, 0.1), 1.0 - FRONT - 0.1),
        ((-1.0, 0.0, 0.1), 1.0 - REAR - 0.1),
        ((0.0, 1.0, 0.1), 1.0 - SIDE - 0.1),
        ((1.0, 1.0, 0.1), math.hypot(1.0 - FRONT, 1.0 - SIDE) - 0.1),
        ((0.1, 0.0, 0.05), -0.05),
    ],
)
def test_clearance_is_measured_from_the_box(circle, expected):
    found = clearance(np.array([circle]), 0.0, 0.0, 0.0, FRONT, REAR, SIDE)
    assert found == pytest.approx(expected)


def _rig(circles=((3.0, 0.0, 0.5),), dynamics=BRISK) -> Rig:
    world = TrainingWorld("clutter", 0, np.array(circles), Pose2D(5.0, 0.0))
    return Rig(world, dynamics, np.random.default_rng(0), 0.0)


def test_command_takes_effect_after_its_delay_and_ramps():
    rig = _rig()
    rig.advance(1.0, 0.0, 20 * MILLISECOND)
    assert rig.vx == 0.0
    rig.advance(1.0, 0.0, 10 * MILLISECOND)
    assert rig.vx == pytest.approx(0.2)
    rig.advance(1.0, 0.0, 40 * MILLISECOND)
    assert rig.vx == pytest.approx(1.0)


def test_contact_ends_the_motion_where_it_happens():
    rig = _rig()
    rig.advance(2.0, 0.0, 5000 * MILLISECOND)
    assert rig.contact
    assert rig.x == pytest.approx(3.0 - 0.5 - FRONT, abs=0.03)


def test_scan_and_odometry_are_of_the_present():
    rig = _rig()
    rig.advance(1.0, 0.5, 500 * MILLISECOND)
    scan, odometry = rig.scan(), rig.odometry()
    assert scan.stamp_ns == odometry.stamp_ns == rig.now_ns == 500 * MILLISECOND
    assert (odometry.x, odometry.yaw) == (rig.x, rig.yaw)
    assert np.isfinite(scan.ranges).any()
