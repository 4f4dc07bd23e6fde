"""The classical planner: a driver in its own right, the policy's teacher and its fallback."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Costmap, Odometry, Pose2D, nanoseconds, seconds
from autonomy_nodes.planning.config import Plan, PlannerConfig, PlanStatus
from autonomy_nodes.planning.guide import BlockedPassage, Guide, TravelTimeField
from autonomy_nodes.planning.local_driver import LocalDriver
from autonomy_nodes.planning.progress import ProgressMonitor, Stall

__all__ = ["Plan", "PlanStatus", "Planner", "PlannerConfig"]

# After a pause this long (another driver drove) the last solution means nothing.
STALE_NS = 500_000_000
NO_PATH = np.empty((0, 2))
# How far ahead on the path a passage is looked for that the driver did not get through.
PASSAGE_AHEAD = 1.2


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
        self._progress = ProgressMonitor(config)
        self.reset()

    def reset(self) -> None:
        """Forget the goal and all that was tried for it."""
        self._goal: Pose2D | None = None
        self._last_ns: int | None = None
        self._last_command = (0.0, 0.0)
        self._blocked: list[BlockedPassage] = []
        self._backing_until_ns = 0
        self._solved: tuple[Costmap, Odometry, Pose2D, TravelTimeField] | None = None
        self._driver.reset()
        self._progress.reset()

    def plan(self, costmap: Costmap, odometry: Odometry, goal: Pose2D, now_ns: int) -> Plan:
        """Choose the velocities for this tick.

        Args:
            costmap: as perception publishes it, odometry frame.
            odometry: the newest.
            goal: in the odometry frame; its yaw is not used.
            now_ns: nanoseconds, not decreasing for one goal.
        """
        self._begin_tick(goal, now_ns)
        if math.hypot(goal.x - odometry.x, goal.y - odometry.y) <= self.config.goal_tolerance:
            return self._answer(0.0, 0.0, PlanStatus.REACHED, NO_PATH, now_ns)
        field = self._field(costmap, odometry, goal)
        if not math.isfinite(field.at_robot) and self._blocked:
            self._blocked = []
            self._solved = None
            field = self._field(costmap, odometry, goal)
        if not math.isfinite(field.at_robot):
            return self._answer(0.0, 0.0, PlanStatus.NO_PATH, NO_PATH, now_ns)
        path = self._guide.path(field, odometry.pose, goal)
        stall = self._progress.step(odometry.pose, now_ns)
        if stall is not None:
            self._recover(stall, path, now_ns)
        backing = now_ns < self._backing_until_ns
        elapsed = 0.05 if self._last_ns is None else seconds(now_ns - self._last_ns)
        drive = self._driver.drive(
            costmap,
            odometry,
            field,
            self._last_command,
            elapsed,
            reverse_weight=-4.0 if backing else None,
        )
        stuck = self._progress.stalls > self.config.recoveries
        status = PlanStatus.STUCK if stuck else PlanStatus.DRIVING
        if not drive.clear:
            return self._answer(0.0, 0.0, status, path, now_ns)
        return self._answer(drive.vx, drive.wz, status, path, now_ns)

    def guide(self, costmap: Costmap, odometry: Odometry, goal: Pose2D) -> NDArray[np.float64]:
        """The global path alone, (M, 2) float64 metres in the odometry frame; empty if none."""
        return self._guide.path(self._field(costmap, odometry, goal), odometry.pose, goal)

    def _field(self, costmap: Costmap, odometry: Odometry, goal: Pose2D) -> TravelTimeField:
        """The travel time field, solved once for the same inputs."""
        solved = self._solved
        if solved and solved[0] is costmap and solved[1] is odometry and solved[2] == goal:
            return solved[3]
        field = self._guide.solve(costmap, odometry.pose, goal, self._blocked)
        self._solved = (costmap, odometry, goal, field)
        return field

    def _begin_tick(self, goal: Pose2D, now_ns: int) -> None:
        """Start afresh for a new goal, after a pause, or when the clock went back."""
        if goal != self._goal or (self._last_ns is not None and now_ns < self._last_ns):
            self.reset()
            self._goal = goal
        elif self._last_ns is not None and now_ns - self._last_ns > STALE_NS:
            self._driver.reset()
            self._progress.reset()
            self._last_ns = None
            self._last_command = (0.0, 0.0)
        kept = [passage for passage in self._blocked if passage.until_ns > now_ns]
        if len(kept) != len(self._blocked):
            self._blocked = kept
            self._solved = None

    def _recover(self, stall: Stall, path: NDArray[np.float64], now_ns: int) -> None:
        """First back off; when that did not help, look for another way."""
        self._driver.reset()
        self._backing_until_ns = now_ns + nanoseconds(self.config.recovery_time)
        if stall.count < 2:
            return
        ahead = min(len(path) - 1, round(PASSAGE_AHEAD / (2 * self._path_spacing(path))))
        x, y = path[ahead]
        until_ns = now_ns + nanoseconds(self.config.blocked_time)
        self._blocked.append(BlockedPassage(x, y, self.config.blocked_radius, until_ns))
        self._solved = None

    @staticmethod
    def _path_spacing(path: NDArray[np.float64]) -> float:
        if len(path) < 2:
            return 1.0
        return max(1e-3, float(np.hypot(*(path[1] - path[0]))))

    def _answer(
        self, vx: float, wz: float, status: PlanStatus, path: NDArray[np.float64], now_ns: int
    ) -> Plan:
        self._last_ns = now_ns
        self._last_command = (vx, wz)
        return Plan(vx, wz, status, path)
