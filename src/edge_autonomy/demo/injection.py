"""Kills the decision process on the way, and watches the stack stop and recover."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autonomy_interfaces.messages import MILLISECOND, SECOND
from edge_autonomy.demo.run_log import RunLog

NODE = "decision"
FIRE_AT_SHARE = 0.35
"""Share of the straight distance to the goal that the robot has gone when the kill comes."""

MOVING_MPS = 0.4
STANDING_MPS = 0.02


@dataclass(frozen=True, slots=True)
class KillResult:
    """What a kill brought about; None for what did not happen.

    stop_ms: from the kill to the publication of a zero on `/cmd_vel`; braking_m: driven from the
    kill to standstill; recovery_s: from the kill to the next motion that was commanded.
    """

    node: str
    killed_pid: int
    respawned_pid: int | None
    stop_ms: float | None
    braking_m: float | None
    recovery_s: float | None

    @property
    def passed(self) -> bool:
        """Whether the robot stopped and drove on under a new process."""
        return None not in (self.respawned_pid, self.stop_ms, self.recovery_s)


class KillWatch:
    """Says when to kill, and follows what `/cmd_vel` does afterwards. Times are system time."""

    def __init__(self) -> None:
        self.killed_ns: int | None = None
        self.killed_stamp_ns: int | None = None
        """Simulated time of the kill."""
        self._killed_pid = 0
        self._stopped_ns: int | None = None
        self._recovered_ns: int | None = None

    def due(self, log: RunLog) -> bool:
        """Whether the robot is on its way, moving, and has gone far enough."""
        if self.killed_ns is not None or log.start_ns is None or not log.motions:
            return False
        known = [m.distance_m for m in log.missions if math.isfinite(m.distance_m)]
        first = next(iter(known), 0.0)
        gone = first > 0.0 and 1.0 - known[-1] / first >= FIRE_AT_SHARE
        return gone and log.motions[-1].vx >= MOVING_MPS

    def killed(self, pid: int, now_ns: int, stamp_ns: int) -> None:
        """Take note of the kill."""
        self.killed_ns, self.killed_stamp_ns, self._killed_pid = now_ns, stamp_ns, pid

    def on_command(self, vx: float, wz: float, published_ns: int) -> None:
        """Take in a `/cmd_vel`."""
        if self.killed_ns is None or published_ns < self.killed_ns:
            return
        is_zero = vx == 0.0 and wz == 0.0
        if self._stopped_ns is None:
            self._stopped_ns = published_ns if is_zero else None
        elif self._recovered_ns is None and not is_zero:
            self._recovered_ns = published_ns

    def result(self, log: RunLog, pid_now: int | None) -> KillResult | None:
        """What the kill brought about; None where none came."""
        if self.killed_ns is None or self.killed_stamp_ns is None:
            return None
        stopped, recovered = self._stopped_ns, self._recovered_ns
        return KillResult(
            node=NODE,
            killed_pid=self._killed_pid,
            respawned_pid=pid_now if pid_now != self._killed_pid else None,
            stop_ms=None if stopped is None else (stopped - self.killed_ns) / MILLISECOND,
            braking_m=_braking_m(log, self.killed_stamp_ns),
            recovery_s=None if recovered is None else (recovered - self.killed_ns) / SECOND,
        )


def _braking_m(log: RunLog, killed_stamp_ns: int) -> float | None:
    """Path from the kill to standstill."""
    length = 0.0
    before = None
    for motion in log.motions:
        if motion.stamp_ns < killed_stamp_ns:
            continue
        if before is not None:
            length += math.hypot(motion.x - before.x, motion.y - before.y)
        if abs(motion.vx) < STANDING_MPS:
            return length
        before = motion
    return None
