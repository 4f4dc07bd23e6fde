"""The lean executor runs what rclpy's own runs: topics, timers, services, what callbacks create."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (extra 'ros' or a ROS installation)")
pytestmark = pytest.mark.dds


@pytest.fixture
def node():
    import rclpy
    from rclpy.context import Context

    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("executor_test", context=context)
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


@pytest.fixture
def until(node):
    from autonomy_interfaces.executor import LeanExecutor

    executor = LeanExecutor(context=node.context)
    executor.add_node(node)

    def spin_until(condition):
        deadline = time.monotonic() + 30.0
        while not condition():
            assert time.monotonic() < deadline
            executor.spin_once(timeout_sec=0.1)

    yield spin_until
    executor.shutdown()


def test_timer_topic_and_service_run_in_one_thread(node, until):
    from diagnostic_msgs.msg import KeyValue
    from std_srvs.srv import Trigger

    heard = []
    publisher = node.create_publisher(KeyValue, "/executor_test", 10)
    node.create_subscription(KeyValue, "/executor_test", heard.append, 10)
    node.create_timer(0.01, lambda: publisher.publish(KeyValue(key=str(len(heard)))))
    until(lambda: len(heard) > 5)

    def answer(_, response):
        response.success = True
        return response

    node.create_service(Trigger, "/executor_test/trigger", answer)
    client = node.create_client(Trigger, "/executor_test/trigger")
    until(client.service_is_ready)
    future = client.call_async(Trigger.Request())
    until(future.done)
    assert future.result().success


def test_callback_may_create_and_destroy_entities(node, until):
    fired = []

    def once():
        fired.append("first")
        node.destroy_timer(first)
        node.create_timer(0.01, lambda: fired.append("second"))

    first = node.create_timer(0.01, once)
    until(lambda: fired.count("second") > 3)
    assert fired.count("first") == 1


def test_mailbox_keeps_the_newest_and_wakes_nobody(node, until):
    from diagnostic_msgs.msg import KeyValue
    from rclpy.qos import QoSProfile

    from autonomy_interfaces.mailbox import Mailbox

    mailbox = Mailbox(node, KeyValue, "/executor_test/box", QoSProfile(depth=1))
    publisher = node.create_publisher(KeyValue, "/executor_test/box", 10)
    sent, found = [], []

    def send():
        sent.append(str(len(sent)))
        publisher.publish(KeyValue(key=sent[-1]))

    node.create_timer(0.01, send)
    until(lambda: publisher.get_subscription_count() == 1 and len(sent) > 5)
    until(lambda: found.extend(mailbox.take()) or found)
    assert len(found) == 1


@pytest.mark.parametrize("how", ["callback", "mailbox"])
def test_what_cannot_be_read_is_dropped_and_told_now_and_then(node, until, monkeypatch, how):
    from geometry_msgs.msg import TwistStamped
    from rclpy.qos import QoSProfile

    from autonomy_interfaces import mailbox
    from autonomy_interfaces.messages import VelocityCommand
    from autonomy_interfaces.wire import command_to_raw, stamp_of_raw

    told, heard = [], []

    class Log:
        def error(self, line):
            told.append(line)

    monkeypatch.setattr(mailbox, "get_logger", lambda name: Log())
    topic, qos = "/executor_test/garbled", QoSProfile(depth=10)
    if how == "callback":
        node.create_subscription(
            TwistStamped, topic, lambda data: heard.append(stamp_of_raw(data)), qos, raw=True
        )
    else:
        box = mailbox.Mailbox(node, TwistStamped, topic, qos, stamp_of_raw)
        node.create_timer(0.01, lambda: heard.extend(box.take()))
    publisher = node.create_publisher(TwistStamped, topic, qos)
    until(lambda: publisher.get_subscription_count() == 1)
    for stamp_ns in (1, 2, 3):
        publisher.publish(b"\0\1")
        publisher.publish(command_to_raw(VelocityCommand(stamp_ns, 0.0, 0.0)))
    until(lambda: len(heard) == 3)
    assert heard == [1, 2, 3]
    assert told == [
        f"{topic}: 1 dropped that cannot be read, the last because the message breaks off after "
        f"2 bytes; `ros2 topic info -v {topic}` names its senders"
    ]


def test_the_newest_message_that_can_be_read_is_the_newest(node, until):
    from geometry_msgs.msg import TwistStamped
    from rclpy.qos import QoSProfile

    from autonomy_interfaces.mailbox import Mailbox
    from autonomy_interfaces.messages import VelocityCommand
    from autonomy_interfaces.wire import command_to_raw, stamp_of_raw

    topic, qos = "/executor_test/half", QoSProfile(depth=10)
    whole, box = (Mailbox(node, TwistStamped, topic, qos, read) for read in (bytes, stamp_of_raw))
    publisher = node.create_publisher(TwistStamped, topic, qos)
    until(lambda: publisher.get_subscription_count() == 2)
    for message in (command_to_raw(VelocityCommand(7, 0.0, 0.0)), b"\0\1"):
        publisher.publish(message)
    arrived: list[bytes] = []
    until(lambda: arrived.extend(whole.take()) or len(arrived) == 2)
    found = []
    until(lambda: found.append(box.newest()) or found[-1] is not None)
    assert found[-1] == 7
    assert box.newest() is None


@pytest.fixture
def simulated():
    import rclpy
    from rclpy.context import Context
    from rclpy.parameter import Parameter

    context = Context()
    rclpy.init(context=context)
    sim_time = Parameter("use_sim_time", value=True)
    node = rclpy.create_node("clock_test", context=context, parameter_overrides=[sim_time])
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


@pytest.mark.parametrize("timers", [False, True])
def test_simulated_time_is_read_when_it_is_asked_for(simulated, timers):
    from builtin_interfaces.msg import Time
    from rosgraph_msgs.msg import Clock

    from autonomy_interfaces.mailbox import LazyClock

    clock = LazyClock(simulated, timers)
    assert clock.now_ns() == 0
    publisher = simulated.create_publisher(Clock, "/clock", 10)
    deadline = time.monotonic() + 30.0
    while clock.now_ns() == 0 and time.monotonic() < deadline:
        publisher.publish(Clock(clock=Time(sec=7, nanosec=5)))
    assert clock.now_ns() == 7_000_000_005
    assert simulated.get_clock().now().nanoseconds == (7_000_000_005 if timers else 0)
    for message in (b"\0\1", b"\0\1\0\0" + b"\xff" * 8):
        publisher.publish(message)
        for _ in range(20):
            assert clock.now_ns() == 7_000_000_005
    while clock.now_ns() != 8_000_000_000 and time.monotonic() < deadline:
        publisher.publish(Clock(clock=Time(sec=8)))
    assert clock.now_ns() == 8_000_000_000


def test_a_forgotten_clock_is_not_listened_to(simulated):
    from autonomy_interfaces.mailbox import forget_clock

    assert simulated.count_subscribers("/clock") == 1
    forget_clock(simulated)
    forget_clock(simulated)
    assert simulated.count_subscribers("/clock") == 0


def test_real_time_is_the_computer_s(node):
    from autonomy_interfaces.mailbox import LazyClock

    before = time.time_ns()
    assert before <= LazyClock(node).now_ns() <= time.time_ns()


def test_error_in_a_callback_reaches_the_spinner(node, until):
    def fail():
        raise LookupError("of the callback")

    node.create_timer(0.01, fail)
    with pytest.raises(LookupError, match="of the callback"):
        until(lambda: False)


def test_context_that_ends_ends_the_spinning(node, until):
    import rclpy
    from rclpy.executors import ExternalShutdownException

    node.create_timer(0.01, lambda: rclpy.try_shutdown(context=node.context))
    with pytest.raises(ExternalShutdownException):
        until(lambda: False)
