"""Worlds to train in: families of obstacle layouts, each drawn from a seed.

A world is a set of upright cylinders; walls and boxes are rows of them, close enough that no
beam passes. Some move: they walk to and fro and heed nobody. Frame: the robot starts at the
origin facing +x, as in its odometry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import relative
from autonomy_interfaces.messages import Pose2D
from policy_training.config import Family
from scenario_eval import worldgen

WALL_RADIUS = 0.05
START_CLEARANCE = 0.6
WALKER_RADIUS = 0.22
FIELDS: dict[Family, worldgen.FieldParameters] = {
    "barn": worldgen.FieldParameters(),
    "dense": worldgen.FieldParameters(fill=(0.28, 0.42), passage=0.27),
}


@dataclass(frozen=True)
class TrainingWorld:
    """Obstacles and a task.

    circles: (N, 3) float64: x, y, radius, metres; goal: start frame. movers: (M, 6) float64:
    x0, y0, x1, y1 metres, radius, m/s: cylinders that go from the first point to the second and
    back, from time 0.
    """

    family: Family
    seed: int
    circles: NDArray[np.float64]
    goal: Pose2D
    movers: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 6)))

    def circles_at(self, time_s: float) -> NDArray[np.float64]:
        """(N + M, 3) every cylinder where it stands at a time: x, y, radius, metres."""
        if len(self.movers) == 0:
            return self.circles
        start, end = self.movers[:, :2], self.movers[:, 2:4]
        length = np.hypot(*(end - start).T)
        covered = np.mod(self.movers[:, 5] * time_s, 2.0 * length)
        share = np.minimum(covered, 2.0 * length - covered) / length
        now = start + share[:, None] * (end - start)
        return np.concatenate([self.circles, np.column_stack((now, self.movers[:, 4]))])


def generate(family: Family, seed: int) -> TrainingWorld:
    """Draw the world of a family and seed; the same arguments give the same world.

    Raises:
        RuntimeError: the family's generator found no crossable world.
    """
    if family in FIELDS:
        return _field(family, seed)
    generator = np.random.default_rng([seed, len(family)])
    if family == "walkers":
        return _walkers(seed, generator)
    builders = {"rooms": _rooms, "aisles": _aisles, "clutter": _clutter}
    circles, goal = builders[family](generator)
    clear = np.hypot(circles[:, 0], circles[:, 1]) > circles[:, 2] + START_CLEARANCE
    clear &= np.hypot(circles[:, 0] - goal.x, circles[:, 1] - goal.y) > circles[:, 2] + 0.5
    return TrainingWorld(family, seed, circles[clear], goal)


def _field(family: Family, seed: int) -> TrainingWorld:
    """A field of cylinders after BARN's, with walls left, right and behind."""
    world = worldgen.generate(seed, FIELDS[family])
    placed = [relative(world.start, Pose2D(x, y)) for x, y in world.cylinders]
    circles = np.array([(pose.x, pose.y, worldgen.CYLINDER_RADIUS) for pose in placed])
    goal = relative(world.start, world.goal)
    return TrainingWorld(family, seed, circles, Pose2D(goal.x, goal.y))


def wall(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float64]:
    """(N, 3) cylinders along a segment."""
    length = math.hypot(x1 - x0, y1 - y0)
    share = np.linspace(0.0, 1.0, max(2, math.ceil(length / (1.5 * WALL_RADIUS)) + 1))
    radius = np.full(len(share), WALL_RADIUS)
    return np.column_stack((x0 + share * (x1 - x0), y0 + share * (y1 - y0), radius))


def box(x: float, y: float, yaw: float, length: float, width: float) -> NDArray[np.float64]:
    """(N, 3) cylinders along the outline of a box at (x, y), turned by `yaw`."""
    corners = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * (length / 2, width / 2)
    cosine, sine = math.cos(yaw), math.sin(yaw)
    corners = corners @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)
    sides = zip(corners, np.roll(corners, -1, axis=0), strict=True)
    return np.concatenate([wall(*start, *end) for start, end in sides])


def _rooms(generator: np.random.Generator) -> tuple[NDArray[np.float64], Pose2D]:
    """Rooms in a row with a door between each two, some furniture in them."""
    half = generator.uniform(1.6, 4.0)
    parts = []
    x = -1.5
    parts.append(wall(x, -half, x, half))
    rooms = int(generator.integers(2, 5))
    for room in range(rooms):
        depth = generator.uniform(2.5, 5.0)
        parts += [wall(x, half, x + depth, half), wall(x, -half, x + depth, -half)]
        for _ in range(int(generator.integers(0, 4))):
            parts.append(
                box(
                    x + generator.uniform(0.8, depth - 0.8),
                    generator.uniform(-half, half),
                    generator.uniform(0.0, math.pi),
                    generator.uniform(0.3, 1.0),
                    generator.uniform(0.3, 0.8),
                )
            )
        x += depth
        if room < rooms - 1:
            door = generator.uniform(-half + 0.8, half - 0.8)
            width = generator.uniform(0.75, 1.3)
            parts += [wall(x, -half, x, door - width / 2), wall(x, door + width / 2, x, half)]
    parts.append(wall(x, -half, x, half))
    goal = Pose2D(x - 1.0, generator.uniform(-half + 0.9, half - 0.9))
    return np.concatenate(parts), goal


