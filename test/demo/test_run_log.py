"""What is read out of a run log, and the figures made of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from autonomy_interfaces.messages import SECOND, Pose2D
from edge_autonomy.demo.injection import KillResult, KillWatch
from edge_autonomy.demo.metrics import Circumstances, compute_metrics, count_hand_overs
from edge_autonomy.demo.run_log import Contact, Mission, RunLog, Tick

MakeRun = Callable[..., RunLog]

KILL = KillResult("decision", 10, 11, stop_ms=60.0, braking_m=0.3, recovery_s=2.0)
CIRCUMSTANCES = Circumstances(
    world="warehouse",
    seed=3,
    goal=Pose2D(10.5, 0.0),
    pids={"decision": 11, "mission": 12},
    respawns=0,
    startup_s=4.0,
    wall_s=20.0,
    drive_wall_s=12.5,
    recorded_messages=1000,
    recording_error=None,
    injection=None,
    injection_asked=False,
)


def test_an_empty_log_has_no_figures_and_no_success() -> None:
    metrics = compute_metrics(RunLog(), CIRCUMSTANCES)
    assert not metrics.success
    assert metrics.outcome == "unfinished"
    assert metrics.policy_tick_share is None
    assert metrics.minimum_clearance_m is None
    assert metrics.distance_to_goal_m is None
    assert (metrics.duration_s, metrics.path_length_m, metrics.mean_speed_mps) == (0.0, 0.0, 0.0)


def test_figures_of_a_run_that_went_well(run_log: RunLog) -> None:
    metrics = compute_metrics(run_log, CIRCUMSTANCES)
    assert metrics.success
    assert metrics.duration_s == pytest.approx(10.0)
    assert metrics.path_length_m == pytest.approx(15.0)
    assert metrics.mean_speed_mps == pytest.approx(1.5)
    assert metrics.distance_to_goal_m == pytest.approx(0.5)
    assert metrics.real_time_factor == pytest.approx(0.8)
    assert (metrics.interventions, metrics.stops, metrics.hand_overs) == (1, 0, 2)
    assert metrics.intervention_s == pytest.approx(1.0, abs=0.11)
    assert metrics.policy_tick_share == pytest.approx(0.9, abs=0.01)
    assert metrics.minimum_clearance_m == pytest.approx(0.3, abs=0.01)


def test_counts_only_what_happened_under_the_goal(run_log: RunLog) -> None:
    early = [Tick(stamp, "fallback", "") for stamp in range(100)]
    run_log.ticks[:0] = early
    run_log.motions[:0] = [replace(run_log.motions[0], stamp_ns=0, x=-100.0)]
    metrics = compute_metrics(run_log, CIRCUMSTANCES)
    assert metrics.policy_tick_share == pytest.approx(0.9, abs=0.01)
    assert metrics.path_length_m == pytest.approx(15.0)


def test_a_contact_is_a_failure_whatever_the_mission_says(run_log: RunLog) -> None:
    stamp_ns = run_log.motions[10].stamp_ns
    run_log.contacts += [
        Contact(stamp_ns, "rack_a1"),
        Contact(stamp_ns + 1, ""),
        Contact(stamp_ns + 2, "rack_a1"),
        Contact(stamp_ns + 3, "column_1"),
    ]
    metrics = compute_metrics(run_log, CIRCUMSTANCES)
    assert not metrics.success
    assert metrics.collisions == 3
    assert metrics.collided_with == ["column_1", "rack_a1"]
    assert "rack_a1" in metrics.reason


@pytest.mark.parametrize("outcome", ["unreachable", "timed_out", "cancelled"])
def test_any_outcome_but_reached_is_a_failure_with_its_reason(
    make_run: MakeRun, outcome: str
) -> None:
    metrics = compute_metrics(make_run(outcome=outcome), CIRCUMSTANCES)
    assert (metrics.success, metrics.outcome) == (False, outcome)
    assert metrics.reason == f"it is {outcome}"


@pytest.mark.parametrize(
    ("kill", "success"),
    [
        (KILL, True),
        (None, False),
        (replace(KILL, stop_ms=None), False),
        (replace(KILL, recovery_s=None), False),
        (replace(KILL, respawned_pid=None), False),
    ],
)
def test_an_injected_kill_must_have_come_and_been_contained(
    run_log: RunLog, kill: KillResult | None, success: bool
) -> None:
    circumstances = replace(CIRCUMSTANCES, injection=kill, injection_asked=True)
    assert compute_metrics(run_log, circumstances).success is success


def test_a_pause_without_driver_is_no_hand_over(run_log: RunLog) -> None:
    before = count_hand_overs(run_log)
    run_log.ticks.insert(5, Tick(run_log.ticks[5].stamp_ns, "none", "no odometry"))
    assert count_hand_overs(run_log) == before


def test_spans_join_and_cover_the_drive_without_holes(run_log: RunLog) -> None:
    spans = run_log.driver_spans()
    assert [span.value for span in spans] == ["policy", "fallback", "policy"]
    assert spans[0].start_s == 0.0
    assert spans[-1].end_s == pytest.approx(run_log.duration_s)
    for before, after in pairwise(spans):
        assert before.end_s == after.start_s


def test_a_second_goal_does_not_change_the_outcome_of_the_first(run_log: RunLog) -> None:
    run_log.missions.append(Mission(100 * SECOND, "cancelled", "later", math.nan))
    outcome = run_log.outcome
    assert outcome is not None
    assert outcome.state == "reached"


class TestKillWatch:
    def test_waits_until_the_robot_is_on_its_way(self, run_log: RunLog) -> None:
        watch = KillWatch()
        due_at = []
        missions, motions = list(run_log.missions), list(run_log.motions)
        for motion in motions:
            run_log.motions = [motion]
            run_log.missions = [m for m in missions if m.stamp_ns <= motion.stamp_ns]
            if watch.due(run_log):
                due_at.append(motion.x)
                watch.killed(7, 0, motion.stamp_ns)
        assert len(due_at) == 1
        assert due_at[0] == pytest.approx(-5.0 + 0.35 * 15.0, abs=0.2)

    def test_does_not_fire_at_a_robot_that_stands(self, make_run: MakeRun) -> None:
        log = make_run()
        log.missions = log.missions[:-5]
        log.motions = [replace(log.motions[-1], vx=0.0)]
        assert not KillWatch().due(log)

    def test_measures_from_the_kill_to_zero_and_to_the_next_motion(self, run_log: RunLog) -> None:
        watch = KillWatch()
        watch.on_command(0.0, 0.0, 50_000_000)
        watch.killed(7, 100_000_000, run_log.motions[100].stamp_ns)
        for published_ns, vx in ((99, 0.0), (120_000_000, 1.0), (160_000_000, 0.0)):
            watch.on_command(vx, 0.0, published_ns)
        result = watch.result(run_log, 7)
        assert result is not None
        assert (result.stop_ms, result.recovery_s, result.respawned_pid) == (60.0, None, None)
        assert not result.passed
        watch.on_command(0.0, 0.0, 900_000_000)
        watch.on_command(0.5, 0.0, 2_100_000_000)
        result = watch.result(run_log, 8)
        assert result is not None
        assert (result.stop_ms, result.recovery_s, result.respawned_pid) == (60.0, 2.0, 8)
        assert result.passed

    def test_braking_ends_at_standstill(self, run_log: RunLog) -> None:
        watch = KillWatch()
        watch.killed(7, 0, run_log.motions[100].stamp_ns)
        result = watch.result(run_log, 8)
        assert result is not None
        assert result.braking_m is None
        run_log.motions[110:] = [replace(run_log.motions[110], vx=0.0)]
        result = watch.result(run_log, 8)
        assert result is not None
        assert result.braking_m == pytest.approx(10 * 0.02 * 1.5)

    def test_no_kill_no_result(self, run_log: RunLog) -> None:
        assert KillWatch().result(run_log, 7) is None
