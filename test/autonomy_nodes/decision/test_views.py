"""What people look at is made while they do, and says what the tick went by."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (extra 'ros' or a ROS installation)")

from visualization_msgs.msg import Marker

from autonomy_interfaces.messages import SECOND
from autonomy_nodes.decision.tick import DecisionOutput, halt
from autonomy_nodes.decision.views import HEIGHT, Views

WALKER = np.array([[2.0, -1.0, 0.0, 1.5, 0.25]])


class Publisher:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.listeners = 1
        self.sent: list[Any] = []

    def get_subscription_count(self) -> int:
        return self.listeners

    def publish(self, message: Any) -> None:
        self.sent.append(message)


class Desk:
    """As a node, as far as publishers go."""

    def __init__(self) -> None:
        self.publishers: dict[str, Publisher] = {}

    def create_publisher(self, kind: type, topic: str, depth: int) -> Publisher:
        return self.publishers.setdefault(topic, Publisher())


def seen(bodies: np.ndarray, path: np.ndarray) -> DecisionOutput:
    standing = halt("reached", 0)
    return DecisionOutput(standing.command, "none", "", None, path, bodies=bodies)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def views_of(desk: Any) -> Views:
    return Views(desk)


def test_who_moves_is_drawn_where_and_how_fast(desk: Desk) -> None:
    views_of(desk).show(seen(WALKER, np.empty((0, 2))), 5 * SECOND + 7)
    (message,) = desk.publishers["/decision/bodies"].sent
    clear, cylinder, arrow = message.markers
    assert clear.action == Marker.DELETEALL
    assert (cylinder.pose.position.x, cylinder.pose.position.y) == (2.0, -1.0)
    assert (cylinder.scale.x, cylinder.scale.y, cylinder.scale.z) == (0.5, 0.5, HEIGHT)
    assert arrow.scale.x == 1.5
    turned = arrow.pose.orientation
    assert 2.0 * math.atan2(turned.z, turned.w) == pytest.approx(math.pi / 2)
    for marker in (cylinder, arrow):
        assert marker.header.frame_id == "odom"
        assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (5, 7)
        assert marker.lifetime.nanosec > 0 and marker.color.a > 0.0
    assert len({(marker.ns, marker.id) for marker in (cylinder, arrow)}) == 2


def test_who_is_gone_is_cleared_away(desk: Desk) -> None:
    views = views_of(desk)
    views.show(seen(WALKER, np.empty((0, 2))), 1)
    views.show(seen(WALKER[:0], np.empty((0, 2))), 2)
    (marker,) = desk.publishers["/decision/bodies"].sent[-1].markers
    assert marker.action == Marker.DELETEALL


def test_nothing_is_made_for_nobody(desk: Desk) -> None:
    views = views_of(desk)
    for publisher in desk.publishers.values():
        publisher.listeners = 0
    views.show(seen(WALKER, np.ones((20, 2))), SECOND)
    assert [publisher.sent for publisher in desk.publishers.values()] == [[], []]


def test_the_path_is_shown_now_and_then(desk: Desk) -> None:
    views = views_of(desk)
    path = np.column_stack([np.arange(11.0), np.zeros(11)])
    for tick in range(20):
        views.show(seen(WALKER, path), SECOND + tick * SECOND // 20)
    paths = desk.publishers["/decision/path"].sent
    assert len(paths) == 2
    assert [pose.pose.position.x for pose in paths[0].poses] == [0.0, 5.0, 10.0]
    assert len(desk.publishers["/decision/bodies"].sent) == 20
