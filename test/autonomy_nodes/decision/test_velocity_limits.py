"""A wish is brought within what the base can drive without leaving its arc."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_nodes.decision.velocity_limits import VelocityLimits

LIMITS = VelocityLimits(-0.5, 2.0, 4.0)
FORWARDS_ONLY = VelocityLimits(0.0, 2.0, 4.0)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.floats(-0.5, 2.0), st.floats(-4.0, 4.0))
def test_what_is_within_comes_back_bit_for_bit(vx, wz):
    kept = LIMITS.along_arc(vx, wz)
    assert [value.hex() for value in kept] == [vx.hex(), wz.hex()]


@given(FINITE, FINITE)
def test_whatever_is_wished_is_within_afterwards(vx, wz):
    for limits in (LIMITS, FORWARDS_ONLY):
        kept_vx, kept_wz = limits.along_arc(vx, wz)
        assert limits.lowest_vx <= kept_vx <= limits.highest_vx
        assert abs(kept_wz) <= limits.highest_wz


@given(st.floats(0.01, 1e9), st.floats(0.01, 1e9), st.sampled_from([-1.0, 1.0]))
def test_it_stays_on_its_arc_and_is_as_fast_as_the_base_can(vx, wz, side):
    kept_vx, kept_wz = LIMITS.along_arc(vx, side * wz)
    assert kept_wz / kept_vx == pytest.approx(side * wz / vx)
    assert (
        (kept_vx, kept_wz) == (vx, side * wz)
        or kept_vx == pytest.approx(2.0)
        or abs(kept_wz) == pytest.approx(4.0)
    )


def test_reverse_has_its_own_limit():
    assert LIMITS.along_arc(-2.0, 1.0) == (-0.5, 0.25)


def test_of_a_direction_that_the_base_does_not_go_in_the_turn_is_left():
    assert FORWARDS_ONLY.along_arc(-0.001, 1.0) == (0.0, 1.0)
    assert FORWARDS_ONLY.along_arc(-1.0, 8.0) == (0.0, 4.0)
    assert VelocityLimits(-1.0, 0.0, 0.0).along_arc(1.0, 1.0) == (0.0, 0.0)
