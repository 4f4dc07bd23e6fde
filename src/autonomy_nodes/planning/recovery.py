"""What the planner does when it does not get on."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import wrap_angle
from autonomy_interfaces.messages import Costmap, Odometry, Pose2D, nanoseconds
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.guide import BlockedPassage
from autonomy_nodes.planning.progress import ProgressMonitor, Stall

# Where on the path ahead the passage is looked for that the driver does not get through, metres.
PASSAGE_FROM = 0.2
PASSAGE_TO = 1.5


class Recovery:
    """Backing off, taking a passage for impassable, and looking around.

    Stalls alternate between the first two, so that the same failure is not tried twice; a stall
    against something that refuses the robot's motion always backs off, for the way may be open
    once it stands elsewhere. A robot without any path turns on the spot once: what it remembers
    behind itself may be gone, or may never have been there.
    """

    def __init__(self, config: PlannerConfig) -> None:
        """Take the times and distances."""
        self._config = config
        self._progress = ProgressMonitor(config)
        self.reset()

    def reset(self) -> None:
        """Forget everything, for a new goal."""
        self.blocked: tuple[BlockedPassage, ...] = ()
        self._backing_from: Pose2D | None = None
        self._backing_until_ns = 0
        self._turned = 0.0
        self._last_yaw: float | None = None
        self.pause()

    def pause(self) -> None:
        """Start watching again: the robot was in other hands."""
        self._progress.reset()

    @property
    def exhausted(self) -> bool:
        """Whether recoveries at this place have been tried often enough."""
        return self._progress.stalls > self._config.recoveries

    def expire(self, now_ns: int) -> None:
        """Let passages that were blocked long ago be tried again."""
        self.blocked = tuple(passage for passage in self.blocked if passage.until_ns > now_ns)

    def step(
        self,
        costmap: Costmap,
        odometry: Odometry,
        path: NDArray[np.float64],
        refused: bool,
        now_ns: int,
    ) -> bool:
        """Watch progress along a path; returns whether the robot has just stalled."""
        self._turned, self._last_yaw = 0.0, None
        stall = self._progress.step(odometry.pose, now_ns)
        if stall is None:
            return False
        self._recover(stall, costmap, odometry, path, refused, now_ns)
        return True

    def backs_off(self, odometry: Odometry, now_ns: int) -> bool:
        """Whether the robot is backing off: for a time, and no farther than a distance."""
        start = self._backing_from
        if start is None or now_ns >= self._backing_until_ns:
            return False
        gone = math.hypot(odometry.x - start.x, odometry.y - start.y)
        return gone < self._config.recovery_distance

    def looks_around(self, odometry: Odometry) -> bool:
        """Whether a robot without a path should still turn: until it has come round once."""
        if self._last_yaw is not None:
            self._turned += abs(wrap_angle(odometry.yaw - self._last_yaw))
        self._last_yaw = odometry.yaw
        return self._turned < math.tau

    def _recover(
        self,
        stall: Stall,
        costmap: Costmap,
        odometry: Odometry,
        path: NDArray[np.float64],
        refused: bool,
        now_ns: int,
    ) -> None:
        if refused or stall.count % 2 == 0:
            self._backing_from = odometry.pose
            self._backing_until_ns = now_ns + nanoseconds(self._config.recovery_time)
            return
        x, y = _narrowest(costmap, path)
        until_ns = now_ns + nanoseconds(self._config.blocked_time)
        passage = BlockedPassage(x, y, self._config.blocked_radius, until_ns)
        self.blocked = (*self.blocked, passage)


def _narrowest(costmap: Costmap, path: NDArray[np.float64]) -> tuple[float, float]:
    """The place of highest cost on the path, between `PASSAGE_FROM` and `PASSAGE_TO` ahead."""
    steps = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    ahead = path[(along >= PASSAGE_FROM) & (along <= PASSAGE_TO)]
    if len(ahead) == 0:
        ahead = path[-1:]
    height, width = costmap.data.shape
    cols = ((ahead[:, 0] - costmap.origin_x) / costmap.resolution).astype(np.int64)
    rows = ((ahead[:, 1] - costmap.origin_y) / costmap.resolution).astype(np.int64)
    costs = costmap.data[np.clip(rows, 0, height - 1), np.clip(cols, 0, width - 1)]
    x, y = ahead[int(np.argmax(costs))]
    return float(x), float(y)
