"""Each step up of the state machine needs a calm of its own."""

from __future__ import annotations

from safety_monitor.state_machine import Severity, State, StateMachine

RECOVERY = 300


def test_from_a_safe_stop_it_first_goes_slowly_and_then_waits_again() -> None:
    machine = StateMachine(RECOVERY)
    machine.update(Severity.DEGRADE, 0)
    assert machine.update(Severity.DEGRADE, RECOVERY) is State.DEGRADED
    assert machine.update(Severity.NONE, RECOVERY + 1) is State.DEGRADED
    assert machine.update(Severity.NONE, 2 * RECOVERY) is State.DEGRADED
    assert machine.update(Severity.NONE, 2 * RECOVERY + 1) is State.NOMINAL


def test_when_less_gets_better_than_it_seemed_the_calm_goes_on() -> None:
    """The stop ended with the first fault; whether it is slow or not is for the last moment."""
    machine = StateMachine(RECOVERY)
    machine.update(Severity.NONE, 0)
    assert machine.update(Severity.DEGRADE, RECOVERY - 1) is State.SAFE_STOP
    assert machine.update(Severity.DEGRADE, RECOVERY) is State.DEGRADED


def test_after_a_relapse_the_calm_is_counted_from_its_end() -> None:
    machine = StateMachine(RECOVERY)
    machine.update(Severity.NONE, 0)
    assert machine.update(Severity.NONE, RECOVERY) is State.NOMINAL
    assert machine.update(Severity.STOP, RECOVERY + 1) is State.SAFE_STOP
    assert machine.update(Severity.NONE, RECOVERY + 2) is State.SAFE_STOP
    assert machine.update(Severity.NONE, 2 * RECOVERY + 1) is State.SAFE_STOP
    assert machine.update(Severity.NONE, 2 * RECOVERY + 2) is State.NOMINAL
