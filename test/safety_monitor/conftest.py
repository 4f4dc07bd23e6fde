"""A kinematic robot among circles, exact enough to tell a contact from a near miss."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import settings
from numba import njit

from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import MonitorOutput, SafetyMonitor

# For runs of the same tests on many changed sources (test/mutation.py).
settings.register_profile("few", deadline=None, max_examples=8, derandomize=True)
if "EXAMPLES" in os.environ:
    settings.load_profile(os.environ["EXAMPLES"])

MILLISECOND = 1_000_000
TICK = 20 * MILLISECOND
SUBSTEP = 0.002
ANGLES = np.linspace(-2.35619, 2.35619, 720)
RANGE_MIN, RANGE_MAX = 0.1, 30.0


def _polygon_distance(points: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(N,) signed distances, negative inside, of (N, 2) points to a polygon."""
    ends = np.roll(vertices, -1, axis=0)
    edges = ends - vertices
    relative = points[:, None, :] - vertices[None]
    along = np.clip((relative * edges).sum(-1) / (edges**2).sum(-1), 0.0, 1.0)
    distance = np.linalg.norm(relative - along[..., None] * edges, axis=-1).min(1)
    crosses = (vertices[:, 1] > points[:, 1:2]) != (ends[:, 1] > points[:, 1:2])
    with np.errstate(divide="ignore", invalid="ignore"):
        at = vertices[:, 0] + edges[:, 0] * (relative[..., 1] / edges[:, 1])
    inside = (crosses & (points[:, 0:1] < at)).sum(1) % 2 == 1
    return np.where(inside, -distance, distance)


@njit(cache=True)
def cast_rays(circles: np.ndarray, x: float, y: float, yaw: float) -> np.ndarray:
    """(720,) distances to the nearest of (N, 3) circles, inf where there is none."""
    ranges = np.full(ANGLES.shape[0], np.inf)
    step = ANGLES[1] - ANGLES[0]
    for k in range(circles.shape[0]):
        dx, dy, radius = circles[k, 0] - x, circles[k, 1] - y, circles[k, 2]
        square = dx * dx + dy * dy
        half = math.asin(min(1.0, radius / math.sqrt(square)))
        bearing = math.atan2(dy, dx) - yaw - ANGLES[0]
        bearing -= math.tau * math.floor((bearing + half) / math.tau)
        for turn in (0.0, -math.tau):
            first = max(0, math.ceil((bearing + turn - half) / step))
            last = min(ANGLES.shape[0] - 1, math.floor((bearing + turn + half) / step))
            for i in range(first, last + 1):
                angle = ANGLES[i] + yaw
                along = dx * math.cos(angle) + dy * math.sin(angle)
                under = along * along - square + radius * radius
                if under >= 0.0:
                    ranges[i] = min(ranges[i], along - math.sqrt(under))
    return ranges


@njit(cache=True)
def nearest_circle(
    circles: np.ndarray, x: float, y: float, yaw: float, vertices: np.ndarray
) -> float:
    """Distance from a polygon at a pose to the nearest of (N, 3) circles within a metre of it."""
    c, s = math.cos(yaw), math.sin(yaw)
    least = math.inf
    for k in range(circles.shape[0]):
        px = c * (circles[k, 0] - x) + s * (circles[k, 1] - y)
        py = c * (circles[k, 1] - y) - s * (circles[k, 0] - x)
        if px * px + py * py > 1.0:
            continue
        square, inside = math.inf, False
        for i in range(vertices.shape[0]):
            ax, ay = vertices[i]
            bx, by = vertices[(i + 1) % vertices.shape[0]]
            ex, ey = bx - ax, by - ay
            along = ((px - ax) * ex + (py - ay) * ey) / (ex * ex + ey * ey)
            along = min(1.0, max(0.0, along))
            square = min(square, (px - ax - along * ex) ** 2 + (py - ay - along * ey) ** 2)
            if (ay > py) != (by > py) and px < ax + ex * (py - ay) / ey:
                inside = not inside
        distance = -math.sqrt(square) if inside else math.sqrt(square)
        least = min(least, distance - circles[k, 2])
    return least


