from __future__ import annotations

import math

import numpy as np
import pytest

from safety_monitor.reckoning import DeadReckoning, advance, between

SECOND = 1_000_000_000
MS = 1_000_000


def test_nothing_is_known_before_the_first_measurement() -> None:
    track = DeadReckoning()
    assert track.latest is None
    assert track.pose_at(0) is None


def test_the_first_measurement_is_the_origin() -> None:
    track = DeadReckoning()
    track.add(SECOND, 1.0, 0.5)
    assert track.latest == (SECOND, (0.0, 0.0, 0.0), 1.0, 0.5)


def test_between_two_measurements_the_mean_velocity_holds() -> None:
    track = DeadReckoning()
    track.add(0, 1.0, 0.0)
    track.add(SECOND, 3.0, 0.0)
    assert track.latest is not None
    assert track.latest[1] == pytest.approx((2.0, 0.0, 0.0))
    assert track.pose_at(SECOND // 2) == pytest.approx((1.0, 0.0, 0.0))
    track.add(2 * SECOND, 3.0, 0.0)
    assert track.pose_at(SECOND) == pytest.approx((2.0, 0.0, 0.0))
    assert track.pose_at(SECOND + SECOND // 2) == pytest.approx((3.5, 0.0, 0.0))


def test_after_the_newest_and_shortly_before_the_oldest_the_velocity_goes_on() -> None:
    track = DeadReckoning()
    track.add(SECOND, 2.0, 0.0)
    assert track.pose_at(SECOND + 100 * MS) == pytest.approx((0.2, 0.0, 0.0))
    assert track.pose_at(SECOND - 100 * MS) == pytest.approx((-0.2, 0.0, 0.0))
    assert track.pose_at(SECOND - 101 * MS) is None


def test_only_so_many_measurements_are_kept() -> None:
    track = DeadReckoning()
    for k in range(70):
        track.add(k * 100 * MS, 1.0, 0.0)
    assert track.pose_at(500 * MS) is not None
    assert track.pose_at(499 * MS) is None
    assert track.pose_at(6900 * MS) == pytest.approx((6.9, 0.0, 0.0))


def test_an_arc_is_followed_by_its_mean_heading() -> None:
    assert advance((1.0, 2.0, 0.3), 2.0, 0.4, 0.5) == pytest.approx(
        (1.0 + math.cos(0.4), 2.0 + math.sin(0.4), 0.5)
    )


def test_a_pose_seen_from_another() -> None:
    here, there = (1.0, 2.0, math.pi / 2), (1.0, 5.0, math.pi)
    assert between(here, there) == pytest.approx((3.0, 0.0, math.pi / 2))
    assert between(there, here) == pytest.approx((0.0, 3.0, -math.pi / 2))


def bridged(velocities, spans) -> tuple[tuple[float, float, float], tuple[float, float]]:
    track = DeadReckoning()
    track.add(0, 1.0, 0.0)
    doubt = track.bridge(SECOND, 0.5, 0.1, np.array(velocities, dtype=float), spans)
    assert track.latest is not None
    assert (track.latest[0], *track.latest[2:]) == (SECOND, 0.5, 0.1)
    assert track.pose_at(800 * MS) is None
    return track.latest[1], doubt


def test_standing_through_a_gap_leaves_no_doubt() -> None:
    assert bridged([(0, 0), (0, 0)], (1.0, 9.0)) == ((0.0, 0.0, 0.0), (0.0, 0.0))


def test_a_gap_is_bridged_in_the_middle_of_what_is_possible() -> None:
    pose, doubt = bridged([(0, 0), (1, 0), (0.5, 0)], (2.0, 2.0))
    assert pose == pytest.approx((1.0, 0.0, 0.0))
    assert doubt == pytest.approx((1.0, 0.0))
    pose, doubt = bridged([(1, 0), (1, 0)], (1.0, 3.0))
    assert pose == pytest.approx((2.0, 0.0, 0.0))
    assert doubt == pytest.approx((1.0, 0.0))


def test_a_turn_in_a_gap_makes_the_way_uncertain_too() -> None:
    pose, doubt = bridged([(-1, 0), (1, 0.4)], (1.0, 1.0))
    assert pose == pytest.approx((0.0, 0.0, 0.2))
    assert doubt == pytest.approx((1.0 + 0.4, 0.2))
