"""What other processes tell becomes records: each event once, gaps named. Pure; times are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from autonomy_governance.audit import Kind

_KINDS: dict[str, Kind] = {
    "transition": "transition",
    "intervention": "intervention",
    "operator": "operator",
    "start": "start",
    "stop": "stop",
}
_STRENGTH = {"none": 0, "slowed": 1, "stopped": 2}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a process told (a message of /safety/events).

    source: which process. run: which life of it. number: counts its events, from 1. who: who
    acted. stamp_ns: ROS time. digest: of the inputs that it was based on.
    """

    source: str
    run: str
    number: int
    kind: str
    cause: str
    who: str
    stamp_ns: int
    digest: str = ""
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """source/run/number, as it stands in the message and in the record."""
        return f"{self.source}/{self.run}/{self.number}"


class Record(Protocol):
    """Where records go: `AuditLog.record`."""

    def __call__(
        self,
        kind: Kind,
        stamp_ns: int,
        who: str,
        cause: str,
        details: Mapping[str, object] | None = None,
        digest: str = "",
    ) -> None:
        """Append a record."""


class EventRecorder:
    """Records the events of all sources.

    A source keeps its newest events for who comes late and numbers them, so that after a restart
    of either side nothing is recorded twice, and what is missing is recorded as a gap. An
    intervention that flaps is one intervention: it has ended when `hold_s` passed in calm.
    """

    def __init__(self, record: Record, hold_s: float = 1.0) -> None:
        self._record = record
        self._hold_ns = round(hold_s * 1e9)
        self._recorded: dict[tuple[str, str], int] = {}
        self._worst = "none"
        self._began: Event | None = None
        self._calm: tuple[int, Event] | None = None
        self._changes = 0

    def resume(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Go on where an earlier process of the same log ended."""
        for record in records:
            source, _, rest = str(record["details"].get("event", "")).partition("/")
            run, _, number = rest.partition("/")
            if number.isdecimal():
                self._recorded[source, run] = int(number)

    def take(self, event: Event, now_ns: int) -> None:
        """Take an event that arrived at `now_ns` of a clock that nobody sets."""
        last = self._recorded.get((event.source, event.run), 0)
        if event.number <= last:
            return
        self._recorded[event.source, event.run] = event.number
        if event.number > last + 1:
            cause = f"events {last + 1} to {event.number - 1} of {event.source} were not heard"
            details = {"first": last + 1, "last": event.number - 1, "run": event.run}
            self._record("gap", event.stamp_ns, "audit", cause, details)
        if event.kind == "intervention":
            self._intervene(event, now_ns)
        else:
            self._write(event, event.cause, event.details)

    def tick(self, now_ns: int) -> None:
        """Call now and then: an intervention is over once it has been calm for a while."""
        if self._calm is not None and now_ns - self._calm[0] >= self._hold_ns:
            self._end(self._calm[1])

    def _intervene(self, event: Event, now_ns: int) -> None:
        phase = event.details.get("to", "")
        self._changes += 1
        if _STRENGTH.get(phase, 2) == 0:
            self._calm = (now_ns, event)
            return
        self._calm = None
        if _STRENGTH.get(phase, 2) > _STRENGTH[self._worst]:
            self._began = self._began or event
            self._worst = phase if phase in _STRENGTH else "stopped"
            self._write(event, event.cause, {**event.details, "phase": phase})

    def _end(self, last: Event) -> None:
        details: dict[str, object] = {"phase": "end", "changes": self._changes}
        if self._began is not None:
            details["worst"] = self._worst
            details["duration_s"] = (last.stamp_ns - self._began.stamp_ns) * 1e-9
        self._worst, self._began, self._calm, self._changes = "none", None, None, 0
        self._write(last, "over", details)

    def _write(self, event: Event, cause: str, details: Mapping[str, object]) -> None:
        kind = _KINDS.get(event.kind, "unknown")
        told = {**details, "event": event.identity}
        self._record(kind, event.stamp_ns, event.who, cause, told, event.digest)
