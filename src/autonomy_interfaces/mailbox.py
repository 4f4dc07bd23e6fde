"""Topics that are read when their messages are needed, and what of them cannot be read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from rosgraph_msgs.msg import Clock

from autonomy_interfaces.wire import WireError, decode, stamp_of_raw

TELL_PERIOD_S = 5.0
"""Between two lines of the log about one topic."""


class OnDemand(ReentrantCallbackGroup):
    """For subscriptions whose messages are taken when they are needed: none wakes the executor."""

    def can_execute(self, entity: object) -> bool:
        """Never by an executor."""
        return False


class Dropped:
    """Tells the log of a topic's messages that could not be read: the first, then now and then."""

    def __init__(self, subscription: Subscription) -> None:
        self._logger = get_logger(subscription.logger_name)
        self._topic = subscription.topic_name
        self._untold = 0
        self._told_s = -math.inf

    def tell(self, error: WireError) -> None:
        """One more was dropped, and why."""
        self._untold += 1
        if time.monotonic() - self._told_s < TELL_PERIOD_S:
            return
        self._logger.error(
            f"{self._topic}: {self._untold} dropped that cannot be read, the last because {error}; "
            f"`ros2 topic info -v {self._topic}` names its senders"
        )
        self._untold, self._told_s = 0, time.monotonic()


class Mailbox:
    """A topic that is looked into when its messages are needed, and wakes nobody."""

    def __init__(
        self,
        node: Node,
        message_type: Any,
        topic: str,
        qos: QoSProfile,
        read: Callable[[bytes], Any] | None = None,
    ) -> None:
        """Subscribe; of more than `qos.depth` messages between two looks the oldest are lost.

        `read` makes of a message's bytes what is handed out; messages for which it raises
        `WireError` are dropped, and the log says so. Without it, messages come as their objects.
        """
        self._subscription = node.create_subscription(
            message_type,
            topic,
            lambda _: None,
            qos,
            callback_group=OnDemand(),
            raw=read is not None,
        )
        self._read = read
        self._dropped = Dropped(self._subscription)

    def take(self) -> list[Any]:
        """The messages that have come since, oldest first."""
        contents = map(self._content, self._take())
        return [content for content in contents if content is not None]

    def newest(self) -> Any | None:
        """The last of the messages that have come since; None without any."""
        contents = map(self._content, reversed(self._take()))
        return next((content for content in contents if content is not None), None)

    def _take(self) -> list[Any]:
        return take_all(self._subscription, self._subscription.raw)

    def _content(self, message: Any) -> Any | None:
        if self._read is None:
            return message
        try:
            return self._read(message)
        except WireError as error:
            self._dropped.tell(error)
            return None


def take_all(subscription: Subscription, raw: bool) -> list[Any]:
    """Every message that waits in a subscription, oldest first; `raw`: as bytes off the wire."""
    messages = []
    handle = subscription.handle
    with handle:
        while (taken := handle.take_message(subscription.msg_type, raw)) is not None:
            messages.append(taken[0])
    return messages


class LazyClock:
    """A node's ROS time that is looked up when it is asked for.

    With `use_sim_time`, rclpy wakes the node for every message of /clock, a hundred times a
    second; here the newest one is read off the wire when somebody wants to know. The node's own
    clock is set by it only where `timers` says so: for timers on ROS time, which fire then.
    """

    def __init__(self, node: Node, timers: bool = False) -> None:
        self._node = node
        self._source = node._time_source
        self._timers = timers
        self._group = OnDemand()
        self._now_ns = 0
        self._dropped: Dropped | None = None

    def now_ns(self) -> int:
        """Nanoseconds of ROS time."""
        subscription = self._source._clock_sub
        if subscription is None:
            return time.time_ns()
        if subscription.callback_group is not self._group:
            subscription.callback_group = self._group
            if self._node.executor is not None:
                self._node.executor.wake()
        if messages := take_all(subscription, raw=True):
            self._take(messages[-1], subscription)
        return self._now_ns

    def _take(self, message: bytes, subscription: Subscription) -> None:
        try:
            now_ns = stamp_of_raw(message)
            if self._timers:
                self._source.clock_callback(decode(message, Clock))
        except WireError as error:
            self._dropped = self._dropped or Dropped(subscription)
            self._dropped.tell(error)
        else:
            self._now_ns = now_ns


def forget_clock(node: Node) -> None:
    """Read /clock no more: for a node that knows no time but its messages' stamps."""
    subscription = node._time_source._clock_sub
    if subscription is not None:
        node.destroy_subscription(subscription)
        node._time_source._clock_sub = None
