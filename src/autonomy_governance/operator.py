"""A person's side: the monitor's services and state, and the answers that the gate waits for.

Each needs the one node that it speaks to, and nothing else of the stack.
"""

from __future__ import annotations

import os
import reprlib
import time
from collections.abc import Callable
from types import TracebackType

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from autonomy_governance import messages as protocol
from autonomy_interfaces.ros_domain import HIGHEST_DOMAIN, is_domain

_REPEAT_S = 0.5


class OperatorError(RuntimeError):
    """Nobody can be asked from here; the message says why and what to do."""


class Operator:
    """A node for a few questions; None stands for an answer that did not come in time."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    def __enter__(self) -> Operator:
        """Join the ROS graph.

        Raises:
            OperatorError: ROS 2 does not permit it, as with a domain or a middleware that is none.
        """
        domain = os.environ.get("ROS_DOMAIN_ID") or "0"
        if not is_domain(domain):
            raise OperatorError(
                f"ROS_DOMAIN_ID is {reprlib.repr(domain)}: set it to the stack's, a number of 0 to "
                f"{HIGHEST_DOMAIN}"
            )
        self._context = rclpy.Context()
        try:
            rclpy.init(context=self._context)
            self.node = rclpy.create_node(
                "operator", context=self._context, start_parameter_services=False
            )
        except RuntimeError as error:
            rclpy.try_shutdown(context=self._context)
            raise OperatorError(
                f"ROS domain {domain} cannot be joined ({str(error).splitlines()[0]}); "
                "`edge-autonomy doctor` says what to do"
            ) from error
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def trigger(self, service: str) -> tuple[bool, str] | None:
        """Call a std_srvs/Trigger, such as /safety/estop; success and message."""
        client = self.node.create_client(Trigger, service)
        self._spin_until(client.service_is_ready)
        if not client.service_is_ready():
            return None
        future = client.call_async(Trigger.Request())
        self._spin_until(future.done)
        response = future.result() if future.done() else None
        return None if response is None else (bool(response.success), str(response.message))

    def safety_state(self) -> dict[str, str] | None:
        """The monitor's state and its details."""
        message = self._newest("/safety/state")
        if message is None:
            return None
        status = message.status[0]
        return {"state": status.message, **protocol.values_of(status)}

    def pending(self) -> list[dict[str, str]] | None:
        """What awaits a person, by the gate's own list."""
        message = self._newest(protocol.STATUS)
        if message is None:
            return None
        return [
            {"request_id": s.hardware_id, "action": s.name, "reason": s.message}
            | protocol.values_of(s)
            for s in message.status[1:]
        ]

    def answer(self, request_id: str, who: str, approve: bool) -> dict[str, str] | None:
        """Answer a request and wait for what the gate makes of it."""
        publisher = self.node.create_publisher(
            DiagnosticStatus, protocol.ANSWER, protocol.EVENTS_QOS
        )
        message = protocol.status(
            DiagnosticStatus.OK, "approve" if approve else "reject", who, request_id
        )
        heard: list[dict[str, str]] = []

        def hear(decision: DiagnosticStatus) -> None:
            """Note the gate's word on this answer; the asker hears 'escalate' again and again."""
            values = protocol.values_of(decision)
            ours = values["outcome"] != "escalate" or values["by"] == who
            if decision.hardware_id == request_id and ours:
                heard.append({"request_id": request_id, "reason": decision.message} | values)

        self.node.create_subscription(
            DiagnosticStatus, protocol.DECISION, hear, protocol.EVENTS_QOS
        )
        sent_s = -_REPEAT_S

        def sent_and_answered() -> bool:
            nonlocal sent_s
            if time.monotonic() - sent_s >= _REPEAT_S and publisher.get_subscription_count():
                publisher.publish(message)
                sent_s = time.monotonic()
            return bool(heard)

        self._spin_until(sent_and_answered)
        return heard[-1] if heard else None

    def _newest(self, topic: str) -> DiagnosticArray | None:
        """The message that a topic keeps for who comes late."""
        found: list[DiagnosticArray] = []
        self.node.create_subscription(DiagnosticArray, topic, found.append, protocol.STATUS_QOS)
        self._spin_until(lambda: bool(found))
        return found[-1] if found else None

    def _spin_until(self, happened: Callable[[], bool]) -> None:
        end_s = time.monotonic() + self._timeout_s
        while not happened() and time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.05)
