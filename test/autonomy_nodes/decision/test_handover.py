"""The wheel passes at the first fault and comes back only after a run of good ticks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.messages import SECOND, Pose2D
from autonomy_nodes.decision.goal_lease import GoalLease
from autonomy_nodes.decision.handover import DriverSelector, Fault, Mode

LATE = Fault("late", "no answer")


def test_first_fault_hands_over_and_says_why():
    selector = DriverSelector(Mode.DEFAULT, return_ticks=3)
    assert selector.update(None, 1) is None
    event = selector.update(LATE, 2)
    assert event is not None
    assert (event.stamp_ns, event.previous, event.driver) == (2, "policy", "fallback")
    assert (event.reason, event.detail) == ("late", "no answer")
    assert selector.driver == "fallback"


def test_return_takes_consecutive_good_ticks():
    selector = DriverSelector(Mode.DEFAULT, return_ticks=3)
    selector.update(LATE, 0)
    for fault in (None, None, LATE, None, None):
        assert selector.update(fault, 1) is None
    event = selector.update(None, 2)
    assert event is not None and event.driver == "policy" and event.reason == "recovered"


@pytest.mark.parametrize(("mode", "driver"), [(Mode.POLICY, "policy"), (Mode.FALLBACK, "fallback")])
def test_a_single_driver_never_changes(mode, driver):
    selector = DriverSelector(mode, return_ticks=1)
    for fault in (LATE, None, LATE, None):
        assert selector.update(fault, 0) is None
        assert selector.driver == driver


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 6))
def test_policy_never_drives_a_faulty_tick_and_fallback_never_outstays(faulty, return_ticks):
    selector = DriverSelector(Mode.DEFAULT, return_ticks)
    good_run = 0
    for tick, bad in enumerate(faulty):
        before = selector.driver
        event = selector.update(LATE if bad else None, tick)
        good_run = 0 if bad else good_run + 1
        assert not (bad and selector.driver == "policy")
        assert not (good_run >= return_ticks and selector.driver == "fallback")
        assert (event is not None) == (before != selector.driver)


def test_goal_holds_while_it_is_repeated_and_lapses_in_silence():
    lease = GoalLease(1.0)
    goal = Pose2D(1.0, 2.0)
    assert lease.current(0) is None
    lease.hear(goal, 0)
    assert lease.current(SECOND) == goal
    assert lease.current(SECOND + 1) is None
    assert lease.current(0) is None
    lease.hear(goal, 2 * SECOND)
    assert lease.current(2 * SECOND) == goal


def test_goal_lapses_when_the_clock_goes_back():
    lease = GoalLease(1.0)
    lease.hear(Pose2D(1.0, 2.0), 5 * SECOND)
    assert lease.current(4 * SECOND) is None


def test_a_goal_that_is_withdrawn_is_over_at_once() -> None:
    lease = GoalLease(1.0)
    lease.hear(Pose2D(1.0, 2.0), 0)
    lease.withdraw()
    assert lease.current(0) is None
