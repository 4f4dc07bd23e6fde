"""Where the robot is by its wheels, how far off that may be, and what gaps leave unknown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety_monitor.kernels import arc
from safety_monitor.reckoning import DeadReckoning, between

SECOND = 1_000_000_000
MS = 1_000_000
PLACE = st.floats(-5.0, 5.0)
POSE = st.tuples(PLACE, PLACE, st.floats(-3.0, 3.0))


def test_nothing_is_known_before_the_first_measurement() -> None:
    track = DeadReckoning()
    assert track.latest is None
    assert track.pose_at(0) is None


def test_the_first_measurement_is_the_origin() -> None:
    track = DeadReckoning()
    track.add(SECOND, 1.0, 0.5)
    assert track.latest == (SECOND, (0.0, 0.0, 0.0), 1.0, 1.0, 0.5)


def track_of(*measurements: tuple[int, float, float]) -> DeadReckoning:
    """Measurements as stamp in ms, v and w."""
    track = DeadReckoning()
    for stamp_ms, v, w in measurements:
        track.add(stamp_ms * MS, v, w)
    return track


def test_between_two_measurements_the_mean_velocity_holds() -> None:
    track = track_of((0, 1.0, 0.0), (1000, 3.0, 0.0), (2000, 3.0, 0.0))
    assert track.pose == pytest.approx((5.0, 0.0, 0.0))
    for at_ms, way in ((500, 1.0), (1000, 2.0), (1500, 3.5)):
        assert track.pose_at(at_ms * MS) == pytest.approx((way, 0.0, 0.0))


def test_between_two_measurements_the_mean_rotation_holds() -> None:
    track = track_of((0, 0.0, 1.0), (1000, 0.0, 2.0))
    assert track.pose == pytest.approx((0.0, 0.0, 1.5))
    assert track.pose_at(500 * MS) == pytest.approx((0.0, 0.0, 0.75))


def test_after_the_newest_measurement_its_own_velocity_goes_on() -> None:
    track = track_of((0, 1.0, 0.0), (1000, 3.0, 0.0))
    assert track.pose_at(1500 * MS) == pytest.approx((3.5, 0.0, 0.0))


def test_a_tenth_of_a_second_before_the_oldest_the_mean_of_the_first_two_holds() -> None:
    track = track_of((1000, 1.0, 0.0), (2000, 3.0, 0.0))
    assert track.pose_at(900 * MS) == pytest.approx((-0.2, 0.0, 0.0))
    assert track.pose_at(899 * MS) is None


def test_one_measurement_tells_of_a_while_before_and_after_it() -> None:
    track = track_of((1000, 2.0, 0.0))
    assert track.pose_at(1100 * MS) == pytest.approx((0.2, 0.0, 0.0))
    assert track.pose_at(900 * MS) == pytest.approx((-0.2, 0.0, 0.0))


def test_only_so_many_measurements_are_kept() -> None:
    track = track_of(*((100 * k, 1.0, 0.0) for k in range(70)))
    assert track.pose_at(500 * MS) is not None
    assert track.pose_at(499 * MS) is None
    assert track.pose_at(6900 * MS) == pytest.approx((6.9, 0.0, 0.0))


def test_an_arc_is_followed_by_its_mean_heading() -> None:
    assert arc(1.0, 2.0, 0.3, 2.0, 0.4, 0.5, (0.0, 0.0)) == pytest.approx(
        (1.0 + math.cos(0.4), 2.0 + math.sin(0.4), 0.5, 0.0)
    )


def test_a_pose_seen_from_another() -> None:
    here, there = (1.0, 2.0, math.pi / 2), (1.0, 5.0, math.pi)
    assert between(here, there) == pytest.approx((3.0, 0.0, math.pi / 2))
    assert between(there, here) == pytest.approx((0.0, 3.0, -math.pi / 2))


@given(POSE, POSE)
def test_a_pose_seen_from_another_leads_back_to_it(here, there) -> None:
    x, y, yaw = between(here, there)
    c, s = math.cos(here[2]), math.sin(here[2])
    back = here[0] + c * x - s * y, here[1] + s * x + c * y, here[2] + yaw
    assert back == pytest.approx(there, abs=1e-9)


def test_in_a_curve_the_base_drifts_outwards_by_half_of_what_it_may() -> None:
    for v, w, outwards in ((1.0, 2.0, -1), (1.0, -2.0, 1), (-1.0, 2.0, 1), (-1.0, -2.0, -1)):
        track, straight = DeadReckoning((0.15, 0.05)), DeadReckoning()
        for reckoning in (track, straight):
            reckoning.add(0, v, w)
        doubt = track.add(10 * MS, v, w)
        straight.add(10 * MS, v, w)
        assert track.pose[1] - straight.pose[1] == pytest.approx(outwards * 0.001, rel=0.01)
        assert doubt == pytest.approx((0.001, 0.0))


def test_it_turns_about_no_point_that_is_farther_ahead_than_the_farthest() -> None:
    track = DeadReckoning((0.15, 0.05))
    track.add(0, 2.0, 3.0)
    assert track.add(10 * MS, 2.0, 3.0) == pytest.approx((0.5 * 0.15 * 0.03, 0.0))


def test_straight_on_or_on_the_spot_nothing_drifts() -> None:
    for v, w in ((2.0, 0.0), (0.0, 4.0)):
        track = DeadReckoning((0.15, 0.4))
        track.add(0, v, w)
        assert track.add(SECOND, v, w) == (0.0, 0.0)


@given(st.lists(st.tuples(st.floats(-2.0, 2.0), st.floats(0.0, 1.0)), min_size=1, max_size=40))
def test_a_body_that_slips_is_no_farther_off_than_the_doubt(steps) -> None:
    """Wheels turn as they like; the body follows them at 5 m/s² or up to three times as fast."""
    track, body, x, doubt = DeadReckoning(sure=5.0), 0.0, 0.0, 0.0
    track.add(0, 0.0, 0.0)
    for k, (wheels, eagerness) in enumerate(steps, start=1):
        change = 5.0 * (1.0 + 2.0 * eagerness) * 0.02
        before, body = body, body + min(max(wheels - body, -change), change)
        x += 0.01 * (before + body)
        doubt += track.add(20 * k * MS, wheels, 0.0)[1]
        assert track.latest is not None
        assert track.latest.least - 1e-9 <= body <= track.latest.most + 1e-9
        assert abs(track.pose[0] - x) <= doubt + 1e-9


def test_wheels_that_change_no_faster_than_the_body_surely_does_are_believed() -> None:
    track, doubt = DeadReckoning(sure=5.0), 0.0
    for k, v in enumerate((0.0, 0.1, 0.2, 0.1, 0.0, -0.1)):
        doubt += sum(track.add(20 * k * MS, v, 0.0))
        assert track.latest is not None
        assert (track.latest.v, track.latest.slip) == (v, 0.0)
    assert doubt == 0.0


def test_wheels_that_turn_back_at_once_leave_the_body_where_its_grip_lets_it_be() -> None:
    track = DeadReckoning(sure=5.0)
    track.add(0, 1.0, 0.0)
    assert track.add(20 * MS, -1.0, 0.0) == pytest.approx((0.0, 1.0 * 0.02))
    assert track.latest is not None
    assert (track.latest.least, track.latest.most) == pytest.approx((-1.0, 1.0))
    track.add(40 * MS, -1.0, 0.0)
    assert (track.latest.least, track.latest.most) == pytest.approx((-1.0, 0.9))
    assert (track.latest.v, track.latest.slip) == pytest.approx((-0.05, 0.95))
    track.add(60 * MS, 1.0, 0.0)
    assert (track.latest.least, track.latest.most) == pytest.approx((-1.0, 1.0))
    track.add(80 * MS, 1.0, 0.0)
    assert (track.latest.least, track.latest.most) == pytest.approx((-0.9, 1.0))


def test_after_a_gap_the_body_is_as_fast_as_its_commands_allow_or_its_wheels_say() -> None:
    track = DeadReckoning(sure=5.0)
    track.add(0, 1.0, 0.0)
    track.bridge(SECOND, 0.5, 0.0, np.zeros((1, 4)), (0.2, 0.4))
    assert track.latest is not None
    assert (track.latest.least, track.latest.most) == (0.2, 0.5)


def bridged(*ends):
    track = DeadReckoning((0.15, 0.4))
    track.add(0, 1.0, 0.0)
    doubt = track.bridge(SECOND, 0.5, 0.1, np.array(ends, dtype=float), (0.5, 0.5))
    assert track.latest is not None
    assert (track.latest.stamp_ns, track.latest.v, track.latest.w) == (SECOND, 0.5, 0.1)
    assert track.pose_at(800 * MS) is None
    return track.pose, doubt


def test_standing_through_a_gap_leaves_no_doubt() -> None:
    assert bridged((0, 0, 0, 0)) == ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def test_a_gap_is_bridged_in_the_middle_of_what_is_possible() -> None:
    pose, doubt = bridged((0, 0, 0, 0), (2, 0, 0, 0))
    assert pose == pytest.approx((1.0, 0.0, 0.0))
    assert doubt == pytest.approx((0.0, 1.0, 0.0))
    pose, doubt = bridged((1, 0, -0.1, 0.02), (1, 0.6, 0.3, 0.01))
    assert pose == pytest.approx((1.0, 0.3, 0.1))
    across, along = 0.3 * math.cos(0.1), 0.3 * math.sin(0.1)
    assert doubt == pytest.approx((across + 0.3 * 0.2 + 0.02, along, 0.2))


def test_a_bridge_starts_where_the_robot_was_and_looked() -> None:
    track = DeadReckoning()
    track.add(0, 1.0, math.pi / 2)
    track.add(SECOND, 1.0, math.pi / 2)
    x, y, _ = track.pose
    track.bridge(2 * SECOND, 0.0, 0.0, np.array([(1.0, 0.2, 0.1, 0.0)]), (0.0, 0.0))
    assert track.pose == pytest.approx((x - 0.2, y + 1.0, math.pi / 2 + 0.1))


def test_what_was_told_since_can_be_forgotten() -> None:
    track = DeadReckoning()
    track.add(0, 1.0, 0.0)
    latest = track.latest
    track.add(SECOND, 1.0, 0.0)
    assert latest is not None
    track.go_back(latest)
    assert track.latest == latest
