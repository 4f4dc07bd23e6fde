"""A goal is a lease: it holds while it is repeated."""

from __future__ import annotations

from autonomy_interfaces.messages import Pose2D, nanoseconds


class GoalLease:
    """Keeps the goal last heard until it has been silent for the lease."""

    def __init__(self, duration_s: float):
        self._duration_ns = nanoseconds(duration_s)
        self._goal: Pose2D | None = None
        self._heard_ns = 0

    def hear(self, goal: Pose2D, now_ns: int) -> None:
        """Take a goal (odom frame) that arrived at `now_ns`."""
        self._goal = goal
        self._heard_ns = now_ns

    def withdraw(self) -> None:
        """The goal's owner gives it up."""
        self._goal = None

    def current(self, now_ns: int) -> Pose2D | None:
        """The goal in force; None without one, past its lease, and when the clock went back."""
        if self._goal is None or not 0 <= now_ns - self._heard_ns <= self._duration_ns:
            self._goal = None
        return self._goal
