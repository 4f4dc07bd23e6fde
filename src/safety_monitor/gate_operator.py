"""A person's side of the gate's protocol, for the command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from safety_monitor import gate_messages as protocol

_REPEAT_S = 0.5


class GateOperator:
    """Lists what awaits a person and sends answers; None stands for a gate that does not answer."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._status: DiagnosticArray | None = None
        self._decisions: dict[str, DiagnosticStatus] = {}

    def __enter__(self) -> GateOperator:
        rclpy.init()
        self._node = rclpy.create_node("operator")
        self._answers = self._node.create_publisher(
            DiagnosticStatus, protocol.ANSWER, protocol.EVENTS_QOS
        )
        self._node.create_subscription(
            DiagnosticArray, protocol.STATUS, self._on_status, protocol.STATUS_QOS
        )
        self._node.create_subscription(
            DiagnosticStatus, protocol.DECISION, self._on_decision, protocol.EVENTS_QOS
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._node.destroy_node()
        rclpy.try_shutdown()

    def pending(self) -> list[dict[str, str]] | None:
        """What awaits a person, by the gate's own list."""
        self._spin_until(lambda: self._status is not None)
        if self._status is None:
            return None
        return [
            {"request_id": s.hardware_id, "action": s.name, "reason": s.message}
            | protocol.values_of(s)
            for s in self._status.status[1:]
        ]

    def answer(self, request_id: str, who: str, approve: bool) -> dict[str, str] | None:
        """Answer a request and wait for what the gate makes of it."""
        message = protocol.status(
            DiagnosticStatus.OK, "approve" if approve else "reject", who, request_id
        )
        sent_s = -_REPEAT_S

        def answered() -> dict[str, str] | None:
            """The gate's word on this answer; the asker hears 'escalate' again and again."""
            decision = self._decisions.get(request_id)
            values = {} if decision is None else protocol.values_of(decision)
            if decision is None or (values["outcome"] == "escalate" and values["by"] != who):
                return None
            return {"request_id": request_id, "reason": decision.message} | values

        def sent_and_answered() -> bool:
            nonlocal sent_s
            if time.monotonic() - sent_s >= _REPEAT_S and self._answers.get_subscription_count():
                self._answers.publish(message)
                sent_s = time.monotonic()
            return answered() is not None

        self._spin_until(sent_and_answered)
        return answered()

    def _spin_until(self, happened: Callable[[], bool]) -> None:
        end_s = time.monotonic() + self._timeout_s
        while not happened() and time.monotonic() < end_s:
            rclpy.spin_once(self._node, timeout_sec=0.05)

    def _on_status(self, message: DiagnosticArray) -> None:
        self._status = message

    def _on_decision(self, message: DiagnosticStatus) -> None:
        self._decisions[message.hardware_id] = message
