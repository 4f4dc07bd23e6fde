"""A small world to drive in: circles, a 180-beam scanner and an exact unicycle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from autonomy_interfaces.geometry import wrap_angle
from autonomy_interfaces.messages import MILLISECOND, Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig
from autonomy_nodes.planning.planner import Plan, Planner, PlannerConfig, PlanStatus
from autonomy_nodes.tracking.moving_bodies import NO_BODIES, moved

RADIUS = 0.075
BEAMS = 360
ANGLE_MIN = -2.35619
INCREMENT = 2 * 2.35619 / (BEAMS - 1)
STEP_NS = 50 * MILLISECOND


@dataclass
class Drive:
    """What came of a drive: poses (N, 3) and plans per tick, and the least clearance."""

    poses: NDArray[np.float64]
    plans: list[Plan]
    clearance: float

    @property
    def status(self) -> PlanStatus:
        return self.plans[-1].status


@dataclass
class Rig:
    """Circles of 0.075 m radius; perception and planner closed over an exact unicycle.

    walker: x, y, vx, vy, radius of somebody whom the planner is told of if `foreseen`, and whom
    nothing but that shows. obeys: what vx, wz the base makes of those asked for at some x, y.
    """

    circles: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    config: PlannerConfig = field(default_factory=PlannerConfig)
    window: float = 20.0
    walker: tuple[float, ...] = ()
    foreseen: bool = True
    obeys: Callable[[float, float, float, float], tuple[float, float]] = lambda vx, wz, x, y: (
        vx,
        wz,
    )

    def bodies(self, now_s: float) -> NDArray[np.float64]:
        """The table of whoever walks."""
        return moved(np.array(self.walker, float).reshape(-1, 5), now_s)

    def scan(self, x: float, y: float, yaw: float, stamp_ns: int) -> LaserScan:
        bearing = yaw + ANGLE_MIN + INCREMENT * np.arange(BEAMS)
        ranges = np.full(BEAMS, np.inf)
        if len(self.circles):
            dx, dy = self.circles[:, 0, None] - x, self.circles[:, 1, None] - y
            along = np.cos(bearing) * dx + np.sin(bearing) * dy
            across = np.cos(bearing) * dy - np.sin(bearing) * dx
            hit = (np.abs(across) < RADIUS) & (along > 0)
            depth = np.sqrt(np.maximum(RADIUS**2 - across**2, 0.0))
            ranges = np.where(hit, along - depth, np.inf).min(axis=0)
        return LaserScan(stamp_ns, ranges.astype(np.float32), ANGLE_MIN, INCREMENT, 0.1, 30.0)

    def clearance(self, x: float, y: float, yaw: float, now_s: float = 0.0) -> float:
        bodies = self.bodies(now_s)
        middles = np.concatenate([self.circles, bodies[:, :2]])
        radii = np.concatenate([np.full(len(self.circles), RADIUS), bodies[:, 4]])
        if not len(middles):
            return math.inf
        dx, dy = middles[:, 0] - x, middles[:, 1] - y
        u = np.abs(math.cos(yaw) * dx + math.sin(yaw) * dy) - 0.254
        v = np.abs(-math.sin(yaw) * dx + math.cos(yaw) * dy) - 0.215
        outside = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
        return float((outside + np.minimum(np.maximum(u, v), 0) - radii).min())

    def drive(
        self,
        goal: Pose2D,
        seconds: float = 30.0,
        start: tuple[float, float, float] = (0.0, 0.0, 0.0),
        until: Callable[[Plan], bool] = lambda plan: plan.status is PlanStatus.REACHED,
    ) -> Drive:
        perception = LocalCostmap(
            PerceptionConfig(window_size=self.window, lidar_pose=(0.0, 0.0, 0.0))
        )
        planner = Planner(self.config)
        x, y, yaw = start
        vx = wz = 0.0
        poses, plans, nearest = [], [], math.inf
        for tick in range(int(seconds * 20)):
            now_ns = tick * STEP_NS
            odometry = Odometry(now_ns, x, y, wrap_angle(yaw), vx, 0.0, wz)
            costmap = perception.step(self.scan(x, y, yaw, now_ns), odometry)
            bodies = self.bodies(tick * 0.05) if self.foreseen else NO_BODIES
            plan = planner.plan(costmap, odometry, goal, now_ns, bodies)
            plans.append(plan)
            poses.append((x, y, yaw))
            if until(plan):
                break
            target_vx, target_wz = self.obeys(plan.vx, plan.wz, x, y)
            for part in range(10):
                vx += min(max(target_vx - vx, -0.1), 0.1)
                wz += min(max(target_wz - wz, -0.125), 0.125)
                yaw += wz * 0.0025
                x += vx * 0.005 * math.cos(yaw)
                y += vx * 0.005 * math.sin(yaw)
                yaw += wz * 0.0025
                nearest = min(nearest, self.clearance(x, y, yaw, (tick + 0.1 * part + 0.1) * 0.05))
        return Drive(np.array(poses), plans, nearest)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def line(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float64]:
    """Touching circles from one point to another."""
    count = max(2, math.ceil(math.dist((x0, y0), (x1, y1)) / 0.12) + 1)
    return np.column_stack([np.linspace(x0, x1, count), np.linspace(y0, y1, count)])


@pytest.fixture
def wall() -> Callable[[float, float, float, float], NDArray[np.float64]]:
    return line


@pytest.fixture
def empty_costmap() -> Callable[..., Costmap]:
    def build(cells: int = 200, resolution: float = 0.05, value: int = 0) -> Costmap:
        data = np.full((cells, cells), value, dtype=np.int8)
        return Costmap(0, resolution, -cells * resolution / 2, -cells * resolution / 2, data)

    return build
