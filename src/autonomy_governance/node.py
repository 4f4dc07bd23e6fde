"""The `safety_gate` node: decides what is asked, and records what was decided and what happened.

A process of its own, so that no policy and no disk, however slow, can hold up the monitor's loop
(docs/gate.md, docs/audit.md).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import Odometry
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.time import Time

from autonomy_governance import messages as protocol
from autonomy_governance.audit import AuditLog, Kind, default_directory
from autonomy_governance.audit_chain import records
from autonomy_governance.gate import ActionRequest, Decision, Gate
from autonomy_governance.gate_policy import PolicySources, read_sources
from autonomy_governance.recorder import EventRecorder
from autonomy_interfaces.executor import LeanExecutor
from autonomy_interfaces.mailbox import Mailbox


class GateNode(Node):
    """Adapter between ROS and the cores of gate and audit.

    Parameters: `policy_directory` (nothing is granted without it), `audit_directory` (empty for
    the one that all nodes share).
    """

    def __init__(self) -> None:
        super().__init__("safety_gate")
        self._directory = Path(self.declare_parameter("policy_directory", "").value or "/nowhere")
        audit = self.declare_parameter("audit_directory", "").value or default_directory()
        log = Path(audit) / self.get_name()
        self._audit = AuditLog(log)
        self._recorder = EventRecorder(self._audit.record)
        self._recorder.resume(records(log, newest_files=2))
        self._gate = Gate(self._journal)
        self._sources = PolicySources(())
        self._shown = self._audit_problem = ""
        self._ros_ahead_ns = time.time_ns() - time.monotonic_ns()
        self._decisions = self.create_publisher(
            DiagnosticStatus, protocol.DECISION, protocol.EVENTS_QOS
        )
        self._status = self.create_publisher(DiagnosticArray, protocol.STATUS, protocol.STATUS_QOS)
        self._audit_status = self.create_publisher(
            DiagnosticStatus, protocol.AUDIT_STATUS, protocol.STATUS_QOS
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._subscribe()
        self._look_at_policy()
        self._record("start", "safety_gate", "start", {"policy": self._gate.policy_version})
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(0.25, self._expire, clock=steady)
        self.create_timer(1.0, self._look_and_tell, clock=steady)
        self._tell()

    def _subscribe(self) -> None:
        for topic, callback in (
            (protocol.REQUEST, self._on_request),
            (protocol.ANSWER, self._on_answer),
        ):
            self.create_subscription(DiagnosticStatus, topic, callback, protocol.EVENTS_QOS)
        self.create_subscription(
            DiagnosticStatus, protocol.SAFETY_EVENTS, self._on_event, protocol.KEPT_EVENTS_QOS
        )
        # What is only needed when somebody asks is taken then: waking up for all of it would cost
        # more than all decisions.
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._states = Mailbox(self, DiagnosticArray, "/safety/state", protocol.STATUS_QOS)
        self._missions = Mailbox(self, DiagnosticStatus, "/mission/status", protocol.STATUS_QOS)
        self._odometry = Mailbox(self, Odometry, "/odom", best_effort)

    def _look_around(self) -> None:
        """Where the robot is, how the monitor finds it, and whether it has arrived."""
        self._gate.audited = self._audit.healthy
        if (odometry := self._odometry.newest()) is not None:
            position = odometry.pose.pose.position
            self._gate.observe_place(position.x, position.y)
        if (state := self._states.newest()) is not None and state.status:
            self._gate.observe(state.status[0].message, time.monotonic_ns())
            stamp = state.header.stamp
            self._ros_ahead_ns = stamp.sec * 10**9 + stamp.nanosec - time.monotonic_ns()
        mission = self._missions.newest()
        if mission is not None and protocol.values_of(mission).get("state") == "reached":
            self._gate.progress()

    def _on_request(self, message: DiagnosticStatus) -> None:
        self._look_around()
        self._publish(self._gate.decide(protocol.request_of(message), time.monotonic_ns()))

    def _on_answer(self, message: DiagnosticStatus) -> None:
        """A person's answer: hardware_id = request, name = approve or reject, message = who."""
        approves = message.name == "approve"
        answer = self._gate.approve if approves else self._gate.reject
        self._look_around()
        decision = answer(message.hardware_id, message.message, time.monotonic_ns())
        cause = f"{'approve' if approves else 'reject'}: {decision.reason}"
        self._record("operator", message.message, cause, {"request_id": message.hardware_id})
        self._publish(decision)

    def _on_event(self, message: DiagnosticStatus) -> None:
        try:
            event = protocol.event_of(message)
        except ValueError as error:
            self._record("unknown", message.hardware_id, f"{message.name}: {error}", {})
        else:
            self._recorder.take(event, time.monotonic_ns())

    def _expire(self) -> None:
        """What time brings: nobody answered, an intervention is over, the disk is full."""
        for decision in self._gate.expire(time.monotonic_ns()):
            self._publish(decision)
        self._recorder.tick(time.monotonic_ns())
        problem = self._audit.problem
        if problem != self._audit_problem:
            self._tell_of_audit(problem)

    def _tell_of_audit(self, problem: str) -> None:
        """Whether records reach the disk: the safety monitor slows the robot while they do not."""
        if problem and not self._audit_problem:
            self.get_logger().error(f"audit log: {problem}")
        self._audit_problem = problem
        level = DiagnosticStatus.ERROR if problem else DiagnosticStatus.OK
        head = str(self._audit.head)
        self._audit_status.publish(
            protocol.status(level, "audit", problem or "recording", head, problem=problem)
        )

    def _look_and_tell(self) -> None:
        self._look_at_policy()
        self._tell()

    def _look_at_policy(self) -> None:
        """Adopt files that were the same at two looks: an editor or a copy may be half done."""
        sources = read_sources(self._directory)
        first_look = not self._shown
        if (sources == self._sources or first_look) and self._gate.adopt(sources):
            self._record("gate", "safety_gate", "policy adopted", {"sha256": sources.sha256})
        self._sources = sources
        shown = self._gate.alarm or f"policy {self._gate.policy_version}"
        if shown != self._shown and self._gate.alarm:
            self.get_logger().error(f"policy refused: {shown}")
            self._record("gate", "safety_gate", f"policy refused: {shown}", {})
        elif shown != self._shown:
            self.get_logger().info(shown)
        self._shown = shown

    def _publish(self, decision: Decision) -> None:
        self._decisions.publish(protocol.decision_message(decision, time.monotonic_ns()))
        self._tell()

    def _tell(self) -> None:
        """The gate's own state first, then what awaits a person."""
        self._look_around()
        now_ns = time.monotonic_ns()
        self._tell_of_audit(self._audit.problem)
        problem = self._gate.alarm or self._audit_problem
        own = protocol.status(
            DiagnosticStatus.ERROR if problem else DiagnosticStatus.OK,
            "safety_gate",
            problem or "ready",
            "",
            policy_version=self._gate.policy_version,
            safety_state=self._gate.safety_state(now_ns),
            audit_head=self._audit.head,
            pending=len(self._gate.pending),
        )
        message = DiagnosticArray(status=[own])
        message.header.stamp = Time(nanoseconds=self._ros_ns()).to_msg()
        self._diagnostics.publish(message)
        message.status = [own, *(protocol.pending_message(*p, now_ns) for p in self._gate.pending)]
        self._status.publish(message)

    def _journal(self, request: ActionRequest, decision: Decision) -> None:
        details = {
            "request_id": request.request_id,
            "action": request.action,
            "parameters": dict(request.parameters),
            "outcome": decision.outcome,
            "tier": decision.tier,
            "by": decision.by,
            "policy": decision.policy_version,
        }
        self._record("gate", request.who, decision.reason, details)

    def _record(self, kind: Kind, who: str, cause: str, details: Mapping[str, object]) -> None:
        self._audit.record(kind, self._ros_ns(), who, cause, details)

    def _ros_ns(self) -> int:
        """ROS time, by the monitor's last stamp: to hear /clock would cost more than all else."""
        return time.monotonic_ns() + self._ros_ahead_ns

    def close(self) -> None:
        """The last record of this process."""
        self._record("stop", "safety_gate", "stop", {"pending": len(self._gate.pending)})
        if not self._audit.close():
            self.get_logger().error(f"audit log: {self._audit.problem}")


def main() -> None:
    """Run the node until SIGINT or SIGTERM."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stopping.append(number))
    node = GateNode()
    executor = LeanExecutor()
    executor.add_node(node)
    try:
        while not stopping:
            executor.spin_once(timeout_sec=1.0)
    except ExternalShutdownException:
        pass
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
