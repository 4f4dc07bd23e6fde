"""The mission core: owns one goal and calls its outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from autonomy_interfaces.messages import Odometry, Pose2D, nanoseconds, seconds
from autonomy_nodes.mission.progress import ProgressMonitor
from autonomy_nodes.mission.state import MissionEvent, MissionState, next_state

NO_PATH_STATUS = "no_path"
"""Value of `planner_status` by which the planner says that it finds no way to the goal."""


class GoalError(ValueError):
    """A goal or a cancellation that cannot be taken; the message says why."""


@dataclass(frozen=True, slots=True)
class MissionConfig:
    """Behaviour of the mission; times in seconds, lengths in metres, all above zero."""

    goal_tolerance: float = 0.5
    """Distance from the goal's position that counts as reached. Half the 1.0 m of the BARN
    protocol, so that a run that ends here has ended there too."""
    goal_timeout: float = 300.0
    """A goal not reached in this time has timed out."""
    no_path_timeout: float = 15.0
    """The planner must find no path for this long without a break: a moment's `no_path` is
    common while a rolling map fills."""
    progress_timeout: float = 45.0
    """A robot that got nowhere for this long (see `ProgressMonitor`) will not arrive; long
    enough for several recovery manoeuvres."""
    min_approach: float = 0.25
    place_size: float = 1.0
    odometry_timeout: float = 1.0
    """Odometry older than this is silent: nothing is concluded from it."""
    max_clock_step: float = 1.0
    """The most that one step of the clock counts for; a jump forward counts this much, one
    backward counts nothing."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"mission parameter {field.name}: expected > 0, got {value}")


@dataclass(frozen=True, slots=True)
class MissionStatus:
    """Where the mission stands.

    goal: odom frame, None before the first goal; it stays after the outcome. distance_m: robot
    to goal, NaN where odometry has not told it. elapsed_s: time the goal has been, or was,
    active. reason: why the state is what it is. goal_number: counts the goals taken, from 1.
    """

    state: MissionState
    goal: Pose2D | None
    distance_m: float
    elapsed_s: float
    reason: str = ""
    goal_number: int = 0


