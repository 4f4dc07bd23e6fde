from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety_monitor.state_machine import RANK, TRANSITIONS, Severity, State, StateMachine

RECOVERY = 300
NEXT = {
    Severity.NONE: State.NOMINAL,
    Severity.DEGRADE: State.DEGRADED,
    Severity.STOP: State.SAFE_STOP,
    Severity.EMERGENCY: State.EMERGENCY_STOP,
}


def machine_in(state: State) -> StateMachine:
    machine = StateMachine(RECOVERY)
    machine.state = state
    return machine


def test_the_first_state_is_a_safe_stop() -> None:
    assert StateMachine(RECOVERY).state is State.SAFE_STOP


def test_the_table_has_every_state_and_severity() -> None:
    assert set(TRANSITIONS) == set(State)
    assert all(len(row) == len(Severity) for row in TRANSITIONS.values())


@pytest.mark.parametrize(("state", "severity"), list(itertools.product(State, Severity)))
def test_every_state_with_every_severity(state: State, severity: Severity) -> None:
    machine = machine_in(state)
    expected = State.EMERGENCY_STOP if state is State.EMERGENCY_STOP else NEXT[severity]
    at_once = expected if RANK[expected] >= RANK[state] else state
    assert machine.update(severity, 1000) is at_once
    assert machine.update(severity, 1000 + RECOVERY - 1) is at_once
    assert machine.update(severity, 1000 + RECOVERY) is expected


@pytest.mark.parametrize("state", State)
def test_a_reset_leads_from_emergency_stop_to_safe_stop_and_changes_nothing_else(
    state: State,
) -> None:
    expected = State.SAFE_STOP if state is State.EMERGENCY_STOP else state
    assert machine_in(state).reset() is expected


def test_a_flicker_starts_the_calm_anew() -> None:
    machine = machine_in(State.SAFE_STOP)
    machine.update(Severity.NONE, 0)
    machine.update(Severity.STOP, RECOVERY - 1)
    machine.update(Severity.NONE, RECOVERY)
    assert machine.update(Severity.NONE, 2 * RECOVERY - 1) is State.SAFE_STOP
    assert machine.update(Severity.NONE, 2 * RECOVERY) is State.NOMINAL


def test_calm_is_not_found_in_a_clock_that_goes_back() -> None:
    machine = machine_in(State.SAFE_STOP)
    machine.update(Severity.NONE, 1000)
    machine.update(Severity.NONE, 100)
    assert machine.update(Severity.NONE, 100 + RECOVERY - 1) is State.SAFE_STOP


def test_after_a_reset_calm_is_counted_from_the_reset() -> None:
    machine = machine_in(State.EMERGENCY_STOP)
    machine.update(Severity.NONE, 0)
    machine.reset()
    assert machine.update(Severity.NONE, 10_000) is State.SAFE_STOP
    assert machine.update(Severity.NONE, 10_000 + RECOVERY) is State.NOMINAL


@given(st.lists(st.tuples(st.sampled_from(list(Severity)), st.integers(0, 400)), max_size=60))
def test_it_never_improves_without_calm_and_never_leaves_an_emergency_stop(
    events: list[tuple[Severity, int]],
) -> None:
    machine = StateMachine(RECOVERY)
    now, bad_at = 0, dict.fromkeys(State, 0)
    for severity, passed in events:
        now += passed
        before = machine.state
        after = machine.update(severity, now)
        for state in State:
            if severity >= RANK[state]:
                bad_at[state] = now
        assert RANK[after] >= severity
        if before is State.EMERGENCY_STOP:
            assert after is before
        if RANK[after] < RANK[before]:
            assert now - bad_at[before] >= RECOVERY
