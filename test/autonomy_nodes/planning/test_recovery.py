"""What is tried when the robot does not get on."""

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, Odometry
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.recovery import Recovery

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
    assert recovery.backs_off(Odometry(0, -0.1, 0.0, 0.0), now_ns)
    assert not recovery.backs_off(Odometry(0, -0.5, 0.0, 0.0), now_ns), "far enough"
    assert not recovery.backs_off(Odometry(0, -0.1, 0.0, 0.0), now_ns + 2_000_000_000), "long ago"


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
