"""The planner drives: to the goal, through gaps, out of dead ends, and never into anything."""

import math
from dataclasses import replace

import numpy as np
import pytest

from autonomy_interfaces.messages import SECOND, Costmap, Odometry, Pose2D
from autonomy_nodes.planning.planner import Planner, PlannerConfig, PlanStatus

GOAL = Pose2D(6.0, 0.0)
STILL = Odometry(0, 0.0, 0.0, 0.0)


def test_drives_straight_through_the_open(rig):
    drive = rig.drive(GOAL)
    assert drive.status is PlanStatus.REACHED
    assert np.abs(drive.poses[:, 1]).max() < 0.2
    assert len(drive.poses) / 20 < 6.0


def test_turns_round_for_a_goal_behind_it(rig):
    drive = rig.drive(Pose2D(-4.0, 0.0))
    assert drive.status is PlanStatus.REACHED
    assert len(drive.poses) / 20 < 8.0


def test_drives_through_a_gap_a_little_wider_than_itself(rig, wall):
    rig.circles = np.vstack([wall(3.0, 0.4, 3.0, 4.0), wall(3.0, -0.4, 3.0, -4.0)])
    drive = rig.drive(GOAL)
    assert drive.status is PlanStatus.REACHED
    assert drive.clearance > 0.02


def test_drives_around_what_it_cannot_pass(rig, wall):
    rig.circles = wall(3.0, -2.0, 3.0, 1.0)
    drive = rig.drive(GOAL)
    assert drive.status is PlanStatus.REACHED
    assert drive.clearance > 0.02


def test_comes_out_of_a_dead_end_that_it_entered_unknowingly(rig, wall):
    """A U whose end is out of sight behind a bend; the only way on is back and around."""
    rig.circles = np.vstack(
        [
            wall(1.0, 1.0, 5.0, 1.0),
            wall(1.0, -1.0, 5.0, -1.0),
            wall(5.0, -1.0, 5.0, 1.0),
        ]
    )
    drive = rig.drive(Pose2D(8.0, 0.0), seconds=60.0)
    assert drive.status is PlanStatus.REACHED
    assert drive.clearance > 0.02


def test_reaches_a_goal_outside_the_window(rig):
    rig.window = 8.0
    drive = rig.drive(Pose2D(12.0, 5.0))
    assert drive.status is PlanStatus.REACHED


def test_an_enclosed_robot_reports_no_path_and_stands(rig, wall):
    rig.circles = np.vstack(
        [
            wall(-1.5, 1.5, 1.5, 1.5),
            wall(-1.5, -1.5, 1.5, -1.5),
            wall(1.5, -1.5, 1.5, 1.5),
            wall(-1.5, -1.5, -1.5, 1.5),
        ]
    )
    drive = rig.drive(GOAL, seconds=15.0)
    assert drive.status is PlanStatus.NO_PATH
    assert (drive.plans[-1].vx, drive.plans[-1].wz) == (0.0, 0.0)
    assert drive.clearance > 0.02


def test_escapes_when_it_starts_nearer_to_an_obstacle_than_its_margin(rig, wall):
    rig.circles = wall(-0.3, 0.302, 0.3, 0.302)
    assert rig.clearance(0.0, 0.0, 0.0) < rig.config.hard_margin
    drive = rig.drive(GOAL)
    assert drive.status is PlanStatus.REACHED
    assert drive.clearance > 0.0


def test_a_goal_inside_an_obstacle_has_no_path(rig, empty_costmap):
    costmap = empty_costmap()
    costmap.data[80:120, 140:180] = 100
    plan = Planner(rig.config).plan(costmap, STILL, Pose2D(3.0, 0.0), 0)
    assert plan.status is PlanStatus.NO_PATH
    assert len(plan.path) == 0


def test_at_the_goal_it_stands(empty_costmap):
    plan = Planner(PlannerConfig()).plan(empty_costmap(), STILL, Pose2D(0.2, 0.0), 0)
    assert (plan.vx, plan.wz, plan.status) == (0.0, 0.0, PlanStatus.REACHED)


