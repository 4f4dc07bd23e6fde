"""The safety monitor as one object: what arrives goes in, what may be sent comes out.

No clock, no I/O, no ROS. Every time is given, in integer nanoseconds. Nothing raises: what
cannot be used is a fault, and a defect of the monitor itself is an emergency stop.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from safety_monitor.beams import Ranges
from safety_monitor.config import MonitorConfig, zones_of
from safety_monitor.envelope import Motion, MotionEnvelope
from safety_monitor.kernels import Floats, signed_distance
from safety_monitor.scanner import Layout
from safety_monitor.state_machine import Severity, State, StateMachine
from safety_monitor.surroundings import Surroundings
from safety_monitor.watchdog import ClockWatch, Fault, Finding, LoopWatch, Stream, not_finite
from safety_monitor.whereabouts import Whereabouts

_SECOND = 1_000_000_000
_INBOX = 1000
# Clock's time of arrival, stamp, and what to call with the stamp and the time of arrival.
Message = tuple[int, int, "partial[None]"]
Intervention = Literal["none", "slowed", "stopped"]


@dataclass(frozen=True, slots=True)
class MonitorOutput:
    """One cycle's result: the velocity to send, and why.

    scale: share of the command that passes, 1 where nothing was asked. clearance: metres
    between footprint and the nearest obstacle in reach, inf where there is none.
    """

    vx: float
    wz: float
    state: str
    cause: str
    scale: float
    intervention: Intervention
    clearance: float = float("inf")
    findings: tuple[Finding, ...] = ()


class SafetyMonitor:
    """Watches every input, judges every command, and answers at any time."""

    def __init__(self, config: MonitorConfig) -> None:
        self.config = c = config
        self._envelope = MotionEnvelope(c)
        self._zones = [(zone, np.array(zone.corners)) for zone in zones_of(c.speed_zones)]
        self._machine = StateMachine(round(c.recovery_time * _SECOND))
        self._where = Whereabouts(c)
        self._around = Surroundings(c, self._envelope.body, self._where)
        self._command_stream = Stream("command", c, c.decision_timeout, silence=c.command_timeout)
        self._clock, self._loop = ClockWatch(c), LoopWatch(c)
        self._inbox: deque[Message] = deque(maxlen=_INBOX)
        self._offset_ns = 0
        self._command = (0.0, 0.0)
        self._present: dict[Fault, str] = {}
        self._cause = ""

    @property
    def state(self) -> State:
        """The present state."""
        return self._machine.state

    def on_scan(
        self, source: str, stamp_ns: int, ranges: Ranges, layout: Layout, now_ns: int
    ) -> None:
        """Take a scan of one of `scan_sources`; ranges (N,) metres."""
        self._inbox.append((now_ns, stamp_ns, partial(self._around.take, source, ranges, layout)))

    def on_command(self, stamp_ns: int, vx: float, wz: float, now_ns: int) -> None:
        """Take a wish, m/s and rad/s. One that is refused leaves the previous one standing."""
        self._inbox.append((now_ns, stamp_ns, partial(self._take_command, vx, wz)))

    def on_command_lost(self, reason: str) -> None:
        """The transport says that nobody sends commands any more, before their age does."""
        self._inbox = deque((m for m in self._inbox if m[2].func != self._take_command), _INBOX)
        self._command_stream.forget()

    def on_odometry(self, stamp_ns: int, vx: float, wz: float, now_ns: int) -> None:
        """Take a measured velocity of the base, m/s and rad/s."""
        self._inbox.append((now_ns, stamp_ns, partial(self._where.take_odometry, vx, wz)))

    def on_imu(self, stamp_ns: int, wz: float, now_ns: int) -> None:
        """Take a yaw rate of the gyroscope, rad/s."""
        self._inbox.append((now_ns, stamp_ns, partial(self._where.take_imu, wz)))

    def on_report(self, fault: Fault, detail: str) -> None:
        """Take a fault that the surroundings of this object see ('' once it is gone)."""
        if detail:
            self._present[fault] = detail
        else:
            self._present.pop(fault, None)

    def on_failure(self, error: Exception) -> None:
        """A defect of the monitor or of what runs it: an emergency stop."""
        self.on_report(Fault.INTERNAL_ERROR, f"{type(error).__name__}: {error}")

    def estop(self, now_ns: int, who: str) -> None:
        """Latch the emergency stop."""
        self.on_report(Fault.OPERATOR_STOP, f"pressed by {who}")

    def reset(self, now_ns: int, who: str) -> tuple[bool, str]:
        """Leave an emergency stop for a safe stop; returns whether, and why not."""
        if Fault.INTRUSION in self._present:
            return False, f"refused: intrusion: {self._present[Fault.INTRUSION]}"
        if self.config.reset_at_standstill:
            if not self._where.is_known(now_ns - self._offset_ns):
                return False, "refused: odometry is silent or wrong, so standstill is not known"
            if not self._where.stands:
                return False, "refused: the robot still moves"
        for fault in (Fault.OPERATOR_STOP, Fault.INTERNAL_ERROR):
            self._present.pop(fault, None)
        self._around.trust(vouched=self._machine.state is State.EMERGENCY_STOP)
        self._machine.reset()
        return True, f"{self._machine.state.value}: reset by {who}"

    def patience_ns(self, now_ns: int) -> float:
        """How long it is until one more input without which the robot stops falls silent."""
        streams = [self._command_stream, self._where.odometry, *self._around.streams]
        left = [stream.expires_ns + self._offset_ns - now_ns for stream in streams]
        return min((each for each in left if each >= 0.0), default=math.inf)

    def step(self, now_ns: int, steady_ns: int | None = None) -> MonitorOutput:
        """One cycle.

        Args:
            now_ns: the clock that stamps are taken from (simulated time, if that is used).
            steady_ns: a clock that nobody sets; without it `now_ns` is trusted to be one.
        """
        try:
            return self._cycle(now_ns, now_ns if steady_ns is None else steady_ns)
        except Exception as error:
            self.on_failure(error)
            self._machine.update(Severity.EMERGENCY, 0)
            cause = f"{Fault.INTERNAL_ERROR.value}: {self._present[Fault.INTERNAL_ERROR]}"
            return MonitorOutput(0.0, 0.0, self._machine.state.value, cause, 0.0, "stopped")

    def remember(self) -> None:
        """What can wait until the velocity is out; else the next cycle begins with it."""
        try:
            self._around.remember()
        except Exception as error:
            self.on_failure(error)

    def _cycle(self, now_ns: int, steady_ns: int) -> MonitorOutput:
        findings = [*self._clock.tick(now_ns, steady_ns), *self._loop.tick(steady_ns)]
        self._read_inbox(now_ns, steady_ns)
        now_ns -= self._offset_ns
        can_judge = self._around.look(now_ns)
        findings += [Finding(fault, detail) for fault, detail in self._present.items()]
        for watcher in (self._around, self._where, self._command_stream):
            findings += watcher.findings(now_ns)
        if not can_judge and not any(f.severity >= Severity.STOP for f in findings):
            detail = "does not reach back to the newest scan"
            findings.append(Finding(Fault.ODOMETRY_SILENT, detail))
        worst = max(findings, key=lambda finding: finding.severity, default=None)
        before = self._machine.state
        state = self._machine.update(worst.severity if worst else Severity.NONE, steady_ns)
        latched = before is state is State.EMERGENCY_STOP
        if worst is not None and (not latched or self._cause.startswith(worst.fault.value)):
            self._cause = str(worst)
        elif state is State.NOMINAL:
            self._cause = ""
        may_move = state in (State.NOMINAL, State.DEGRADED) and can_judge
        output = self._judge(now_ns, may_move, tuple(findings))
        self._where.tell(output.vx, output.wz)
        if output.vx != 0.0 or output.wz != 0.0 or not self._where.stands:
            self._around.leave()
        return output

    def _read_inbox(self, now_ns: int, steady_ns: int) -> None:
        """Take what has arrived since the last cycle, in the monitor's own time.

        That time goes on through a jump of the clock, so that all that is known stays valid; what
        was stamped before the jump and not yet read is dropped.
        """
        jumped_ns = self._clock.jumped_ns
        self._offset_ns += jumped_ns
        self._where.begin(now_ns - self._offset_ns, steady_ns, jumped_ns != 0)
        inbox, self._inbox = self._inbox, deque(maxlen=_INBOX)
        for arrived_ns, stamp_ns, take in inbox:
            if abs(now_ns - arrived_ns) <= abs(now_ns - jumped_ns - arrived_ns):
                take(stamp_ns - self._offset_ns, arrived_ns - self._offset_ns)

    def _take_command(self, vx: float, wz: float, stamp_ns: int, now_ns: int) -> None:
        if self._command_stream.take(stamp_ns, now_ns, not_finite(vx, wz)):
            self._command = (float(vx), float(wz))

    def _judge(self, now_ns: int, may_move: bool, findings: tuple[Finding, ...]) -> MonitorOutput:
        """Scale the standing command."""
        v, w = self._command
        scale, clearance = 0.0, float("inf")
        if v == 0.0 and w == 0.0:
            scale = 1.0
        elif may_move:
            scale, clearance = self._scale(v, w, now_ns)
        intervention: Intervention = "none" if scale == 1.0 else "slowed" if scale else "stopped"
        cause = self._cause
        if not cause and intervention != "none":
            cause = f"envelope: {clearance:.3f} m clear" if clearance < np.inf else "limits"
        vx, wz = (v * scale, w * scale) if scale else (0.0, 0.0)
        state = self._machine.state.value
        return MonitorOutput(vx, wz, state, cause, scale, intervention, clearance, findings)

    def _scale(self, v: float, w: float, now_ns: int) -> tuple[float, float]:
        """How much of a command is let through, and the clearance now."""
        latest = self._where.latest
        assert latest is not None, "only asked for after looking around"
        returns = self._around.returns(latest.pose)
        scale = self._tier(v, w, returns)
        asked = (v * scale, w * scale)
        age = max(0.0, (now_ns + self._clock.stalled_ns - latest.stamp_ns) / _SECOND)
        motion = Motion(latest.v, latest.w, age, self._where.acting(age), latest.slip)
        reach = self._envelope.reach(motion, asked, self._loop.reaction)
        points = np.concatenate([self._around.unknown(latest.pose, reach), returns])
        verdict = self._envelope.evaluate(points, motion, asked, self._loop.reaction, reach)
        return scale * verdict.scale, verdict.clearance

    def _tier(self, v: float, w: float, returns: Floats) -> float:
        """The largest scale that keeps the robot's limits, the zones' and the speed tier's."""
        c = self.config
        limits = [(c.max_linear_velocity, -c.min_linear_velocity, c.max_angular_velocity)]
        if v < 0.0 and not self._around.looks_back:
            limits.append((math.inf, c.blind_reverse_speed, math.inf))
        if self._machine.state is State.DEGRADED:
            limits.append((c.degraded_speed, c.degraded_speed, c.degraded_rate))
        for zone, corners in self._zones:
            if np.count_nonzero(signed_distance(returns, corners) < 0.0) >= zone.least:
                limits.append(zone.limits)
        scale, asked = 1.0, (v, -v, abs(w))
        for limit in limits:
            scale = min([scale, *(m / a for m, a in zip(limit, asked, strict=True) if a > m)])
        # Scaled first: the product of what may be asked for can overflow.
        sharp = abs(v) * scale * (abs(w) * scale) / c.max_lateral_acceleration
        return scale / math.sqrt(max(1.0, sharp))
