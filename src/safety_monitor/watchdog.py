"""What can be wrong, how bad it is, and how it is noticed.

A fault is a condition that is true or not at an instant. What arrives leaves its trace in the
watchers; `Watchdog.faults` then says what is wrong now.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from safety_monitor.config import MonitorConfig
from safety_monitor.state_machine import Severity

_SECOND = 1_000_000_000


class Fault(Enum):
    """Everything that the monitor reacts to."""

    INTERNAL_ERROR = "internal_error"
    OPERATOR_STOP = "operator_stop"
    INTRUSION = "intrusion"
    CLOCK_STALLED = "clock_stalled"
    CLOCK_JUMPED = "clock_jumped"
    SCAN_SILENT = "scan_silent"
    SCAN_INVALID = "scan_invalid"
    SCAN_BLINDED = "scan_blinded"
    SCAN_FROZEN = "scan_frozen"
    SCAN_SLOW = "scan_slow"
    ODOMETRY_SILENT = "odometry_silent"
    ODOMETRY_INVALID = "odometry_invalid"
    ODOMETRY_CONTRADICTED = "odometry_contradicted"
    IMU_SILENT = "imu_silent"
    COMMAND_SILENT = "command_silent"
    COMMAND_INVALID = "command_invalid"
    LOOP_OVERRUN = "loop_overrun"
    UNRECORDED = "unrecorded"


SEVERITY: dict[Fault, Severity] = {
    Fault.INTERNAL_ERROR: Severity.EMERGENCY,
    Fault.OPERATOR_STOP: Severity.EMERGENCY,
    Fault.INTRUSION: Severity.EMERGENCY,
    Fault.CLOCK_STALLED: Severity.STOP,
    Fault.CLOCK_JUMPED: Severity.STOP,
    Fault.SCAN_SILENT: Severity.STOP,
    Fault.SCAN_INVALID: Severity.STOP,
    Fault.SCAN_BLINDED: Severity.STOP,
    Fault.SCAN_FROZEN: Severity.STOP,
    Fault.SCAN_SLOW: Severity.DEGRADE,
    Fault.ODOMETRY_SILENT: Severity.STOP,
    Fault.ODOMETRY_INVALID: Severity.STOP,
    Fault.ODOMETRY_CONTRADICTED: Severity.STOP,
    Fault.IMU_SILENT: Severity.DEGRADE,
    Fault.COMMAND_SILENT: Severity.STOP,
    Fault.COMMAND_INVALID: Severity.STOP,
    Fault.LOOP_OVERRUN: Severity.DEGRADE,
    Fault.UNRECORDED: Severity.DEGRADE,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that is present, and in words what was seen."""

    fault: Fault
    detail: str

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return SEVERITY[self.fault]

    def __str__(self) -> str:
        return f"{self.fault.value}: {self.detail}"


class Stream:
    """The stamps of one input: what is refused, how old the newest is."""

    def __init__(self, name: str, silent: Fault, timeout_s: float, future_s: float) -> None:
        self._name = name
        self._silent = silent
        self._timeout_ns = round(timeout_s * _SECOND)
        self._future_ns = round(future_s * _SECOND)
        self.stamp_ns: int | None = None
        self.refused = 0

    def accept(self, stamp_ns: int, now_ns: int) -> str:
        """Take a stamp; returns the reason for refusing it, or ''."""
        reason = ""
        if stamp_ns > now_ns + self._future_ns:
            reason = f"stamp {(stamp_ns - now_ns) / _SECOND:.3f} s in the future"
        elif now_ns - stamp_ns > self._timeout_ns:
            reason = f"stamp {(now_ns - stamp_ns) / _SECOND:.3f} s old"
        elif self.stamp_ns is not None and stamp_ns <= self.stamp_ns:
            reason = "stamp repeated or out of order"
        else:
            self.stamp_ns = stamp_ns
            return ""
        self.refused += 1
        return f"{self._name}: {reason}"

    def forget(self) -> None:
        """Start afresh, as after a jump of the clock."""
        self.stamp_ns = None

    def finding(self, now_ns: int) -> Finding | None:
        """Silence, if there is any."""
        if self.stamp_ns is None:
            return Finding(self._silent, f"nothing from {self._name} yet")
        age_ns = now_ns - self.stamp_ns
        if age_ns <= self._timeout_ns:
            return None
        return Finding(self._silent, f"{self._name} {age_ns / _SECOND:.2f} s old")


