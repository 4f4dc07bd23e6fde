"""Whether a command, held for a moment and then braked, would touch what the costmap shows."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from autonomy_interfaces.messages import Costmap, Odometry

OCCUPIED = 100


@njit(cache=True)
def _occupied_near(
    data: NDArray[np.int8],
    resolution: float,
    origin_x: float,
    origin_y: float,
    x: float,
    y: float,
    yaw: float,
    radius: float,
) -> NDArray[np.float64]:
    """Centres of the occupied cells within `radius` of the robot, (K, 2) in its frame, metres."""
    height, width = data.shape
    first_row = max(0, math.floor((y - radius - origin_y) / resolution))
    last_row = min(height - 1, math.floor((y + radius - origin_y) / resolution))
    first_column = max(0, math.floor((x - radius - origin_x) / resolution))
    last_column = min(width - 1, math.floor((x + radius - origin_x) / resolution))
    rows = max(0, last_row - first_row + 1)
    columns = max(0, last_column - first_column + 1)
    points = np.empty((rows * columns, 2))
    count = 0
    cosine, sine = math.cos(yaw), math.sin(yaw)
    for row in range(first_row, last_row + 1):
        for column in range(first_column, last_column + 1):
            if data[row, column] < OCCUPIED:
                continue
            dx = origin_x + (column + 0.5) * resolution - x
            dy = origin_y + (row + 0.5) * resolution - y
            if dx * dx + dy * dy <= radius * radius:
                points[count, 0] = cosine * dx + sine * dy
                points[count, 1] = -sine * dx + cosine * dy
                count += 1
    return points[:count]


@njit(cache=True)
def _inside(polygon: NDArray[np.float64], x: float, y: float) -> bool:
    """Even-odd test of a point against a (V, 2) polygon."""
    inside = False
    j = polygon.shape[0] - 1
    for i in range(polygon.shape[0]):
        if (polygon[i, 1] > y) != (polygon[j, 1] > y):
            slope = (polygon[j, 0] - polygon[i, 0]) / (polygon[j, 1] - polygon[i, 1])
            if x < polygon[i, 0] + slope * (y - polygon[i, 1]):
                inside = not inside
        j = i
    return inside


@njit(cache=True)
def _sweep_touches(
    points: NDArray[np.float64],
    polygon: NDArray[np.float64],
    vx: float,
    wz: float,
    reaction: float,
    braking: float,
    period: float,
) -> bool:
    """Roll out (vx, wz) for `reaction` seconds, brake along the same arc, test each pose.

    Points that are inside the polygon already are ignored: leaving them must stay possible.
    """
    outside = np.empty(points.shape[0], np.bool_)
    for k in range(points.shape[0]):
        outside[k] = not _inside(polygon, points[k, 0], points[k, 1])
    x, y, yaw, elapsed = 0.0, 0.0, 0.0, 0.0
    while elapsed < reaction + braking:
        elapsed += period
        share = 1.0
        if elapsed > reaction:
            share = max(0.0, 1.0 - (elapsed - reaction) / braking) if braking > 0.0 else 0.0
        middle = yaw + 0.5 * share * wz * period
        x += share * vx * period * math.cos(middle)
        y += share * vx * period * math.sin(middle)
        yaw += share * wz * period
        cosine, sine = math.cos(yaw), math.sin(yaw)
        for k in range(points.shape[0]):
            if outside[k]:
                dx, dy = points[k, 0] - x, points[k, 1] - y
                if _inside(polygon, cosine * dx + sine * dy, -sine * dx + cosine * dy):
                    return True
    return False


class StoppingRollout:
    """Tests commands against a costmap by the footprint swept until standstill."""

    def __init__(
        self,
        footprint: tuple[float, ...],
        margin: float,
        reaction: float,
        linear_deceleration: float,
        angular_deceleration: float,
        period: float = 0.02,
    ):
        """Prepare the footprint.

        Args:
            footprint: x0, y0, x1, y1, … of the body in base_link, metres.
            margin: each vertex is moved outwards by this much along x and y, metres.
            reaction: how long the command is held before the brakes act, seconds.
            linear_deceleration: of the brakes, m/s².
            angular_deceleration: of the brakes, rad/s².
            period: between tested poses, seconds.
        """
        vertices = np.asarray(footprint, np.float64).reshape(-1, 2)
        self._polygon = vertices + margin * np.sign(vertices)
        self._radius = float(np.hypot(*self._polygon.T).max())
        self._reaction = reaction
        self._linear_deceleration = linear_deceleration
        self._angular_deceleration = angular_deceleration
        self._period = period

    def touches(self, costmap: Costmap, odometry: Odometry, vx: float, wz: float) -> bool:
        """Whether holding (vx, wz) and then braking along the arc enters an occupied cell."""
        braking = max(abs(vx) / self._linear_deceleration, abs(wz) / self._angular_deceleration)
        reach = self._radius + abs(vx) * (self._reaction + braking)
        points = _occupied_near(
            costmap.data,
            costmap.resolution,
            costmap.origin_x,
            costmap.origin_y,
            odometry.x,
            odometry.y,
            odometry.yaw,
            reach,
        )
        if len(points) == 0:
            return False
        return bool(
            _sweep_touches(points, self._polygon, vx, wz, self._reaction, braking, self._period)
        )
