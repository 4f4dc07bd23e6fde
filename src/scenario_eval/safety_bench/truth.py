"""What is really there: obstacles by ground truth, and how far the body is from them.

Written without a line of `safety_monitor`, so that a mistake in one is not repeated in the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Pose2D
from world_sim.robot import LidarClock
from world_sim.simulator import GroundTruth, Simulator

Floats: TypeAlias = NDArray[np.float64]

POINT_SPACING = 0.005
"""Walls become points this far apart, metres: a corner may be up to 2.5 mm nearer than they say."""


def obstacle_discs(simulator: Simulator) -> Floats:
    """(N, 3) x, y, radius, world frame: the static world at the height of the lidar.

    Raises:
        ValueError: the only robot has no lidar.
    """
    robot = next(iter(simulator.robots.values()))
    lidars = [clock.lidar for clock in robot.clocked if isinstance(clock, LidarClock)]
    if not lidars:
        raise ValueError(f"robot '{robot.name}' has no lidar: nothing says at which height to cut")
    cut = lidars[0].slice
    parts = [cut.circles, *(_points_along(segment) for segment in cut.segments)]
    return np.concatenate(parts) if parts else np.empty((0, 3))


def _points_along(segment: Floats) -> Floats:
    """(N, 3) discs of radius 0 along one segment (x0, y0, x1, y1)."""
    start, end = segment[:2], segment[2:]
    count = max(2, math.ceil(math.dist(start, end) / POINT_SPACING) + 1)
    points = start + np.linspace(0.0, 1.0, count)[:, None] * (end - start)
    return np.column_stack([points, np.zeros(count)])


@dataclass(frozen=True)
class Body:
    """A robot's body from above.

    footprint: (K, 2) vertices of a simple polygon, base frame, metres.
    """

    footprint: Floats

    @property
    def radius(self) -> float:
        """Of the circle around the origin of the base that holds the body."""
        return float(np.hypot(*self.footprint.T).max())

    def clearance(self, discs: Floats, poses: Floats) -> Floats:
        """(M,) signed distance, negative in contact, from the body at each pose to the discs.

        Args:
            discs: (N, 3) x, y, radius, world frame.
            poses: (M, 3) x, y, yaw, world frame.
        """
        if not len(discs):
            return np.full(len(poses), np.inf)
        c, s = np.cos(poses[:, 2])[:, None], np.sin(poses[:, 2])[:, None]
        dx = discs[None, :, 0] - poses[:, 0, None]
        dy = discs[None, :, 1] - poses[:, 1, None]
        points = np.stack([c * dx + s * dy, c * dy - s * dx], axis=-1)
        distance: Floats = (self._distance(points) - discs[None, :, 2]).min(axis=1)
        return distance

    def _distance(self, points: Floats) -> Floats:
        """(..., ) signed distances of (..., 2) points to the polygon."""
        start = self.footprint
        end = np.roll(start, -1, axis=0)
        edge = end - start
        offset = points[..., None, :] - start
        along = np.clip((offset * edge).sum(-1) / (edge**2).sum(-1), 0.0, 1.0)
        apart = offset - along[..., None] * edge
        distance = np.sqrt((apart**2).sum(-1)).min(axis=-1)
        x, y = points[..., None, 0], points[..., None, 1]
        straddles = (start[:, 1] > y) != (end[:, 1] > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = start[:, 0] + (y - start[:, 1]) * edge[:, 0] / edge[:, 1]
        inside = (straddles & (x < crossing)).sum(axis=-1) % 2 == 1
        signed: Floats = np.where(inside, -distance, distance)
        return signed


@dataclass(frozen=True)
class Braking:
    """How the base answers, for the judge of commands.

    quickest: m/s² and rad/s² with which it takes a command up; surest: with which it surely
    brakes; cycle_s: how long a command acts before the next can take its place.
    """

    quickest: tuple[float, float]
    surest: tuple[float, float]
    cycle_s: float = 0.02


class CommandJudge:
    """Says of a command, by ground truth, whether it makes a contact that a stop now would not."""

    STEP_S = 0.005

    def __init__(self, discs: Floats, body: Body, braking: Braking) -> None:
        self._discs = discs
        self._body = body
        self._braking = braking

    def unsafe(self, truth: GroundTruth, vx: float, wz: float) -> bool:
        """Whether one cycle of a command and braking then touch what braking now does not.

        A command of zero is never unsafe: there is nothing better.
        """
        if not (math.isfinite(vx) and math.isfinite(wz)):
            return True
        if vx == 0.0 and wz == 0.0:
            return False
        near = self._near(truth, vx, wz)
        if not len(near):
            return False
        poses = self._stop_after(truth, vx, wz)
        if self._body.clearance(near, poses).min() >= 0.0:
            return False
        stopping = self._stop_after(truth, 0.0, 0.0)
        return bool(self._body.clearance(near, stopping).min() >= 0.0)

    def _near(self, truth: GroundTruth, vx: float, wz: float) -> Floats:
        """The discs that the manoeuvre can reach."""
        fastest = max(abs(truth.vx), abs(vx))
        reach = self._body.radius + fastest * (self._braking.cycle_s + 0.05)
        reach += 0.5 * fastest**2 / self._braking.surest[0]
        gap = np.hypot(self._discs[:, 0] - truth.x, self._discs[:, 1] - truth.y)
        near: Floats = self._discs[gap - self._discs[:, 2] <= reach]
        return near

    def _stop_after(self, truth: GroundTruth, vx: float, wz: float) -> Floats:
        """(M, 3) poses of one cycle under a command, then of braking to standstill."""
        braking, dt = self._braking, self.STEP_S
        x, y, yaw, v, w = truth.x, truth.y, truth.yaw, truth.vx, truth.wz
        poses = [(x, y, yaw)]
        elapsed = 0.0
        while elapsed < braking.cycle_s or v != 0.0 or w != 0.0:
            commanded = elapsed < braking.cycle_s and (vx, wz) != (0.0, 0.0)
            target = (vx, wz) if commanded else (0.0, 0.0)
            rates = braking.quickest if commanded else braking.surest
            v = _towards(v, target[0], rates[0] * dt)
            w = _towards(w, target[1], rates[1] * dt)
            x += v * dt * math.cos(yaw + 0.5 * w * dt)
            y += v * dt * math.sin(yaw + 0.5 * w * dt)
            yaw += w * dt
            elapsed += dt
            poses.append((x, y, yaw))
        return np.array(poses)


def _towards(value: float, target: float, step: float) -> float:
    return target if abs(target - value) <= step else value + math.copysign(step, target - value)


def free_pose(
    discs: Floats, clearance: float, rng: np.random.Generator, attempts: int = 2000
) -> Pose2D:
    """A random pose among the obstacles from which nothing is nearer than `clearance` metres.

    Raises:
        ValueError: there is no such place, or none was found in so many attempts.
    """
    if not len(discs):
        return Pose2D(0.0, 0.0, float(rng.uniform(-math.pi, math.pi)))
    low, high = discs[:, :2].min(axis=0), discs[:, :2].max(axis=0)
    for _ in range(attempts):
        x, y = rng.uniform(low, high)
        gap = np.hypot(discs[:, 0] - x, discs[:, 1] - y) - discs[:, 2]
        if gap.min() >= clearance:
            return Pose2D(float(x), float(y), float(rng.uniform(-math.pi, math.pi)))
    raise ValueError(f"no place with {clearance:.2f} m around it in {attempts} attempts")
