"""Who drives: the policy while it is fit to, the classical planner otherwise, with hysteresis."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

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
