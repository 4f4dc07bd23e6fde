"""What the planner does when it does not get on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import wrap_angle
from autonomy_interfaces.messages import Costmap, Odometry, Pose2D, nanoseconds
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.guide import BlockedPassage
from autonomy_nodes.planning.progress import ProgressMonitor, Stall
from autonomy_nodes.planning.refusal import Refused

# Where on the path ahead the passage is looked for that the driver does not get through, metres.
PASSAGE_FROM = 0.2
PASSAGE_TO = 1.5
# An attempt to break free this much later begins a new series.
SERIES_S = 20.0
# So often in a row it goes ahead.
MOST_AHEAD = 2
# Of a series, so many count as one stall.
ATTEMPTS_A_STALL = 2


class Motion(Enum):
    """What the robot does to recover, in place of following the path."""

    NONE = "none"
    BACK_OFF = "back_off"
    GO_AHEAD = "go_ahead"


@dataclass(frozen=True, slots=True)
class _Underway:
    """A motion, where it began, how far it goes, metres, and when it ends."""

    motion: Motion
    start: Pose2D
    distance: float
    until_ns: int

    def way_to(self, odometry: Odometry) -> float:
        """Metres from where it began."""
        return math.hypot(odometry.x - self.start.x, odometry.y - self.start.y)


@dataclass(frozen=True, slots=True)
class _Series:
    """Attempts to break free at one place: where the first was, when the last, how many.

    ahead: how many of the last ones in a row went ahead.
    """

    start: Pose2D
    last_ns: int
    count: int = 0
    ahead: int = 0

    def goes_on(self, odometry: Odometry, now_ns: int) -> bool:
        """Whether another attempt here and now is one more of them."""
        far = math.hypot(odometry.x - self.start.x, odometry.y - self.start.y)
        return far < ProgressMonitor.SAME_PLACE and now_ns - self.last_ns < nanoseconds(SERIES_S)


class Recovery:
    """Backing off, going ahead, taking a passage for impassable, and looking around.

    Stalls alternate between the first and the third, so that the same failure is not tried twice; a
    stall against something that refuses the robot's motion always backs off, for the way may be
    open once it stands elsewhere. A robot that may turn neither way goes straight ahead at once:
    there it sees what it drives into, and it leaves free ground behind itself to turn on. If it
    gets nowhere, or has gone ahead twice at this place, it backs off. A robot without any path
    turns on the spot once: what it remembers behind itself may be gone, or may never have been
    there.
    """

    def __init__(self, config: PlannerConfig) -> None:
        """Take the times and distances."""
        self._config = config
        self._progress = ProgressMonitor(config)
        self.reset()

    def reset(self) -> None:
        """Forget everything, for a new goal."""
        self.blocked: tuple[BlockedPassage, ...] = ()
        self._turned = 0.0
        self._last_yaw: float | None = None
        self.pause()

    def pause(self) -> None:
        """Start watching again: the robot was in other hands."""
        self._progress.reset()
        self._underway: _Underway | None = None
        self._series: _Series | None = None
        self._in_vain = False

    @property
    def exhausted(self) -> bool:
        """Whether recoveries at this place have been tried often enough."""
        freed = self._series.count if self._series else 0
        return max(self._progress.stalls, freed // ATTEMPTS_A_STALL) > self._config.recoveries

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

    def break_free(self, refused: Refused, odometry: Odometry, now_ns: int) -> bool:
        """Go ahead or back off where turning is refused either way.

        Returns:
            Whether the robot goes ahead from now on.
        """
        motion = self.motion(odometry, now_ns)
        if motion is Motion.GO_AHEAD and refused.forward:
            self._underway, self._in_vain = None, True
        elif motion is not Motion.NONE or not (refused.left and refused.right):
            return False
        series = self._series
        if series is None or not series.goes_on(odometry, now_ns):
            series, self._in_vain = _Series(odometry.pose, now_ns), False
        ahead = not (refused.forward or self._in_vain or series.ahead == MOST_AHEAD)
        tried = series.ahead + 1 if ahead else 0
        self._series = replace(series, last_ns=now_ns, count=series.count + 1, ahead=tried)
        if ahead:
            self._begin(Motion.GO_AHEAD, self._config.ahead_distance, odometry, now_ns)
        else:
            self._begin(Motion.BACK_OFF, self._config.recovery_distance, odometry, now_ns)
        return ahead

    def motion(self, odometry: Odometry, now_ns: int) -> Motion:
        """What the robot does to recover: for a time, and until it has come some way."""
        if (underway := self._underway) is None:
            return Motion.NONE
        way = underway.way_to(odometry)
        if now_ns < underway.until_ns and way < underway.distance:
            return underway.motion
        self._in_vain = underway.motion is Motion.GO_AHEAD and way < 0.5 * underway.distance
        self._underway = None
        return Motion.NONE

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
        if self.motion(odometry, now_ns) is Motion.GO_AHEAD:
            return
        if refused or stall.count % 2 == 0:
            self._begin(Motion.BACK_OFF, self._config.recovery_distance, odometry, now_ns)
            return
        x, y = _narrowest(costmap, path)
        until_ns = now_ns + nanoseconds(self._config.blocked_time)
        passage = BlockedPassage(x, y, self._config.blocked_radius, until_ns)
        self.blocked = (*self.blocked, passage)

    def _begin(self, motion: Motion, distance: float, odometry: Odometry, now_ns: int) -> None:
        until_ns = now_ns + nanoseconds(self._config.recovery_time)
        self._in_vain = False
        self._underway = _Underway(motion, odometry.pose, distance, until_ns)


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
