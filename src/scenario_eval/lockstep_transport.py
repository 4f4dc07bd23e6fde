"""How values get from core to core in lockstep."""

from __future__ import annotations

from typing import Generic, TypeVar

from autonomy_interfaces.messages import Imu, LaserScan, Odometry
from safety_monitor.monitor import SafetyMonitor
from world_sim.measurement import Message

T = TypeVar("T")


class Outbox(Generic[T]):
    """What a process has computed and not yet sent: values with the instants they are out."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, T]] = []

    def put(self, release_ns: int, value: T) -> None:
        """Send `value` at `release_ns`."""
        self._waiting.append((release_ns, value))

    def take(self, now_ns: int) -> list[T]:
        """What is out by `now_ns`, in the order of putting."""
        due = [value for release_ns, value in self._waiting if release_ns <= now_ns]
        self._waiting = [entry for entry in self._waiting if entry[0] > now_ns]
        return due


def tell_monitor(monitor: SafetyMonitor, message: Message, now_ns: int) -> None:
    """Hand one measurement to the monitor in its own terms."""
    if isinstance(message, LaserScan):
        layout = (
            message.angle_min,
            message.angle_increment,
            message.range_min,
            message.range_max,
        )
        monitor.on_scan("scan", message.stamp_ns, message.ranges, layout, now_ns)
    elif isinstance(message, Odometry):
        monitor.on_odometry(message.stamp_ns, message.vx, message.wz, now_ns)
    elif isinstance(message, Imu):
        monitor.on_imu(message.stamp_ns, message.angular_velocity[2], now_ns)
