"""A 720-beam scan to another process and an answer back, over the DDS of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from edge_autonomy.demo.domain import DomainError, RosDomain
from edge_autonomy.doctor.check import Check, fails, good, lacks

PING_TOPIC, PONG_TOPIC = "/doctor/ping", "/doctor/pong"
BEAMS = 720
ROUND_TRIPS = 200
DISCOVERY_S = 15.0
ANSWER_S = 1.0
SLOW_MS = 20.0


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Latencies of the way there and back, milliseconds."""

    discovery_s: float
    p50_ms: float
    p99_ms: float
    lost: int


class RoundTripError(RuntimeError):
    """The other process was not heard."""


def check() -> tuple[Check, RoundTrip | None]:
    """Measure, and judge what was measured."""
    name = "dds"
    try:
        result = measure()
    except (RoundTripError, DomainError, ImportError) as error:
        return fails(name, str(error), _REMEDY), None
    found = (
        f"scan to another process and back in {result.p50_ms:.2f} ms "
        f"(p99 {result.p99_ms:.2f} ms), found it in {result.discovery_s:.2f} s"
    )
    if result.lost or result.p99_ms > SLOW_MS:
        return lacks(name, f"{found}, {result.lost} lost", "the machine is busy"), result
    return good(name, found), result


def measure() -> RoundTrip:
    """Start the answering process and ping it, in a ROS domain of their own.

    Raises:
        RoundTripError: it does not answer.
        DomainError: no domain is free.
        ImportError: there is no rclpy.
    """
    domain = RosDomain({})
    environment = {
        "ROS_DOMAIN_ID": str(domain.id),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    answerer = subprocess.Popen(
        [sys.executable, "-m", "edge_autonomy.doctor.round_trip"],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        return _ping(domain.id)
    finally:
        answerer.kill()
        answerer.wait()
        domain.release()


def _ping(domain: int) -> RoundTrip:
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from sensor_msgs.msg import LaserScan
    from std_msgs.msg import Header

    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain, args=[])
    node = rclpy.create_node("doctor_ping", context=context, enable_rosout=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    answers: list[str] = []
    node.create_subscription(Header, PONG_TOPIC, lambda m: answers.append(m.frame_id), 10)
    publisher = node.create_publisher(LaserScan, PING_TOPIC, 10)
    message = LaserScan(ranges=[1.0] * BEAMS)

    def exchange(number: int, timeout_s: float) -> float | None:
        message.header.frame_id = str(number)
        started = time.perf_counter()
        publisher.publish(message)
        while (elapsed := time.perf_counter() - started) < timeout_s:
            executor.spin_once(timeout_sec=timeout_s - elapsed)
            if str(number) in answers:
                return 1e3 * (time.perf_counter() - started)
        return None

    try:
        return _statistics(exchange)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)


def _statistics(exchange: Any) -> RoundTrip:
    started = time.monotonic()
    number = 0
    while exchange(number, 0.1) is None:
        number += 1
        if time.monotonic() - started > DISCOVERY_S:
            raise RoundTripError(f"two processes did not find each other in {DISCOVERY_S:.0f} s")
    discovery_s = time.monotonic() - started
    measured = [exchange(number + 1 + i, ANSWER_S) for i in range(ROUND_TRIPS)]
    heard = sorted(value for value in measured if value is not None)
    if not heard:
        raise RoundTripError("the other process was found, and then not heard again")
    return RoundTrip(
        discovery_s=discovery_s,
        p50_ms=heard[len(heard) // 2],
        p99_ms=heard[min(len(heard) - 1, round(0.99 * len(heard)))],
        lost=len(measured) - len(heard),
    )


_REMEDY = (
    "allow UDP multicast on the loopback interface (ip link set lo multicast on), check the "
    "firewall and /dev/shm, and see that RMW_IMPLEMENTATION names an installed middleware"
)


def answer() -> None:
    """Send the header of every scan back, until killed."""
    import rclpy
    from sensor_msgs.msg import LaserScan
    from std_msgs.msg import Header

    rclpy.init()
    node = rclpy.create_node("doctor_pong", enable_rosout=False)
    publisher = node.create_publisher(Header, PONG_TOPIC, 10)
    node.create_subscription(LaserScan, PING_TOPIC, lambda m: publisher.publish(m.header), 10)
    rclpy.spin(node)


if __name__ == "__main__":
    answer()
