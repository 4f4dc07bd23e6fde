"""The states of the monitor: one table and a clock for calm."""

from __future__ import annotations

from enum import Enum, IntEnum


class State(Enum):
    """What the monitor lets through."""

    NOMINAL = "nominal"
    DEGRADED = "degraded"
    SAFE_STOP = "safe_stop"
    EMERGENCY_STOP = "emergency_stop"


class Severity(IntEnum):
    """How bad the worst present fault is."""

    NONE = 0
    DEGRADE = 1
    STOP = 2
    EMERGENCY = 3


_N, _D, _S, _E = State.NOMINAL, State.DEGRADED, State.SAFE_STOP, State.EMERGENCY_STOP

RANK = dict(zip(State, Severity, strict=True))
TRANSITIONS: dict[State, tuple[State, State, State, State]] = {
    # state: next by severity NONE, DEGRADE, STOP, EMERGENCY; improvements need calm
    _N: (_N, _D, _S, _E),
    _D: (_N, _D, _S, _E),
    _S: (_N, _D, _S, _E),
    _E: (_E, _E, _E, _E),
}


class StateMachine:
    """Worsens at once, improves after calm, and leaves an emergency stop only by a reset."""

    def __init__(self, recovery_ns: int) -> None:
        self.state = State.SAFE_STOP
        self._recovery_ns = recovery_ns
        self._calm_since: int | None = None

    def update(self, severity: Severity, now_ns: int) -> State:
        """Take the worst present severity; returns the new state.

        `now_ns` comes from a clock that never goes back.
        """
        target = TRANSITIONS[self.state][severity]
        if RANK[target] >= RANK[self.state]:
            self._calm_since = None
            self.state = target
        elif self._calm_since is None or now_ns < self._calm_since:
            self._calm_since = now_ns
        if self._calm_since is not None and now_ns - self._calm_since >= self._recovery_ns:
            self._calm_since = None
            self.state = target
        return self.state

    def reset(self) -> State:
        """Leave an emergency stop for a safe stop; in any other state nothing happens."""
        if self.state is State.EMERGENCY_STOP:
            self.state = State.SAFE_STOP
            self._calm_since = None
        return self.state
