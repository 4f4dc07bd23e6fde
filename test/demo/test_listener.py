"""Topics are heard as they appear, whatever they offer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.context import Context
from rclpy.node import Node

from autonomy_interfaces.ros import SENSOR_QOS, STATE_QOS, command_qos
from edge_autonomy.demo.domain import RosDomain
from edge_autonomy.demo.listener import RawListener, RawMessage

pytestmark = pytest.mark.dds

WAIT_S = 20.0
TOPICS = ("/state", "/sensor", "/command", "/absent")


@pytest.fixture
def node() -> Iterator[Node]:
    domain = RosDomain({})
    context = Context()
    rclpy.init(context=context, domain_id=domain.id)
    node = rclpy.create_node("listener", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)
    domain.release()


def gather(
    listener: RawListener,
    enough: Callable[[list[RawMessage]], bool],
    publish: Callable[[], None] = lambda: None,
) -> list[RawMessage]:
    heard: list[RawMessage] = []
    deadline = time.monotonic() + WAIT_S
    while not enough(heard):
        assert time.monotonic() < deadline, f"heard only {[m.topic for m in heard]}"
        publish()
        time.sleep(0.02)
        heard.extend(listener.poll())
    return heard


def test_a_state_published_before_is_heard(node: Node) -> None:
    publisher = node.create_publisher(DiagnosticStatus, "/state", STATE_QOS)
    publisher.publish(DiagnosticStatus(name="early"))
    [message] = gather(RawListener(node, TOPICS), lambda heard: len(heard) == 1)
    assert message.decode().name == "early"
    assert message.type_name == "diagnostic_msgs/msg/DiagnosticStatus"


@pytest.mark.parametrize("qos", [SENSOR_QOS, command_qos(0.06, 0.08), 10])
def test_a_topic_that_appears_later_is_heard_in_order_with_its_times(
    node: Node, qos: object
) -> None:
    listener = RawListener(node, TOPICS)
    assert list(listener.poll()) == []
    publisher = node.create_publisher(TwistStamped, "/command", qos)
    count = 0

    def publish() -> None:
        nonlocal count
        message = TwistStamped()
        message.twist.linear.x = float(count)
        count += 1
        publisher.publish(message)

    before_ns = time.time_ns()
    heard = gather(listener, lambda messages: len(messages) >= 10, publish)
    values = [message.decode().twist.linear.x for message in heard]
    assert values == sorted(values)
    assert all(
        before_ns <= message.published_ns <= message.received_ns <= time.time_ns()
        for message in heard
    )


def test_other_topics_are_left_alone(node: Node) -> None:
    listener = RawListener(node, TOPICS)
    other = node.create_publisher(TwistStamped, "/other", 10)
    wanted = node.create_publisher(TwistStamped, "/sensor", 10)

    def publish() -> None:
        other.publish(TwistStamped())
        wanted.publish(TwistStamped())

    heard = gather(listener, lambda messages: len(messages) >= 5, publish)
    assert {message.topic for message in heard} == {"/sensor"}
    assert other.get_subscription_count() == 0
