from __future__ import annotations

import pytest

from autonomy_interfaces.messages import MILLISECOND, SECOND
from world_sim.pacing import Pacer


def test_simulated_time_keeps_to_the_steady_clock():
    pacer = Pacer(1.0, steady_ns=5 * SECOND)
    assert pacer.wait_s(10 * MILLISECOND, 5 * SECOND) == pytest.approx(0.010)
    assert pacer.wait_s(20 * MILLISECOND, 5 * SECOND + 12 * MILLISECOND) == pytest.approx(0.008)


def test_the_factor_scales_the_pace():
    assert Pacer(2.0, 0).wait_s(SECOND, 0) == pytest.approx(0.5)
    assert Pacer(0.5, 0).wait_s(SECOND, 0) == pytest.approx(2.0)


def test_without_a_factor_there_is_no_waiting():
    pacer = Pacer(0.0, 0)
    assert pacer.wait_s(100 * SECOND, 0) == 0.0
    assert pacer.report(100 * SECOND, SECOND) == (100.0, 0.0)


def test_a_short_delay_is_made_good():
    pacer = Pacer(1.0, 0)
    assert pacer.wait_s(100 * MILLISECOND, 130 * MILLISECOND) == 0.0
    assert pacer.wait_s(200 * MILLISECOND, 130 * MILLISECOND) == pytest.approx(0.070)
    assert pacer.report(200 * MILLISECOND, 200 * MILLISECOND)[1] == 0.0


def test_after_a_long_delay_simulated_time_does_not_race():
    pacer = Pacer(1.0, 0)
    assert pacer.wait_s(10 * MILLISECOND, SECOND) == 0.0
    # The next ten milliseconds take ten milliseconds.
    assert pacer.wait_s(20 * MILLISECOND, SECOND) == pytest.approx(0.010)
    factor, lost_s = pacer.report(20 * MILLISECOND, SECOND)
    assert lost_s == pytest.approx(0.990)
    assert factor == pytest.approx(0.020)
