"""What can be wrong, how bad it is, and how it is noticed: streams, clocks, the own loop."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from safety_monitor.config import MonitorConfig
from safety_monitor.state_machine import Severity

_SECOND = 1_000_000_000


class Fault(Enum):
    """Everything that the monitor reacts to, and how."""

    severity: Severity

    INTERNAL_ERROR = "internal_error", Severity.EMERGENCY
    OPERATOR_STOP = "operator_stop", Severity.EMERGENCY
    INTRUSION = "intrusion", Severity.EMERGENCY
    CLOCK_STALLED = "clock_stalled", Severity.STOP
    CLOCK_JUMPED = "clock_jumped", Severity.STOP
    SCAN_SILENT = "scan_silent", Severity.STOP
    SCAN_INVALID = "scan_invalid", Severity.STOP
    SCAN_BLINDED = "scan_blinded", Severity.STOP
    SCAN_FROZEN = "scan_frozen", Severity.STOP
    SCAN_JUMPED = "scan_jumped", Severity.STOP
    SCAN_SLOW = "scan_slow", Severity.DEGRADE
    ODOMETRY_SILENT = "odometry_silent", Severity.STOP
    ODOMETRY_INVALID = "odometry_invalid", Severity.STOP
    ODOMETRY_CONTRADICTED = "odometry_contradicted", Severity.STOP
    ODOMETRY_SLOW = "odometry_slow", Severity.DEGRADE
    IMU_SILENT = "imu_silent", Severity.DEGRADE
    IMU_INVALID = "imu_invalid", Severity.DEGRADE
    IMU_SLOW = "imu_slow", Severity.DEGRADE
    COMMAND_SILENT = "command_silent", Severity.STOP
    COMMAND_INVALID = "command_invalid", Severity.STOP
    LOOP_OVERRUN = "loop_overrun", Severity.DEGRADE
    UNRECORDED = "unrecorded", Severity.DEGRADE

    def __new__(cls, name: str, severity: Severity) -> Fault:
        """A member's value is its name alone."""
        member = object.__new__(cls)
        member._value_, member.severity = name, severity
        return member


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that is present, and in words what was seen."""

    fault: Fault
    detail: str

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.fault.severity

    def __str__(self) -> str:
        return f"{self.fault.value}: {self.detail}"


class Stream:
    """One input: what is refused, how old the newest message is, how often they come."""

    PERIODS = 10

    def __init__(
        self,
        kind: str,
        config: MonitorConfig,
        oldest: float,
        silence: float = math.inf,
        slowest: float = math.inf,
        name: str = "",
    ) -> None:
        """Watch an input.

        Args:
            kind: of input, as in the names of its faults.
            config: of the monitor.
            oldest: age of the newest message's stamp above which the input is silent, seconds.
            silence: time since a message last came above which it is, too.
            slowest: mean period above which it is slow.
            name: for people, where there are several of a kind.
        """
        self._kind, self._name = kind.upper(), name or kind
        self._limits = oldest, silence, slowest
        future = config.command_future if kind == "command" else config.sensor_future
        self._future_ns = round(future * _SECOND)
        self._periods: deque[int] = deque(maxlen=self.PERIODS)
        self._came_ns = 0
        self._flaw = self._refusal = ""
        self.stamp_ns: int | None = None

    def take(self, stamp_ns: int, now_ns: int, flaw: str = "") -> bool:
        """Take a message; returns whether it may be used. flaw: why its content cannot be."""
        age_ns = now_ns - stamp_ns
        self._flaw, self._refusal = flaw, ""
        if flaw:
            return False
        if -age_ns > self._future_ns:
            self._refusal = f"refused: from {-age_ns / _SECOND:.3f} s in the future"
        elif age_ns > self._limits[0] * _SECOND:
            self._refusal = f"refused: from {age_ns / _SECOND:.3f} s ago"
        elif self.stamp_ns is not None and stamp_ns <= self.stamp_ns:
            self._refusal = "refused: stamp repeated or out of order"
        else:
            if self.stamp_ns is not None:
                self._periods.append(stamp_ns - self.stamp_ns)
            self.stamp_ns, self._came_ns = stamp_ns, now_ns
        return not self._refusal

    @property
    def expires_ns(self) -> float:
        """When the input will be silent if nothing more comes."""
        if self.stamp_ns is None:
            return -math.inf
        oldest, silence, _ = self._limits
        return min(self.stamp_ns + oldest * _SECOND, self._came_ns + silence * _SECOND)

    def forget(self) -> None:
        """Nobody sends any more."""
        self.stamp_ns = None
        self._periods.clear()

    def findings(self, now_ns: int) -> Iterator[Finding]:
        """What is wrong with the input now."""
        oldest, silence, slowest = self._limits
        age = math.inf if self.stamp_ns is None else (now_ns - self.stamp_ns) / _SECOND
        if self._flaw:
            yield Finding(Fault[f"{self._kind}_INVALID"], f"{self._name}: {self._flaw}")
        if age > oldest or (now_ns - self._came_ns) / _SECOND > silence:
            detail = f"{self._name} {age:.2f} s old {self._refusal}".rstrip()
            yield Finding(Fault[f"{self._kind}_SILENT"], detail)
        period = sum(self._periods) / self.PERIODS / _SECOND
        if len(self._periods) == self.PERIODS and period > slowest:
            yield Finding(Fault[f"{self._kind}_SLOW"], f"{self._name}: every {period:.3f} s")


class YawRateAgreement:
    """Odometry against the gyroscope: they may differ for a moment, not for long."""

    def __init__(self, config: MonitorConfig) -> None:
        self._tolerance = config.yaw_rate_tolerance
        self._hold_ns = round(config.yaw_rate_time * _SECOND)
        self._apart_since: int | None = None
        self._difference = 0.0

    @property
    def apart(self) -> bool:
        """Whether they differ now."""
        return self._apart_since is not None

    def compare(self, stamp_ns: int, odometry: float, gyroscope: float) -> None:
        """Take a pair of yaw rates, rad/s, measured at about the same time."""
        self._difference = odometry - gyroscope
        if abs(self._difference) <= self._tolerance:
            self._apart_since = None
        elif self._apart_since is None:
            self._apart_since = stamp_ns

    def forget(self) -> None:
        """There is nothing to agree with any more."""
        self._apart_since = None

    def findings(self, now_ns: int) -> Iterator[Finding]:
        """A lasting contradiction, if there is one."""
        if self._apart_since is not None and now_ns - self._apart_since >= self._hold_ns:
            detail = f"yaw rate {self._difference:+.2f} rad/s apart from the gyroscope's"
            yield Finding(Fault.ODOMETRY_CONTRADICTED, detail)


class ClockWatch:
    """The clock that stamps are compared with, against a steady one.

    jumped_ns: by how much it jumped before the newest cycle. stalled_ns: how long it has stood.
    """

    def __init__(self, config: MonitorConfig) -> None:
        self._stall_ns = round(config.clock_stall * _SECOND)
        self._jump_ns = round(config.clock_jump * _SECOND)
        self._moved: tuple[int, int] | None = None
        self.jumped_ns = self.stalled_ns = 0

    def tick(self, now_ns: int, steady_ns: int) -> list[Finding]:
        """Compare both clocks; call once a cycle.

        A clock that stood still (we may have heard it late) and then catches up has not jumped:
        both are compared since it last moved.
        """
        before = self._moved or (now_ns, steady_ns)
        passed, really = now_ns - before[0], steady_ns - before[1]
        if passed or self._moved is None:
            self._moved = now_ns, steady_ns
        self.stalled_ns = 0 if passed else really
        self.jumped_ns = 0 if 0 <= passed <= really + self._jump_ns else passed - really
        if self.jumped_ns:
            return [Finding(Fault.CLOCK_JUMPED, f"by {self.jumped_ns / _SECOND:+.3f} s")]
        if self.stalled_ns > self._stall_ns:
            return [Finding(Fault.CLOCK_STALLED, f"has not moved for {really / _SECOND:.2f} s")]
        return []


class LoopWatch:
    """The monitor's own pace. reaction: seconds that a command stands, as lately measured."""

    WINDOW_NS = _SECOND

    def __init__(self, config: MonitorConfig) -> None:
        self._nominal = config.cycle_period + config.cycle_jitter
        self._limit = config.cycle_period * config.overrun_factor
        self._started_ns: int | None = None
        # When each of the last gaps between two starts ended, and how long it was.
        self._gaps: deque[tuple[int, int]] = deque()
        self.reaction = self._nominal

    def tick(self, steady_ns: int) -> list[Finding]:
        """Note the start of a cycle."""
        if self._started_ns is not None:
            self._gaps.append((steady_ns, steady_ns - self._started_ns))
        self._started_ns = steady_ns
        while self._gaps and steady_ns - self._gaps[0][0] > self.WINDOW_NS:
            self._gaps.popleft()
        worst = max((gap for _, gap in self._gaps), default=0) / _SECOND
        self.reaction = max(self._nominal, worst)
        if worst <= self._limit:
            return []
        return [Finding(Fault.LOOP_OVERRUN, f"a cycle came after {worst * 1e3:.0f} ms")]


def not_finite(*values: float) -> str:
    """Why numbers cannot be used, or ''."""
    return "" if all(math.isfinite(value) for value in values) else f"{values} is not finite"
