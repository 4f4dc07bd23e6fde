"""What is tried when the robot does not get on."""

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, SECOND, Odometry
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.recovery import Motion, Recovery
from autonomy_nodes.planning.refusal import NOTHING_REFUSED, Refused

TICK = 50 * MILLISECOND
PATH = np.column_stack([np.linspace(0, 4, 41), np.zeros(41)])


def stand(recovery, costmap, seconds, start_ns=0, refused=False, yaw_rate=0.0):
    """Stand still for a time; returns the time after it."""
    now_ns = start_ns
    while now_ns < start_ns + seconds * 1e9:
        odometry = Odometry(now_ns, 0.0, 0.0, 0.0)
        recovery.step(costmap, odometry, PATH, refused, now_ns)
        now_ns += TICK
    return now_ns


def test_the_narrowest_place_ahead_is_blocked_and_opened_again(empty_costmap):
    recovery = Recovery(PlannerConfig(blocked_time=5.0))
    costmap = empty_costmap()
    costmap.data[:, 120:124] = 60
    now_ns = stand(recovery, costmap, 3.5)
    (passage,) = recovery.blocked
    assert 1.0 <= passage.x <= 1.2
    recovery.expire(now_ns + 6_000_000_000)
    assert recovery.blocked == ()


def test_a_refused_robot_backs_off_and_blocks_nothing(empty_costmap):
    recovery = Recovery(PlannerConfig())
    now_ns = stand(recovery, empty_costmap(), 3.2, refused=True)
    assert recovery.blocked == ()
    assert recovery.motion(Odometry(0, -0.1, 0.0, 0.0), now_ns) is Motion.BACK_OFF
    assert recovery.motion(Odometry(0, -0.5, 0.0, 0.0), now_ns) is Motion.NONE, "far enough"


def test_backing_off_ends_in_time(empty_costmap):
    recovery = Recovery(PlannerConfig())
    now_ns = stand(recovery, empty_costmap(), 3.2, refused=True)
    near = Odometry(0, -0.1, 0.0, 0.0)
    assert recovery.motion(near, now_ns) is Motion.BACK_OFF
    assert recovery.motion(near, now_ns + 2_000_000_000) is Motion.NONE


TURNS = Refused(left=True, right=True)
BOXED_IN = Refused(left=True, right=True, forward=True)


def at(x, yaw=0.0):
    return Odometry(0, x, 0.0, yaw)


def test_what_may_turn_has_nothing_to_break_free_from():
    recovery = Recovery(PlannerConfig())
    for refused in (NOTHING_REFUSED, Refused(left=True, forward=True, reverse=True)):
        assert not recovery.break_free(refused, at(0.0), 0)
        assert recovery.motion(at(0.0), 0) is Motion.NONE


def test_it_breaks_free_ahead_and_backwards_where_that_led_nowhere():
    recovery = Recovery(PlannerConfig(ahead_distance=0.2, recovery_time=1.5))
    assert recovery.break_free(TURNS, at(0.0), 0)
    assert recovery.motion(at(0.0), SECOND) is Motion.GO_AHEAD
    assert not recovery.break_free(TURNS, at(0.0), SECOND), "it does already"
    assert not recovery.break_free(TURNS, at(0.05), 2 * SECOND)
    assert recovery.motion(at(0.05), 2 * SECOND) is Motion.BACK_OFF
    assert recovery.motion(at(-0.4), 3 * SECOND) is Motion.NONE
    assert recovery.break_free(TURNS, at(-0.4), 3 * SECOND), "backing off came last"


def test_what_refuses_the_way_ahead_is_backed_off_from_at_once():
    recovery = Recovery(PlannerConfig())
    assert not recovery.break_free(BOXED_IN, at(0.0), 0)
    assert recovery.motion(at(0.0), 0) is Motion.BACK_OFF
    recovery.pause()
    assert recovery.break_free(TURNS, at(0.0), 0)
    assert not recovery.break_free(Refused(forward=True), at(0.02), SECOND)
    assert recovery.motion(at(0.02), SECOND) is Motion.BACK_OFF


def test_it_does_not_go_ahead_for_ever_and_gives_up():
    recovery = Recovery(PlannerConfig(ahead_distance=0.2, recovery_distance=0.4, recoveries=3))
    x, ahead, given_up = 0.0, [], []
    for attempt in range(9):
        goes = recovery.break_free(TURNS, at(x), attempt * 2 * SECOND)
        ahead.append(goes)
        x += 0.2 if goes else -0.4
        assert recovery.motion(at(x), attempt * 2 * SECOND + SECOND) is Motion.NONE
        given_up.append(recovery.exhausted)
    assert ahead == [True, True, False] * 3
    assert given_up == [False] * 7 + [True] * 2
    assert recovery.break_free(TURNS, at(x), 60 * SECOND), "long after: a new series"
    assert not recovery.exhausted


def test_another_driver_ends_it():
    recovery = Recovery(PlannerConfig())
    recovery.break_free(TURNS, at(0.0), 0)
    recovery.pause()
    assert recovery.motion(at(0.0), 1) is Motion.NONE


def test_who_goes_ahead_blocks_no_passage(empty_costmap):
    recovery = Recovery(PlannerConfig())
    now_ns = stand(recovery, empty_costmap(), 2.8)
    recovery.break_free(TURNS, at(0.0), now_ns)
    for tick in range(10):
        recovery.step(empty_costmap(), at(0.02 * tick), PATH, False, now_ns + tick * TICK)
    assert recovery.blocked == ()
    assert recovery.motion(at(0.1), now_ns + SECOND) is Motion.GO_AHEAD


def test_recoveries_at_one_place_end(empty_costmap):
    recovery = Recovery(PlannerConfig(recoveries=3))
    now_ns = stand(recovery, empty_costmap(), 9.5)
    assert not recovery.exhausted
    stand(recovery, empty_costmap(), 4.0, start_ns=now_ns)
    assert recovery.exhausted


def test_looks_around_once():
    recovery = Recovery(PlannerConfig())
    yaws = np.arange(0.0, 9.0, 0.1)
    looked = [recovery.looks_around(Odometry(0, 0.0, 0.0, float(yaw))) for yaw in yaws]
    assert sum(looked) == 63
    assert not looked[-1]
