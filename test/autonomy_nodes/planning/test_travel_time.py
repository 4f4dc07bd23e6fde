"""The travel time field against what is known in closed form."""

import numpy as np
import pytest

from autonomy_nodes.planning import travel_time

CELL = 0.1


def field(speed, seed, target=-1, beyond=1.0):
    speed = speed.astype(np.float32)
    speed[[0, -1], :] = travel_time.BLOCKED
    speed[:, [0, -1]] = travel_time.BLOCKED
    out = np.empty_like(speed)
    seeds = np.array([seed[0] * speed.shape[1] + seed[1]])
    travel_time.solve(speed, CELL, seeds, np.zeros(1), target, beyond, out)
    return out


def test_in_the_open_time_is_distance_over_speed():
    time = field(np.full((101, 101), 2.0), (50, 50))
    rows, cols = np.mgrid[1:100, 1:100]
    exact = CELL * np.hypot(rows - 50, cols - 50) / 2.0
    far = exact > 0.5
    relative = time[1:100, 1:100][far] / exact[far]
    assert relative.min() > 0.97
    assert relative.max() < 1.07


def test_blocked_cells_are_never_reached_and_lengthen_the_way():
    speed = np.full((60, 60), 1.0)
    speed[10:50, 30] = travel_time.BLOCKED
    time = field(speed, (30, 10))
    assert np.isinf(time[30, 30])
    around = CELL * 2 * np.hypot(21, 20)
    assert time[30, 50] == pytest.approx(around, rel=0.07)


def test_what_is_enclosed_is_not_reached():
    speed = np.full((40, 40), 1.0)
    speed[10:20, [10, 19]] = travel_time.BLOCKED
    speed[[10, 19], 10:20] = travel_time.BLOCKED
    assert np.isinf(field(speed, (30, 30))[15, 15])


def test_stopping_early_does_not_change_what_was_solved():
    generator = np.random.default_rng(1)
    speed = generator.uniform(0.3, 2.0, (80, 80))
    whole = field(speed, (10, 10))
    target = 40 * 80 + 40
    part = field(speed, (10, 10), target, beyond=0.5)
    settled = whole < whole[40, 40]
    np.testing.assert_allclose(part[settled], whole[settled], rtol=0.02)
    assert np.isinf(part[70, 70])


def test_a_passage_one_fine_cell_wide_survives_the_pooling():
    cost = np.full((40, 40), 99, dtype=np.int8)
    cost[21, :] = 50
    speed = travel_time.speed_map(cost, 2, 92, 2.0, 0.25, 0.8)
    assert (speed[10, 1:-1] > 0).all()
    assert (speed[8, 1:-1] == 0).all()


def test_unknown_space_is_slower_than_free_and_not_blocked():
    cost = np.full((40, 40), -1, dtype=np.int8)
    cost[:, :20] = 0
    speed = travel_time.speed_map(cost, 2, 92, 2.0, 0.25, 0.8)
    assert speed[5, 5] == pytest.approx(2.0)
    assert speed[5, 15] == pytest.approx(0.8)


def test_the_descent_ends_at_the_seed():
    time = field(np.full((60, 60), 1.0), (10, 10))
    path = travel_time.descend(time, 50.5, 50.5, 1.0, 500)
    assert np.hypot(*(path[-1] - 10.5)) < 1.0
    assert len(path) == pytest.approx(np.hypot(40, 40), rel=0.1)


def test_a_robot_pushed_into_blocked_cells_finds_the_way_out():
    speed = np.full((60, 60), 1.0)
    speed[:, 30:34] = travel_time.BLOCKED
    time = field(speed, (30, 10))
    travel_time.continue_into_blocked(time, CELL, 30, 31, 20)
    assert np.isfinite(time[30, 32])
    assert time[30, 32] > time[30, 31] > time[30, 30] > time[30, 29]
