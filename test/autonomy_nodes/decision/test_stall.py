"""A policy that does not get on is benched, longer each time; one that gets on never is."""

from __future__ import annotations

from autonomy_interfaces.messages import SECOND, Pose2D
from autonomy_nodes.decision.stall import StallLimits, StallWatch

HERE = Pose2D(0.0, 0.0)
QUARTER = SECOND // 4


def _watch() -> StallWatch:
    return StallWatch(
        StallLimits(distance=0.2, time_s=1.0, progress=0.5, progress_time_s=4.0, penalty_s=2.0)
    )


def test_standing_policy_is_benched_for_the_penalty():
    watch = _watch()
    verdicts = [watch.stalled(HERE, 9.0, True, tick * QUARTER) for tick in range(5)]
    assert verdicts == [False, False, False, False, True]
    assert watch.stalled(HERE, 9.0, False, 2 * SECOND)
    assert not watch.stalled(HERE, 9.0, False, 3 * SECOND)


def test_each_stall_begins_once():
    watch = _watch()
    begun = []
    for tick in range(60):
        watch.stalled(Pose2D(float(tick % 2), 0.0), 9.0, True, tick * QUARTER)
        begun += [tick] * watch.begins
    assert begun == [16, 40]


def test_turning_on_the_spot_is_a_stall():
    watch = _watch()
    poses = [Pose2D(0.0, 0.0, 0.3 * tick) for tick in range(5)]
    assert watch.stalled(poses[0], 9.0, True, 0) is False
    assert [watch.stalled(p, 9.0, True, i * QUARTER) for i, p in enumerate(poses)][-1]


def test_policy_that_gets_on_is_never_benched():
    watch = _watch()
    for tick in range(400):
        moved = 0.06 * tick
        assert not watch.stalled(Pose2D(moved, 0.0), 30.0 - moved, True, tick * QUARTER)


def test_standing_under_another_driver_is_not_held_against_the_policy():
    watch = _watch()
    for tick in range(15):
        assert not watch.stalled(HERE, 9.0, False, tick * QUARTER)


def _circle(watch: StallWatch, ticks: range) -> list[bool]:
    """Going to and fro, never nearer to the goal."""
    return [watch.stalled(Pose2D(float(t % 2), 0.0), 9.0, True, t * QUARTER) for t in ticks]


def test_going_about_without_getting_nearer_is_a_stall():
    verdicts = _circle(_watch(), range(17))
    assert not any(verdicts[:16])
    assert verdicts[16]


def test_each_stall_in_a_row_is_benched_longer():
    verdicts = _circle(_watch(), range(200))
    runs, run = [], 0
    for benched in verdicts:
        if benched:
            run += 1
        elif run:
            runs.append(run)
            run = 0
    assert runs[:3] == [8, 16, 32]


def test_progress_after_a_stall_forgives_it():
    watch = _watch()
    _circle(watch, range(17))
    for tick in range(17, 60):
        watch.stalled(Pose2D(0.1 * tick, 0.0), 9.0 - 0.1 * (tick - 17), True, tick * QUARTER)
    verdicts = [watch.stalled(HERE, 4.0, True, tick * QUARTER) for tick in range(60, 90)]
    assert verdicts.index(True) + 8 == verdicts.index(False, verdicts.index(True))


def test_another_longer_way_is_no_stall():
    watch = _watch()
    for tick in range(60):
        way = 9.0 - 0.1 * tick if tick < 12 else 20.0 - 0.1 * tick
        assert not watch.stalled(Pose2D(0.3 * tick, 0.0), way, True, tick * QUARTER)


def test_a_new_goal_forgets_everything():
    watch = _watch()
    assert _circle(watch, range(17))[-1]
    watch.reset()
    assert not watch.stalled(HERE, 9.0, True, 17 * QUARTER)