def _aisles(generator: np.random.Generator) -> tuple[NDArray[np.float64], Pose2D]:
    """Shelves in rows with cross aisles, in a hall; goal in another aisle."""
    aisle = generator.uniform(1.0, 2.5)
    shelf = generator.uniform(0.5, 1.2)
    length = generator.uniform(2.5, 5.0)
    cross = generator.uniform(1.2, 2.5)
    lanes, bays = int(generator.integers(2, 5)), int(generator.integers(1, 3))
    pitch = aisle + shelf
    parts = []
    for lane in range(-lanes, lanes + 1):
        y = (lane + 0.5) * pitch
        for bay in range(bays):
            x = 1.5 + bay * (length + cross) + length / 2
            if generator.random() < 0.9:
                parts.append(box(x, y, 0.0, length, shelf))
    for _ in range(int(generator.integers(0, 8))):
        x = generator.uniform(1.5, 1.5 + bays * (length + cross))
        y = pitch * generator.integers(-lanes, lanes + 1) + generator.uniform(-0.4, 0.4) * aisle
        parts.append(box(x, y, generator.uniform(0.0, math.pi), 0.4, 0.3))
    end = 2.5 + bays * (length + cross)
    parts.append(box((end - 2.0) / 2, 0.0, 0.0, end + 2.0, (2 * lanes + 3) * pitch))
    goal_lane = int(generator.integers(-lanes, lanes + 1))
    goal = Pose2D(generator.uniform(0.5, 1.0) * (end - 1.0), pitch * goal_lane)
    return np.concatenate(parts), goal


def _clutter(generator: np.random.Generator) -> tuple[NDArray[np.float64], Pose2D]:
    """Posts and boxes of many sizes, from an almost open field to a crowded one."""
    count = int(generator.integers(2, 45))
    parts = []
    for _ in range(count):
        x, y = generator.uniform(-2.0, 13.0), generator.uniform(-6.0, 6.0)
        if generator.random() < 0.5:
            parts.append(np.array([[x, y, generator.uniform(0.04, 0.4)]]))
        else:
            yaw = generator.uniform(0.0, math.pi)
            parts.append(box(x, y, yaw, *generator.uniform(0.2, 1.5, 2)))
    bearing = generator.uniform(-math.pi, math.pi) if generator.random() < 0.3 else 0.0
    distance = generator.uniform(4.0, 12.0)
    goal = Pose2D(distance * math.cos(bearing), distance * math.sin(bearing))
    return np.concatenate(parts), goal


def _walkers(seed: int, generator: np.random.Generator) -> TrainingWorld:
    """A hall with a few pillars, and people who cross the way or come along it."""
    length, half = generator.uniform(8.0, 12.0), generator.uniform(2.0, 4.0)
    parts = [wall(-1.5, side * half, length + 1.5, side * half) for side in (-1.0, 1.0)] + [
        wall(x, -half, x, half) for x in (-1.5, length + 1.5)
    ]
    for _ in range(int(generator.integers(0, 6))):
        x, y = generator.uniform(1.5, length - 1.0), generator.uniform(-half, half)
        parts.append(np.array([[x, y, generator.uniform(0.08, 0.3)]]))
    movers = []
    for _ in range(int(generator.integers(1, 6))):
        x, end = generator.uniform(2.0, length, 2)
        reach = half - WALKER_RADIUS - 0.1
        if generator.random() < 0.7:
            end = x + generator.uniform(-1.5, 1.5)
            y0, y1 = reach, -reach
        else:
            y0, y1 = generator.uniform(-reach, reach, 2)
        if generator.random() < 0.5:
            y0, y1 = y1, y0
        end = min(max(end, 1.5), length)
        movers.append((x, y0, end, y1, WALKER_RADIUS, generator.uniform(0.3, 1.2)))
    goal = Pose2D(length, generator.uniform(-half + 0.8, half - 0.8))
    circles = np.concatenate(parts)
    clear = np.hypot(circles[:, 0], circles[:, 1]) > circles[:, 2] + START_CLEARANCE
    clear &= np.hypot(circles[:, 0] - goal.x, circles[:, 1] - goal.y) > circles[:, 2] + 0.5
    return TrainingWorld("walkers", seed, circles[clear], goal, np.array(movers))
