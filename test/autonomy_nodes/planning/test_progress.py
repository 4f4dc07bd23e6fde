"""Noticing that the robot does not get on."""

from autonomy_interfaces.messages import SECOND, Pose2D
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.progress import ProgressMonitor

CONFIG = PlannerConfig(progress_time=3.0, progress_distance=0.25)


def stalls(poses) -> list[int]:
    monitor = ProgressMonitor(CONFIG)
    found = [monitor.step(pose, int(i * 0.1 * SECOND)) for i, pose in enumerate(poses)]
    return [stall.count for stall in found if stall]


def test_a_moving_robot_never_stalls():
    assert stalls([Pose2D(0.01 * i, 0.0) for i in range(300)]) == []


def test_turning_on_the_spot_is_no_progress():
    assert stalls([Pose2D(0.0, 0.0, 0.1 * i) for i in range(40)]) == [1]


def test_stalls_at_one_place_count_up():
    assert stalls([Pose2D(0.0, 0.0)] * 100) == [1, 2, 3]


def test_a_stall_elsewhere_counts_from_one():
    assert stalls([Pose2D(0.0, 0.0)] * 40 + [Pose2D(5.0, 0.0)] * 40) == [1, 1]


def test_a_clock_that_is_set_back_is_no_stall():
    monitor = ProgressMonitor(CONFIG)
    monitor.step(Pose2D(0.0, 0.0), 100 * SECOND)
    assert monitor.step(Pose2D(0.0, 0.0), 0) is None
