"""What clearance a command must keep, in closed form.

The base of these tests answers and stops at once, so that a manoeuvre is one arc and nothing else.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import body_of
from safety_monitor.kernels import clearance, largest_scale

HALF_LENGTH, HALF_WIDTH = 0.3, 0.2
FRONT = (HALF_LENGTH, HALF_WIDTH, -HALF_LENGTH, HALF_WIDTH)
BACK = (-HALF_LENGTH, -HALF_WIDTH, HALF_LENGTH, -HALF_WIDTH)
AT_ONCE = 1000.0
RADIUS = math.hypot(HALF_LENGTH, HALF_WIDTH)
MARGIN, PER_SPEED, FLOOR = 0.03, 0.04, 0.004
BODY = body_of(
    MonitorConfig(
        footprint=(*FRONT, *BACK),
        linear_acceleration=AT_ONCE,
        linear_deceleration=AT_ONCE,
        peak_linear_acceleration=AT_ONCE,
        angular_acceleration=AT_ONCE,
        angular_deceleration=AT_ONCE,
        peak_angular_acceleration=AT_ONCE,
        margin=MARGIN,
        margin_per_speed=PER_SPEED,
        clearance_floor=FLOOR,
        turning_point=0.0,
        escape_speed=0.1,
        escape_rate=0.25,
    )
)
REACTION = 0.2
EXACT = 2e-3


def judge(points, command, state=(0.0, 0.0), before: float = 0.0, reach: float = 5.0):
    """Scale and clearance; `before` seconds at the measured velocity come first."""
    phases = np.zeros((3, 5))
    phases[0] = before, state[0], state[0], state[1], state[1]
    phases[1, 0] = REACTION
    seen = np.reshape(np.array(points, dtype=float), (-1, 2))
    wish, now = np.array(command, dtype=float), np.repeat(np.array(state, dtype=float), 2)
    return largest_scale(seen, now, phases, wish, BODY, reach)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("level", [1, 7, 13, 20])
def test_a_command_is_scaled_to_what_ends_before_the_obstacle(level: int, direction: int) -> None:
    """Way in the reaction time, margin, and more of it for speed: all of them scaled."""
    speed = 0.5 * level / 20
    ahead = HALF_LENGTH + speed * REACTION + MARGIN + PER_SPEED * speed
    wish = (0.5 * direction, 0.0)
    step = 0.5 / 20 * (REACTION + PER_SPEED)
    assert step > 2 * EXACT
    assert judge([[direction * (ahead + EXACT), 0.0]], wish)[0] == pytest.approx(level / 20)
    below = judge([[direction * (ahead - EXACT), 0.0]], wish)[0]
    assert below == pytest.approx((level - 1) / 20)


@pytest.mark.parametrize("rate", [0.5, -1.0])
def test_turning_keeps_the_margin_of_its_fastest_corner(rate: float) -> None:
    corner = math.atan2(HALF_WIDTH, HALF_LENGTH) + rate * REACTION / 2
    for extra, free in ((EXACT, True), (-EXACT, False)):
        far = RADIUS + MARGIN + PER_SPEED * abs(rate) * RADIUS + extra
        point = [[far * math.cos(corner), far * math.sin(corner)]]
        assert (judge(point, (0.0, rate))[0] == 1.0) is free


def test_the_way_under_the_old_command_comes_first() -> None:
    for extra, free in ((EXACT, True), (-EXACT, False)):
        ahead = HALF_LENGTH + 0.3 * 0.1 + 0.2 * REACTION + MARGIN + PER_SPEED * 0.2 + extra
        assert (judge([[ahead, 0.0]], (0.2, 0.0), (0.3, 0.0), before=0.1)[0] == 1.0) is free


AHEAD = (HALF_LENGTH + 0.05, 0.0)
"""Blocks full speed ahead."""
AROUND = [
    (0.4, 0.0),
    (-0.4, 0.0),
    (0.0, 0.3),
    (0.0, -0.3),
    (0.5, 0.3),
    (-0.5, 0.3),
    (-0.5, -0.3),
    (-0.35, 0.0),
    (1.2, 1.2),
    (-2.0, 0.1),
]


@pytest.mark.parametrize("other", AROUND)
def test_no_return_hides_another_that_is_somewhere_else(other) -> None:
    alone, _ = judge([AHEAD], (0.5, 0.0))
    assert 0.0 < alone < 1.0
    for points in ([AHEAD, other], [other, AHEAD], [other, other, AHEAD], [AHEAD, other, other]):
        assert judge(points, (0.5, 0.0))[0] == alone
    mirrored = [(-AHEAD[0], 0.0), other]
    assert judge(mirrored, (-0.5, 0.0))[0] == judge(mirrored[::-1], (-0.5, 0.0))[0] < 1.0


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_returns_side_by_side_the_nearest_counts_in_any_order(order) -> None:
    run = [(0.352, 0.001), (0.350, 0.0), (0.353, -0.001)]
    scale, present = judge([run[k] for k in order], (0.5, 0.0))
    assert scale == judge([(0.350, 0.0)], (0.5, 0.0))[0]
    assert present == pytest.approx(0.05, abs=6e-4)


BLOCKING = (HALF_LENGTH + 0.12, 0.0)
"""Just in the way of full speed ahead."""


@pytest.mark.parametrize("nearer", [(0.2, 0.27), (0.2, -0.27), (0.4, 0.26), (0.4, -0.26)])
def test_a_nearer_return_that_is_not_in_the_way_hides_none_that_is(nearer) -> None:
    assert judge([nearer], (0.5, 0.0))[0] == 1.0
    alone = judge([BLOCKING], (0.5, 0.0))[0]
    assert alone < 1.0
    assert judge([BLOCKING, nearer], (0.5, 0.0))[0] == alone
    assert judge([nearer, BLOCKING], (0.5, 0.0))[0] == alone


@pytest.mark.parametrize("side", [1, -1])
def test_what_is_free_to_one_side_says_nothing_of_the_other(side: int) -> None:
    """Turning brings a corner to one of two returns that are each other's mirror image."""
    met, not_met = (0.4063, -0.055 * side), (0.4055, 0.055 * side)
    turn = (0.0, 2.5 * side)
    assert judge([not_met], turn)[0] == 1.0
    assert judge([met, not_met], turn)[0] == judge([not_met, met], turn)[0] < 1.0


