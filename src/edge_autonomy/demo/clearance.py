"""How near the robot's body is to what its lidar sees."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import LaserScan


def scan_points(scan: LaserScan, lidar_pose: Sequence[float]) -> NDArray[np.float64]:
    """Points of a scan's returns, (N, 2) metres in base_link.

    Args:
        scan: beams without a return, or outside its range limits, give no point.
        lidar_pose: x m, y m, yaw rad of the lidar in base_link.
    """
    angles = scan.angle_min + scan.angle_increment * np.arange(len(scan.ranges))
    ranges = scan.ranges.astype(np.float64)
    valid = np.isfinite(ranges) & (ranges >= scan.range_min) & (ranges <= scan.range_max)
    x, y, yaw = lidar_pose
    directions = angles[valid] + yaw
    return np.stack(
        [x + ranges[valid] * np.cos(directions), y + ranges[valid] * np.sin(directions)], axis=1
    )


def clearance(points: NDArray[np.float64], footprint: Sequence[float]) -> float:
    """Least distance from the footprint polygon to a point; 0 for one inside, inf without any.

    Args:
        points: (N, 2) metres, base_link.
        footprint: x0, y0, x1, y1, … of a convex polygon, metres, base_link.
    """
    if len(points) == 0:
        return math.inf
    corners = np.asarray(footprint, dtype=np.float64).reshape(-1, 2)
    edges = np.roll(corners, -1, axis=0) - corners
    offsets = points[:, None, :] - corners
    shares = np.sum(offsets * edges, axis=2) / np.sum(edges**2, axis=1)
    nearest = corners + np.clip(shares, 0.0, 1.0)[..., None] * edges
    distances = np.linalg.norm(points[:, None, :] - nearest, axis=2).min(axis=1)
    crosses = edges[:, 0] * offsets[..., 1] - edges[:, 1] * offsets[..., 0]
    inside = np.all(crosses >= 0.0, axis=1) | np.all(crosses <= 0.0, axis=1)
    return float(np.where(inside, 0.0, distances).min())
