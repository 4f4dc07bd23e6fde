"""What of the monitor's 50 cycles a second belongs in the audit log. Pure; times are given."""

from __future__ import annotations

from dataclasses import dataclass

_STRENGTH = {"none": 0, "slowed": 1, "stopped": 2}


@dataclass(frozen=True, slots=True)
class Entry:
    """What to record."""

    kind: str
    cause: str
    details: dict[str, object]


class AuditTrail:
    """Turns cycles into records: one for each transition, two or three for each intervention.

    An intervention begins with the first cycle that changes a command and has ended when `hold_s`
    passed without another, so that a robot that creeps along a wall writes a few lines and not
    fifty a second. Going from slowed to stopped is a line of its own.
    """

    def __init__(self, hold_s: float = 1.0) -> None:
        self._hold_ns = round(hold_s * 1e9)
        self._state, self._worst = "start", "none"
        self._began_ns = self._last_ns = self._cycles = 0
        self._least_scale = 1.0

    def step(
        self, now_ns: int, state: str, cause: str, intervention: str, scale: float
    ) -> list[Entry]:
        """Take one cycle's output; `now_ns` is of a clock that never goes back."""
        entries: list[Entry] = []
        if state != self._state:
            entries.append(Entry("transition", cause, {"from": self._state, "to": state}))
            self._state = state
        if intervention == "none":
            over = self._cycles and now_ns - self._last_ns >= self._hold_ns
            return [*entries, *self.close()] if over else entries
        if _STRENGTH[intervention] > _STRENGTH[self._worst]:
            entries.append(Entry("intervention", cause, {"phase": intervention, "scale": scale}))
            self._worst = intervention
        self._began_ns = self._began_ns if self._cycles else now_ns
        self._last_ns, self._cycles = now_ns, self._cycles + 1
        self._least_scale = min(self._least_scale, scale)
        return entries

    def close(self) -> list[Entry]:
        """The record that ends the present intervention, if there is one."""
        if not self._cycles:
            return []
        details: dict[str, object] = {
            "phase": "end",
            "worst": self._worst,
            "cycles": self._cycles,
            "least_scale": self._least_scale,
            "duration_s": (self._last_ns - self._began_ns) * 1e-9,
        }
        self._worst, self._cycles, self._least_scale = "none", 0, 1.0
        return [Entry("intervention", "over", details)]
