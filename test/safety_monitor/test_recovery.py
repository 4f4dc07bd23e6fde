"""What is known of free space survives jumps of the clock and gaps of odometry, where it may."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

MS = 1_000_000
TICK = 20 * MS
STRAIGHT, TURN = (1.0, 0.0), (0.0, 1.0)


def drive(rig, wish: tuple[float, float], ticks: int) -> list[float]:
    """Scales that a wish gets."""
    return [rig.tick(*wish).scale for _ in range(ticks)]


def driving(make_rig):
    """A robot that has driven a metre among distant posts."""
    posts = [(3 * math.cos(a), 3 * math.sin(a), 0.1) for a in np.arange(0, 6.2, 0.3)]
    rig = make_rig(circles=np.array(posts))
    rig.settle()
    drive(rig, STRAIGHT, 50)
    return rig


@pytest.fixture
def rig(make_rig):
    return driving(make_rig)


@pytest.mark.parametrize("jump", [9_000 * MS, -700 * MS, -50 * MS])
def test_a_jump_of_the_clock_stops_and_then_the_robot_may_turn_where_it_is(rig, jump: int) -> None:
    rig.skew += jump
    first = rig.tick(*STRAIGHT)
    assert (first.vx, first.state) == (0.0, "safe_stop")
    assert "clock_jumped" in first.cause
    drive(rig, (0.0, 0.0), 25)
    assert drive(rig, TURN, 150) == [1.0] * 150


def test_a_jump_back_by_more_than_the_robot_has_lived_is_overcome(rig) -> None:
    rig.skew -= rig.now + 5_000 * MS
    drive(rig, STRAIGHT, 30)
    assert drive(rig, TURN, 150) == [1.0] * 150


def test_many_jumps_of_a_standing_robot_lose_nothing(rig) -> None:
    drive(rig, (0.0, 0.0), 30)
    for jump in (700, -3000, 20_000, -1, -15_000) * 4:
        rig.skew += jump * MS
        drive(rig, (0.0, 0.0), 2)
    drive(rig, (0.0, 0.0), 20)
    assert drive(rig, TURN, 150) == [1.0] * 150


def test_odometry_silent_at_standstill_loses_nothing(rig) -> None:
    drive(rig, (0.0, 0.0), 30)
    rig.silent = {"odometry"}
    drive(rig, (0.0, 0.0), 150)
    rig.silent = set()
    drive(rig, (0.0, 0.0), 20)
    assert drive(rig, TURN, 150) == [1.0] * 150


def known(rig) -> int:
    """Cells that the robot believes to be free."""
    return int(np.count_nonzero(rig.monitor._around._seen._grid))


def test_odometry_silent_while_driving_lets_the_unknown_grow_with_the_gap(make_rig) -> None:
    """It begins with what the newest scan showed, all of it, and loses from that."""
    left = []
    for ticks in (2, 3, 4, 30):
        rig = driving(make_rig)
        before = known(rig)
        rig.silent = {"odometry"}
        drive(rig, STRAIGHT, ticks)
        rig.silent = set()
        rig.tick(0.0, 0.0)
        left.append(known(rig) - before)
    assert left == sorted(left, reverse=True)
    assert left[3] < left[0] - 1000


def test_where_a_robot_is_stopped_in_a_gap_it_knows_the_ground_that_it_stands_on(make_rig) -> None:
    """At speed the rows ahead have not all had their turn when the gap begins."""
    posts = [(x, side * 0.55, 0.05) for x in np.arange(1.0, 8.0, 1.3) for side in (-1, 1)]
    for start in np.arange(1.0, 2.3, 0.1):
        rig = make_rig(circles=np.array(posts), seed=2)
        rig.settle()
        while rig.x < start:
            rig.tick(1.5, 0.0)
        rig.silent = {"odometry"}
        drive(rig, (1.5, 0.0), 20)
        rig.silent = set()
        rig.settle()
        drive(rig, (0.3, 0.0), 10)
        assert rig.v > 0.05
        assert rig.clearance > 0.0


def test_noise_of_the_gyroscope_is_no_turn_of_a_robot_that_goes_straight(make_rig) -> None:
    """Beside something nearer than the floor it may not turn, and may go along it."""
    rig = make_rig(circles=np.array([(0.0, 0.215 + 0.05 + 0.003, 0.05)]), noise=0.0)
    rig.monitor = type(rig.monitor)(rig.config)
    for k in range(60):
        rig.w += 0.004 * (-1) ** k
        rig.tick(0.1, 0.0)
    assert rig.x > 0.03


def test_a_gap_of_odometry_is_bridged_by_what_was_commanded(rig) -> None:
    """A second without it: the robot was stopped after a tenth, and knows where it came from."""
    rig.silent = {"odometry"}
    drive(rig, STRAIGHT, 50)
    rig.silent = set()
    drive(rig, (0.0, 0.0), 20)
    assert drive(rig, TURN, 150) == [1.0] * 150


def test_a_gyroscope_that_errs_for_a_while_costs_no_knowledge_that_a_turn_needs(rig) -> None:
    rig.gyroscope = 0.8
    assert "contradicted" in [rig.tick(*STRAIGHT) for _ in range(60)][-1].cause
    rig.gyroscope = 0.0
    drive(rig, (0.0, 0.0), 20)
    assert drive(rig, TURN, 150) == [1.0] * 150


@pytest.mark.parametrize("age_ticks", [0, 2])
def test_copies_and_overtaken_messages_of_odometry_lose_nothing(rig, age_ticks: int) -> None:
    """They are refused, but what they say of their time is known already."""
    before, seen = known(rig), []
    for _ in range(100):
        rig.tick(0.0, 0.0)
        seen.append((rig.clock - TICK, rig.v, rig.w))
        stamp, v, w = seen[max(len(seen) - 1 - age_ticks, 0)]
        rig.monitor.on_odometry(stamp, v, w, rig.clock)
    assert known(rig) >= before
    assert drive(rig, TURN, 100) == [1.0] * 100


def test_a_clock_that_stands_still_with_the_world_loses_nothing(rig) -> None:
    """As a simulation that is paused while the robot drives and then goes on."""
    for _ in range(100):
        rig.monitor.step(rig.clock, rig.now)
        rig.now += TICK
        rig.skew -= TICK
    drive(rig, (0.0, 0.0), 40)
    assert drive(rig, TURN, 150) == [1.0] * 150


def test_a_clock_that_stood_still_while_the_robot_drove_on_is_not_trusted(rig) -> None:
    """It goes on from where it stood, so that stamps tell nothing of the time that has passed."""
    before = known(rig)
    rig.stopped_clock = rig.clock
    outputs = [rig.tick(*STRAIGHT) for _ in range(40)]
    rig.skew, rig.stopped_clock = rig.stopped_clock - rig.now, None
    assert outputs[-1].state == "safe_stop"
    drive(rig, (0.0, 0.0), 2)
    assert known(rig) < before - 1000


trouble = st.tuples(
    st.sampled_from(["drive", "drive", "jump", "stop_clock", "catch_up", "odometry"]),
    st.floats(-2, 2),
    st.floats(-4, 4),
    st.integers(1, 30),
    st.integers(-2_000 * MS, 2_000 * MS),
)


def ring(seed: int) -> np.ndarray:
    """(30, 3) thin and thick posts around a free place where the robot can turn."""
    rng = np.random.default_rng(seed)
    bearing, distance = rng.uniform(-math.pi, math.pi, 30), rng.uniform(0.55, 1.5, 30)
    radius = rng.choice([0.01, 0.075], 30)
    return np.column_stack([distance * np.cos(bearing), distance * np.sin(bearing), radius])


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), troubles=st.lists(trouble, min_size=3, max_size=14))
def test_no_trouble_with_clocks_and_odometry_makes_contact(make_rig, seed: int, troubles) -> None:
    rig = make_rig(circles=ring(seed), seed=seed)
    rig.settle()
    for kind, v, w, ticks, jump in troubles:
        if kind == "jump":
            rig.skew += jump
        elif kind in ("stop_clock", "catch_up"):
            rig.stopped_clock = rig.clock
        elif kind == "odometry":
            rig.silent = {"odometry"}
        drive(rig, (v, w), ticks)
        if kind == "stop_clock":
            rig.skew = rig.clock - rig.now
        rig.stopped_clock, rig.silent = None, set()
    assert rig.clearance > 0.0


@pytest.mark.parametrize("emergency", [False, True])
def test_a_person_vouches_for_the_ground_after_an_emergency_stop_only(make_rig, emergency) -> None:
    """Elsewhere a reset forgets nothing of what was seen around the robot."""
    rig = make_rig(circles=np.array([(0.6, 0.32, 0.03), (3.0, 0.0, 0.3)]), seed=3)
    rig.settle()
    while rig.x < 0.85:
        rig.tick(0.5, 0.0)
    drive(rig, (0.0, 0.0), 30)
    if emergency:
        rig.monitor.estop(rig.clock, "operator")
        rig.tick(0.0, 0.0)
    assert rig.monitor.reset(rig.clock, "operator")[0]
    rig.settle()
    for _ in range(100):
        rig.tick(-0.3, 0.0)
    # It knows its way back; after an emergency stop only what a person can vouch for.
    assert (rig.x < 0.5) == (not emergency)
