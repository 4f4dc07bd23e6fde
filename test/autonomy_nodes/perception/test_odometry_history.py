"""Poses between, before and after the samples."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.messages import MILLISECOND, SECOND, Odometry
from autonomy_nodes.perception.odometry_history import OdometryHistory


def history(*samples: Odometry) -> OdometryHistory:
    kept = OdometryHistory(SECOND, 100 * MILLISECOND)
    for sample in samples:
        kept.add(sample)
    return kept


def test_interpolates_across_the_wrap_of_the_yaw():
    kept = history(Odometry(0, 0.0, 0.0, math.pi - 0.1), Odometry(100, 1.0, 2.0, -math.pi + 0.1))
    pose = kept.pose_at(50)
    assert (pose.x, pose.y) == pytest.approx((0.5, 1.0))
    assert abs(pose.yaw) == pytest.approx(math.pi)


def test_extrapolates_along_the_arc_and_no_further_than_allowed():
    kept = history(Odometry(0, 0.0, 0.0, 0.0, vx=1.0, wz=1.0))
    pose = kept.pose_at(50 * MILLISECOND)
    assert pose.x == pytest.approx(math.sin(0.05), abs=1e-4)
    assert pose.y == pytest.approx(1 - math.cos(0.05), abs=1e-4)
    assert kept.pose_at(200 * MILLISECOND) is None


def test_knows_nothing_before_the_first_sample():
    assert history().pose_at(0) is None


@given(st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=30), st.integers(0, 3 * SECOND))
def test_never_raises_and_stays_between_the_samples(stamps, asked):
    kept = history(*[Odometry(stamp, stamp / SECOND, 0.0, 0.0) for stamp in stamps])
    pose = kept.pose_at(asked)
    if pose is not None:
        assert min(stamps) / SECOND <= pose.x <= max(stamps) / SECOND
