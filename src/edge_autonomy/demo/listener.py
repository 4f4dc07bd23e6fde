"""Raw subscriptions to whatever topics exist."""

from __future__ import annotations

import importlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from autonomy_interfaces.wire import decode

DISCOVERY_PERIOD_S = 0.2
DEPTH = 100
"""Messages of a topic that may come between two polls."""


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as it came off the wire; the times are system time."""

    topic: str
    type_name: str
    message_type: Any
    data: bytes
    received_ns: int
    published_ns: int

    def decode(self) -> Any:
        """The message as an object of its class.

        Raises:
            WireError: the bytes are none of this type.
        """
        return decode(self.data, self.message_type)


@dataclass(frozen=True, slots=True)
class _Source:
    topic: str
    type_name: str
    message_type: Any
    subscription: Any


class RawListener:
    """Subscribes to the topics of interest as they appear, and is polled for their messages.

    Polling takes what has come since, without an executor: one wake-up for many messages, which
    at hundreds of messages a second costs a fraction of waking for each.
    """

    def __init__(self, node: Node, topics: Collection[str]) -> None:
        self._node = node
        self._topics = topics
        self._sources: dict[str, _Source] = {}
        self._unusable: set[str] = set()
        self._discovered = 0.0

    def poll(self) -> Iterator[RawMessage]:
        """Every message that has come since the poll before, topic by topic."""
        if time.monotonic() - self._discovered >= DISCOVERY_PERIOD_S:
            self._discovered = time.monotonic()
            self._discover()
        for source in self._sources.values():
            yield from _take_all(source)

    def _discover(self) -> None:
        for topic, types in self._node.get_topic_names_and_types():
            if topic not in self._topics or topic in self._sources or topic in self._unusable:
                continue
            publishers = self._node.get_publishers_info_by_topic(topic)
            if not publishers:
                continue
            try:
                self._subscribe(topic, types[0], [info.qos_profile for info in publishers])
            except (ImportError, AttributeError, ValueError) as error:
                self._unusable.add(topic)
                self._node.get_logger().warning(f"{topic} cannot be heard: {error}")

    def _subscribe(self, topic: str, type_name: str, offered: list[QoSProfile]) -> None:
        """Subscribe as strictly as every publisher offers, so that nothing is missed."""
        package, _, name = type_name.split("/")
        message_type = getattr(importlib.import_module(f"{package}.msg"), name)
        reliable = all(qos.reliability == ReliabilityPolicy.RELIABLE for qos in offered)
        kept = all(qos.durability == DurabilityPolicy.TRANSIENT_LOCAL for qos in offered)
        qos = QoSProfile(
            depth=DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if kept else DurabilityPolicy.VOLATILE,
        )
        subscription = self._node.create_subscription(
            message_type, topic, lambda _: None, qos, raw=True
        )
        self._sources[topic] = _Source(topic, type_name, message_type, subscription)


def _take_all(source: _Source) -> Iterator[RawMessage]:
    handle = source.subscription.handle
    with handle:
        while (taken := handle.take_message(source.message_type, True)) is not None:
            data, info = taken
            received_ns = info["received_timestamp"] or time.time_ns()
            yield RawMessage(
                topic=source.topic,
                type_name=source.type_name,
                message_type=source.message_type,
                data=data,
                received_ns=received_ns,
                published_ns=info["source_timestamp"] or received_ns,
            )