def test_the_same_inputs_give_the_same_drive(rig, wall):
    rig.circles = wall(3.0, -1.0, 3.0, 0.5)
    first, second = rig.drive(GOAL), rig.drive(GOAL)
    assert first.poses.tobytes() == second.poses.tobytes()


@pytest.mark.parametrize("speed", [0.5, 1.0])
def test_keeps_to_the_speed_limit_of_the_robot(rig, speed):
    rig.config = replace(rig.config, max_linear_velocity=speed)
    drive = rig.drive(GOAL, seconds=3.0)
    assert max(plan.vx for plan in drive.plans) <= speed + 1e-9


def test_slows_down_beside_obstacles(rig, wall):
    sides = [wall(1.5, 0.42 * side, 6.0, 0.42 * side) for side in (1, -1)]
    fronts = [wall(1.5, 0.42 * side, 1.5, 12.0 * side) for side in (1, -1)]
    rig.circles = np.vstack(sides + fronts)
    drive = rig.drive(Pose2D(8.5, 0.0))
    inside = [p.vx for p, (x, _, _) in zip(drive.plans, drive.poses, strict=True) if 2 < x < 5]
    assert drive.status is PlanStatus.REACHED
    assert 0.4 < np.mean(inside) < 1.6


def test_uses_its_speed_in_the_open(rig):
    assert max(plan.vx for plan in rig.drive(GOAL).plans) > 1.6


def test_does_not_reverse_into_what_it_has_not_seen(rig, empty_costmap):
    costmap = empty_costmap(value=-1)
    costmap.data[:, 95:] = 0
    costmap.data[:, 104:108] = 100
    plan = Planner(rig.config).plan(costmap, STILL, Pose2D(-3.0, 0.0), 0)
    assert plan.vx >= 0.0


def test_the_guide_leads_from_the_robot_to_the_goal(empty_costmap):
    costmap = empty_costmap()
    costmap.data[60:140, 130:134] = 100
    path = Planner(PlannerConfig()).guide(costmap, STILL, Pose2D(4.0, 0.0))
    assert tuple(path[0]) == (0.0, 0.0)
    assert tuple(path[-1]) == (4.0, 0.0)
    assert np.hypot(*np.diff(path, axis=0).T).max() < 0.35
    assert np.abs(path[:, 1]).max() > 2.0, "around the wall"


def test_a_field_solved_ahead_leads_the_next_tick_from_where_the_robot_is(empty_costmap):
    before, after = empty_costmap(), replace(empty_costmap(), stamp_ns=50_000_000)
    after.data[60:140, 130:134] = 100
    goal, further = Pose2D(4.0, 0.0), replace(STILL, y=0.1)
    planner = Planner(PlannerConfig())
    planner.look_ahead(before, STILL, goal)
    path = planner.guide(after, further, goal)
    np.testing.assert_array_equal(path, Planner(PlannerConfig()).guide(before, further, goal))
    assert tuple(path[0]) == (0.0, 0.1)


@pytest.mark.parametrize("change", ["goal", "age", "clock", "no way"])
def test_a_field_solved_ahead_is_not_used_for_what_it_was_not_solved_for(empty_costmap, change):
    before, after = empty_costmap(), replace(empty_costmap(), stamp_ns=50_000_000)
    after.data[60:140, 130:134] = 100
    goal = Pose2D(4.0, 0.0)
    planner = Planner(PlannerConfig())
    if change == "goal":
        planner.look_ahead(before, STILL, Pose2D(0.0, 4.0))
    elif change == "age":
        planner.look_ahead(replace(before, stamp_ns=-SECOND), STILL, goal)
    elif change == "clock":
        planner.look_ahead(replace(before, stamp_ns=SECOND), STILL, goal)
    else:
        before.data[:, 130:134] = 100
        planner.look_ahead(before, STILL, goal)
    path = planner.guide(after, STILL, goal)
    np.testing.assert_array_equal(path, Planner(PlannerConfig()).guide(after, STILL, goal))


