"""The monitor's own edge to ROS 2: parameters, message conversions, the service manager."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, TypeVar

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node

from safety_monitor.monitor import MonitorOutput

ConfigT = TypeVar("ConfigT")
_SECOND = 1_000_000_000
_LEVEL = {"nominal": DiagnosticStatus.OK, "degraded": DiagnosticStatus.WARN}


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
