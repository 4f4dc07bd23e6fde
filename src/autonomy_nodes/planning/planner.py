"""The classical planner: a driver in its own right, the policy's teacher and its fallback."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Costmap, Odometry, Pose2D, seconds
from autonomy_nodes.planning.config import Plan, PlannerConfig, PlanStatus
from autonomy_nodes.planning.guide import BlockedPassage, Guide, TravelTimeField
from autonomy_nodes.planning.local_driver import LocalDriver
from autonomy_nodes.planning.recovery import Motion, Recovery
from autonomy_nodes.planning.refusal import RefusalWatch, Refused
from autonomy_nodes.tracking.moving_bodies import NO_BODIES

__all__ = ["Plan", "PlanStatus", "Planner", "PlannerConfig"]

# After a pause this long (another driver drove) the last solution means nothing.
STALE_NS = 500_000_000
# A field solved ahead serves for so long: a robot at full speed is 0.3 m farther then.
AHEAD_NS = 150_000_000
NO_PATH: NDArray[np.float64] = np.empty((0, 2))
# Assumed between two ticks where there was none before.
FIRST_TICK_S = 0.05
# Seconds that a metre ahead and a metre back cost while the robot recovers: less than nothing.
METRE_COSTS = {Motion.BACK_OFF: (0.0, -4.0), Motion.GO_AHEAD: (-8.0, 0.0)}
STRAIGHT_AHEAD = Refused(reverse=True, left=True, right=True)
LOOK_AROUND_RATE = 1.0


@dataclass(frozen=True)
class _Ahead:
    """A travel time field for the next tick, and what it was solved for."""

    field: TravelTimeField
    stamp_ns: int
    goal: Pose2D
    blocked: tuple[BlockedPassage, ...]

    def serves(self, costmap: Costmap, goal: Pose2D, blocked: tuple[BlockedPassage, ...]) -> bool:
        """Whether it says the way to `goal` still, over a map that has hardly changed."""
        return (
            0 <= costmap.stamp_ns - self.stamp_ns <= AHEAD_NS
            and math.isfinite(self.field.at_robot)
            and (goal, blocked) == (self.goal, self.blocked)
        )


class Planner:
    """Drives to a goal in the odometry frame through space that it comes to know on the way.

    A travel time field over the costmap (unknown space may be crossed, slowly) says where to go;
    sampled control sequences, scored against that field and the exact footprint, say how. The
    costmap remembers dead ends; a passage in front of which the robot stalls is blocked for a
    while, so that the search leads around it.
    """

    def __init__(self, config: PlannerConfig) -> None:
        """Build the search and the driver."""
        self.config = config
        self._guide = Guide(config)
        self._driver = LocalDriver(config)
        self._recovery = Recovery(config)
        self._refusals = RefusalWatch(config)
        self.reset()

    def reset(self) -> None:
        """Forget the goal and all that was tried for it."""
        self._goal: Pose2D | None = None
        self._solved: tuple[object, ...] = ()
        self._field: TravelTimeField | None = None
        self._ahead: _Ahead | None = None
        self._recovery.reset()
        self._take_over()

    def _take_over(self) -> None:
        """Forget what this planner drove last: nothing yet, or another driver drove since."""
        self._last_ns: int | None = None
        self._last_command = (0.0, 0.0)
        self._driver.reset()
        self._recovery.pause()
        self._refusals.reset()

    def plan(
        self,
        costmap: Costmap,
        odometry: Odometry,
        goal: Pose2D,
        now_ns: int,
        bodies: NDArray[np.float64] = NO_BODIES,
    ) -> Plan:
        """Choose the velocities for this tick.

        Args:
            costmap: as perception publishes it, odometry frame.
            odometry: the newest.
            goal: in the odometry frame; its yaw is not used.
            now_ns: nanoseconds, not decreasing for one goal.
            bodies: (M, 5) float64, those that move, as `MovingBodies.at` tells them at `now_ns`.
        """
        self._begin_tick(goal, now_ns)
        if math.hypot(goal.x - odometry.x, goal.y - odometry.y) <= self.config.goal_tolerance:
            return self._answer(0.0, 0.0, PlanStatus.REACHED, NO_PATH, now_ns)
        field = self._travel_time(costmap, odometry, goal)
        if not math.isfinite(field.at_robot) and self._recovery.blocked:
            self._recovery.blocked = ()
            field = self._travel_time(costmap, odometry, goal)
        if not math.isfinite(field.at_robot):
            return self._look_around(costmap, odometry, now_ns)
        path = self._guide.path(field, odometry.pose, goal)
        return self._drive(costmap, odometry, field, path, bodies, now_ns)

    def guide(self, costmap: Costmap, odometry: Odometry, goal: Pose2D) -> NDArray[np.float64]:
        """The global path alone, (M, 2) float64 metres in the odometry frame; empty if none."""
        return self._guide.path(self._travel_time(costmap, odometry, goal), odometry.pose, goal)

    def look_ahead(self, costmap: Costmap, odometry: Odometry, goal: Pose2D) -> None:
        """Solve the travel times for the next tick now, when this one's command is out.

        Where to go changes slowly, and the search is what takes longest: the next tick then
        follows the field of this tick's map, from where the robot has come to. How to drive, and
        whether that is free of collision, is its own map's matter. Without this call, and where
        the goal has changed or no way was found, a tick solves the field of its own map.
        """
        blocked = self._recovery.blocked
        field = self._guide.solve(costmap, odometry.pose, goal, blocked)
        self._ahead = _Ahead(field, costmap.stamp_ns, goal, blocked)

    def _drive(
        self,
        costmap: Costmap,
        odometry: Odometry,
        field: TravelTimeField,
        path: NDArray[np.float64],
        bodies: NDArray[np.float64],
        now_ns: int,
    ) -> Plan:
        """Follow the field, or recover where the robot has stalled."""
        refused = self._refusals.step(self._last_command, odometry, now_ns)
        if self._recovery.step(costmap, odometry, path, bool(refused), now_ns):
            self._driver.reset()
        if self._recovery.break_free(refused, odometry, now_ns):
            self._refusals.reset()
        elapsed_s = FIRST_TICK_S if self._last_ns is None else seconds(now_ns - self._last_ns)
        motion = self._recovery.motion(odometry, now_ns)
        ahead = motion is Motion.GO_AHEAD
        drive = self._driver.drive(
            costmap,
            odometry,
            field,
            self._last_command,
            elapsed_s,
            STRAIGHT_AHEAD if ahead else refused,
            self.config.reverse_speed if ahead else math.inf,
            METRE_COSTS.get(motion),
            bodies,
        )
        status = PlanStatus.STUCK if self._recovery.exhausted else PlanStatus.DRIVING
        vx, wz = (drive.vx, drive.wz) if drive.clear else (0.0, 0.0)
        return self._answer(vx, wz, status, path, now_ns)

    def _look_around(self, costmap: Costmap, odometry: Odometry, now_ns: int) -> Plan:
        """Without a path: turn once on the spot where there is room for it, then stand."""
        rate = 0.0
        if self._recovery.looks_around(odometry):
            rate = min(LOOK_AROUND_RATE, self.config.max_angular_velocity)
            if self._driver.turn_clearance(costmap, odometry) < self.config.hard_margin:
                rate = 0.0
        return self._answer(0.0, rate, PlanStatus.NO_PATH, NO_PATH, now_ns)

    def _travel_time(self, costmap: Costmap, odometry: Odometry, goal: Pose2D) -> TravelTimeField:
        """The travel time field: solved ahead, or now, once for the same inputs."""
        blocked: tuple[BlockedPassage, ...] = self._recovery.blocked
        inputs = (costmap, odometry, goal, blocked)
        same = len(self._solved) == len(inputs) and all(
            a is b for a, b in zip(self._solved, inputs, strict=True)
        )
        if self._field is None or not same:
            if self._ahead is not None and self._ahead.serves(costmap, goal, blocked):
                self._field = self._ahead.field
            else:
                self._field = self._guide.solve(costmap, odometry.pose, goal, blocked)
            self._solved = inputs
        return self._field

    def _begin_tick(self, goal: Pose2D, now_ns: int) -> None:
        """Start afresh for a new goal, after a pause, or when the clock went back."""
        if goal != self._goal or (self._last_ns is not None and now_ns < self._last_ns):
            self.reset()
            self._goal = goal
        elif self._last_ns is not None and now_ns - self._last_ns > STALE_NS:
            self._take_over()
        self._recovery.expire(now_ns)

    def _answer(
        self, vx: float, wz: float, status: PlanStatus, path: NDArray[np.float64], now_ns: int
    ) -> Plan:
        self._last_ns = now_ns
        self._last_command = (vx, wz)
        return Plan(vx, wz, status, path)
