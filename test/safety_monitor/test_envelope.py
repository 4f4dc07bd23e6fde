from __future__ import annotations

import bisect
import math

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import Motion, MotionEnvelope, body_of

RADIUS = math.hypot(0.254, 0.215)


def test_the_body_is_what_the_parameters_say() -> None:
    config = MonitorConfig(linear_acceleration=4.0, angular_acceleration=12.0, escape_rate=0.3)
    body = body_of(config)
    assert body.radius == pytest.approx(RADIUS)
    assert body.rates == pytest.approx(np.array([[4.0, 20.0], [10.0, 25.0]]))
    assert body.margin == pytest.approx([0.015, 0.008, 0.005])
    assert body.turning_point == (0.15, 0.4)
    assert body.escape == pytest.approx([0.1, 0.3])
    assert body.half == pytest.approx(RADIUS + 0.1, abs=0.004)
    assert body.field.shape == (round(2 * body.half / body.cell) + 1,) * 2
    assert body.field[0, 0] == pytest.approx(
        math.hypot(body.half - 0.254, body.half - 0.215), abs=1e-3
    )
    middle = body.field.shape[0] // 2
    assert body.field[middle, middle] == pytest.approx(-0.215, abs=1e-3)
    assert body.field[-1, middle] == pytest.approx(body.half - 0.254, abs=1e-3)


def test_the_reach_is_the_way_of_the_fastest_that_may_be_with_body_and_margin() -> None:
    envelope = MotionEnvelope(MonitorConfig())

    def expected(v: float, w: float, duration: float) -> float:
        margin = 0.015 + 0.008 * (v + w * RADIUS)
        drift = min(0.15, 0.4 * v * w) * (w * duration + w * w / 20.0)
        return v * duration + v * v / 10.0 + drift + RADIUS + margin

    motion = Motion(0.5, -1.0, 0.05, ((1.0, 0.0), (-1.5, 2.0)))
    assert envelope.reach(motion, (0.2, 0.0), 0.03) == pytest.approx(expected(1.5, 2.0, 0.1))
    assert envelope.reach(motion, (-2.0, 3.0), 0.03) == pytest.approx(expected(2.0, 3.0, 0.1))
    faster = Motion(-0.5, 1.0, 0.05, ((0.0, 0.0),), slip=0.2)
    assert envelope.reach(faster, (0.2, 0.0), 0.03) == pytest.approx(expected(0.7, 1.0, 0.1))
    still = Motion(-1.0, 4.0, 0.0)
    assert envelope.reach(still, (0.0, 0.0), 0.03) == pytest.approx(expected(1.0, 4.0, 0.05))


def stopping(
    v: float, age: float = 0.02, delay: float = 0.02, reaction: float = 0.03, sent=None
) -> float:
    """The nearest distance ahead, to a millimetre, that lets a steady command pass in full."""
    envelope = MotionEnvelope(MonitorConfig(actuation_delay=delay))
    motion = Motion(v, 0.0, age, sent or ((v, 0.0),))

    def passes(k: int) -> bool:
        point = np.array([[0.254 + 0.001 * k, 0.0]])
        return envelope.evaluate(point, motion, (v, 0.0), reaction, 5.0).scale == 1.0

    first = bisect.bisect_left(range(2000), True, key=passes)
    assert first < 2000, "never free"
    return 0.001 * first


@pytest.mark.parametrize("v", [0.5, 1.5])
def test_every_delay_counts_at_full_speed(v: float) -> None:
    base = stopping(v)
    assert base == pytest.approx(v * 0.07 + v * v / 10 + 0.015 + 0.008 * v, abs=4e-3)
    assert stopping(v, age=0.12) - base == pytest.approx(0.1 * v, abs=4e-3)
    assert stopping(v, delay=0.12) - base == pytest.approx(0.1 * v, abs=4e-3)
    assert stopping(v, reaction=0.13) - base == pytest.approx(0.1 * v, abs=4e-3)


def test_a_faster_command_on_its_way_counts() -> None:
    slower = stopping(0.5, age=0.2)
    assert stopping(0.5, age=0.2, sent=((1.0, 0.0), (0.5, 0.0))) > slower + 0.08
    assert stopping(0.5, age=0.2, sent=((0.2, 0.0), (0.5, 0.0))) == pytest.approx(slower)


def test_a_base_that_may_be_faster_either_way_needs_the_room_of_the_fastest() -> None:
    envelope = MotionEnvelope(MonitorConfig(actuation_delay=0.0))
    slips = Motion(0.0, 0.0, 0.0, slip=0.5)
    assert envelope.reach(slips, (0.0, 0.1), 0.03) == pytest.approx(
        envelope.reach(Motion(0.5, 0.0, 0.0), (0.0, 0.1), 0.03)
    )
    for side in (-1.0, 1.0):
        for ahead, free in ((0.03, True), (0.015, False)):
            point = np.array([[side * (0.254 + 0.015 + ahead), 0.0]])
            verdict = envelope.evaluate(point, slips, (0.0, 0.001), 0.03, 5.0)
            assert (verdict.scale == 1.0) is free


def test_beyond_the_reach_given_nothing_matters() -> None:
    envelope = MotionEnvelope(MonitorConfig())
    point, motion = np.array([[0.4, 0.0]]), Motion(1.0, 0.0, 0.0)
    assert envelope.evaluate(point, motion, (1.0, 0.0), 0.03, 0.5).scale < 1.0
    verdict = envelope.evaluate(point, motion, (1.0, 0.0), 0.03, 0.39)
    assert (verdict.scale, verdict.clearance) == (1.0, math.inf)