def test_of_two_neighbours_the_nearer_counts_whatever_was_seen_before() -> None:
    edge = HALF_LENGTH + 0.5 * REACTION + MARGIN + PER_SPEED * 0.5
    nearer, farther, elsewhere = (edge - 0.0015, 0.0), (edge + 0.0015, 0.0), (-1.0, 0.0)
    assert judge([farther], (0.5, 0.0))[0] == 1.0
    for order in itertools.permutations([nearer, farther, elsewhere]):
        assert judge(list(order), (0.5, 0.0))[0] < 1.0


def test_the_last_of_the_way_counts() -> None:
    """The base stops within the last step: half of what it would have gone in it."""
    edge = HALF_LENGTH + 0.5 * REACTION + MARGIN + PER_SPEED * 0.5
    assert judge([(edge - 4e-4, 0.0)], (0.5, 0.0))[0] < 1.0


def test_along_a_wall_that_recedes_no_nearer_part_is_lost() -> None:
    """Returns a millimetre apart, from the far end to the near one and back."""
    wall = [(0.42 - 0.001 * k, 0.0005 * k) for k in range(70)]
    expected = judge([wall[-1]], (0.5, 0.0))
    for points in (wall, wall[::-1], wall + wall[::-1], [(9.0, 9.0), *wall]):
        assert judge(points, (0.5, 0.0)) == expected


