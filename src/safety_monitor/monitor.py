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
from safety_monitor.memory import SeenSpace
from safety_monitor.plausibility import Plausibility
from safety_monitor.reckoning import Commanded, DeadReckoning, Pose, Reckoned
from safety_monitor.scanner import Scanner
from safety_monitor.state_machine import Severity, State, StateMachine
from safety_monitor.watchdog import (
    ClockWatch,
    Fault,
    Finding,
    LoopWatch,
    Stream,
    YawRateAgreement,
    not_finite,
)

_SECOND = 1_000_000_000
_STANDSTILL = (0.02, 0.05)
_GAP = 0.05
"""Between two measurements of odometry: what is longer is not interpolated, seconds."""
_INCREDIBLE = 2.0
"""Times the limits of velocity: odometry that tells of more is wrong."""
_INBOX = 1000
_BEHIND = np.array([[-10.0, 0.0]])
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
        self._scanners = {
            name: Scanner(c, name, c.lidar_pose[3 * i : 3 * i + 3])
            for i, name in enumerate(c.scan_sources)
        }
        self._plausible = {name: Plausibility(s) for name, s in self._scanners.items()}
        self._command_stream = Stream("command", c, c.decision_timeout, silence=c.command_timeout)
        self._odometry_stream = Stream(
            "odometry", c, c.odometry_timeout, slowest=c.odometry_max_period
        )
        self._imu_stream = Stream("imu", c, c.imu_timeout, slowest=c.imu_max_period)
        self._yaw_rates = YawRateAgreement(c)
        self._clock, self._loop = ClockWatch(c), LoopWatch(c)
        turning_point = c.turning_point, c.turning_point_per_curve
        self._reckoning = DeadReckoning(turning_point, c.rates[0][0])
        self._dictated = DeadReckoning(turning_point)
        self._commanded = Commanded(c)
        self._seen = SeenSpace(c, self._envelope.body)
        # A person has put the robot where it can turn, and answers for it until it moves.
        self._begin_anew = self._unmoved = True
        self._remembered = dict.fromkeys(c.scan_sources, -1)
        self._inbox: deque[Message] = deque(maxlen=_INBOX)
        self._offset_ns = self._now_ns = self._steady_ns = self._began_ns = 0
        self._odometry_gap = False
        # The newest velocity that odometry has told, believed or not.
        self._told: tuple[float, float] | None = None
        # What it had told, and when by the steady clock, when the gyroscope last agreed.
        self._agreed: tuple[Reckoned | None, int] = None, 0
        self._command = (0.0, 0.0)
        self._present: dict[Fault, str] = {}
        self._cause = ""

    @property
    def state(self) -> State:
        """The present state."""
        return self._machine.state

    def on_scan(
        self,
        source: str,
        stamp_ns: int,
        ranges: Ranges,
        angle_min: float,
        angle_increment: float,
        range_min: float,
        range_max: float,
        now_ns: int,
    ) -> None:
        """Take a scan of one of `scan_sources`; ranges (N,) metres, angles rad."""
        layout = (angle_min, angle_increment, range_min, range_max)
        self._inbox.append((now_ns, stamp_ns, partial(self._take_scan, source, ranges, layout)))

    def on_command(self, stamp_ns: int, vx: float, wz: float, now_ns: int) -> None:
        """Take a wish, m/s and rad/s. One that is refused leaves the previous one standing."""
        self._inbox.append((now_ns, stamp_ns, partial(self._take_command, vx, wz)))

    def on_command_lost(self, reason: str) -> None:
        """The transport says that nobody sends commands any more, before their age does."""
        self._inbox = deque((m for m in self._inbox if m[2].func != self._take_command), _INBOX)
        self._command_stream.forget()

    def on_odometry(self, stamp_ns: int, vx: float, wz: float, now_ns: int) -> None:
        """Take a measured velocity of the base, m/s and rad/s."""
        self._inbox.append((now_ns, stamp_ns, partial(self._take_odometry, vx, wz)))

    def on_imu(self, stamp_ns: int, wz: float, now_ns: int) -> None:
        """Take a yaw rate of the gyroscope, rad/s."""
        self._inbox.append((now_ns, stamp_ns, partial(self._take_imu, wz)))

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
            silent = any(self._odometry_stream.findings(now_ns - self._offset_ns))
            if silent or self._odometry_gap:
                return False, "refused: odometry is silent or wrong, so standstill is not known"
            if not self._stands():
                return False, "refused: the robot still moves"
        for fault in (Fault.OPERATOR_STOP, Fault.INTERNAL_ERROR):
            self._present.pop(fault, None)
        for name, scanner in self._scanners.items():
            scanner.trust()
            self._plausible[name].forget()
        self._begin_anew = self._unmoved = True
        self._machine.reset()
        return True, f"{self._machine.state.value}: reset by {who}"

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

    def _cycle(self, now_ns: int, steady_ns: int) -> MonitorOutput:
        findings = [*self._clock.tick(now_ns, steady_ns), *self._loop.tick(steady_ns)]
        self._read_inbox(now_ns, steady_ns)
        now_ns -= self._offset_ns
        can_judge = self._look_around(now_ns)
        findings += self._findings(now_ns)
        if not can_judge and not any(f.severity >= Severity.STOP for f in findings):
            findings.append(
                Finding(Fault.ODOMETRY_SILENT, "does not reach back to the newest scan")
            )
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
        self._commanded.tell(steady_ns, output.vx, output.wz)
        self._dictated.add(now_ns, output.vx, output.wz)
        self._unmoved &= output.vx == 0.0 and output.wz == 0.0 and self._stands()
        return output

    def _read_inbox(self, now_ns: int, steady_ns: int) -> None:
        """Take what has arrived since the last cycle, in the monitor's own time.

        That time goes on through a jump of the clock, so that all that is known stays valid; what
        was stamped before the jump and not yet read is dropped.
        """
        jumped_ns = self._clock.jumped_ns
        self._offset_ns += jumped_ns
        self._now_ns, self._steady_ns = now_ns - self._offset_ns, steady_ns
        self._commanded.wait(steady_ns)
        self._odometry_gap |= jumped_ns != 0
        inbox, self._inbox = self._inbox, deque(maxlen=_INBOX)
        for arrived_ns, stamp_ns, take in inbox:
            if abs(now_ns - arrived_ns) <= abs(now_ns - jumped_ns - arrived_ns):
                take(stamp_ns - self._offset_ns, arrived_ns - self._offset_ns)

    def _take_scan(
        self,
        source: str,
        ranges: Ranges,
        layout: tuple[float, float, float, float],
        stamp_ns: int,
        now_ns: int,
    ) -> None:
        self._scanners[source].take(stamp_ns, ranges, *layout, now_ns)

    def _take_command(self, vx: float, wz: float, stamp_ns: int, now_ns: int) -> None:
        if self._command_stream.take(stamp_ns, now_ns, not_finite(vx, wz)):
            self._command = (float(vx), float(wz))

    def _take_imu(self, wz: float, stamp_ns: int, now_ns: int) -> None:
        if self._imu_stream.take(stamp_ns, now_ns, not_finite(wz)) and self._told:
            self._yaw_rates.compare(stamp_ns, self._told[1], float(wz))

    def _take_odometry(self, vx: float, wz: float, stamp_ns: int, now_ns: int) -> None:
        """Move the robot on; after a gap the memory shrinks by what may have gone unnoticed."""
        c, flaw = self.config, not_finite(vx, wz)
        fastest = max(c.max_linear_velocity, -c.min_linear_velocity)
        if abs(vx) > _INCREDIBLE * fastest or abs(wz) > _INCREDIBLE * c.max_angular_velocity:
            flaw = flaw or f"({vx}, {wz}) is faster than the base can be"
        latest = self._reckoning.latest
        if not self._odometry_stream.take(stamp_ns, now_ns, flaw):
            # A copy, or one that a later one has overtaken, leaves nothing unknown; but where only
            # such ones come, stamps have stopped telling of time.
            lately = self._steady_ns - self._commanded.measured_ns <= 2 * _GAP * _SECOND
            overtaken = lately and latest is not None and stamp_ns <= latest.stamp_ns
            self._odometry_gap |= bool(flaw) or not overtaken
            return
        self._told = v, w = float(vx), float(wz)
        if self.config.use_imu and any(self._yaw_rates.findings(now_ns)):
            self._disbelieve()
            return
        at_ns = self._steady_ns - max(0, self._now_ns - stamp_ns)
        passed = 0.0 if latest is None else (stamp_ns - latest.stamp_ns) / _SECOND
        if latest is None or (passed <= _GAP and not self._odometry_gap):
            offset, along = self._reckoning.add(stamp_ns, v, w)
            self._seen.doubt(self._reckoning.pose, offset, along, 0.0)
        else:
            ends = self._commanded.moved(at_ns, (v, w), passed)
            self._doubt(*self._reckoning.bridge(stamp_ns, v, w, ends, self._commanded.speeds))
        self._begin_gap(at_ns)
        self._odometry_gap = False
        if not self._yaw_rates.apart:
            self._agreed = self._reckoning.latest, at_ns

    def _disbelieve(self) -> None:
        """Odometry and gyroscope contradict one another: go by what was commanded since."""
        latest, at_ns = self._agreed
        if latest is not None and not self._odometry_gap:
            self._reckoning.go_back(latest)
            self._begin_gap(at_ns)
        self._odometry_gap = True

    def _begin_gap(self, at_ns: int) -> None:
        """What may follow the newest measurement until the next."""
        latest = self._reckoning.latest
        if latest is not None:
            self._commanded.measured(at_ns, (latest.v, latest.w), latest.slip)

    def _doubt(self, offset: float, turn: float) -> None:
        """The robot may be so far from where odometry has it, metres and radians."""
        self._seen.doubt(self._reckoning.pose, offset, 0.0, turn)
        for plausible in self._plausible.values():
            plausible.forget()

    def _stands(self) -> bool:
        """Whether the newest odometry, if there is any, measured no motion."""
        latest = self._reckoning.latest
        if latest is None:
            return True
        return abs(latest.v) + latest.slip <= _STANDSTILL[0] and abs(latest.w) <= _STANDSTILL[1]

    def _findings(self, now_ns: int) -> list[Finding]:
        watchers = [
            *self._scanners.values(),
            *self._plausible.values(),
            self._odometry_stream,
            self._command_stream,
            *((self._imu_stream, self._yaw_rates) if self.config.use_imu else ()),
        ]
        present = [Finding(fault, detail) for fault, detail in self._present.items()]
        return present + [finding for w in watchers for finding in w.findings(now_ns)]

    def _look_around(self, now_ns: int) -> bool:
        """Judge new scans and remember what they see; returns whether motion can be judged."""
        latest = self._reckoning.latest
        if latest is None:
            return False
        vouched_ns = now_ns - round(0.5 * self.config.memory_time * _SECOND)
        if self._begin_anew or (self._unmoved and self._began_ns < vouched_ns):
            self._seen.start(latest.pose, self._unmoved)
            self._begin_anew, self._began_ns = False, now_ns
        for name, scanner in self._scanners.items():
            if scanner.stamp_ns is None:
                return False
            then = self._reckoning.pose_at(scanner.stamp_ns)
            if then is None:
                return False
            # Where the robot was is measured, not guessed from what it did before.
            close = scanner.stamp_ns - latest.stamp_ns <= _GAP * _SECOND
            if close and scanner.stamp_ns != self._remembered[name]:
                self._remembered[name] = scanner.stamp_ns
                self._compare(name, then, now_ns)
                judges = (scanner, self._plausible[name])
                found = [finding for judge in judges for finding in judge.findings(now_ns)]
                apart = self.config.use_imu and self._yaw_rates.apart
                if not apart and all(finding.severity < Severity.STOP for finding in found):
                    self._seen.remember(scanner.scan, then)
        return True

    def _compare(self, name: str, odometry: Pose, now_ns: int) -> None:
        """Set a new scan against the motion that odometry and the commands tell of."""
        if any(f.severity is Severity.STOP for f in self._scanners[name].findings(now_ns)):
            # What is known to be wrong is no reference for what comes after it.
            self._plausible[name].forget()
            return
        plausible, stamp_ns = self._plausible[name], self._scanners[name].stamp_ns
        commanded = self._dictated.pose_at(stamp_ns) if stamp_ns is not None else None
        plausible.look(odometry, commanded or odometry)
        if plausible.off > 0.0:
            self._doubt(plausible.off, 0.0)

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
        return MonitorOutput(
            vx=v * scale if scale else 0.0,
            wz=w * scale if scale else 0.0,
            state=self._machine.state.value,
            cause=cause,
            scale=scale,
            intervention=intervention,
            clearance=clearance,
            findings=findings,
        )

    def _scale(self, v: float, w: float, now_ns: int) -> tuple[float, float]:
        """How much of a command is let through, and the clearance now."""
        latest = self._reckoning.latest
        assert latest is not None, "only asked for after looking around"
        base, scanners = latest.pose, list(self._scanners.values())
        returns = np.concatenate([self._returns(scanner, base) for scanner in scanners])
        scale = self._tier(v, w, returns)
        asked = (v * scale, w * scale)
        age = max(0.0, (now_ns + self._clock.stalled_ns - latest.stamp_ns) / _SECOND)
        acting = self._commanded.acting(self._steady_ns - round(age * _SECOND))
        motion = Motion(latest.v, latest.w, age, acting, latest.slip)
        reaction = self._loop.reaction
        reach = self._envelope.reach(motion, asked, reaction)
        unknown = self._seen.unknown(base, reach, scanners)
        points = np.concatenate([unknown, returns])
        verdict = self._envelope.evaluate(points, motion, asked, reaction, reach)
        return scale * verdict.scale, verdict.clearance

    def _returns(self, scanner: Scanner, base: Pose) -> Floats:
        """(N, 2) points of a scanner's newest scan in the frame of `base`."""
        then = self._reckoning.pose_at(scanner.scan.stamp_ns)
        assert then is not None, "only asked for after looking around"
        return scanner.points_from(base, then)

    def _tier(self, v: float, w: float, returns: Floats) -> float:
        """The largest scale that keeps the robot's limits, the zones' and the speed tier's."""
        c = self.config
        limits = [(c.max_linear_velocity, -c.min_linear_velocity, c.max_angular_velocity)]
        if v < 0.0 and not any(s.looks_at(_BEHIND)[0] for s in self._scanners.values()):
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