def test_a_new_goal_starts_afresh(rig, empty_costmap):
    planner = Planner(rig.config)
    costmap = empty_costmap()
    for tick in range(10):
        planner.plan(costmap, STILL, Pose2D(4.0, 0.0), tick * 50_000_000)
    turned = planner.plan(costmap, STILL, Pose2D(0.0, 4.0), 500_000_000)
    fresh = Planner(rig.config).plan(costmap, STILL, Pose2D(0.0, 4.0), 0)
    assert (turned.vx, turned.wz) == (fresh.vx, fresh.wz)


def test_a_robot_that_may_only_go_straight_ahead_where_it_stands_turns_farther_on(rig):
    """As where the safety monitor has not seen the ground behind it."""

    def not_yet(vx: float, wz: float, x: float, y: float) -> tuple[float, float]:
        free = math.hypot(x, y) > 0.12
        return (vx, wz) if free or (vx >= 0.0 and wz == 0.0) else (0.0, 0.0)

    rig.obeys = not_yet
    drive = rig.drive(Pose2D(-3.0, 0.5), seconds=5.0)
    assert drive.status is PlanStatus.REACHED
    assert 0.12 < drive.poses[:, 0].max() < 0.35
    farther_on = int(np.argmax(drive.poses[:, 0] > 0.12))
    speeds = np.diff(drive.poses[: farther_on + 1, 0]) / 0.05
    assert 0.2 < speeds.max() <= rig.config.reverse_speed + 1e-9


def test_a_robot_that_may_only_go_straight_gives_up(rig, wall):
    """It does not follow the only way that is let through for ever: that leads from the goal."""
    rig.circles = wall(2.5, -1.0, 2.5, 1.0)
    rig.obeys = lambda vx, wz, x, y: (vx, 0.0) if wz == 0.0 else (0.0, 0.0)
    drive = rig.drive(
        Pose2D(-4.0, 1.0), seconds=40.0, until=lambda plan: plan.status is PlanStatus.STUCK
    )
    assert drive.status is PlanStatus.STUCK
    assert drive.poses[:, 0].max() < 1.5


def test_a_robot_that_cannot_move_is_stuck_in_the_end(rig, empty_costmap):
    """The base does not obey: every recovery fails."""
    planner = Planner(rig.config)
    statuses = [
        planner.plan(empty_costmap(), STILL, Pose2D(4.0, 0.0), tick * 50_000_000).status
        for tick in range(20 * 30)
    ]
    assert statuses[0] is PlanStatus.DRIVING
    assert statuses[-1] is PlanStatus.STUCK


def test_velocities_are_always_finite_and_within_limits(rig):
    generator = np.random.default_rng(7)
    planner = Planner(rig.config)
    for tick in range(60):
        data = generator.choice([-1, 0, 50, 99, 100], (200, 200), p=[0.3, 0.6, 0.05, 0.03, 0.02])
        costmap = Costmap(0, 0.05, -5.0, -5.0, data.astype(np.int8))
        odometry = Odometry(tick, *generator.uniform(-3, 3, 3), *generator.uniform(-2, 2, 3))
        plan = planner.plan(costmap, odometry, Pose2D(*generator.uniform(-8, 8, 2)), tick)
        assert math.isfinite(plan.vx)
        assert math.isfinite(plan.wz)
        assert abs(plan.vx) <= 2.0 + 1e-9
        assert abs(plan.wz) <= 4.0 + 1e-9


@pytest.mark.parametrize(
    "walker",
    [
        (3.0, -2.4, 0.0, 1.0, 0.25),
        (3.0, 2.0, 0.0, -0.8, 0.25),
        (6.0, 0.1, -1.0, 0.0, 0.25),
        (2.0, -3.0, 0.6, 1.2, 0.25),
    ],
)
def test_who_walks_across_is_given_way_to(rig, walker):
    rig.walker = walker
    rig.foreseen = False
    assert rig.drive(Pose2D(6.0, 0.0)).clearance < 0.0
    rig.foreseen = True
    drive = rig.drive(Pose2D(6.0, 0.0))
    assert drive.status is PlanStatus.REACHED
    assert drive.clearance > 0.05
