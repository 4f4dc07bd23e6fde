"""What is tried when the robot does not get on."""

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, Odometry
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.recovery import Motion, Recovery

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


def test_it_breaks_free_ahead_and_backwards_where_that_led_nowhere():
    recovery = Recovery(PlannerConfig(ahead_distance=0.2, recovery_time=1.5))
    here, there = Odometry(0, 0.0, 0.0, 0.0), Odometry(0, 0.2, 0.0, 0.0)
    second = 1_000_000_000
    assert recovery.break_free(here, 0)
    assert recovery.motion(here, second) is Motion.GO_AHEAD
    assert not recovery.break_free(here, second), "it does already"
    assert recovery.break_free(here, 2 * second)
    assert recovery.motion(here, 2 * second) is Motion.BACK_OFF
    assert recovery.break_free(here, 4 * second), "backwards led nowhere either"
    assert recovery.motion(here, 4 * second) is Motion.GO_AHEAD
    assert recovery.motion(there, 5 * second) is Motion.NONE, "far enough"
    assert recovery.break_free(there, 5 * second), "it has got on, so ahead is tried first"
    assert recovery.motion(there, 5 * second) is Motion.GO_AHEAD


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
