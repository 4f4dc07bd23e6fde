"""Leave for a goal, asked of the safety gate before the goal becomes active. Pure."""

from __future__ import annotations

from collections.abc import Callable

from autonomy_interfaces.gate import Answer, GateDecision, GateInquiry, GateQuestion
from autonomy_interfaces.messages import Pose2D


class GoalPermission:
    """The goal that awaits the gate's answer, if there is one; a newer goal takes its place.

    Times are of a clock that nobody sets: a person may think for minutes of it, and silence of
    the gate for two seconds of it is a no.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        """`new_id` gives each question an id that no other has."""
        self._new_id = new_id
        self._goal: Pose2D | None = None
        self._inquiry: GateInquiry | None = None

    @property
    def pending(self) -> bool:
        """Whether a goal awaits its answer."""
        return self._inquiry is not None

    @property
    def state(self) -> str:
        """`asking`, or `escalated` with the reason why a person must answer; else ''."""
        if self._inquiry is None:
            return ""
        reason = self._inquiry.reason
        return self._inquiry.answer.value + (f": {reason}" if reason else "")

    def ask(self, goal: Pose2D, now_ns: int) -> None:
        """Ask for a goal (odom frame); one that is asked for already stays asked for."""
        if self._inquiry is not None and goal == self._goal:
            return
        where: dict[str, str | float] = {"x": goal.x, "y": goal.y, "frame": "odom"}
        self._goal = goal
        self._inquiry = GateInquiry(
            GateQuestion(self._new_id(), "drive_to", "mission", where), now_ns
        )

    def withdraw(self) -> None:
        """Ask no longer; an answer that comes later counts for nothing."""
        self._goal = self._inquiry = None

    def due(self, now_ns: int) -> GateQuestion | None:
        """The question to publish now; call it several times a second."""
        asks = self._inquiry is not None and self._inquiry.due(now_ns)
        return self._inquiry.question if asks and self._inquiry is not None else None

    def hear(self, decision: GateDecision, now_ns: int) -> None:
        """Take a decision of the gate."""
        if self._inquiry is not None:
            self._inquiry.hear(decision, now_ns)

    def settled(self) -> tuple[Pose2D | None, str]:
        """Once answered: the goal, where it is allowed, or None and the reason; else (None, '')."""
        if self._inquiry is None or self._inquiry.answer in (Answer.ASKING, Answer.ESCALATED):
            return None, ""
        goal, inquiry = self._goal, self._inquiry
        self.withdraw()
        if inquiry.answer is Answer.ALLOWED:
            return goal, ""
        return None, f"denied by the safety gate: {inquiry.reason}"
