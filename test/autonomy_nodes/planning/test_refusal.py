"""Noticing that a commanded motion is not carried out."""

import pytest

from autonomy_interfaces.messages import MILLISECOND, Odometry
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.refusal import NOTHING_REFUSED, RefusalWatch, Refused

CONFIG = PlannerConfig(refusal_time=0.4, refusal_memory=1.5)
TICK = 50 * MILLISECOND


def watch_for(ticks, command, vx=0.0, wz=0.0, watch=None, start=0):
    watch = watch or RefusalWatch(CONFIG)
    for tick in range(start, start + ticks):
        refused = watch.step(command, Odometry(0, 0.0, 0.0, 0.0, vx, 0.0, wz), tick * TICK)
    return refused


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ((0.5, 0.0), Refused(forward=True)),
        ((-0.5, 0.01), Refused(reverse=True)),
        ((-0.5, 1.0), Refused(left=True)),
        ((0.5, -0.1), Refused(right=True)),
        ((-0.2, 1.0), Refused(left=True)),
        ((0.0, 1.0), Refused(left=True)),
        ((0.0, -1.0), Refused(right=True)),
        ((0.01, 0.01), NOTHING_REFUSED),
    ],
)
def test_a_motion_that_is_never_carried_out_is_refused(command, expected):
    assert watch_for(12, command) == expected


def test_patience_comes_first():
    assert watch_for(6, (0.5, 0.0)) == NOTHING_REFUSED


def test_a_motion_carried_out_slowly_is_not_refused():
    assert watch_for(20, (0.5, 0.0), vx=0.2) == NOTHING_REFUSED


def test_a_driver_that_wavers_waits_for_each_motion():
    watch = RefusalWatch(CONFIG)
    for tick in range(0, 20, 2):
        watch_for(1, (0.1, -1.4), watch=watch, start=tick)
        refused = watch_for(1, (-0.5, 0.0), watch=watch, start=tick + 1)
    assert refused == Refused(reverse=True, right=True)


def test_a_motion_carried_out_ends_the_wait_for_every_other():
    watch = RefusalWatch(CONFIG)
    watch_for(6, (0.5, 0.0), watch=watch)
    watch_for(1, (0.0, 1.0), wz=0.5, watch=watch, start=6)
    assert watch_for(6, (0.5, 0.0), watch=watch, start=7) == NOTHING_REFUSED


def test_a_refusal_is_forgotten_after_a_while():
    watch = RefusalWatch(CONFIG)
    watch_for(12, (0.5, 0.0), watch=watch)
    assert watch_for(10, (0.0, 0.0), watch=watch, start=12) == Refused(forward=True)
    assert watch_for(40, (0.0, 0.0), watch=watch, start=22) == NOTHING_REFUSED


def test_when_everything_is_refused_everything_may_be_tried_again():
    watch = RefusalWatch(PlannerConfig(refusal_memory=10.0))
    start = 0
    for command in ((0.5, 0.0), (-0.5, 0.0), (0.0, 1.0), (0.0, -1.0)):
        refused = watch_for(9, command, watch=watch, start=start)
        start += 9
    assert refused == NOTHING_REFUSED
