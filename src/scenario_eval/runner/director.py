"""Gives the goals of a run one after the other, lets operators act, and says when it is over."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autonomy_interfaces.messages import Pose2D
from autonomy_nodes.mission.mission import GoalError
from autonomy_nodes.mission.state import MissionState
from scenario_eval.episode import TickRecord
from scenario_eval.lockstep import LockstepStack
from scenario_eval.results import Outcome
from scenario_eval.scenarios.schema import Event, Scenario, as_pose

TERMINAL = {
    MissionState.UNREACHABLE: Outcome.UNREACHABLE,
    MissionState.TIMED_OUT: Outcome.TIMED_OUT,
    MissionState.CANCELLED: Outcome.CANCELLED,
}


class Director:
    """What happens to the robot from outside.

    goals: those given so far, world frame. open_goal: number of the open one, 0 for none; one that
    awaits the safety gate's leave is not open yet. reached: how many were reached.
    """

    def __init__(
        self, scenario: Scenario, stack: LockstepStack, start: Pose2D, goals: Sequence[Pose2D]
    ) -> None:
        self.goals: list[Pose2D] = []
        self.open_goal = 0
        self._awaited_goal = 0
        self.reached = 0
        self.events_done: list[float] = []
        self._stack = stack
        self._start = start
        self._waiting = list(goals)
        self._events = sorted(scenario.events, key=lambda event: event.at_s)
        self._ended: Outcome | None = None
        self._end_on_contact = scenario.expect.contact == "never"
        self._to_the_end = scenario.to_the_end
        self._next_goal()

    def before_tick(self, now_s: float) -> None:
        """Let the events that are due happen."""
        while self._events and self._events[0].at_s <= now_s + 1e-9:
            self._play(self._events.pop(0))
            self.events_done.append(now_s)

    def after_tick(self, record: TickRecord) -> bool:
        """Look how the goal stands; returns whether the run is over."""
        self._hear_gate()
        state = self._stack.mission.status.state
        if self.open_goal and state is MissionState.REACHED:
            self.reached += 1
            self.open_goal = 0
            if not self._next_goal():
                self._ended = Outcome.REACHED
        elif self.open_goal and state in TERMINAL:
            self._ended, self.open_goal = TERMINAL[state], 0
            self._waiting.clear()
        if record.truth.contact and self._end_on_contact:
            return True
        return self._ended is not None and not self._events and not self._to_the_end

    def outcome(self, last: TickRecord, touched: bool) -> Outcome:
        """How the run ended, after `last`."""
        if touched and self._end_on_contact:
            return Outcome.COLLIDED
        if self._ended is not None:
            return self._ended
        if last.monitor_state == "emergency_stop":
            return Outcome.EMERGENCY_STOP
        return Outcome.TIME_LIMIT if self.open_goal or self._awaited_goal else Outcome.FINISHED

    def goal_distance(self, record: TickRecord) -> float:
        """True metres to the open goal, NaN without one."""
        if not self.open_goal:
            return math.nan
        goal = self.goals[self.open_goal - 1]
        return math.hypot(goal.x - record.truth.x, goal.y - record.truth.y)

    def _next_goal(self) -> bool:
        if not self._waiting:
            return False
        self._give(self._waiting.pop(0))
        return True

    def _give(self, goal: Pose2D) -> None:
        self.goals.append(goal)
        self._ended = None
        self._stack.set_goal(into_frame(goal, self._start))
        if self._stack.gate is None:
            self.open_goal = len(self.goals)
        else:
            self._awaited_goal = len(self.goals)

    def _hear_gate(self) -> None:
        """Open the goal that awaited leave once it is allowed; drop it once it is not."""
        gate = self._stack.gate
        if gate is None or gate.pending or not self._awaited_goal:
            return
        if gate.granted is not None:
            self.open_goal = self._awaited_goal
        elif gate.refusal:
            self._waiting.clear()
            if not self.open_goal:
                self._ended = Outcome.REFUSED
        self._awaited_goal = 0

    def _play(self, event: Event) -> None:
        now_ns, monitor = self._stack.simulator.clock_ns, self._stack.monitor
        gate = self._stack.gate
        if event.do == "goal" and event.goal is not None:
            self._waiting.clear()
            self._give(as_pose(event.goal))
        elif event.do == "cancel":
            self._cancel()
        elif event.do in ("approve", "reject"):
            if gate is not None:
                gate.answer(event.do == "approve", event.who, self._stack.simulator.now_ns)
        elif monitor is not None and event.do == "estop":
            monitor.estop(now_ns, "scenario")
        elif monitor is not None:
            monitor.reset(now_ns, "scenario")

    def _cancel(self) -> None:
        try:
            self._stack.cancel()
        except GoalError:
            # The node answers the operator so; there is nothing to cancel.
            return
        if self._awaited_goal and not self.open_goal:
            self._ended = Outcome.CANCELLED
        self._awaited_goal = 0


def into_frame(pose: Pose2D, origin: Pose2D) -> Pose2D:
    """`pose` as seen from `origin`, both in one frame."""
    cosine, sine = math.cos(origin.yaw), math.sin(origin.yaw)
    dx, dy = pose.x - origin.x, pose.y - origin.y
    return Pose2D(cosine * dx + sine * dy, cosine * dy - sine * dx, pose.yaw - origin.yaw)


def out_of_frame(pose: Pose2D, origin: Pose2D) -> Pose2D:
    """The inverse of `into_frame`."""
    cosine, sine = math.cos(origin.yaw), math.sin(origin.yaw)
    x = origin.x + cosine * pose.x - sine * pose.y
    y = origin.y + sine * pose.x + cosine * pose.y
    return Pose2D(x, y, math.remainder(pose.yaw + origin.yaw, math.tau))