class ScanContent:
    """Whether what a scanner says can be believed, one scan at a time."""

    RICH = 0.2
    """Share of beams with a return that makes a scan without any, right after it, incredible."""

    def __init__(self, config: MonitorConfig, name: str) -> None:
        self._config = config
        self._name = name
        self._periods: deque[float] = deque(maxlen=10)
        self._last_stamp: int | None = None
        self._last: NDArray[np.float32] | None = None
        self._repeats = 0
        self._was_rich = False
        self._findings: tuple[Finding, ...] = ()
        self._blinded = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was wrong with the newest scan."""
        return self._findings

    def malformed(self, why: str) -> None:
        """A scan that could not be read at all."""
        self._findings = (Finding(Fault.SCAN_INVALID, f"{self._name}: {why}"),)

    def look(
        self, stamp_ns: int, ranges: NDArray[np.float32], hits: int, invalid: int, empty: int
    ) -> None:
        """Judge a scan: `hits` beams return, `invalid` are NaN, `empty` see nothing."""
        beams = max(1, hits + invalid + empty)
        found = []
        if invalid > self._config.scan_max_invalid * beams or hits + empty == 0:
            found.append(Finding(Fault.SCAN_INVALID, f"{self._name}: {invalid} of {beams} invalid"))
        if hits:
            self._blinded = False
        elif empty and self._was_rich:
            self._blinded = True
        if self._blinded:
            found.append(
                Finding(Fault.SCAN_BLINDED, f"{self._name}: every return vanished at once")
            )
        if hits or empty:
            self._was_rich = hits >= self.RICH * beams
        if self._is_frozen(ranges, hits):
            found.append(
                Finding(Fault.SCAN_FROZEN, f"{self._name}: {self._repeats} scans bitwise equal")
            )
        if self._last_stamp is not None:
            self._periods.append((stamp_ns - self._last_stamp) / _SECOND)
        self._last_stamp = stamp_ns
        if len(self._periods) == self._periods.maxlen:
            mean = sum(self._periods) / len(self._periods)
            if mean > self._config.scan_max_period:
                found.append(Finding(Fault.SCAN_SLOW, f"{self._name}: every {mean:.3f} s"))
        self._findings = tuple(found)

    def reset(self) -> None:
        """A person has looked: believe an empty scan; and start afresh."""
        self._blinded = self._was_rich = False
        self._periods.clear()
        self._last_stamp = None

    def _is_frozen(self, ranges: NDArray[np.float32], hits: int) -> bool:
        same = (
            hits > 0
            and self._last is not None
            and self._last.size == ranges.size
            and np.array_equal(self._last.view(np.uint32), ranges.view(np.uint32))
        )
        self._repeats = self._repeats + 1 if same else 0
        self._last = ranges
        return self._config.scan_noise and self._repeats >= self._config.frozen_scans


class YawRateAgreement:
    """Odometry against the gyroscope: they may differ for a moment, not for long."""

    def __init__(self, config: MonitorConfig) -> None:
        self._tolerance = config.yaw_rate_tolerance
        self._hold_ns = round(config.yaw_rate_time * _SECOND)
        self._apart_since: int | None = None
        self._difference = 0.0

    def compare(self, stamp_ns: int, odometry: float, gyroscope: float) -> None:
        """Take a pair of yaw rates, rad/s, measured at about the same time."""
        self._difference = odometry - gyroscope
        if abs(self._difference) <= self._tolerance:
            self._apart_since = None
        elif self._apart_since is None:
            self._apart_since = stamp_ns

    def forget(self) -> None:
        """Start afresh, as after a jump of the clock."""
        self._apart_since = None

    def finding(self, now_ns: int) -> Finding | None:
        """A lasting contradiction, if there is one."""
        if self._apart_since is None or now_ns - self._apart_since < self._hold_ns:
            return None
        return Finding(
            Fault.ODOMETRY_CONTRADICTED,
            f"yaw rate {self._difference:+.2f} rad/s apart from the gyroscope's",
        )


class ClockWatch:
    """The clock that stamps are compared with, against a steady one."""

    def __init__(self, config: MonitorConfig) -> None:
        self._stall_ns = round(config.clock_stall * _SECOND)
        self._jump_ns = round(config.clock_jump * _SECOND)
        self._moved: tuple[int, int] | None = None
        self.jumped_ns = 0
        """By how much it jumped in the newest cycle."""
        self.stalled_ns = 0
        """How long it has stood still."""

    def tick(self, now_ns: int, steady_ns: int) -> Finding | None:
        """Compare both clocks; call once a cycle.

        A clock that stood still (we may have heard it late) and then catches up has not jumped:
        both are compared since it last moved.
        """
        self.jumped_ns = 0
        if self._moved is None:
            self._moved = now_ns, steady_ns
            return None
        passed, really = now_ns - self._moved[0], steady_ns - self._moved[1]
        self.stalled_ns = 0 if passed else really
        if passed == 0:
            if really <= self._stall_ns:
                return None
            return Finding(Fault.CLOCK_STALLED, f"has not moved for {really / _SECOND:.2f} s")
        self._moved = now_ns, steady_ns
        if 0 < passed <= really + self._jump_ns:
            return None
        self.jumped_ns = passed - really
        return Finding(Fault.CLOCK_JUMPED, f"by {self.jumped_ns / _SECOND:+.3f} s")


class LoopWatch:
    """The monitor's own pace: how long a command really stands."""

    WINDOW_NS = _SECOND

    def __init__(self, config: MonitorConfig) -> None:
        self._nominal = config.cycle_period + config.cycle_jitter
        self._limit = config.cycle_period * config.overrun_factor
        self._starts: deque[tuple[int, float]] = deque()
        self._last: int | None = None

    def tick(self, steady_ns: int) -> Finding | None:
        """Note the start of a cycle."""
        if self._last is not None:
            self._starts.append((steady_ns, (steady_ns - self._last) / _SECOND))
        self._last = steady_ns
        while self._starts and steady_ns - self._starts[0][0] > self.WINDOW_NS:
            self._starts.popleft()
        worst = self._worst()
        if worst <= self._limit:
            return None
        return Finding(Fault.LOOP_OVERRUN, f"a cycle came after {worst * 1e3:.0f} ms")

    @property
    def reaction(self) -> float:
        """Seconds until the next command can replace this one, as lately measured."""
        return max(self._nominal, self._worst())

    def _worst(self) -> float:
        return max((gap for _, gap in self._starts), default=0.0)


def is_finite(*values: float) -> bool:
    """Whether all are finite numbers."""
    return all(math.isfinite(value) for value in values)
