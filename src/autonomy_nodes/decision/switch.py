"""Changing the policy of a running node: check, ask the gate, then shadow and probation.

The parameter `policy` begins it. Checking runs in a child process and opening in a thread, so
that the command goes out meanwhile as ever; the gate is asked for `switch_policy` with the
file's sha256; and then the roster lets the new policy prove itself.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from autonomy_interfaces.gate import Answer, GateInquiry, GateQuestion
from autonomy_interfaces.ros import gate_decision_from_ros, gate_question_to_ros
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.loading import PolicyLoader
from autonomy_nodes.decision.runtime import BoundedPolicy

LOOK_PERIOD_S = 0.1
GATE_TIMEOUT_S = 5.0


@dataclass(slots=True)
class _Change:
    """One change under way: what was asked for, who is to get it, how far it is."""

    name: str
    accept: Callable[[BoundedPolicy], None]
    loaded: Future[BoundedPolicy]
    inquiry: GateInquiry | None = None


class PolicySwitch:
    """Brings a named policy to those who accept it, if checks and gate allow."""

    def __init__(
        self, node: Node, loader: PolicyLoader, tell: Callable[[str], None], ask_gate: bool
    ) -> None:
        """Work for `node`; `tell` hears how a change goes; `ask_gate`: join the gate's topics."""
        self._node = node
        self._loader = loader
        self._tell = tell
        self._change: _Change | None = None
        self._may_ask = ask_gate
        if ask_gate:
            self._requests = node.create_publisher(DiagnosticStatus, "/gate/request", 10)
            node.create_subscription(DiagnosticStatus, "/gate/decision", self._on_decision, 10)

    @property
    def busy(self) -> bool:
        """Whether a change is being checked or asked for."""
        return self._change is not None

    def begin(self, name: str, accept: Callable[[BoundedPolicy], None], ask_gate: bool) -> None:
        """Check `name` in the background and hand it to `accept`; one change at a time.

        `ask_gate`: only with the gate's consent, where this node asks for it.
        """
        loaded: Future[BoundedPolicy] = Future()
        self._change = _Change(name, accept, loaded)
        self._ask_gate = ask_gate and self._may_ask
        self._tell(f"checking '{name}'")
        threading.Thread(
            target=self._load, args=(name, loaded), name="policy_loading", daemon=True
        ).start()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self._node.create_timer(LOOK_PERIOD_S, self._look, clock=steady)

    def _load(self, name: str, loaded: Future[BoundedPolicy]) -> None:
        """In a thread: the check of the graph takes a second."""
        try:
            loaded.set_result(self._loader.load(name))
        except Exception as error:
            loaded.set_exception(error)

    def _look(self) -> None:
        change = self._change
        if change is None or not change.loaded.done():
            return
        error = change.loaded.exception()
        if error is not None:
            self._end(str(error) if isinstance(error, PolicyError) else repr(error))
            return
        policy = change.loaded.result()
        if not self._ask_gate:
            self._accept(change, policy)
            return
        if change.inquiry is None:
            change.inquiry = self._inquire(policy)
        if change.inquiry.due(time.monotonic_ns()):
            self._requests.publish(gate_question_to_ros(change.inquiry.question))
        if change.inquiry.answer is Answer.ALLOWED:
            self._accept(change, policy)
        elif change.inquiry.answer is Answer.DENIED:
            policy.close()
            self._end(f"the gate refused '{change.name}': {change.inquiry.reason}")
        elif change.inquiry.answer is Answer.ESCALATED:
            self._tell(f"a person is asked about '{change.name}'")

    def _inquire(self, policy: BoundedPolicy) -> GateInquiry:
        node = self._node
        parameters = {"sha256": policy.manifest.model.sha256}
        question = GateQuestion(uuid.uuid4().hex, "switch_policy", node.get_name(), parameters)
        self._tell(f"asking the gate for sha256 {policy.manifest.model.sha256[:12]}")
        return GateInquiry(question, time.monotonic_ns(), GATE_TIMEOUT_S)

    def _on_decision(self, message: DiagnosticStatus) -> None:
        if self._change is not None and self._change.inquiry is not None:
            self._change.inquiry.hear(gate_decision_from_ros(message), time.monotonic_ns())

    def _accept(self, change: _Change, policy: BoundedPolicy) -> None:
        change.accept(policy)
        self._end("")

    def _end(self, words: str) -> None:
        """Be ready for another change; say why nothing came of this one, if so."""
        self._change = None
        self._node.destroy_timer(self._timer)
        if words:
            self._tell(f"refused: {words}")
