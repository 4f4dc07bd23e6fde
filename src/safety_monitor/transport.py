"""The monitor's own edge to ROS 2: waiting, parameters, messages, the service manager."""

from __future__ import annotations

import fcntl
import math
import os
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.service import Service
from rclpy.subscription import Subscription

from safety_monitor.monitor import MonitorOutput

ConfigT = TypeVar("ConfigT")
_SECOND, _AT_ONCE = 1_000_000_000, 50
_LEVEL = {"nominal": DiagnosticStatus.OK, "degraded": DiagnosticStatus.WARN}


class Waiter:
    """Waits for the few things that must be acted on at once; the rest is taken when it is needed.

    rclpy's executors wake for every message, and build their wait set anew each time, at several
    times the cost of all else that the monitor does.
    """

    def __init__(self, node: Node, urgent: Subscription) -> None:
        """Wait for messages and events of `urgent`, and for calls of the node's services."""
        self._urgent, self._events = urgent, urgent.event_handlers
        self._services = {service.handle.pointer: service for service in node.services}
        counts = (1, 0, 0, 0, len(self._services), len(self._events))
        with node.context.handle:
            self._wait_set = _rclpy.WaitSet(*counts, node.context.handle)

    def wait(self, timeout_ns: int) -> Iterator[Callable[[], None]]:
        """Wait, not longer than that; returns what to do about the calls and events that came."""
        wait_set = self._wait_set
        wait_set.clear_entities()
        wait_set.add_subscription(self._urgent.handle)
        for service in self._services.values():
            wait_set.add_service(service.handle)
        for event in self._events:
            event.add_to_wait_set(wait_set)
        wait_set.wait(max(0, timeout_ns))
        for event in self._events:
            if event.is_ready(wait_set):
                yield partial(event.callback, event.take_data())
        for pointer in wait_set.get_ready_entities("service"):
            yield partial(_answer, self._services[pointer])


def _answer(service: Service) -> None:
    """Answer one call."""
    with service.handle:
        request, header = service.handle.service_take_request(service.srv_type.Request)
    if header is not None:
        service.send_response(service.callback(request, service.srv_type.Response()), header)


def deliver(subscription: Subscription) -> None:
    """Hand on the messages that wait in a subscription, oldest first; a flood holds nobody up."""
    for _ in range(_AT_ONCE):
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, False)
        if taken is None:
            return
        subscription.callback(taken[0])


class Lifelines:
    """Locks that the senders of commands hold while they live: the kernel tells of a death at once.

    One file each, /dev/shm/edge_autonomy.USER.DOMAIN.NODE, its namespace in the node's name; who
    holds none is watched by the middleware alone.
    """

    def __init__(self, node: Node, names: Collection[str]) -> None:
        """Watch nodes of these names in the namespace of `node`."""
        place = f"{os.environ.get('ROS_DOMAIN_ID', 0)}{node.get_namespace().rstrip('/')}/"
        self._held: set[int] = set()
        self._files: list[int] = []
        for name in names:
            path = f"/dev/shm/edge_autonomy.{os.getuid()}.{place.replace('/', '.')}{name}"
            with suppress(OSError):
                self._files.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))

    def broken(self) -> bool:
        """Whether somebody who held one has died since the last look."""
        before, self._held = self._held, {file for file in self._files if _locked(file)}
        return not before <= self._held


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def declare(node: Node, config_type: type[ConfigT]) -> ConfigT:
    """Declare one ROS parameter per field of a configuration and build it from their values.

    Raises:
        ValueError: a value cannot be used; the message names the parameter.
    """
    values: dict[str, Any] = {}
    for field in fields(config_type):  # type: ignore[arg-type]
        default = field.default
        if isinstance(default, tuple):
            # An empty list has no element type that ROS could declare.
            given = node.declare_parameter(field.name, list(default) or [math.nan]).value
            values[field.name] = tuple(item for item in given if item == item and item != "")
        else:
            values[field.name] = node.declare_parameter(field.name, default).value
    return config_type(**values)


def stamp_of(time: Time) -> int:
    """Nanoseconds of a message stamp."""
    return int(time.sec) * _SECOND + int(time.nanosec)


def twist(now_ns: int, vx: float, wz: float) -> TwistStamped:
    """A velocity as it goes to the base."""
    message = TwistStamped()
    message.header.stamp = Time(sec=now_ns // _SECOND, nanosec=now_ns % _SECOND)
    message.header.frame_id = "base_link"
    message.twist.linear.x, message.twist.angular.z = vx, wz
    return message


def diagnostic(
    level: bytes, name: str, text: str, identity: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    """A DiagnosticStatus with its values as text."""
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(
        level=level, name=name, message=text, hardware_id=identity, values=pairs
    )


def state_array(now_ns: int, output: MonitorOutput, cycle_ms: float) -> DiagnosticArray:
    """The monitor's state as it goes to everybody."""
    values = {"cause": output.cause, "intervention": output.intervention}
    values["faults"] = ",".join(finding.fault.value for finding in output.findings)
    for name in ("scale", "clearance", "vx", "wz"):
        values[name] = f"{getattr(output, name):.3f}"
    values["cycle_ms"] = f"{cycle_ms:.3f}"
    level = _LEVEL.get(output.state, DiagnosticStatus.ERROR)
    message = DiagnosticArray()
    message.header.stamp = Time(sec=now_ns // _SECOND, nanosec=now_ns % _SECOND)
    message.status = [diagnostic(level, "safety_monitor", output.state, "", values)]
    return message


def notify_service_manager(text: str) -> None:
    """Tell systemd, where it started us and listens (sd_notify); where not, go on."""
    if address := os.environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(text.encode(), address)
