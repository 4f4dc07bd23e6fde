"""What the envelope makes of commands that still act, and of the distances that it looks up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import Motion, MotionEnvelope, body_of
from safety_monitor.kernels import clearance

ENVELOPE = MotionEnvelope(MonitorConfig())
WHATS = ("measured", "sent", "asked for")


def scale(point, motion: Motion, command=(0.2, 0.0)) -> float:
    return ENVELOPE.evaluate(np.array([point]), motion, command, 0.03, 5.0).scale


@pytest.mark.parametrize("rest", [((0.2, 0.0),), ((0.2, 0.0), (0.5, 0.0))])
def test_a_command_to_back_up_that_is_on_its_way_is_reckoned_with(rest) -> None:
    behind, going = (-0.254 - 0.06, 0.0), Motion(0.2, 0.0, 0.2, rest)
    backing = Motion(0.2, 0.0, 0.2, ((-0.5, 0.0), *rest))
    assert scale(behind, going) == 1.0
    assert scale(behind, backing) < 1.0


@pytest.mark.parametrize("side", [1, -1])
def test_a_command_to_turn_that_is_on_its_way_is_reckoned_with(side: int) -> None:
    beside = (0.185, side * 0.288)
    straight = Motion(0.0, 0.0, 0.2, ((0.0, 0.0),))
    turning = Motion(0.0, 0.0, 0.2, ((0.0, 2.0 * side), (0.0, 0.0)))
    assert scale(beside, straight, (0.05, 0.0)) == 1.0
    assert scale(beside, turning, (0.05, 0.0)) < 1.0


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("measured", "sent", "passes"),
    [(0.01, 0.0, True), (0.011, 0.0, False), (0.5, 0.0, False), (0.009, 0.3, False)],
)
def test_what_is_measured_of_a_turn_is_noise_only_if_it_is_little_and_none_was_told(
    side: int, measured: float, sent: float, passes: bool
) -> None:
    # Nearer than the floor: whatever brings the front corner any closer is refused.
    beside = (0.2, side * (0.215 + 0.004))
    motion = Motion(0.0, side * measured, 0.0, ((0.0, side * sent),))
    assert (scale(beside, motion, (0.05, 0.0)) > 0.0) is passes


def test_where_nothing_was_sent_the_robot_is_told_to_stand() -> None:
    still, told = Motion(0.0, 0.0, 0.3), Motion(0.0, 0.0, 0.3, ((0.0, 0.0),))
    assert ENVELOPE.reach(still, (0.1, 0.0), 0.03) == ENVELOPE.reach(told, (0.1, 0.0), 0.03)
    for point in ((0.254 + 0.03, 0.0), (0.254, 0.215 + 0.03)):
        assert scale(point, still, (0.05, 0.0)) == scale(point, told, (0.05, 0.0)) == 1.0


FAST = [(3.0, 0.0), (-3.0, 0.0), (0.0, 8.0), (0.0, -8.0), (3.0, 8.0), (-3.0, -8.0)]


@pytest.mark.parametrize("fast", FAST)
@pytest.mark.parametrize("what", WHATS)
def test_in_the_open_every_command_passes_however_long_it_is_looked_at(fast, what: str) -> None:
    slow = (0.05, 0.05)
    measured, sent, command = (fast if what == each else slow for each in WHATS)
    motion = Motion(*measured, 0.6, (sent, slow))
    nothing = np.empty((0, 2))
    assert ENVELOPE.evaluate(nothing, motion, command, 0.6, 5.0).scale == 1.0


SHAPES = {
    "rectangle": (0.254, 0.215, -0.254, 0.215, -0.254, -0.215, 0.254, -0.215),
    "arrow": (0.4, 0.0, -0.2, 0.3, -0.05, 0.0, -0.2, -0.3),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_distance_that_is_looked_up_is_never_more_than_the_truth(polygon_distance, shape) -> None:
    """A grid of points that has nothing in common with the field's."""
    body = body_of(MonitorConfig(footprint=SHAPES[shape]))
    side = np.linspace(-body.half, body.half, 73) + 0.0011 * math.e
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    found = np.array([clearance(x, y, body) for x, y in points])
    truth = polygon_distance(points, np.reshape(SHAPES[shape], (-1, 2)))
    outside = truth >= 0.0
    assert (found[outside] <= truth[outside] + 1e-12).all()
    assert np.sign(found[np.abs(truth) > 3e-3]) == pytest.approx(
        np.sign(truth[np.abs(truth) > 3e-3])
    )
