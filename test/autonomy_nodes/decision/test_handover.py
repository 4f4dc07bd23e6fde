"""The wheel passes at the first fault and comes back only after a run of good ticks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.messages import SECOND, Pose2D
from autonomy_nodes.decision.goal_lease import GoalLease
from autonomy_nodes.decision.handover import DriverSelector, Fault, Mode, StallWatch

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


def _watch() -> StallWatch:
    return StallWatch(distance=0.2, time_s=1.0, penalty_s=2.0)


def test_standing_driver_is_benched_for_the_penalty():
    watch = _watch()
    pose = Pose2D(0.0, 0.0)
    verdicts = [watch.stalled(pose, True, tick * SECOND // 4) for tick in range(5)]
    assert verdicts == [False, False, False, False, True]
    assert watch.stalled(pose, False, 2 * SECOND)
    assert not watch.stalled(pose, False, 3 * SECOND)


def test_turning_on_the_spot_is_a_stall_and_creeping_out_of_it_is_not():
    watch = _watch()
    for tick in range(20):
        pose = Pose2D(0.06 * tick, 0.0, tick * 0.1)
        assert not watch.stalled(pose, True, tick * SECOND // 5)


def test_standing_under_another_driver_is_not_held_against_the_policy():
    watch = _watch()
    for tick in range(20):
        assert not watch.stalled(Pose2D(0.0, 0.0), False, tick * SECOND // 4)


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