@dataclass
class Rig:
    """A monitor that guards a base that does anything between what is sure and what is most.

    Its rates vary, and so does the point between its middle and the farthest that it turns about.

    base: what the base does, where that is not what the monitor is told of it. drift: between
    which shares of the way to the farthest point it turns about one; above 1 is at the farthest.
    slips: the wheels follow commands at the highest rate, and the body them as fast when they
    drive it, but only as surely as it does when they brake it. ahead: nanoseconds by which scans
    are stamped too late. range_max: of the scanner, metres.
    """

    config: MonitorConfig = field(default_factory=MonitorConfig)
    circles: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    seed: int = 0
    noise: float = 0.001
    monitored: bool = True
    drift: tuple[float, float] = (0.0, 1.5)
    slips: bool = False
    base: MonitorConfig | None = None
    ahead: int = 0
    range_max: float = RANGE_MAX

    def __post_init__(self) -> None:
        self.monitor = SafetyMonitor(self.config)
        self.rng = np.random.default_rng(self.seed)
        self.now = 1_000_000_000
        self.skew = 0
        self.stopped_clock: int | None = None
        self.silent: set[str] = set()
        self.gyroscope = 0.0
        self.x = self.y = self.yaw = self.v = self.w = self.wheels = 0.0
        self.target = (0.0, 0.0)
        self.coming: list[tuple[int, tuple[float, float]]] = []
        self.vertices = np.array(self.config.footprint).reshape(-1, 2)
        self.clearance = math.inf
        self.output: MonitorOutput | None = None

    @property
    def clock(self) -> int:
        """What the robot's clock shows; `now` is the truth."""
        return self.now + self.skew if self.stopped_clock is None else self.stopped_clock

    def scan(self) -> np.ndarray:
        """(720,) float32 ranges from the present pose."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        mount = self.config.lidar_pose
        x, y = self.x + c * mount[0] - s * mount[1], self.y + s * mount[0] + c * mount[1]
        ranges = cast_rays(self.circles, x, y, self.yaw + mount[2])
        ranges += self.rng.normal(0.0, self.noise, len(ANGLES))
        ranges[ranges > self.range_max] = np.inf
        return ranges.astype(np.float32)

    def sense(self) -> None:
        """Give the monitor a scan, odometry and IMU of this instant."""
        step, now = ANGLES[1] - ANGLES[0], self.clock
        if "odometry" not in self.silent:
            self.monitor.on_odometry(now, self.wheels if self.slips else self.v, self.w, now)
        self.monitor.on_imu(now, self.w + self.gyroscope, now)
        layout = ANGLES[0], step, RANGE_MIN, self.range_max
        self.monitor.on_scan("scan", now + self.ahead, self.scan(), layout, now)

    def tick(self, vx: float, wz: float) -> MonitorOutput:
        """One cycle of sensing, judging a command and moving for 20 ms."""
        self.sense()
        self.monitor.on_command(self.clock, vx, wz, self.clock)
        output = self.monitor.step(self.clock, self.now)
        sent = (output.vx, output.wz) if self.monitored else (vx, wz)
        delay = self.rng.uniform(0.0, self.config.actuation_delay)
        self.coming.append((self.now + round(delay * 1e9), sent))
        self.move(TICK)
        self.output = output
        return output

    def move(self, duration_ns: int) -> None:
        """Let the base follow its target at rates drawn anew."""
        c = self.base or self.config
        rate_v = self.rng.uniform(c.linear_deceleration, c.peak_linear_acceleration)
        rate_w = self.rng.uniform(c.angular_deceleration, c.peak_angular_acceleration)
        if self.rng.random() < 0.5:
            rate_v = c.linear_deceleration
        if self.rng.random() < 0.5:
            rate_w = c.angular_deceleration
        give = min(1.0, self.rng.uniform(*self.drift))
        end = self.now + duration_ns
        while self.now < end:
            while self.coming and self.coming[0][0] <= self.now:
                self.target = self.coming.pop(0)[1]
            most = c.peak_linear_acceleration * SUBSTEP
            self.wheels += np.clip(self.target[0] - self.wheels, -most, most)
            if self.slips:
                braked = self.wheels * self.v < 0.0 or abs(self.wheels) < abs(self.v)
                rate_v = c.linear_deceleration if braked else c.peak_linear_acceleration
            else:
                self.wheels = self.target[0]
            v = self.v + np.clip(self.wheels - self.v, -rate_v * SUBSTEP, rate_v * SUBSTEP)
            w = self.w + np.clip(self.target[1] - self.w, -rate_w * SUBSTEP, rate_w * SUBSTEP)
            heading = self.yaw + 0.25 * (self.w + w) * SUBSTEP
            ahead = min(c.turning_point, c.turning_point_per_curve * abs(v * w))
            along, aside = 0.5 * (self.v + v), -give * math.copysign(ahead, v) * w
            self.x += (along * math.cos(heading) - aside * math.sin(heading)) * SUBSTEP
            self.y += (along * math.sin(heading) + aside * math.cos(heading)) * SUBSTEP
            self.yaw += 0.5 * (self.w + w) * SUBSTEP
            self.v, self.w = v, w
            self.now += round(SUBSTEP * 1e9)
            self.clearance = min(self.clearance, self.distance())

    def distance(self) -> float:
        """Exact distance from the footprint to the nearest circle."""
        return float(nearest_circle(self.circles, self.x, self.y, self.yaw, self.vertices))

    def settle(self) -> None:
        """Stand still until the monitor is nominal."""
        for _ in range(40):
            if self.tick(0.0, 0.0).state == "nominal":
                return
        raise AssertionError(f"never nominal: {self.output}")


@pytest.fixture(scope="session")
def make_rig() -> type[Rig]:
    return Rig


@pytest.fixture(scope="session")
def polygon_distance() -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return _polygon_distance
