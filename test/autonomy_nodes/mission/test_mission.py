"""How a mission takes a goal and calls its outcome."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.messages import SECOND, Odometry, Pose2D
from autonomy_nodes.mission.mission import GoalError, Mission, MissionConfig
from autonomy_nodes.mission.state import TRANSITIONS, MissionEvent, MissionState, next_state

GOAL = Pose2D(10.0, 0.0)
TICK = SECOND // 5


def odometry(x: float, now_ns: int, y: float = 0.0) -> Odometry:
    return Odometry(stamp_ns=now_ns, x=x, y=y, yaw=0.0)


def stand_still(mission: Mission, duration_s: float, start_ns: int = 0, status: str = "") -> int:
    """Step the mission with a robot that stays at the origin; returns the time at the end."""
    now_ns = start_ns
    for _ in range(round(duration_s * SECOND / TICK)):
        now_ns += TICK
        mission.step(odometry(0.0, now_ns), status, now_ns)
    return now_ns


@pytest.mark.parametrize("event", MissionEvent)
@pytest.mark.parametrize("state", MissionState)
def test_every_state_under_every_event(state: MissionState, event: MissionEvent) -> None:
    after = next_state(state, event)
    if event is MissionEvent.GOAL:
        assert after is MissionState.ACTIVE
    elif state is not MissionState.ACTIVE:
        assert after is state
    else:
        assert (
            after
            is {
                MissionEvent.CANCEL: MissionState.CANCELLED,
                MissionEvent.ARRIVED: MissionState.REACHED,
                MissionEvent.NO_PATH: MissionState.UNREACHABLE,
                MissionEvent.NO_PROGRESS: MissionState.UNREACHABLE,
                MissionEvent.TIME_UP: MissionState.TIMED_OUT,
            }[event]
        )


def test_every_outcome_but_idle_can_be_entered_and_left() -> None:
    entered = set(TRANSITIONS.values())
    assert entered == set(MissionState) - {MissionState.IDLE}
    assert {state for state, _ in TRANSITIONS} == set(MissionState)


def test_is_idle_with_nothing_to_drive_to_before_the_first_goal() -> None:
    mission = Mission()
    status = mission.step(odometry(0.0, 0), "driving", 0)
    assert status.state is MissionState.IDLE
    assert mission.active_goal is None
    assert status.goal is None


def test_reaches_the_goal_within_the_tolerance_and_not_before() -> None:
    mission = Mission(MissionConfig(goal_tolerance=0.5))
    mission.set_goal(GOAL, 0)
    assert mission.step(odometry(9.49, TICK), "driving", TICK).state is MissionState.ACTIVE
    status = mission.step(odometry(9.51, 2 * TICK), "driving", 2 * TICK)
    assert status.state is MissionState.REACHED
    assert status.distance_m == pytest.approx(0.49)
    assert status.elapsed_s == pytest.approx(0.4)
    assert mission.active_goal is None


def test_an_outcome_stays_until_the_next_goal() -> None:
    mission = Mission()
    mission.set_goal(GOAL, 0)
    mission.step(odometry(10.0, TICK), "", TICK)
    stand_still(mission, 400.0, TICK, "no_path")
    assert mission.status.state is MissionState.REACHED
    assert mission.status.elapsed_s == pytest.approx(0.2)
    mission.set_goal(Pose2D(0.0, 5.0), 500 * SECOND)
    assert mission.status.state is MissionState.ACTIVE
    assert mission.status.elapsed_s == 0.0


def test_a_goal_while_active_preempts_and_says_so() -> None:
    mission = Mission()
    mission.set_goal(GOAL, 0)
    now_ns = stand_still(mission, 5.0)
    mission.set_goal(Pose2D(-3.0, 4.0), now_ns)
    status = mission.status
    assert (status.state, status.goal_number) == (MissionState.ACTIVE, 2)
    assert status.reason == "goal accepted, preempts (10.00, 0.00)"
    assert status.elapsed_s == 0.0
    assert mission.active_goal == Pose2D(-3.0, 4.0)


@pytest.mark.parametrize("field", ["x", "y", "yaw"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_refuses_a_goal_that_is_not_finite_and_keeps_the_active_one(
    field: str, value: float
) -> None:
    mission = Mission()
    mission.set_goal(GOAL, 0)
    with pytest.raises(GoalError, match="not finite"):
        mission.set_goal(replace(GOAL, **{field: value}), 1)
    assert mission.active_goal == GOAL
    assert mission.status.goal_number == 1


def test_cancels_the_active_goal() -> None:
    mission = Mission()
    mission.set_goal(GOAL, 0)
    mission.cancel(TICK)
    assert mission.status.state is MissionState.CANCELLED
    assert mission.status.elapsed_s == pytest.approx(0.2)
    assert mission.active_goal is None


def test_refuses_to_cancel_where_nothing_is_active() -> None:
    mission = Mission()
    with pytest.raises(GoalError, match="idle"):
        mission.cancel(0)
    mission.set_goal(GOAL, 0)
    mission.cancel(0)
    with pytest.raises(GoalError, match="cancelled"):
        mission.cancel(0)


def test_times_out_even_while_it_makes_progress() -> None:
    mission = Mission(MissionConfig(goal_timeout=20.0, progress_timeout=10.0))
    mission.set_goal(Pose2D(1000.0, 0.0), 0)
    for tick in range(1, 100):
        now_ns = tick * TICK
        status = mission.step(odometry(0.2 * tick, now_ns), "driving", now_ns)
        assert status.state is MissionState.ACTIVE
    assert mission.step(odometry(20.0, 20 * SECOND), "driving", 20 * SECOND).state is (
        MissionState.TIMED_OUT
    )


def test_is_unreachable_once_the_planner_finds_no_path_for_long_enough() -> None:
    mission = Mission(MissionConfig(no_path_timeout=15.0))
    mission.set_goal(GOAL, 0)
    now_ns = stand_still(mission, 14.8, status="no_path")
    assert mission.status.state is MissionState.ACTIVE
    stand_still(mission, 0.2, now_ns, "no_path")
    assert mission.status.state is MissionState.UNREACHABLE
    assert "no path" in mission.status.reason


def test_a_path_found_meanwhile_starts_the_wait_anew() -> None:
    mission = Mission(MissionConfig(no_path_timeout=15.0, progress_timeout=1000.0))
    mission.set_goal(GOAL, 0)
    now_ns = stand_still(mission, 14.0, status="no_path")
    now_ns = stand_still(mission, 0.2, now_ns, "driving")
    now_ns = stand_still(mission, 14.0, now_ns, "no_path")
    assert mission.status.state is MissionState.ACTIVE


def test_is_unreachable_when_the_robot_circles_without_getting_anywhere() -> None:
    mission = Mission(MissionConfig(progress_timeout=45.0))
    mission.set_goal(GOAL, 0)
    now_ns = 0
    while mission.status.state is MissionState.ACTIVE and now_ns < 200 * SECOND:
        now_ns += TICK
        angle = now_ns / SECOND
        pose = odometry(2.0 * math.cos(angle), now_ns, 2.0 * math.sin(angle))
        mission.step(pose, "driving", now_ns)
    assert mission.status.state is MissionState.UNREACHABLE
    assert "got nowhere" in mission.status.reason
    assert now_ns < 60 * SECOND


def test_a_long_detour_away_from_the_goal_is_progress() -> None:
    mission = Mission(MissionConfig(progress_timeout=45.0))
    mission.set_goal(GOAL, 0)
    for tick in range(1, 1000):
        now_ns = tick * TICK
        status = mission.step(odometry(-0.1 * tick, now_ns), "driving", now_ns)
    assert status.state is MissionState.ACTIVE
    assert status.elapsed_s > 190.0


@pytest.mark.parametrize("sample", [None, Odometry(0, 0.0, 0.0, 0.0)])
def test_concludes_nothing_but_the_time_out_while_odometry_is_silent(
    sample: Odometry | None,
) -> None:
    mission = Mission(MissionConfig(goal_timeout=100.0))
    mission.set_goal(Pose2D(0.0, 0.0), 5 * SECOND)
    now_ns = 5 * SECOND
    for _ in range(499):
        now_ns += TICK
        status = mission.step(sample, "no_path", now_ns)
        assert status.state is MissionState.ACTIVE
    assert status.reason == "odometry is silent"
    assert math.isnan(status.distance_m)
    assert mission.step(sample, "", now_ns + TICK).state is MissionState.TIMED_OUT


def test_odometry_of_nan_does_not_reach_the_goal() -> None:
    mission = Mission()
    mission.set_goal(GOAL, 0)
    status = mission.step(odometry(math.nan, TICK), "", TICK)
    assert status.state is MissionState.ACTIVE
    assert status.reason == "odometry is silent"


@pytest.mark.parametrize("jump_s", [-1000, -1, 1000])
def test_a_jump_of_the_clock_counts_as_one_second_at_most(jump_s: int) -> None:
    mission = Mission(MissionConfig(goal_timeout=100.0))
    mission.set_goal(GOAL, 2000 * SECOND)
    now_ns = stand_still(mission, 10.0, 2000 * SECOND)
    now_ns = stand_still(mission, 10.0, now_ns + jump_s * SECOND)
    assert mission.status.state is MissionState.ACTIVE
    assert 19.0 <= mission.status.elapsed_s <= 21.0


@pytest.mark.parametrize("name", [field.name for field in fields(MissionConfig)])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_refuses_a_parameter_that_makes_no_sense(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        MissionConfig(**{name: value})


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["goal", "cancel", "step"]),
            st.floats(allow_nan=True, allow_infinity=True, width=32),
            st.integers(min_value=0, max_value=2**62),
            st.sampled_from(["", "driving", "no_path", "stuck", "reached"]),
        ),
        max_size=30,
    )
)
def test_whatever_arrives_the_goal_is_finite_and_only_an_active_one_is_driven_to(
    calls: list[tuple[str, float, int, str]],
) -> None:
    mission = Mission()
    for name, number, now_ns, planner_status in calls:
        try:
            if name == "goal":
                mission.set_goal(Pose2D(number, 0.0), now_ns)
            elif name == "cancel":
                mission.cancel(now_ns)
            else:
                mission.step(odometry(number, now_ns), planner_status, now_ns)
        except GoalError:
            pass
        goal = mission.active_goal
        assert (goal is not None) == (mission.status.state is MissionState.ACTIVE)
        assert goal is None or math.isfinite(goal.x)
        assert mission.status.elapsed_s >= 0.0
