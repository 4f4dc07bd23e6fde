"""Dead reckoning where the robot turns, and at the ends of what is kept."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety_monitor.reckoning import DeadReckoning, between

SECOND = 1_000_000_000
place, angle = st.floats(-5.0, 5.0), st.floats(-3.0, 3.0)
pose = st.tuples(place, place, angle)


def test_between_two_measurements_the_mean_rotation_holds() -> None:
    track = DeadReckoning()
    track.add(0, 0.0, 1.0)
    track.add(SECOND, 0.0, 2.0)
    assert track.latest is not None
    assert track.latest[1] == pytest.approx((0.0, 0.0, 1.5))
    assert track.pose_at(SECOND // 2) == pytest.approx((0.0, 0.0, 0.75))


def test_after_the_newest_measurement_its_own_velocity_goes_on() -> None:
    track = DeadReckoning()
    track.add(0, 1.0, 0.0)
    track.add(SECOND, 3.0, 0.0)
    assert track.pose_at(SECOND + SECOND // 2) == pytest.approx((3.5, 0.0, 0.0))


def test_shortly_before_the_oldest_the_mean_of_the_first_two_holds() -> None:
    track = DeadReckoning()
    track.add(SECOND, 1.0, 0.0)
    track.add(2 * SECOND, 3.0, 0.0)
    assert track.pose_at(SECOND - SECOND // 20) == pytest.approx((-0.1, 0.0, 0.0))


@given(pose, pose)
def test_a_pose_seen_from_another_leads_back_to_it(here, there) -> None:
    x, y, yaw = between(here, there)
    c, s = math.cos(here[2]), math.sin(here[2])
    back = here[0] + c * x - s * y, here[1] + s * x + c * y, here[2] + yaw
    assert back == pytest.approx(there, abs=1e-9)
