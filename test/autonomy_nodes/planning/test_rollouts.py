"""Clearance and scoring of single rollouts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy_nodes.planning import rollouts
from autonomy_nodes.planning.distance_field import distance_field, distance_kernel
from autonomy_nodes.planning.footprint import circumscribed_radius, cover_with_discs

CELL = 0.05
ROVER = np.array([[0.254, 0.215], [-0.254, 0.215], [-0.254, -0.215], [0.254, -0.215]])
DISCS = cover_with_discs(ROVER)
CIRCUMSCRIBED = circumscribed_radius(ROVER)


def exact_clearance(points, x, y, yaw):
    dx, dy = points[:, 0] - x, points[:, 1] - y
    u = np.abs(math.cos(yaw) * dx + math.sin(yaw) * dy) - 0.254
    v = np.abs(-math.sin(yaw) * dx + math.cos(yaw) * dy) - 0.215
    return (np.hypot(np.maximum(u, 0), np.maximum(v, 0)) + np.minimum(np.maximum(u, v), 0)).min()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_clearance_is_the_footprint_s_to_within_interpolation(seed):
    generator = np.random.default_rng(seed)
    cost = np.zeros((60, 60), dtype=np.int8)
    cells = generator.integers(0, 60, (6, 2))
    cost[cells[:, 0], cells[:, 1]] = 100
    field = np.empty((60, 60), dtype=np.float32)
    distance_field(cost, 0, 0, distance_kernel(1.0, CELL), 1.0, field)
    points = (cells[:, ::-1] + 0.5) * CELL
    x, y, yaw = generator.uniform(1.0, 2.0), generator.uniform(1.0, 2.0), generator.uniform(-4, 4)
    exact = exact_clearance(points, x, y, yaw)
    found = rollouts.clearance(field, CELL, DISCS, CIRCUMSCRIBED, x, y, yaw, 0.2)
    if found < 0.2 and exact > 0.0:
        assert abs(found - exact) < 0.035
    assert found <= exact + 0.035


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_room_to_a_body_is_that_to_where_it_will_be(seed):
    generator = np.random.default_rng(seed)
    bodies = generator.uniform(
        [-1.5, -1.5, -2.0, -2.0, 0.1], [1.5, 1.5, 2.0, 2.0, 0.5], (generator.integers(1, 4), 5)
    )
    x, y, yaw, after = generator.uniform([-0.5, -0.5, -4.0, 0.0], [0.5, 0.5, 4.0, 1.0])
    exact = min(
        exact_clearance(body[None, :2] + after * body[None, 2:4], x, y, yaw) - body[4]
        for body in bodies
    )
    found = rollouts.body_clearance(bodies, after, DISCS, CIRCUMSCRIBED, x, y, yaw, 0.2)
    if found < 0.2 and exact > 0.0:
        assert abs(found - exact) < 0.02
    assert found <= exact + 0.02


def test_where_nothing_moves_there_is_room():
    nobody = np.empty((0, 5))
    room = rollouts.body_clearance(nobody, 0.0, DISCS, CIRCUMSCRIBED, 0.0, 0.0, 0.0, 0.2)
    assert room == math.inf


def test_velocities_ramp_within_the_limits():
    limits = np.array([-0.5, 2.0, -4.0, 4.0, 5.0, 8.0, 10.0])
    assert rollouts.ramp(0.0, 0.0, 2.0, 4.0, limits, 0.1) == pytest.approx((0.5, 1.0))
    assert rollouts.ramp(1.0, 0.0, -3.0, 0.0, limits, 0.1)[0] == pytest.approx(0.2)
    assert rollouts.ramp(1.95, 0.0, 9.0, 0.0, limits, 0.1)[0] == 2.0


def test_controls_are_linear_between_the_knots():
    knots = np.array([[0.0, 0.0], [1.0, 2.0], [1.0, -2.0]])
    assert rollouts.control_at(knots, 0.25) == (0.5, 1.0)
    assert rollouts.control_at(knots, 0.75) == (1.0, 0.0)
    assert rollouts.control_at(knots, 1.0) == (1.0, -2.0)
