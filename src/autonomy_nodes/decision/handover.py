"""Who drives: the policy while it is fit to, the classical planner otherwise, with hysteresis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from autonomy_interfaces.messages import Pose2D, nanoseconds

Driver = Literal["policy", "fallback", "none"]


class Mode(str, Enum):
    """Which drivers may drive."""

    DEFAULT = "default"
    POLICY = "policy"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the policy may not drive in a tick: a word to count by, and the details."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HandOver:
    """The wheel passed from one driver to the other."""

    stamp_ns: int
    previous: Driver
    driver: Driver
    reason: str
    detail: str = ""


class DriverSelector:
    """Passes the wheel to the fallback at the first fault, back after a run of good ticks."""

    def __init__(self, mode: Mode, return_ticks: int):
        self._mode = mode
        self._return_ticks = return_ticks
        self._driver: Driver = "fallback" if mode is Mode.FALLBACK else "policy"
        self._good_ticks = 0

    @property
    def driver(self) -> Driver:
        """Who drives now."""
        return self._driver

    def update(self, fault: Fault | None, now_ns: int) -> HandOver | None:
        """Take note of the policy's fitness in this tick and choose the driver.

        In mode `policy` and `fallback` the driver never changes.
        """
        self._good_ticks = 0 if fault else self._good_ticks + 1
        if self._mode is not Mode.DEFAULT:
            return None
        if self._driver == "policy" and fault:
            self._driver = "fallback"
            return HandOver(now_ns, "policy", "fallback", fault.reason, fault.detail)
        if self._driver == "fallback" and self._good_ticks >= self._return_ticks:
            self._driver = "policy"
            detail = f"{self._good_ticks} good ticks"
            return HandOver(now_ns, "fallback", "policy", "recovered", detail)
        return None


class StallWatch:
    """Notices a driver that stays where it is, and benches it for a while."""

    def __init__(self, distance: float, time_s: float, penalty_s: float):
        """Set what counts as a stall.

        Args:
            distance: a driver that leaves this radius makes progress, metres.
            time_s: how long it may stay inside.
            penalty_s: how long it is benched then.
        """
        self._distance = distance
        self._time_ns = nanoseconds(time_s)
        self._penalty_ns = nanoseconds(penalty_s)
        self._anchor: tuple[Pose2D, int] | None = None
        self._benched_until_ns: int | None = None

    def reset(self) -> None:
        """Forget everything, as for a new goal."""
        self._anchor = None
        self._benched_until_ns = None

    def stalled(self, pose: Pose2D, driving: bool, now_ns: int) -> bool:
        """Whether the watched driver is benched; `driving` says that it had the wheel so far."""
        if self._benched_until_ns is not None:
            if now_ns < self._benched_until_ns:
                return True
            self._benched_until_ns = None
        if not driving or self._anchor is None or self._left(pose):
            self._anchor = (pose, now_ns)
            return False
        if now_ns - self._anchor[1] < self._time_ns:
            return False
        self._anchor = None
        self._benched_until_ns = now_ns + self._penalty_ns
        return True

    def _left(self, pose: Pose2D) -> bool:
        assert self._anchor is not None
        anchor = self._anchor[0]
        return math.hypot(pose.x - anchor.x, pose.y - anchor.y) > self._distance
