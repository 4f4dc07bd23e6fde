"""Whether a command, held for a moment and then braked, would touch what the costmap shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from autonomy_interfaces.messages import Costmap, Odometry
from autonomy_interfaces.polygon import grown, inside
from autonomy_nodes.tracking.moving_bodies import RADIUS, VX, VY, X, Y

OCCUPIED = 100
CIRCLE = np.array(
    [(0.0, 0.0)] + [(math.cos(k * math.pi / 6), math.sin(k * math.pi / 6)) for k in range(12)]
)
"""Points that stand for a disc of radius 1, (P, 2)."""
IGNORED, BARE, GROWN = 0, 1, 2
SHARES = (1.0, 0.7, 0.4, 0.2)
MOST_STEPS = 1500
"""Poses of a sweep: what does not stand by then, half a minute later, is not free."""


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
    """The occupied cells within `radius` of the robot, as `_sweep_touches` has points."""
    height, width = data.shape
    first_row = max(0, math.floor((y - radius - origin_y) / resolution))
    last_row = min(height - 1, math.floor((y + radius - origin_y) / resolution))
    first_column = max(0, math.floor((x - radius - origin_x) / resolution))
    last_column = min(width - 1, math.floor((x + radius - origin_x) / resolution))
    rows = max(0, last_row - first_row + 1)
    columns = max(0, last_column - first_column + 1)
    points = np.zeros((rows * columns, 4))
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
def _sweep_touches(
    points: NDArray[np.float64],
    grown: NDArray[np.float64],
    bare: NDArray[np.float64],
    start_vx: float,
    start_wz: float,
    vx: float,
    wz: float,
    limits: NDArray[np.float64],
    reaction: float,
    period: float,
) -> bool:
    """Go from the start velocity to (vx, wz), brake after `reaction` seconds, test each pose.

    `points` are (K, 4): x, y metres and vx, vy m/s, in the frame that the robot starts in. One that
    is outside the grown footprint must stay outside it; one in its margin must stay outside the
    bare footprint; one inside that already is ignored, so that leaving it stays possible.
    `limits` are the linear and angular acceleration and deceleration. A base that does not stand
    after `MOST_STEPS` periods counts as touching.
    """
    tested = np.zeros(points.shape[0], np.int8)
    for k in range(points.shape[0]):
        if not inside(grown, points[k, 0], points[k, 1]):
            tested[k] = GROWN
        elif not inside(bare, points[k, 0], points[k, 1]):
            tested[k] = BARE
    x, y, yaw, v, w, elapsed = 0.0, 0.0, 0.0, start_vx, start_wz, 0.0
    for _ in range(MOST_STEPS):
        if not (elapsed < reaction or v != 0.0 or w != 0.0):
            return False
        braking = elapsed >= reaction
        v = _ramp(v, 0.0 if braking else vx, limits[0] * period, limits[2] * period)
        w = _ramp(w, 0.0 if braking else wz, limits[1] * period, limits[3] * period)
        elapsed += period
        middle = yaw + 0.5 * w * period
        x += v * period * math.cos(middle)
        y += v * period * math.sin(middle)
        yaw += w * period
        cosine, sine = math.cos(yaw), math.sin(yaw)
        for k in range(points.shape[0]):
            if tested[k] != IGNORED:
                polygon = grown if tested[k] == GROWN else bare
                dx = points[k, 0] + points[k, 2] * elapsed - x
                dy = points[k, 1] + points[k, 3] * elapsed - y
                if inside(polygon, cosine * dx + sine * dy, -sine * dx + cosine * dy):
                    return True
    return True


@njit(cache=True)
def _ramp(value: float, target: float, up: float, down: float) -> float:
    """One step from `value` towards `target`: `up` away from zero, `down` towards it."""
    step = down if abs(target) < abs(value) or target * value < 0.0 else up
    return value + min(max(target - value, -step), step)


def _outlines(
    bodies: NDArray[np.float64], margin: float, odometry: Odometry
) -> NDArray[np.float64]:
    """Points of the bodies, grown by `margin` metres: (K, 4), as `_sweep_touches` has them."""
    radius = bodies[:, RADIUS, None] + margin
    x = (bodies[:, X, None] + radius * CIRCLE[:, 0]).ravel() - odometry.x
    y = (bodies[:, Y, None] + radius * CIRCLE[:, 1]).ravel() - odometry.y
    vx, vy = (np.repeat(bodies[:, column], len(CIRCLE)) for column in (VX, VY))
    cosine, sine = math.cos(odometry.yaw), math.sin(odometry.yaw)
    position = cosine * x + sine * y, cosine * y - sine * x
    velocity = cosine * vx + sine * vy, cosine * vy - sine * vx
    return np.column_stack((*position, *velocity))


@dataclass(frozen=True)
class RolloutConfig:
    """What the check assumes of the robot.

    Attributes:
        footprint: x0, y0, x1, y1, … of the body in base_link, metres.
        margin: by which each vertex is moved outwards along x and y, metres.
        reaction: how long the command is held before the brakes act, seconds.
        linear_acceleration: that the drive surely reaches, m/s².
        angular_acceleration: likewise, rad/s².
        linear_deceleration: that the brakes surely reach, m/s².
        angular_deceleration: likewise, rad/s².
        body_hold: how long the command is held where bodies move, seconds.
        body_margin: by which those are grown, metres.
        period: between tested poses, seconds.
    """

    footprint: tuple[float, ...]
    margin: float
    reaction: float
    linear_acceleration: float
    angular_acceleration: float
    linear_deceleration: float
    angular_deceleration: float
    body_hold: float = 1.5
    body_margin: float = 0.1
    period: float = 0.02


class StoppingRollout:
    """Tests commands against a costmap by the footprint swept until standstill.

    Two bases are tested, and both must stay free: one that has the commanded velocity at once,
    and one that gets there, and stops, no faster than it surely can.
    """

    def __init__(self, config: RolloutConfig):
        self._config = config
        vertices = np.asarray(config.footprint, np.float64).reshape(-1, 2)
        self._bare = vertices
        self._grown = grown(vertices, config.margin)
        self._radius = float(np.hypot(*self._grown.T).max())
        self._limits = np.array(
            [
                config.linear_acceleration,
                config.angular_acceleration,
                config.linear_deceleration,
                config.angular_deceleration,
            ]
        )

    def touches(self, costmap: Costmap, odometry: Odometry, vx: float, wz: float) -> bool:
        """Whether driving (vx, wz) from now, and then braking, enters an occupied cell.

        So does, wherever it is, what would take longer to stop than anybody can look ahead.
        """
        config = self._config
        if not self._stops(odometry, vx, wz):
            return True
        fastest = max(abs(vx), abs(odometry.vx))
        reach = self._radius + fastest * (config.reaction + fastest / config.linear_deceleration)
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
        return self._sweeps(points, odometry, vx, wz, config.reaction)

    def meets(self, bodies: NDArray[np.float64], odometry: Odometry, vx: float, wz: float) -> bool:
        """Whether driving (vx, wz) for `body_hold` from now, and then braking, meets a body.

        The bodies go on as they do. One that walks into a robot that stands is met too, until
        `body_hold`: the planner may know how to give way.

        Args:
            bodies: (M, 5) float64, as `MovingBodies.at` tells them now, odometry frame.
            odometry: pose and velocities now.
            vx: m/s.
            wz: rad/s.
        """
        if not len(bodies) or not self._stops(odometry, vx, wz):
            return False
        outlines = _outlines(bodies, self._config.body_margin, odometry)
        return self._sweeps(outlines, odometry, vx, wz, self._config.body_hold)

    def _sweeps(
        self, points: NDArray[np.float64], odometry: Odometry, vx: float, wz: float, hold: float
    ) -> bool:
        """Whether either base touches one of the points."""
        config = self._config
        if len(points) == 0:
            return False
        starts = ((vx, wz), (odometry.vx, odometry.wz))
        return any(
            _sweep_touches(
                points,
                self._grown,
                self._bare,
                *start,
                vx,
                wz,
                self._limits,
                hold,
                config.period,
            )
            for start in starts
        )

    def _stops(self, odometry: Odometry, vx: float, wz: float) -> bool:
        """Whether a base this fast stands within the steps of a sweep; not for what is no number.

        Asked beforehand, because each step is tested against every cell in reach.
        """
        config = self._config
        longest = MOST_STEPS * config.period - config.reaction
        linear, angular = (
            longest * config.linear_deceleration,
            longest * config.angular_deceleration,
        )
        return all(abs(value) < linear for value in (vx, odometry.vx)) and all(
            abs(value) < angular for value in (wz, odometry.wz)
        )

    def free_share(self, costmap: Costmap, odometry: Odometry, vx: float, wz: float) -> float:
        """The largest of `SHARES` of a command, along its arc, that touches nothing."""
        for share in SHARES:
            if not self.touches(costmap, odometry, share * vx, share * wz):
                return share
        return 0.0
