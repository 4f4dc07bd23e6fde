"""From rest, whatever is commanded, the robot never touches what is static and was seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety_monitor import whereabouts
from safety_monitor.config import MonitorConfig
from safety_monitor.reckoning import DeadReckoning

Wish = Callable[..., tuple[float, float]]


def field(seed: int, count: int = 40, size: float = 2.5) -> np.ndarray:
    """(count, 3) circles x, y, radius around a free place where the robot can turn."""
    rng = np.random.default_rng(seed)
    circles: list[tuple[float, float, float]] = []
    while len(circles) < count:
        x, y = rng.uniform(-size, size, 2)
        radius = rng.choice([0.01, 0.075])
        if math.hypot(x, y) > 0.46 + radius:
            circles.append((x, y, radius))
    return np.array(circles)


def at_the_nearest(rig, k: int, rng) -> tuple[float, float]:
    offsets = rig.circles[:, :2] - (rig.x, rig.y)
    nearest = offsets[np.argmin((offsets**2).sum(1))]
    bearing = math.remainder(math.atan2(nearest[1], nearest[0]) - rig.yaw, math.tau)
    return 2.0, 4.0 * bearing


POLICIES: dict[str, Wish] = {
    "full_speed_at_the_nearest_obstacle": at_the_nearest,
    "random": lambda rig, k, rng: (rng.uniform(-2, 2), rng.uniform(-4, 4)),
    "spinning": lambda rig, k, rng: (0.3 * math.sin(k / 40), 4.0 if k // 60 % 2 else -4.0),
    "alternating": lambda rig, k, rng: (2.0 if k % 2 else -2.0, 4.0 if k // 2 % 2 else -4.0),
    "not_a_number": lambda rig, k, rng: (math.nan if k // 30 % 2 else 2.0, 1.0),
    "creeping": lambda rig, k, rng: (0.08, 0.5 * math.sin(k / 50)),
    "reversing": lambda rig, k, rng: (-2.0, math.sin(k / 60)),
    "grazing": lambda rig, k, rng: (1.5, (k // 50) % 5 - 2.0),
    "over_the_limits": lambda rig, k, rng: (1e30, rng.uniform(-1e30, 1e30)),
    "forth_and_back": lambda rig, k, rng: (2.0 if k // 40 % 2 else -2.0, 0.7),
}


def drive(rig, policy: Wish, ticks: int, seed: int = 0) -> None:
    """Drive until a contact or the end."""
    rig.settle()
    rng = np.random.default_rng(seed)
    for k in range(ticks):
        output = rig.tick(*policy(rig, k, rng))
        assert math.isfinite(output.vx) and math.isfinite(output.wz)
        assert rig.config.min_linear_velocity <= output.vx <= rig.config.max_linear_velocity
        assert abs(output.wz) <= rig.config.max_angular_velocity
        if rig.clearance < 0.0:
            return


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_policy_makes_contact(make_rig, policy: str, seed: int) -> None:
    rig = make_rig(circles=field(seed), seed=seed)
    drive(rig, POLICIES[policy], 300, seed)
    assert rig.clearance > 0.002


@pytest.mark.parametrize("policy", ["grazing", "alternating", "forth_and_back", "held"])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_policy_makes_contact_where_wheels_slip(make_rig, policy: str, seed: int) -> None:
    rig = make_rig(circles=field(seed), seed=seed, slips=True)
    drive(rig, POLICIES.get(policy, held), 300, seed)
    assert rig.clearance > 0.0


def back_in_jerks(make_rig) -> float:
    """Clearance of a robot that drives off from a post and back: each stop slides a little on."""
    rig = make_rig(circles=np.array([(-0.6, 0.0, 0.05)]), slips=True)
    rig.settle()
    while rig.x < 0.6:
        rig.tick(0.5, 0.0)
    for k in range(200):
        rig.tick(-0.5 if k // 3 % 2 else 0.0, 0.0)
    return rig.clearance


def swerve(make_rig, x: float, y: float) -> float:
    """Clearance of a robot that brakes by turning its wheels back, and turns towards a post."""
    rig = make_rig(circles=np.array([(1.0 + x, y, 0.03)]), slips=True, drift=(0.0, 0.0))
    rig.settle()
    while rig.x < 1.0:
        rig.tick(2.0, 0.0)
    for _ in range(40):
        rig.tick(-0.75, 3.5)
    return rig.clearance


POSTS = [(0.5, 0.35), (0.5, 0.38), (0.5, 0.4), (0.5, 0.42), (0.55, 0.35)]


def test_where_wheels_slip_the_way_back_is_not_longer_than_what_is_free(make_rig) -> None:
    assert back_in_jerks(make_rig) > 0.1


@pytest.mark.parametrize(("x", "y"), POSTS)
def test_a_body_that_slides_on_is_not_turned_into_what_it_slides_by(make_rig, x, y) -> None:
    assert swerve(make_rig, x, y) > 0.0


def test_a_monitor_that_takes_its_wheels_for_the_body_does_make_contact(
    make_rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whereabouts, "DeadReckoning", lambda point, *_: DeadReckoning(point))
    assert back_in_jerks(make_rig) < 0.0
    assert sum(swerve(make_rig, x, y) < 0.0 for x, y in POSTS) >= 3


def held(rig, k: int, rng) -> tuple[float, float]:
    """Velocities drawn at random, each for 0.4 s."""
    return tuple(np.random.default_rng(k // 20).uniform((-2, -4), (2, 4)))


def test_the_same_policies_make_contact_without_the_monitor(make_rig) -> None:
    touched = 0
    for seed, policy in enumerate(POLICIES.values()):
        rig = make_rig(circles=field(seed), seed=seed, monitored=False)
        drive(rig, lambda *a, wish=policy: np.nan_to_num(wish(*a)), 300)
        touched += rig.clearance < 0.0
    assert touched >= 7


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    wishes=st.lists(
        st.tuples(st.floats(-3, 3), st.floats(-6, 6), st.integers(1, 25)), min_size=1, max_size=12
    ),
)
def test_no_sequence_of_commands_makes_contact(make_rig, seed: int, wishes) -> None:
    rig = make_rig(circles=field(seed, count=25, size=1.5), seed=seed)
    script = [(v, w) for v, w, ticks in wishes for _ in range(ticks)]
    drive(rig, lambda rig, k, rng: script[k], len(script))
    assert rig.clearance > 0.0


def wall_ahead(x: float) -> np.ndarray:
    return np.array([(x, y, 0.02) for y in np.arange(-1.5, 1.5, 0.02)])


def test_worse_brakes_than_assumed_do_make_contact(make_rig) -> None:
    """What proves that the tests around it would notice a braking distance that is too short."""
    rates = ("linear_deceleration", "linear_acceleration", "peak_linear_acceleration")
    base = replace(MonitorConfig(), **dict.fromkeys(rates, 4.0))
    rig = make_rig(circles=wall_ahead(3.0), base=base)
    drive(rig, lambda rig, k, rng: (2.0, 0.0), 200)
    assert rig.clearance < 0.0


def test_a_wall_is_approached_at_full_speed_and_never_touched(make_rig) -> None:
    rig = make_rig(circles=wall_ahead(3.0))
    rig.settle()
    fastest = 0.0
    for _ in range(400):
        rig.tick(2.0, 0.0)
        fastest = max(fastest, rig.v)
    assert fastest == pytest.approx(2.0, abs=0.01)
    assert 0.004 < rig.distance() < 0.03


def test_what_was_seen_stays_an_obstacle_when_it_is_behind(make_rig) -> None:
    """The robot drives past a post, so that it is where no beam looks, and backs towards it."""
    rig = make_rig(circles=np.array([(0.9, 0.32, 0.03)]))
    rig.settle()
    while rig.x < 1.75:
        rig.tick(0.5, 0.0)
    for k in range(300):
        rig.tick(-0.5, 0.25 if k < 60 else 0.0)
    assert rig.clearance > 0.0
    assert rig.x < 1.6


def test_nothing_behind_that_was_never_seen_is_backed_into(make_rig) -> None:
    rig = make_rig(circles=np.array([(-0.52, 0.0, 0.05)]))
    rig.settle()
    for _ in range(200):
        rig.tick(-0.5, 0.0)
    assert rig.clearance > 0.0


WALL = np.array([(4.0, y, 0.05) for y in np.arange(-1.5, 1.51, 0.08)])


@pytest.mark.parametrize("ahead_ms", [0, 15, 45])
def test_scans_that_are_stamped_too_late_make_no_contact(make_rig, ahead_ms: int) -> None:
    """Such a scan is taken to be of where the robot will be: what it shows seems farther away."""
    rig = make_rig(circles=WALL, seed=1, ahead=ahead_ms * 1_000_000)
    for _ in range(200):
        rig.tick(2.0, 0.0)
    assert rig.clearance > 0.0
    assert (rig.x > 3.0) == (ahead_ms <= 15)


def test_a_robot_that_brakes_longer_than_its_scanner_sees_goes_slowly(make_rig) -> None:
    rates = {"linear_deceleration": 1.0, "linear_acceleration": 1.0}
    weak = MonitorConfig(peak_linear_acceleration=2.0, **rates)
    fastest = {}
    for range_max in (1.5, 30.0):
        rig = make_rig(weak, WALL, seed=1, range_max=range_max)
        speeds = [rig.tick(2.0, 0.0) and rig.v for _ in range(400)]
        assert 0.0 < rig.clearance < 0.1
        fastest[range_max] = max(speeds)
    assert fastest[1.5] < 1.6 < fastest[30.0]