def test_what_is_beyond_the_reach_does_not_end_the_search() -> None:
    far, near = (2.0, 0.0), AHEAD
    for points in ([far, near], [near, far], [(0.0, 2.0), near], [(-2.0, -2.0), near]):
        assert judge(points, (0.5, 0.0), reach=1.0) == judge([near], (0.5, 0.0))
    assert judge([far], (0.5, 0.0), reach=1.0) == (1.0, math.inf)


def test_a_return_at_the_reach_still_counts() -> None:
    assert judge([AHEAD], (0.5, 0.0), reach=AHEAD[0])[1] < math.inf
    assert judge([(0.21, 0.28)], (0.5, 0.0), reach=0.351)[1] < math.inf
    assert judge([(0.21, 0.28)], (0.5, 0.0), reach=0.349)[1] == math.inf


@pytest.mark.parametrize(
    ("wish", "ratio"), [((0.5, 0.0), 0.2), ((0.05, 0.5), 0.5), ((0.5, 0.5), 0.2), ((0.05, 0.1), 1)]
)
def test_inside_the_margin_it_leaves_no_faster_than_the_escape_speeds(wish, ratio) -> None:
    behind = [[-HALF_LENGTH - 0.02, 0.0]]
    assert judge(behind, wish)[0] == pytest.approx(ratio)


@pytest.mark.parametrize(("extra", "scale"), [(EXACT, 0.2), (-EXACT, 0.0)])
def test_inside_the_margin_it_comes_no_closer_than_the_floor(extra: float, scale: float) -> None:
    present = FLOOR + 0.1 * REACTION + extra
    assert present < MARGIN
    found, told = judge([[HALF_LENGTH + present, 0.0]], (0.5, 0.0))
    assert found == pytest.approx(scale)
    assert told == pytest.approx(present, abs=1e-3)


@pytest.mark.parametrize("present", [0.0035, 0.0025, 0.0015])
def test_below_the_floor_it_may_go_along_and_away_but_not_closer(present: float) -> None:
    beside = [[0.0, HALF_WIDTH + present]]
    assert judge(beside, (0.1, 0.0))[0] == 1.0
    assert judge(beside, (-0.1, 0.0))[0] == 1.0
    assert judge(beside, (0.05, 0.25))[0] == 0.0
    ahead = [[HALF_LENGTH + present, 0.0]]
    assert judge(ahead, (0.1, 0.0))[0] == 0.0
    assert judge(ahead, (-0.1, 0.0))[0] == 1.0


def test_one_return_below_the_floor_does_not_let_another_come_below_it() -> None:
    beside, ahead = (0.0, HALF_WIDTH + 0.002), (HALF_LENGTH + 0.02, 0.0)
    assert judge([beside, ahead], (0.1, 0.0))[0] == 0.0
    assert judge([beside, (HALF_LENGTH + 0.06, 0.0)], (0.1, 0.0))[0] == 1.0


@pytest.mark.parametrize(("extra", "scale"), [(EXACT, 0.0), (-EXACT, 0.2)])
def test_outside_the_margin_a_blocked_command_is_a_stop_and_inside_it_a_creep(
    extra: float, scale: float
) -> None:
    blocked = [[HALF_LENGTH + MARGIN + extra, 0.0]]
    assert judge(blocked, (0.5, 0.0))[0] == pytest.approx(scale)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_distance_is_exact_up_to_the_edge_of_its_field_and_beyond_it_less(axis: int) -> None:
    half, extent = BODY.half, (HALF_LENGTH, HALF_WIDTH)[axis]
    for along, exact in ((-half, True), (-half + 1e-6, True), (half - 1e-6, True), (half, False)):
        point = [0.0, 0.0]
        point[axis] = along
        found = clearance(*point, BODY)
        assert found <= half - extent
        if exact:
            assert found == pytest.approx(half - extent, abs=1e-3)
    outside = [0.0, 0.0]
    outside[axis] = -half - 1e-6
    assert clearance(*outside, BODY) == pytest.approx(half - RADIUS, abs=1e-5)
