"""The safety monitor as one object: what arrives goes in, what may be sent comes out.

No clock, no I/O, no ROS. Every time is given, in integer nanoseconds. Nothing raises: what
cannot be used is a fault, and a defect of the monitor itself is an emergency stop.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import DeadReckoning, Motion, MotionEnvelope
from safety_monitor.kernels import Floats
from safety_monitor.memory import SeenSpace
from safety_monitor.scanner import Scanner
from safety_monitor.state_machine import Severity, State, StateMachine
from safety_monitor.watchdog import (
    ClockWatch,
    Fault,
    Finding,
    LoopWatch,
    Stream,
    YawRateAgreement,
    is_finite,
)

_SECOND = 1_000_000_000
_STANDSTILL = (0.02, 0.05)
_GAP = 0.05
"""Between two measurements of odometry: what is longer is not interpolated, seconds."""
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
        self.config = config
        self._envelope = MotionEnvelope(config)
        self._machine = StateMachine(round(config.recovery_time * _SECOND))
        self._scanners = {
            name: Scanner(config, name, config.lidar_pose[3 * i : 3 * i + 3])
            for i, name in enumerate(config.scan_sources)
        }
        self._reckoning = DeadReckoning()
        self._seen = SeenSpace(config, self._envelope.edges, self._envelope.radius)
        # A person has put the robot where it can turn, and answers for it until it moves.
        self._begin_anew = self._unmoved = True
        self._began_ns = 0
        self._remembered = dict.fromkeys(config.scan_sources, -1)
        self._command_stream = Stream(
            "command", Fault.COMMAND_SILENT, config.command_timeout, config.command_future
        )
        self._odometry_stream = Stream(
            "odometry", Fault.ODOMETRY_SILENT, config.odometry_timeout, config.command_future
        )
        self._imu_stream = Stream(
            "imu", Fault.IMU_SILENT, config.imu_timeout, config.command_future
        )
        self._yaw_rates = YawRateAgreement(config)
        self._clock = ClockWatch(config)
        self._loop = LoopWatch(config)
        self._inbox: deque[Message] = deque(maxlen=_INBOX)
        self._offset_ns = self._steady_ns = self._reckoned_ns = 0
        self._odometry_gap = False
        self._command = (0.0, 0.0)
        self._sent: deque[tuple[int, float, float]] = deque([(0, 0.0, 0.0)], maxlen=64)
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
        ranges: NDArray[np.float32],
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

    def on_intrusion(self, detail: str) -> None:
        """Somebody publishes where nobody may ('' once they no longer do)."""
        self.on_report(Fault.INTRUSION, detail)

    def estop(self, now_ns: int, who: str) -> None:
        """Latch the emergency stop."""
        self._present[Fault.OPERATOR_STOP] = f"pressed by {who}"

    def reset(self, now_ns: int, who: str) -> tuple[bool, str]:
        """Leave an emergency stop for a safe stop; returns whether, and why not."""
        if Fault.INTRUSION in self._present:
            return False, f"refused: intrusion: {self._present[Fault.INTRUSION]}"
        latest = self._reckoning.latest
        if self.config.reset_at_standstill:
            if (
                self._odometry_stream.finding(now_ns - self._offset_ns) is not None
                or latest is None
            ):
                return False, "refused: odometry is silent, so standstill is not known"
            if not self._stands():
                return False, "refused: the robot still moves"
        self._present.pop(Fault.OPERATOR_STOP, None)
        self._present.pop(Fault.INTERNAL_ERROR, None)
        for scanner in self._scanners.values():
            scanner.content.reset()
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

    def on_failure(self, error: Exception) -> None:
        """A defect of the monitor or of what runs it: an emergency stop."""
        self._present[Fault.INTERNAL_ERROR] = f"{type(error).__name__}: {error}"

    def _take_scan(
        self,
        source: str,
        ranges: NDArray[np.float32],
        layout: tuple[float, float, float, float],
        stamp_ns: int,
        now_ns: int,
    ) -> None:
        self._scanners[source].take(stamp_ns, ranges, *layout, now_ns)

    def _take_command(self, vx: float, wz: float, stamp_ns: int, now_ns: int) -> None:
        if not is_finite(vx, wz):
            self._present[Fault.COMMAND_INVALID] = f"({vx}, {wz}) is not finite"
        elif not self._command_stream.accept(stamp_ns, now_ns):
            self._present.pop(Fault.COMMAND_INVALID, None)
            self._command = (float(vx), float(wz))

    def _take_odometry(self, vx: float, wz: float, stamp_ns: int, now_ns: int) -> None:
        if not is_finite(vx, wz):
            self._present[Fault.ODOMETRY_INVALID] = f"({vx}, {wz}) is not finite"
            self._odometry_gap = True
        elif self._odometry_stream.accept(stamp_ns, now_ns):
            self._odometry_gap = True
        else:
            self._present.pop(Fault.ODOMETRY_INVALID, None)
            self._reckon(stamp_ns, float(vx), float(wz))

    def _take_imu(self, wz: float, stamp_ns: int, now_ns: int) -> None:
        if not is_finite(wz) or self._imu_stream.accept(stamp_ns, now_ns):
            return
        latest = self._reckoning.latest
        if latest is not None:
            self._yaw_rates.compare(stamp_ns, latest[2], float(wz))

    def _reckon(self, stamp_ns: int, v: float, w: float) -> None:
        """Move the robot on; after a gap the memory shrinks by what may have gone unnoticed."""
        latest = self._reckoning.latest
        passed = 0.0 if latest is None else (stamp_ns - latest[0]) / _SECOND
        really = (self._steady_ns - self._reckoned_ns) / _SECOND
        if latest is None or (passed <= _GAP and not self._odometry_gap):
            self._reckoning.add(stamp_ns, v, w)
        else:
            velocities = np.array([latest[1:], (v, w), *self._acting(latest[0])])
            spans = (min(passed, really), max(passed, really))
            offset, turn = self._reckoning.bridge(stamp_ns, v, w, velocities, spans)
            pose = self._reckoning.pose_at(stamp_ns)
            assert pose is not None, "the newest measurement has a pose"
            self._seen.doubt(pose, offset, turn, stamp_ns)
        self._odometry_gap, self._reckoned_ns = False, self._steady_ns

    def _cycle(self, now_ns: int, steady_ns: int) -> MonitorOutput:
        clock = self._clock.tick(now_ns, steady_ns)
        self._read_inbox(now_ns, steady_ns)
        now_ns -= self._offset_ns
        findings = self._findings(clock, now_ns, steady_ns)
        can_judge = self._look_around(now_ns)
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
        self._sent.append((now_ns, output.vx, output.wz))
        self._unmoved &= output.vx == 0.0 and output.wz == 0.0 and self._stands()
        return output

    def _read_inbox(self, now_ns: int, steady_ns: int) -> None:
        """Take what has arrived since the last cycle, in the monitor's own time.

        That time goes on through a jump of the clock, so that all that is known stays valid; what
        was stamped before the jump and not yet read is dropped.
        """
        self._steady_ns = steady_ns
        jumped_ns = self._clock.jumped_ns
        self._offset_ns += jumped_ns
        self._odometry_gap |= jumped_ns != 0
        inbox, self._inbox = self._inbox, deque(maxlen=_INBOX)
        for arrived_ns, stamp_ns, take in inbox:
            if abs(now_ns - arrived_ns) <= abs(now_ns - jumped_ns - arrived_ns):
                take(stamp_ns - self._offset_ns, arrived_ns - self._offset_ns)

    def _stands(self) -> bool:
        """Whether the newest odometry, if there is any, measured no motion."""
        _, v, w = self._reckoning.latest or (0, 0.0, 0.0)
        return abs(v) <= _STANDSTILL[0] and abs(w) <= _STANDSTILL[1]

    def _findings(self, clock: Finding | None, now_ns: int, steady_ns: int) -> list[Finding]:
        imu = (self._imu_stream.finding(now_ns), self._yaw_rates.finding(now_ns))
        candidates = [
            *(Finding(fault, detail) for fault, detail in self._present.items()),
            clock,
            *(finding for s in self._scanners.values() for finding in s.findings(now_ns)),
            self._odometry_stream.finding(now_ns),
            *(imu if self.config.use_imu else ()),
            self._command_stream.finding(now_ns),
            self._loop.tick(steady_ns),
        ]
        return [finding for finding in candidates if finding is not None]

    def _look_around(self, now_ns: int) -> bool:
        """Enter new scans into the memory of free space; returns whether motion can be judged."""
        latest = self._reckoning.latest
        if latest is None:
            return False
        vouched_ns = now_ns - round(0.5 * self.config.memory_time * _SECOND)
        if self._begin_anew or (self._unmoved and self._began_ns < vouched_ns):
            here = self._reckoning.pose_at(latest[0])
            assert here is not None, "the newest measurement has a pose"
            self._seen.start(here, now_ns, self._unmoved)
            self._begin_anew, self._began_ns = False, now_ns
        for name, scanner in self._scanners.items():
            if scanner.stamp_ns is None:
                return False
            then = self._reckoning.pose_at(scanner.stamp_ns)
            if then is None:
                return False
            # Where the robot was is measured, not guessed from what it did before.
            close = scanner.stamp_ns - latest[0] <= _GAP * _SECOND
            if close and scanner.stamp_ns != self._remembered[name]:
                self._seen.remember(scanner, then)
                self._remembered[name] = scanner.stamp_ns
        return True

    def _obstacles(self, reach: float, now_ns: int) -> Floats:
        """(N, 2) points that nothing may touch, in the base frame of the newest odometry."""
        latest = self._reckoning.latest
        base = None if latest is None else self._reckoning.pose_at(latest[0])
        assert base is not None, "only asked for after looking around"
        scanners = list(self._scanners.values())
        parts = [self._seen.unknown(base, reach, scanners, now_ns)]
        for scanner in scanners:
            then = self._reckoning.pose_at(scanner.scan.stamp_ns)
            assert then is not None, "only asked for after looking around"
            parts.append(scanner.points_from(base, then))
        return np.concatenate(parts)

    def _judge(self, now_ns: int, may_move: bool, findings: tuple[Finding, ...]) -> MonitorOutput:
        """Scale the standing command."""
        v, w = self._command
        scale, clearance = 0.0, float("inf")
        if v == 0.0 and w == 0.0:
            scale = 1.0
        elif may_move:
            scale = self._tier(v, w)
            asked = (v * scale, w * scale)
            motion, reaction = self._motion(now_ns), self._loop.reaction
            reach = self._envelope.reach(motion, asked, reaction)
            points = self._obstacles(reach, now_ns)
            verdict = self._envelope.evaluate(points, motion, asked, reaction)
            scale, clearance = scale * verdict.scale, verdict.clearance
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

    def _tier(self, v: float, w: float) -> float:
        """The largest scale that keeps the robot's limits and the present speed tier."""
        c = self.config
        fastest, turning = c.max_linear_velocity, c.max_angular_velocity
        slowest = max(c.min_linear_velocity, -c.blind_reverse_speed)
        if self._machine.state is State.DEGRADED:
            fastest, turning = min(fastest, c.degraded_speed), min(turning, c.degraded_rate)
            slowest = max(slowest, -c.degraded_speed)
        scale = 1.0
        if v > fastest:
            scale = fastest / v
        elif v < slowest:
            scale = slowest / v
        if abs(w) > turning:
            scale = min(scale, turning / abs(w))
        return scale

    def _motion(self, now_ns: int) -> Motion:
        """The measured velocity, and what may act on the wheels since it was measured."""
        latest = self._reckoning.latest
        assert latest is not None, "there are no obstacle points without odometry"
        return Motion(
            v=latest[1],
            w=latest[2],
            age=max(0.0, (now_ns + self._clock.stalled_ns - latest[0]) / _SECOND),
            sent=self._acting(latest[0]),
        )

    def _acting(self, since_ns: int) -> tuple[tuple[float, float], ...]:
        """The commands that may have acted on the wheels since a time."""
        acting: list[tuple[float, float]] = []
        for stamp, v, w in reversed(self._sent):
            acting.append((v, w))
            if stamp <= since_ns - round(self.config.actuation_delay * _SECOND):
                break
        return tuple(acting)
