"""What a run left behind: one record per tick, and what can be read from them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import dropwhile

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import VelocityCommand, seconds
from world_sim.simulator import GroundTruth


@dataclass(frozen=True, slots=True)
class TickRecord:
    """One 50 Hz tick of the stack, after it ran.

    stamp_ns: simulated time. truth: the robot's true state. mission: state of the mission.
    driver, reason, planner_status: of the newest decision. wish: what decision asked for.
    monitor_state, cause, intervention, scale: of the safety monitor; `off`, "", `none` and 1
    without one; `silent` in a tick in which its process does not compute. command: what the base
    was last given. gate: how it stands with a goal that needs the safety gate's leave, or "".
    """

    stamp_ns: int
    truth: GroundTruth
    mission: str
    driver: str
    reason: str
    planner_status: str
    wish: VelocityCommand
    monitor_state: str
    cause: str
    intervention: str
    scale: float
    command: VelocityCommand
    gate: str = ""


@dataclass(frozen=True)
class Episode:
    """The records of one run, oldest first.

    hand_overs: times at which another driver took the wheel, nanoseconds, with the driver's
    name. decisions: number of decisions with an active goal, by driver.
    """

    ticks: tuple[TickRecord, ...]
    hand_overs: tuple[tuple[int, str], ...]
    decisions: dict[str, int]

    @property
    def duration_s(self) -> float:
        """Simulated seconds from the first tick to the last."""
        if not self.ticks:
            return 0.0
        return seconds(self.ticks[-1].stamp_ns - self.ticks[0].stamp_ns)

    @property
    def trajectory(self) -> NDArray[np.float64]:
        """(N, 4) float64: seconds, x, y, yaw; true pose in the world frame."""
        rows = [(seconds(t.stamp_ns), t.truth.x, t.truth.y, t.truth.yaw) for t in self.ticks]
        return np.array(rows, dtype=np.float64).reshape(-1, 4)

    @property
    def path_length_m(self) -> float:
        """Length of the true trajectory, metres."""
        steps = np.diff(self.trajectory[:, 1:3], axis=0)
        return float(np.hypot(steps[:, 0], steps[:, 1]).sum())

    @property
    def policy_tick_share(self) -> float:
        """Share of the decisions with an active goal that the policy drove; 0 without any."""
        total = sum(self.decisions.values())
        return self.decisions.get("policy", 0) / total if total else 0.0

    @property
    def interventions(self) -> int:
        """How often the monitor began to slow or stop a command that asked for motion.

        It begins in a safe stop and lets nobody move before its first calm: that is none.
        """
        count, before = 0, "none"
        for tick in dropwhile(lambda tick: tick.monitor_state == "safe_stop", self.ticks):
            moving = math.hypot(tick.wish.vx, tick.wish.wz) > 1e-3
            now = tick.intervention if moving else "none"
            count += now != "none" and before == "none"
            before = now
        return count

    @property
    def contact(self) -> str:
        """The model that the robot touched first, or ""."""
        return next((t.truth.contact for t in self.ticks if t.truth.contact), "")

    def monitor_states(self) -> Counter[str]:
        """Ticks per state of the monitor."""
        return Counter(tick.monitor_state for tick in self.ticks)
