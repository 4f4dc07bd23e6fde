"""How a policy is judged: outcomes, slices, calibration, and the worlds that it is judged in."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("pyarrow", reason="training needs the extra 'train'")

from autonomy_interfaces.messages import Odometry, Pose2D
from autonomy_nodes.decision.decision import DecisionInputs
from policy_training.baselines import GoToGoal, RandomDriver
from policy_training.blueprint import VX_LIMITS, WZ_LIMITS
from policy_training.evaluation import campaign
from policy_training.evaluation.calibration import reliability
from policy_training.evaluation.episodes import EpisodeOutcome
from policy_training.evaluation.measures import Difficulty, difficulty
from policy_training.evaluation.scenes import simulated
from policy_training.evaluation.slices import Cut, episode_slices, rates
from policy_training.gather import EpisodePlan
from policy_training.worlds import TrainingWorld, generate, wall

EASY = Difficulty(2.0, 0.1, 0.0, 0, 0.0)


def _outcome(outcome: str = "reached", seed: int = 0, **changes) -> EpisodeOutcome:
    plain = EpisodeOutcome(
        "barn", seed, "policy", True, outcome, 8.0, 10.0, 1.25, 1.0, 2, EASY, "", ((0.0, 0.0),)
    )
    return replace(plain, **changes)


def test_rates_are_shares_of_the_outcomes_and_sum_to_one():
    episodes = [_outcome("reached"), _outcome("reached", time_s=10.0), _outcome("bumped")]
    episodes.append(_outcome("collided"))
    found = rates(episodes)
    assert [found[n] for n in ("reached", "collided", "bumped", "failed")] == [0.5, 0.25, 0.25, 0]
    assert found["mean_time_s"] == 9.0
    assert found["interventions_per_m"] == pytest.approx(0.2)


def test_every_episode_is_in_one_bin_of_every_quantity():
    episodes = [
        _outcome(difficulty=Difficulty(gap, 0.3, angle, walkers, 0.5 * walkers), mean_speed=speed)
        for gap, angle, walkers, speed in (
            (0.5, 0.0, 0, 0.5),
            (0.75, 1.0, 1, 1.0),
            (9.0, 3.0, 5, 2),
        )
    ]
    rows = episode_slices(episodes)
    for quantity in {row["by"] for row in rows}:
        assert sum(row["episodes"] for row in rows if row["by"] == quantity) == len(episodes)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=5, unique=True), st.floats(-10, 10))
def test_a_value_is_in_the_bin_that_its_label_names(edges, value):
    cut = Cut("x", "", tuple(sorted(edges)))
    index = int(cut.bins(np.array([value]))[0])
    below = cut.edges[index - 1] if index > 0 else -math.inf
    above = cut.edges[index] if index < len(cut.edges) else math.inf
    assert below <= value < above
    assert len(cut.labels()) == len(edges) + 1


def test_what_says_its_share_is_calibrated_and_what_boasts_is_not():
    draw = np.random.default_rng(0)
    said = draw.uniform(0.0, 1.0, 20_000).astype(np.float32)
    right = draw.uniform(0.0, 1.0, 20_000) < said
    honest = reliability(said, right)
    assert honest.error < 0.02
    assert honest.brier < honest.brier_of_constant
    assert sum(honest.count) == 20_000
    boasting = reliability(np.ones(20_000, np.float32), right)
    assert boasting.error == pytest.approx(1.0 - right.mean(), abs=1e-3)


def test_a_confidence_that_is_no_share_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        reliability(np.array([0.5, np.nan], np.float32), np.array([True, False]))


def _passage(width: float) -> TrainingWorld:
    """A hall of 6 m by 4 m, cut by a wall with one opening of `width` metres."""
    sides = [wall(-1, y, 5, y) for y in (-2.0, 2.0)] + [wall(x, -2, x, 2) for x in (-1.0, 5.0)]
    edge = width / 2 + 0.05
    across = [wall(2, edge, 2, 2), wall(2, -2, 2, -edge)]
    return TrainingWorld("rooms", 0, np.concatenate(sides + across), Pose2D(4.0, 0.0))


@pytest.mark.parametrize("width", [0.6, 1.0, 1.6])
def test_gap_is_the_width_of_the_narrowest_place(width):
    assert difficulty(_passage(width), 0.0).gap_m == pytest.approx(width, abs=0.12)


def test_heading_error_is_between_the_heading_and_the_goal():
    assert difficulty(_passage(1.0), math.pi / 2).heading_error == pytest.approx(
        math.pi / 2, abs=1e-3
    )


def test_the_simulator_gets_the_same_world():
    world = generate("walkers", 3)
    found = simulated(world)
    posts = [m for m in found.models if m.name.startswith("post_")]
    places = np.array([m.pose.position[:2] for m in posts])
    np.testing.assert_allclose(places, world.circles[:, :2], atol=1e-5)
    walkers = [m for m in found.models if m.name.startswith("walker_")]
    assert len(walkers) == len(world.movers)
    script = walkers[0].trajectory
    x0, y0, x1, y1, _, speed = world.movers[0]
    assert script.poses[1].position[:2] == pytest.approx((x1, y1), abs=1e-5)
    assert script.times_s[1] == pytest.approx(math.hypot(x1 - x0, y1 - y0) / speed, abs=1e-5)


def test_worst_cases_are_contacts_then_failures_then_the_slowest():
    episodes = [
        _outcome("reached", 1, time_s=30.0),
        _outcome("failed", 2),
        _outcome("reached", 3),
        _outcome("collided", 4),
        _outcome("bumped", 5),
    ]
    assert [e.seed for e in campaign.worst_cases(episodes, 4)] == [4, 5, 2, 1]


def test_test_worlds_are_those_of_no_other_split():
    seeds = [plan.seed for plan in campaign.CampaignPlan(policy=None).episodes()]
    assert len(seeds) == len(set(seeds)) == 360
    assert min(seeds) >= 2_000_000


def test_an_interrupted_campaign_goes_on_after_its_last_episode(tmp_path):
    plan = campaign.CampaignPlan(tmp_path, ("policy",), worlds=2, moving=0)
    first, second = plan.episodes()
    there = _outcome(seed=first.seed, family=first.family)
    with (tmp_path / campaign.EPISODES).open("w") as file:
        file.write(json.dumps(there.document()) + '\n{"family": "ba')
    known = campaign._begin(tmp_path, {"sha256": "a"}, resume=True)
    assert list(known.values()) == [there]
    ran: list[EpisodePlan] = []

    def drive(work, episodes, workers):
        ran.extend(episodes)
        return iter([_outcome(seed=e.seed, family=e.family) for e in episodes])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(campaign, "map_jobs", drive)
        found = list(campaign._drive(plan, tmp_path, known, 1, lambda line: None))
    assert ran == [second]
    assert [e.seed for e in found] == [first.seed, second.seed]
    assert len(campaign._begin(tmp_path, {"sha256": "a"}, resume=True)) == 2


def _inputs(x: float = 0.0, yaw: float = 0.0) -> DecisionInputs:
    return DecisionInputs(None, Odometry(0, x, 0.0, yaw, 0.0, 0.0, 0.0), None, Pose2D(5.0, 0.0))


def test_go_to_goal_drives_ahead_turns_towards_it_and_stops_there():
    ahead = GoToGoal().step(_inputs(), 0).command
    assert ahead.vx > 1.0
    assert ahead.wz == 0.0
    turned = GoToGoal().step(_inputs(yaw=2.0), 0).command
    assert turned.vx == 0.0
    assert turned.wz < 0.0
    there = GoToGoal().step(_inputs(x=4.9), 0)
    assert (there.command.vx, there.planner_status.value) == (0.0, "reached")


def test_random_driver_stays_within_the_limits_and_holds_what_it_drew():
    driver = RandomDriver(np.random.default_rng(0))
    commands = [driver.step(_inputs(), tick).command for tick in range(40)]
    assert all(VX_LIMITS[0] <= c.vx <= VX_LIMITS[1] for c in commands)
    assert all(WZ_LIMITS[0] <= c.wz <= WZ_LIMITS[1] for c in commands)
    assert len({c.vx for c in commands}) == 4
