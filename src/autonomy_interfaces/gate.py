"""One question to the safety gate, asked until it is answered or time is up. Pure.

A node makes a `GateInquiry` before a mission-level action, publishes its question
(`ros.gate_question_to_ros`) on /gate/request whenever `due` says so, and gives it what arrives on
/gate/decision. It acts only on `Answer.ALLOWED`: silence of the gate is a no (docs/gate.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from autonomy_interfaces.messages import nanoseconds


class Answer(Enum):
    """Where an inquiry stands."""

    ASKING = "asking"
    ESCALATED = "escalated"
    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What the gate answered (a message of /gate/decision)."""

    request_id: str
    outcome: str
    reason: str
    tier: str = ""
    policy_version: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class GateQuestion:
    """What is asked. The id must be new for each question; text values are plain names."""

    request_id: str
    action: str
    who: str
    parameters: Mapping[str, str | float] = field(default_factory=dict)


class GateInquiry:
    """Follows one question from the first asking to its answer."""

    def __init__(
        self,
        question: GateQuestion,
        now_ns: int,
        timeout_s: float = 2.0,
        repeat_s: float = 0.5,
    ) -> None:
        """Start asking.

        Args:
            question: what is asked.
            now_ns: a clock that nobody sets, such as `time.monotonic_ns()`.
            timeout_s: silence of the gate after which the answer is no, also while it waits for
                a person: it answers every repetition.
            repeat_s: how often the question is repeated.
        """
        self.question = question
        self.answer = Answer.ASKING
        self.reason = ""
        self._timeout_ns, self._repeat_ns = nanoseconds(timeout_s), nanoseconds(repeat_s)
        self._heard_ns = now_ns
        self._asked_ns: int | None = None

    def due(self, now_ns: int) -> bool:
        """Whether to publish the question now; call it once or more in every repetition."""
        if self.answer in (Answer.ALLOWED, Answer.DENIED):
            return False
        if now_ns - self._heard_ns >= self._timeout_ns:
            self.answer, self.reason = Answer.DENIED, "the gate does not answer"
            return False
        if self._asked_ns is not None and now_ns - self._asked_ns < self._repeat_ns:
            return False
        self._asked_ns = now_ns
        return True

    def hear(self, decision: GateDecision, now_ns: int) -> None:
        """Take a decision; those of other questions, and late ones, are passed over."""
        if decision.request_id != self.question.request_id:
            return
        if self.answer in (Answer.ALLOWED, Answer.DENIED):
            return
        answers = {"allow": Answer.ALLOWED, "escalate": Answer.ESCALATED}
        self.answer = answers.get(decision.outcome, Answer.DENIED)
        self.reason, self._heard_ns = decision.reason, now_ns
