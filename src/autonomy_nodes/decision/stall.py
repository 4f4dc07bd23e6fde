"""Notices a policy that does not get on, and benches it for a while, longer each time."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from autonomy_interfaces.messages import Pose2D, nanoseconds

JUMP = 1.0
"""A guide that grows by this much in one tick is another way, metres."""
LONGEST_PENALTY = 8
"""Penalties double with each stall in a row, up to this many times the first."""


@dataclass(frozen=True)
class StallLimits:
    """What counts as a stall.

    Attributes:
        distance: a policy that has the wheel leaves this radius …, metres,
        time_s: … within this time, seconds.
        progress: by which the way that remains gets shorter …, metres,
        progress_time_s: … within this time, whoever drives, seconds.
        penalty_s: how long the first stall is benched, seconds.
    """

    distance: float
    time_s: float
    progress: float
    progress_time_s: float
    penalty_s: float


class StallWatch:
    """Two views of a stall: standing on one spot, and going about without getting nearer."""

    def __init__(self, limits: StallLimits):
        self._limits = limits
        self.reset()

    @property
    def begins(self) -> bool:
        """Whether the tick last asked about is the first one of a stall."""
        return self._begins

    def reset(self) -> None:
        """Forget everything, as for a new goal or another policy."""
        self._begins = False
        self._anchor: tuple[Pose2D, int] | None = None
        self._ways: deque[tuple[int, float]] = deque()
        self._benched_until_ns: int | None = None
        self._stalls = 0
        self._stalled_at_way = math.inf

    def stalled(self, pose: Pose2D, way: float, driving: bool, now_ns: int) -> bool:
        """Whether the policy is benched.

        Args:
            pose: of the robot.
            way: length of the guide that remains, metres.
            driving: whether the policy had the wheel so far.
            now_ns: time of the tick.
        """
        self._begins = False
        if self._stalls and way < self._stalled_at_way - 2.0 * self._limits.progress:
            self._stalls = 0
        if self._benched_until_ns is not None:
            if now_ns < self._benched_until_ns:
                return True
            self._benched_until_ns = None
        standing = self._is_standing(pose, driving, now_ns)
        lost = self._is_lost(way, now_ns)
        if not (standing or lost):
            return False
        self._bench(way, now_ns)
        self._begins = True
        return True

    def _bench(self, way: float, now_ns: int) -> None:
        longer = min(2**self._stalls, LONGEST_PENALTY)
        self._benched_until_ns = now_ns + nanoseconds(self._limits.penalty_s * longer)
        self._stalls += 1
        self._stalled_at_way = way
        self._anchor = None
        self._ways.clear()

    def _is_standing(self, pose: Pose2D, driving: bool, now_ns: int) -> bool:
        anchor = self._anchor
        if (
            not driving
            or anchor is None
            or math.hypot(pose.x - anchor[0].x, pose.y - anchor[0].y) > self._limits.distance
        ):
            self._anchor = (pose, now_ns)
            return False
        return now_ns - anchor[1] >= nanoseconds(self._limits.time_s)

    def _is_lost(self, way: float, now_ns: int) -> bool:
        if self._ways and way > self._ways[-1][1] + JUMP:
            self._ways.clear()
        self._ways.append((now_ns, way))
        horizon_ns = now_ns - nanoseconds(self._limits.progress_time_s)
        while len(self._ways) > 1 and self._ways[1][0] <= horizon_ns:
            self._ways.popleft()
        oldest_ns, oldest_way = self._ways[0]
        return oldest_ns <= horizon_ns and way > oldest_way - self._limits.progress
