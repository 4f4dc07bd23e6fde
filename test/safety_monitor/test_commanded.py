"""What the base was told, and between which extremes it has therefore moved."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.reckoning import Commanded
from safety_monitor.whereabouts import Whereabouts

MS = 1_000_000

CONFIG = MonitorConfig(
    linear_deceleration=5.0,
    linear_acceleration=5.0,
    peak_linear_acceleration=20.0,
    actuation_delay=0.02,
    base_timeout=0.25,
    odometry_timeout=0.1,
)


def told(until_ms: int, *commands: tuple[int, float, float]) -> Commanded:
    """A base that drove 1 m/s when it was last heard, at 0 ms, and what it was told when."""
    commanded = Commanded(CONFIG)
    commanded.tell(-20 * MS, 1.0, 0.0)
    commanded.measured(0, (1.0, 0.0))
    for at in range(0, until_ms, 20):
        commanded.wait(at * MS)
        _, v, w = max(c for c in commands if c[0] <= at)
        commanded.tell(at * MS, v, w)
    return commanded


def ways(ends: np.ndarray) -> tuple[float, float]:
    assert not ends[:, 1:].any()
    return float(ends[:, 0].min()), float(ends[:, 0].max())


def test_a_base_that_goes_on_as_told_goes_as_far_as_that_up_to_a_share() -> None:
    low, high = ways(told(500, (0, 1.0, 0.0)).moved(500 * MS, (1.0, 0.0), 0.5))
    assert 0.45 <= low < 0.47
    assert 0.53 < high <= 0.55 + 1e-9


def test_a_base_that_is_stopped_has_braked_somewhere_between_its_rates() -> None:
    stopped = told(1000, (0, 1.0, 0.0), (100, 0.0, 0.0))
    low, high = ways(stopped.moved(1000 * MS, (0.0, 0.0), 1.0))
    # 0.1 s on, then 1 / 40 m; or 0.12 s on, then 1 / 10 m; give or take a tenth of the speed.
    assert 0.09 < low <= 0.115
    assert 0.22 <= high < 0.28


def test_a_base_that_hears_nothing_stops_by_itself_and_perhaps_early() -> None:
    commanded = told(20, (0, 1.0, 0.0))
    commanded.wait(3000 * MS)
    low, high = ways(commanded.moved(3000 * MS, (0.0, 0.0), 3.0))
    assert 0.18 < low <= 0.205
    assert 0.37 <= high < 0.44


@pytest.mark.parametrize("w", [0.8, -0.8])
def test_whoever_turns_in_a_gap_is_somewhere_along_his_arc(w: float) -> None:
    commanded = Commanded(replace(CONFIG, turning_point=0.0))
    commanded.tell(-20 * MS, 1.0, w)
    commanded.measured(0, (1.0, w))
    ends = commanded.moved(200 * MS, (1.0, w), 0.2)
    arc = math.sin(0.2 * w) / w, (1.0 - math.cos(0.2 * w)) / w, 0.2 * w
    low, high = ends.min(axis=0), ends.max(axis=0)
    assert (low[:3] <= arc).all() and (arc <= high[:3]).all()
    assert (high - low)[:3] == pytest.approx((0.04, 0.0064, 0.032), abs=2e-3)


@pytest.mark.parametrize("passed", [0.1, 0.3])
def test_where_the_clocks_disagree_the_base_may_have_stood(passed: float) -> None:
    commanded = told(1000, (0, 1.0, 0.0))
    low, high = ways(commanded.moved(1000 * MS, (1.0, 0.0), passed))
    assert low == 0.0
    assert 1.0 <= high <= 1.1


def test_a_base_that_has_stopped_since_cannot_have_stood_in_time() -> None:
    """By the stamps 20 ms have passed: too few for its brakes."""
    commanded = told(1000, (0, 1.0, 0.0), (500, 0.0, 0.0))
    assert ways(commanded.moved(1000 * MS, (0.0, 0.0), 0.02))[0] > 0.4


def test_what_acts_is_what_was_told_since_and_what_that_took_the_place_of() -> None:
    commanded = Commanded(CONFIG)
    for at in range(6):
        commanded.tell(at * 20 * MS, float(at), 0.0)
    assert commanded.acting(100 * MS) == ((5.0, 0.0), (4.0, 0.0))
    assert commanded.acting(70 * MS) == ((5.0, 0.0), (4.0, 0.0), (3.0, 0.0), (2.0, 0.0))
    assert commanded.acting(70 * MS, 85 * MS) == ((4.0, 0.0), (3.0, 0.0), (2.0, 0.0))


def test_what_acts_on_a_measurement_depends_on_its_age() -> None:
    where = Whereabouts(CONFIG)
    for at in range(6):
        where.begin(at * 20 * MS, at * 20 * MS, jumped=False)
        where.tell(float(at), 0.0)
    assert where.acting(0.0) == ((5.0, 0.0), (4.0, 0.0))
    assert where.acting(0.03) == ((5.0, 0.0), (4.0, 0.0), (3.0, 0.0), (2.0, 0.0))
