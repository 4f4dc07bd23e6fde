"""Inputs that nothing can be computed from count as none: a garbled message must end no node."""

from __future__ import annotations

import math

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D

FARTHEST = 1e7
"""Metres, and more than any speed: what is beyond has no use, and squares of it may overflow."""
FEWEST_CELLS, MOST_CELLS = 4, 10_000
FINEST, COARSEST = 1e-3, 10.0
"""Metres per cell."""
MOST_BEAMS = 20_000


def plausible_scan(scan: LaserScan | None) -> LaserScan | None:
    """The scan, or None where its layout is no lidar's."""
    if scan is None or scan.ranges.ndim != 1 or not 0 < len(scan.ranges) <= MOST_BEAMS:
        return None
    layout = (scan.angle_min, scan.angle_increment, scan.range_min, scan.range_max)
    fits = _small(*layout) and scan.angle_increment != 0.0 and abs(scan.angle_min) <= 10.0
    return scan if fits and abs(scan.angle_increment) * len(scan.ranges) <= 10.0 else None


def plausible_odometry(odometry: Odometry | None) -> Odometry | None:
    """The odometry, or None where it holds a number that no robot's can."""
    if odometry is None:
        return None
    values = (odometry.x, odometry.y, odometry.yaw, odometry.vx, odometry.vy, odometry.wz)
    return odometry if _small(*values) else None


def plausible_costmap(costmap: Costmap | None) -> Costmap | None:
    """The costmap, or None where its grid is no grid that can be planned on."""
    if costmap is None or costmap.data.ndim != 2:
        return None
    if not all(FEWEST_CELLS <= cells <= MOST_CELLS for cells in costmap.data.shape):
        return None
    fits = _small(costmap.origin_x, costmap.origin_y)
    return costmap if fits and FINEST <= costmap.resolution <= COARSEST else None


def plausible_goal(goal: Pose2D | None) -> Pose2D | None:
    """The goal, or None where it is nowhere."""
    return goal if goal is not None and _small(goal.x, goal.y, goal.yaw) else None


def _small(*values: float) -> bool:
    """Whether all are finite and below FARTHEST."""
    return all(math.isfinite(value) and abs(value) < FARTHEST for value in values)
