"""Notices that the robot does not get on, and what to try next."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autonomy_interfaces.messages import Pose2D, nanoseconds
from autonomy_nodes.planning.config import PlannerConfig


@dataclass(frozen=True)
class Stall:
    """The robot has not moved since `since_ns`; the `count`-th time in a row around here."""

    x: float
    y: float
    since_ns: int
    count: int


class ProgressMonitor:
    """Watches displacement: a robot that turns or creeps on one spot makes no progress.

    Stalls near an earlier one count up, stalls elsewhere start again: a loop of recoveries at one
    place ends, a long way with many narrow spots does not.
    """

    SAME_PLACE = 1.0

    def __init__(self, config: PlannerConfig) -> None:
        """Take the distances and times."""
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget everything, for a new goal."""
        self._anchor: Pose2D | None = None
        self._anchor_ns = 0
        self._last_stall: Stall | None = None

    @property
    def stalls(self) -> int:
        """Stalls in a row around the same place."""
        return self._last_stall.count if self._last_stall else 0

    def step(self, pose: Pose2D, now_ns: int) -> Stall | None:
        """Note where the robot is; returns a stall when one begins."""
        anchor = self._anchor
        config = self._config
        if (
            anchor is None
            or now_ns < self._anchor_ns
            or math.hypot(pose.x - anchor.x, pose.y - anchor.y) > config.progress_distance
        ):
            self._anchor, self._anchor_ns = pose, now_ns
            return None
        if now_ns - self._anchor_ns < nanoseconds(config.progress_time):
            return None
        last = self._last_stall
        near = last is not None and math.hypot(pose.x - last.x, pose.y - last.y) < self.SAME_PLACE
        count = last.count + 1 if near and last else 1
        self._last_stall = Stall(pose.x, pose.y, self._anchor_ns, count)
        self._anchor, self._anchor_ns = pose, now_ns
        return self._last_stall
