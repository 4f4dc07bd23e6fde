"""The monitor's own edge to ROS 2: QoS, parameters and message conversions."""

from __future__ import annotations

import array
import os
import socket
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from safety_monitor.monitor import MonitorOutput

ConfigT = TypeVar("ConfigT")
_SECOND = 1_000_000_000
_LEVEL = {
    "nominal": DiagnosticStatus.OK,
    "degraded": DiagnosticStatus.WARN,
    "safe_stop": DiagnosticStatus.ERROR,
    "emergency_stop": DiagnosticStatus.ERROR,
}


def profile(
    depth: int,
    reliable: bool = True,
    keep_last_for_late_joiners: bool = False,
    deadline_s: float = 0.0,
    lease_s: float = 0.0,
) -> QoSProfile:
    """A QoS profile; a deadline or lease of 0 asks for none."""
    late = keep_last_for_late_joiners
    qos = QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if late else DurabilityPolicy.VOLATILE,
    )
    if deadline_s > 0.0:
        qos.deadline = Duration(nanoseconds=round(deadline_s * _SECOND))
    if lease_s > 0.0:
        qos.liveliness_lease_duration = Duration(nanoseconds=round(lease_s * _SECOND))
    return qos


def declare(node: Node, config_type: type[ConfigT]) -> ConfigT:
    """Declare one ROS parameter per field of a configuration and build it from their values.

    Raises:
        ValueError: a value cannot be used; the message names the parameter.
    """
    values: dict[str, Any] = {}
    hints = get_type_hints(config_type)
    for field in fields(config_type):  # type: ignore[arg-type]
        default = field.default
        # An empty list has no element type that ROS could declare.
        if default == ():
            is_text = "str" in str(hints[field.name])
            default = [""] if is_text else [float("nan")]
        elif isinstance(default, tuple):
            default = list(default)
        value = node.declare_parameter(field.name, default).value
        if isinstance(field.default, tuple):
            value = tuple(item for item in value if item != "" and item == item)
        values[field.name] = value
    return config_type(**values)


def stamp_of(time: Time) -> int:
    """Nanoseconds of a message stamp."""
    return int(time.sec) * _SECOND + int(time.nanosec)


def time_of(stamp_ns: int) -> Time:
    """Message stamp of nanoseconds."""
    return Time(sec=stamp_ns // _SECOND, nanosec=stamp_ns % _SECOND)


def twist(now_ns: int, vx: float, wz: float) -> TwistStamped:
    """A velocity as it goes to the base."""
    message = TwistStamped()
    message.header.stamp = time_of(now_ns)
    message.header.frame_id = "base_link"
    message.twist.linear.x = vx
    message.twist.angular.z = wz
    return message


def state_array(now_ns: int, output: MonitorOutput, cycle_ms: float) -> DiagnosticArray:
    """The monitor's state as it goes to everybody."""
    values = {
        "cause": output.cause,
        "scale": f"{output.scale:.3f}",
        "intervention": output.intervention,
        "cycle_ms": f"{cycle_ms:.3f}",
        "clearance": f"{output.clearance:.3f}",
        "vx": f"{output.vx:.3f}",
        "wz": f"{output.wz:.3f}",
        "faults": ",".join(finding.fault.value for finding in output.findings),
    }
    message = DiagnosticArray()
    message.header.stamp = time_of(now_ns)
    message.status = [
        DiagnosticStatus(
            level=_LEVEL[output.state],
            name="safety_monitor",
            message=output.state,
            hardware_id="",
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
    ]
    return message


def float32(ranges: array.array[float]) -> NDArray[np.float32]:
    """(N,) float32 view of a message's ranges."""
    return np.frombuffer(ranges, dtype=np.float32)


def notify_service_manager(text: str) -> None:
    """Tell systemd, where it started us and asks to be told (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            channel.sendto(text.encode(), address)
    except OSError:
        # A service manager that does not listen must not stop the loop.
        return
