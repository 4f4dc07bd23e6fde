import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.geometry import (
    compose,
    quaternion_of_yaw,
    relative,
    wrap_angle,
    yaw_of_quaternion,
)
from autonomy_interfaces.messages import Pose2D

coordinate = st.floats(-100, 100)
angle = st.floats(-math.pi, math.pi)
poses = st.builds(Pose2D, coordinate, coordinate, angle)


def assert_same_pose(a: Pose2D, b: Pose2D) -> None:
    assert a.x == pytest.approx(b.x, abs=1e-9)
    assert a.y == pytest.approx(b.y, abs=1e-9)
    assert abs(wrap_angle(a.yaw - b.yaw)) < 1e-9


@given(st.floats(-1e3, 1e3))
def test_wrapped_angle_is_in_range_and_equivalent(value: float) -> None:
    wrapped = wrap_angle(value)
    assert -math.pi < wrapped <= math.pi
    assert math.cos(wrapped) == pytest.approx(math.cos(value), abs=1e-9)
    assert math.sin(wrapped) == pytest.approx(math.sin(value), abs=1e-9)


@given(poses, poses)
def test_relative_undoes_compose(parent: Pose2D, child: Pose2D) -> None:
    assert_same_pose(relative(parent, compose(parent, child)), child)


@given(poses, poses, poses)
def test_compose_is_associative(a: Pose2D, b: Pose2D, c: Pose2D) -> None:
    assert_same_pose(compose(compose(a, b), c), compose(a, compose(b, c)))


def test_compose_turns_then_moves() -> None:
    moved = compose(Pose2D(1.0, 2.0, math.pi / 2), Pose2D(1.0, 0.0, 0.0))
    assert_same_pose(moved, Pose2D(1.0, 3.0, math.pi / 2))


@given(angle)
def test_yaw_survives_the_quaternion(yaw: float) -> None:
    assert abs(wrap_angle(yaw_of_quaternion(*quaternion_of_yaw(yaw)) - yaw)) < 1e-9