class Mission:
    """Owns one goal at a time and decides how it ended.

    Time comes in by `now_ns` and is accumulated step by step, so that a jump of the clock neither
    times a goal out nor extends it. While odometry is silent the goal stays active and its
    time-out runs on, but neither arrival nor lack of progress is concluded: a robot that does not
    know where it is has not shown that it cannot arrive.
    """

    def __init__(self, config: MissionConfig | None = None) -> None:
        self._config = config or MissionConfig()
        self._state = MissionState.IDLE
        self._reason = "no goal yet"
        self._goal: Pose2D | None = None
        self._goal_number = 0
        self._last_ns: int | None = None
        self._elapsed_ns = 0
        self._no_path_ns = 0
        self._distance_m = math.nan
        self._odometry_silent = False
        self._progress = self._new_progress()

    @property
    def active_goal(self) -> Pose2D | None:
        """The goal to drive to now, odom frame; None where the robot should stand."""
        return self._goal if self._state is MissionState.ACTIVE else None

    @property
    def status(self) -> MissionStatus:
        """Where the mission stands, as of the last call that changed it."""
        waiting = self._state is MissionState.ACTIVE and self._odometry_silent
        return MissionStatus(
            state=self._state,
            goal=self._goal,
            distance_m=self._distance_m,
            elapsed_s=seconds(self._elapsed_ns),
            reason="odometry is silent" if waiting else self._reason,
            goal_number=self._goal_number,
        )

    def set_goal(self, goal: Pose2D, now_ns: int) -> None:
        """Take a goal (odom frame); an active one is preempted, which the reason records.

        Raises:
            GoalError: a coordinate is NaN or infinite; the mission stays as it was.
        """
        if not all(math.isfinite(value) for value in (goal.x, goal.y, goal.yaw)):
            raise GoalError(f"goal ({goal.x}, {goal.y}, {goal.yaw}) is not finite")
        reason = "goal accepted"
        if self._state is MissionState.ACTIVE and self._goal is not None:
            reason += f", preempts ({self._goal.x:.2f}, {self._goal.y:.2f})"
        self._goal = goal
        self._goal_number += 1
        self._last_ns = now_ns
        self._elapsed_ns = self._no_path_ns = 0
        self._distance_m = math.nan
        self._progress = self._new_progress()
        self._apply(MissionEvent.GOAL, reason)

    def cancel(self, now_ns: int) -> None:
        """Give the active goal up.

        Raises:
            GoalError: there is no active goal.
        """
        if self._state is not MissionState.ACTIVE:
            raise GoalError(f"no active goal to cancel: the mission is {self._state.value}")
        self._advance(now_ns)
        self._apply(MissionEvent.CANCEL, "cancelled by the operator")

    def step(self, odometry: Odometry | None, planner_status: str, now_ns: int) -> MissionStatus:
        """Take in what is known now and call the outcome if there is one.

        Args:
            odometry: the newest, None before the first.
            planner_status: as on `/decision/status`, "" where unknown.
            now_ns: time on the clock that stamps odometry.
        """
        if self._state is not MissionState.ACTIVE or self._goal is None:
            return self.status
        step_ns = self._advance(now_ns)
        fresh = self._observe(odometry, self._goal, step_ns, now_ns)
        if fresh and self._distance_m <= self._config.goal_tolerance:
            self._apply(MissionEvent.ARRIVED, f"within {self._config.goal_tolerance} m of the goal")
        else:
            self._judge_delay(planner_status if fresh else "", step_ns)
        return self.status

    def _observe(self, odometry: Odometry | None, goal: Pose2D, step_ns: int, now_ns: int) -> bool:
        """Update distance and progress; False where odometry says nothing of the present."""
        self._odometry_silent = (
            odometry is None
            or abs(seconds(now_ns - odometry.stamp_ns)) > self._config.odometry_timeout
            or not (math.isfinite(odometry.x) and math.isfinite(odometry.y))
        )
        if odometry is None or self._odometry_silent:
            return False
        self._distance_m = math.hypot(goal.x - odometry.x, goal.y - odometry.y)
        self._progress.update(odometry.pose, self._distance_m, step_ns)
        return True

    def _judge_delay(self, planner_status: str, step_ns: int) -> None:
        """End a goal that takes too long, by the strictest bound that it breaks."""
        config = self._config
        no_path = planner_status.lower() == NO_PATH_STATUS
        self._no_path_ns = self._no_path_ns + step_ns if no_path else 0
        if self._elapsed_ns >= nanoseconds(config.goal_timeout):
            self._apply(MissionEvent.TIME_UP, f"not reached in {config.goal_timeout:g} s")
        elif self._no_path_ns >= nanoseconds(config.no_path_timeout):
            self._apply(
                MissionEvent.NO_PATH, f"the planner found no path for {config.no_path_timeout:g} s"
            )
        elif self._progress.idle_ns >= nanoseconds(config.progress_timeout):
            self._apply(MissionEvent.NO_PROGRESS, f"got nowhere for {config.progress_timeout:g} s")

    def _advance(self, now_ns: int) -> int:
        """Nanoseconds that passed since the call before, bounded against jumps of the clock."""
        last_ns = now_ns if self._last_ns is None else self._last_ns
        limit_ns = nanoseconds(self._config.max_clock_step)
        self._last_ns = now_ns
        step_ns = min(max(now_ns - last_ns, 0), limit_ns)
        self._elapsed_ns += step_ns
        return step_ns

    def _apply(self, event: MissionEvent, reason: str) -> None:
        self._state = next_state(self._state, event)
        self._reason = reason

    def _new_progress(self) -> ProgressMonitor:
        return ProgressMonitor(self._config.min_approach, self._config.place_size)
