"""Training worlds come from their seeds alone, and splits never share one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from policy_training.gather import plan_episodes
from policy_training.rig import FRONT, REAR, SIDE
from policy_training.worlds import box, generate, wall

FAMILIES = ("barn", "dense", "rooms", "aisles", "clutter", "walkers")


@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_gives_the_same_world_and_another_seed_another(family):
    first, again, other = generate(family, 7), generate(family, 7), generate(family, 8)
    np.testing.assert_array_equal(first.circles, again.circles)
    assert first.goal == again.goal
    assert first.circles.shape != other.circles.shape or not np.allclose(
        first.circles, other.circles
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(12))
def test_start_and_goal_are_free(family, seed):
    world = generate(family, seed)
    reach = math.hypot(max(FRONT, REAR), SIDE)
    distance = np.hypot(world.circles[:, 0], world.circles[:, 1]) - world.circles[:, 2]
    assert distance.min() > reach
    to_goal = np.hypot(world.circles[:, 0] - world.goal.x, world.circles[:, 1] - world.goal.y)
    assert (to_goal - world.circles[:, 2]).min() > 0.2
    assert math.hypot(world.goal.x, world.goal.y) > 1.0


def test_walls_let_no_beam_through():
    circles = np.concatenate([wall(0.0, 0.0, 3.0, 1.0), box(5.0, 5.0, 0.4, 2.0, 1.0)])
    for part in (circles[: len(wall(0.0, 0.0, 3.0, 1.0))],):
        gaps = np.hypot(*np.diff(part[:, :2], axis=0).T) - 2 * part[:-1, 2]
        assert (gaps < 0.0).all()


def test_splits_share_no_world():
    seeds = [
        {plan.seed for plan in plan_episodes({"barn": 1.0, "rooms": 1.0}, split, 0, 500)}
        for split in ("train", "validation", "test")
    ]
    assert all(len(split) == 500 for split in seeds)
    assert not (seeds[0] & seeds[1] or seeds[1] & seeds[2] or seeds[0] & seeds[2])


def test_families_follow_their_weights():
    plans = plan_episodes({"barn": 3.0, "rooms": 1.0}, "train", 0, 2000)
    share = sum(plan.family == "barn" for plan in plans) / len(plans)
    assert share == pytest.approx(0.75, abs=0.03)


def test_bodies_that_move_go_to_and_fro_at_their_speed():
    world = generate("walkers", 3)
    assert len(world.movers) > 0
    x0, y0, x1, y1, radius, speed = world.movers[0]
    lap = math.hypot(x1 - x0, y1 - y0) / speed
    first = len(world.circles)
    for time_s, place in ((0.0, (x0, y0)), (lap, (x1, y1)), (2 * lap, (x0, y0))):
        assert world.circles_at(time_s)[first] == pytest.approx((*place, radius))
    before, after = world.circles_at(1.0)[first], world.circles_at(1.1)[first]
    assert np.hypot(*(after - before)[:2]) == pytest.approx(0.1 * speed, abs=1e-6)


def test_bodies_that_move_begin_away_from_the_robot():
    for seed in range(30):
        movers = generate("walkers", seed).movers
        assert (np.hypot(movers[:, 0], movers[:, 1]) > 1.0).all()
