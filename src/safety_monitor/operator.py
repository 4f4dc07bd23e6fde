"""A person's side of the monitor: needs nothing of the stack but the monitor itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

from safety_monitor.transport import profile

Spin = Callable[[Callable[[], bool]], None]


@contextmanager
def _node(timeout_s: float) -> Iterator[tuple[Node, Spin]]:
    """A node, and a function that spins it until a condition holds or the time is over."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node("operator", context=context, start_parameter_services=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    end = time.monotonic() + timeout_s

    def spin(until: Callable[[], bool]) -> None:
        while not until() and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.05)

    try:
        yield node, spin
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def call_trigger(service: str, timeout_s: float) -> tuple[bool, str] | None:
    """Call a std_srvs/Trigger; returns its answer, or None where there is none in time."""
    with _node(timeout_s) as (node, spin):
        client = node.create_client(Trigger, service)
        spin(client.service_is_ready)
        if not client.service_is_ready():
            return None
        future = client.call_async(Trigger.Request())
        spin(future.done)
        response = future.result() if future.done() else None
        return None if response is None else (bool(response.success), str(response.message))


def read_state(timeout_s: float) -> dict[str, str] | None:
    """The monitor's state and its details, or None where nobody publishes it in time."""
    found: list[DiagnosticArray] = []
    with _node(timeout_s) as (node, spin):
        qos = profile(1, keep_last_for_late_joiners=True)
        node.create_subscription(DiagnosticArray, "/safety/state", found.append, qos)
        spin(lambda: bool(found))
    if not found:
        return None
    status = found[-1].status[0]
    return {"state": status.message, **{item.key: item.value for item in status.values}}
