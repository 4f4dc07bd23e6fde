"""The states of a mission and what moves it from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class MissionState(str, Enum):
    """Where a mission stands; the value is what `/mission/status` carries."""

    IDLE = "idle"
    ACTIVE = "active"
    REACHED = "reached"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"

    @property
    def is_outcome(self) -> bool:
        """Whether a goal ended in this state; the state stays until the next goal."""
        return self not in (MissionState.IDLE, MissionState.ACTIVE)


class MissionEvent(str, Enum):
    """What can happen to a mission."""

    GOAL = "goal"
    CANCEL = "cancel"
    ARRIVED = "arrived"
    NO_PATH = "no_path"
    NO_PROGRESS = "no_progress"
    TIME_UP = "time_up"


_FROM_ACTIVE = {
    MissionEvent.GOAL: MissionState.ACTIVE,
    MissionEvent.CANCEL: MissionState.CANCELLED,
    MissionEvent.ARRIVED: MissionState.REACHED,
    MissionEvent.NO_PATH: MissionState.UNREACHABLE,
    MissionEvent.NO_PROGRESS: MissionState.UNREACHABLE,
    MissionEvent.TIME_UP: MissionState.TIMED_OUT,
}

TRANSITIONS: Mapping[tuple[MissionState, MissionEvent], MissionState] = MappingProxyType(
    {(MissionState.ACTIVE, event): state for event, state in _FROM_ACTIVE.items()}
    | {
        (state, MissionEvent.GOAL): MissionState.ACTIVE
        for state in MissionState
        if state is not MissionState.ACTIVE
    }
)
"""The state after an event. A pair that is absent leaves the state as it is: a mission that is
not active has nothing to cancel, to reach or to time out."""


def next_state(state: MissionState, event: MissionEvent) -> MissionState:
    """State after `event` in `state`."""
    return TRANSITIONS.get((state, event), state)
