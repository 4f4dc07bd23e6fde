"""What happened in a run, as plain time series on simulated time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

from autonomy_interfaces.messages import Pose2D, seconds
from scenario_eval.report.charts import Span


@dataclass(frozen=True, slots=True)
class Motion:
    """Where the robot truly was: world frame, metres, radians, m/s, rad/s."""

    stamp_ns: int
    x: float
    y: float
    yaw: float
    vx: float
    wz: float


@dataclass(frozen=True, slots=True)
class Velocity:
    """A command: m/s and rad/s."""

    stamp_ns: int
    vx: float
    wz: float

    @property
    def is_zero(self) -> bool:
        """Whether it asks the robot to stand."""
        return self.vx == 0.0 and self.wz == 0.0


@dataclass(frozen=True, slots=True)
class Clearance:
    """Metres from the robot's body to the nearest thing that its lidar saw."""

    stamp_ns: int
    metres: float


@dataclass(frozen=True, slots=True)
class Tick:
    """One decision: who drove and why."""

    stamp_ns: int
    driver: str
    reason: str


@dataclass(frozen=True, slots=True)
class Safety:
    """State of the safety monitor and what it did to the command."""

    stamp_ns: int
    state: str
    cause: str
    scale: float
    intervention: str


@dataclass(frozen=True, slots=True)
class Mission:
    """State of the mission."""

    stamp_ns: int
    state: str
    reason: str
    distance_m: float


@dataclass(frozen=True, slots=True)
class Contact:
    """What the robot touches from now on; "" for nothing."""

    stamp_ns: int
    model: str


@dataclass(slots=True)
class RunLog:
    """All that a run is judged and drawn from. Stamps are simulated time in nanoseconds.

    seen: cells of `SEEN_CELL_M` in the world frame in which the lidar saw something.
    """

    motions: list[Motion] = field(default_factory=list)
    wishes: list[Velocity] = field(default_factory=list)
    commands: list[Velocity] = field(default_factory=list)
    clearances: list[Clearance] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    safety: list[Safety] = field(default_factory=list)
    missions: list[Mission] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)

    @property
    def start_ns(self) -> int | None:
        """When the goal became active; None before."""
        return next((entry.stamp_ns for entry in self.missions if entry.state == "active"), None)

    @property
    def outcome(self) -> Mission | None:
        """The first status with an outcome after the goal became active; None before."""
        start_ns = self.start_ns
        if start_ns is None:
            return None
        return next(
            (
                entry
                for entry in self.missions
                if entry.stamp_ns >= start_ns and entry.state not in ("idle", "active")
            ),
            None,
        )

    @property
    def end_ns(self) -> int:
        """When the mission had its outcome; the newest stamp before."""
        outcome = self.outcome
        if outcome is not None:
            return outcome.stamp_ns
        series = (self.motions, self.commands, self.missions)
        return max((entries[-1].stamp_ns for entries in series if entries), default=0)

    @property
    def duration_s(self) -> float:
        """Simulated seconds from the goal's acceptance to its outcome, or so far."""
        return 0.0 if self.start_ns is None else seconds(max(self.end_ns - self.start_ns, 0))

    @property
    def pose(self) -> Pose2D | None:
        """Where the robot is now, world frame."""
        if not self.motions:
            return None
        newest = self.motions[-1]
        return Pose2D(newest.x, newest.y, newest.yaw)

    def elapsed_s(self, stamp_ns: int) -> float:
        """Seconds from the goal's acceptance to `stamp_ns`."""
        return seconds(stamp_ns - (self.start_ns or 0))

    def driven(self) -> list[Motion]:
        """Motions while the goal was active."""
        start_ns, end_ns = self.start_ns, self.end_ns
        if start_ns is None:
            return []
        return [entry for entry in self.motions if start_ns <= entry.stamp_ns <= end_ns]

    def path_length_m(self) -> float:
        """Length of the path driven while the goal was active."""
        driven = self.driven()
        return sum(
            math.hypot(after.x - before.x, after.y - before.y) for before, after in pairwise(driven)
        )

    def driver_spans(self) -> list[Span]:
        """Who drove, while the goal was active."""
        return self._spans([(t.stamp_ns, t.driver, t.reason) for t in self.ticks])

    def safety_spans(self) -> list[Span]:
        """States of the safety monitor while the goal was active."""
        return self._spans([(s.stamp_ns, s.state, s.cause) for s in self.safety])

    def intervention_spans(self) -> list[Span]:
        """What the monitor did to the command while the goal was active: none, slowed, stopped."""
        return self._spans([(s.stamp_ns, s.intervention, s.cause) for s in self.safety])

    def collisions(self) -> list[Contact]:
        """Every beginning of a contact."""
        began = []
        touched = ""
        for contact in self.contacts:
            if contact.model and contact.model != touched:
                began.append(contact)
            touched = contact.model
        return began

    def minimum_clearance_m(self) -> float | None:
        """Least clearance while the goal was active; None where nothing was measured."""
        start_ns, end_ns = self.start_ns, self.end_ns
        if start_ns is None:
            return None
        return min(
            (c.metres for c in self.clearances if start_ns <= c.stamp_ns <= end_ns), default=None
        )

    def policy_tick_share(self) -> float | None:
        """Share of the decisions under the active goal that the policy made; None without any."""
        start_ns = self.start_ns
        if start_ns is None:
            return None
        drivers = [t.driver for t in self.ticks if start_ns <= t.stamp_ns <= self.end_ns]
        return drivers.count("policy") / len(drivers) if drivers else None

    def _spans(self, entries: list[tuple[int, str, str]]) -> list[Span]:
        """Merge equal neighbours; only what overlaps the time of the active goal."""
        start_ns, end_ns = self.start_ns, self.end_ns
        if start_ns is None:
            return []
        spans: list[Span] = []
        ends = [stamp_ns for stamp_ns, _, _ in entries[1:]] + [end_ns]
        for (stamp_ns, value, detail), until_ns in zip(entries, ends, strict=True):
            begin_ns, until_ns = max(stamp_ns, start_ns), min(until_ns, end_ns)
            if begin_ns > until_ns:
                continue
            begin_s, until_s = self.elapsed_s(begin_ns), self.elapsed_s(until_ns)
            if spans and spans[-1].value == value:
                last = spans[-1]
                spans[-1] = Span(last.start_s, until_s, value, last.detail or detail)
            else:
                spans.append(Span(begin_s, until_s, value, detail))
        return spans
