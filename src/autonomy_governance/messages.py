"""Requests, decisions and events as standard messages, the same for node and command line.

An asker repeats a request until it hears the decision of that id, so that no message needs to
arrive; a DiagnosticStatus carries each, because common_interfaces has no service with text in it.
"""

from __future__ import annotations

import re

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from autonomy_governance.gate import ActionRequest, Decision
from autonomy_governance.recorder import Event

REQUEST, DECISION, ANSWER, STATUS = (
    "/gate/request",
    "/gate/decision",
    "/gate/answer",
    "/gate/status",
)
SAFETY_EVENTS, AUDIT_STATUS = "/safety/events", "/audit/status"
EVENTS_QOS = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
STATUS_QOS = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
KEPT_EVENTS_QOS = QoSProfile(
    depth=256, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,17})?([eE][+-]?\d{1,3})?")
_LEVEL = {
    "allow": DiagnosticStatus.OK,
    "escalate": DiagnosticStatus.WARN,
    "deny": DiagnosticStatus.ERROR,
}


def status(
    level: bytes, name: str, message: str, identity: str, **values: object
) -> DiagnosticStatus:
    """A DiagnosticStatus with its values as text."""
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(
        level=level, name=name, message=message, hardware_id=identity, values=pairs
    )


def values_of(message: DiagnosticStatus) -> dict[str, str]:
    """The values of a DiagnosticStatus by key."""
    return {pair.key: pair.value for pair in message.values}


def request_of(message: DiagnosticStatus) -> ActionRequest:
    """Read a request: hardware_id = id, name = action, message = who asks, values = parameters."""
    parameters = {
        key: float(value) if _NUMBER.fullmatch(value) else value
        for key, value in values_of(message).items()
    }
    return ActionRequest(message.hardware_id, message.name, message.message, parameters)


def decision_message(decision: Decision, now_ns: int) -> DiagnosticStatus:
    """Write a decision: hardware_id = id of the request, message = reason."""
    return status(
        _LEVEL[decision.outcome],
        "safety_gate",
        decision.reason,
        decision.request_id,
        outcome=decision.outcome,
        tier=decision.tier,
        by=decision.by,
        policy_version=decision.policy_version,
        seconds_left=max(0, decision.deadline_ns - now_ns) // 1_000_000_000,
    )


def pending_message(request: ActionRequest, decision: Decision, now_ns: int) -> DiagnosticStatus:
    """Write what awaits a person, for the list in the gate's status."""
    return status(
        DiagnosticStatus.WARN,
        request.action,
        decision.reason,
        request.request_id,
        who=request.who,
        tier=decision.tier,
        seconds_left=max(0, decision.deadline_ns - now_ns) // 1_000_000_000,
        **{f"parameter.{key}": value for key, value in request.parameters.items()},
    )


def event_of(message: DiagnosticStatus) -> Event:
    """Read an event: hardware_id = source/run/number, name = kind, message = cause.

    Raises:
        ValueError: the identity or the stamp has another form.
    """
    source, run, number = message.hardware_id.split("/")
    details = values_of(message)
    who, digest = details.pop("who", ""), details.pop("digest", "")
    stamp_ns = int(details.pop("stamp_ns", "0"))
    return Event(
        source, run, int(number), message.name, message.message, who, stamp_ns, digest, details
    )
