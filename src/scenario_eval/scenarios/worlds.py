"""Worlds that scenarios generate: one class each, its fields the parameters.

The robot starts at the origin and looks along x unless the scenario says otherwise. To add a
world, write a class with `generate`, a one-line docstring and `layout`, and mark it `@register`;
loading, validation, the JSON schema and the docs follow.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, cast

import numpy as np
from pydantic import Field

from autonomy_interfaces.messages import Pose2D
from scenario_eval import worldgen
from scenario_eval.scenarios.shapes import Shape, Spec, box, cylinder, wall

Length = Annotated[float, Field(gt=0.0, le=200.0)]
Count = Annotated[int, Field(ge=0, le=5000)]
ORIGIN = Pose2D(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Layout:
    """What a generator makes: shapes, and where a run begins and leads to; world frame."""

    shapes: list[Shape]
    goal: Pose2D
    start: Pose2D = ORIGIN


class GeneratedWorld(Spec):
    """What every generated world has."""

    generate: str
    friction: float = Field(default=1.0, ge=0.0, le=5.0, description="of the ground; 0.1 is ice")
    tilt_deg: float = Field(
        default=0.0, ge=-20.0, le=20.0, description="pitch of the ground: uphill < 0"
    )
    roll_deg: float = Field(default=0.0, ge=-20.0, le=20.0, description="roll of the ground")
    shapes: tuple[Shape, ...] = Field(default=(), description="further static things")

    @abstractmethod
    def layout(self, seed: int) -> Layout:
        """The world for a seed."""


REGISTRY: dict[str, type[GeneratedWorld]] = {}
WorldT = TypeVar("WorldT", bound=type[GeneratedWorld])


def register(world_type: WorldT) -> WorldT:
    """Make a generator known under its `generate`."""
    fields = cast(type[GeneratedWorld], world_type).model_fields
    REGISTRY[str(fields["generate"].default)] = world_type
    return world_type


@register
class Empty(GeneratedWorld):
    """Nothing but the ground."""

    generate: Literal["empty"] = "empty"

    def layout(self, seed: int) -> Layout:
        """A goal 6 m ahead."""
        return Layout([], Pose2D(6.0, 0.0))


@register
class Room(GeneratedWorld):
    """A rectangular room around the start, with cylinders at random places in it."""

    generate: Literal["room"] = "room"
    length: Length = 10.0
    width: Length = 6.0
    obstacles: Count = 0
    radius: Length = 0.2
    keep_free: Length = Field(
        default=1.0, description="around start, goal and the middle line's ends"
    )

    def layout(self, seed: int) -> Layout:
        """Walls at x = -2 and length - 2; the goal 1.5 m before the far wall."""
        low, high, half = -2.0, self.length - 2.0, self.width / 2
        goal = Pose2D(high - 1.5, 0.0)
        shapes = [
            wall(low, -half, high, -half),
            wall(low, half, high, half),
            wall(low, -half, low, half),
            wall(high, -half, high, half),
        ]
        area = (low + 0.5, high - 0.5, -half + 0.3, half - 0.3)
        free = [(0.0, 0.0), (goal.x, goal.y)]
        return Layout(
            shapes + scatter(seed, self.obstacles, area, self.radius, free, self.keep_free), goal
        )


@register
class Corridor(GeneratedWorld):
    """A straight corridor along x, with an optional bend to the left at its end."""

    generate: Literal["corridor"] = "corridor"
    length: Length = 8.0
    width: Length = 2.0
    bend: bool = False
    closed: bool = Field(default=False, description="a wall at the far end: a dead end")

    def layout(self, seed: int) -> Layout:
        """Walls from x = -1.5; the goal 1 m before the end, or 3 m around the bend."""
        half, end = self.width / 2, self.length
        shapes = [wall(-1.5, -half, -1.5, half), wall(-1.5, -half, end, -half)]
        if not self.bend:
            shapes.append(wall(-1.5, half, end, half))
            if self.closed:
                shapes.append(wall(end, -half, end, half))
            return Layout(shapes, Pose2D(end - 1.0, 0.0))
        inner = end - self.width
        shapes += [
            wall(-1.5, half, inner, half),
            wall(end, -half, end, half + 5.0),
            wall(inner, half, inner, half + 5.0),
        ]
        return Layout(shapes, Pose2D(end - half, half + 3.0, math.pi / 2))


@register
class Gap(GeneratedWorld):
    """A wall across the way, thick or thin, with a gap: a door."""

    generate: Literal["gap"] = "gap"
    width: Length = 1.0
    thickness: Length = 0.2
    distance: Length = 3.0
    offset: float = Field(default=0.0, description="of the gap's middle to the left")
    span: Length = Field(default=6.0, description="of the wall to either side")

    def layout(self, seed: int) -> Layout:
        """The wall at x = distance; the goal 2.5 m behind it."""
        left, right = self.offset + self.width / 2, self.offset - self.width / 2
        shapes = [
            box(self.distance, (left + self.span) / 2, self.thickness, self.span - left),
            box(self.distance, (right - self.span) / 2, self.thickness, self.span + right),
        ]
        shapes += [wall(-2.0, side, self.distance, side) for side in (-self.span, self.span)]
        shapes.append(wall(-2.0, -self.span, -2.0, self.span))
        return Layout(shapes, Pose2D(self.distance + 2.5, 0.0))


@register
class Trap(GeneratedWorld):
    """A U of walls that opens towards the robot, with the goal behind it."""

    generate: Literal["trap"] = "trap"
    depth: Length = 2.0
    width: Length = 2.5
    distance: Length = Field(default=4.0, description="of the closed side")

    def layout(self, seed: int) -> Layout:
        """The goal 2.5 m behind the closed side."""
        half, far = self.width / 2, self.distance
        shapes = [
            wall(far, -half, far, half),
            wall(far - self.depth, half, far, half),
            wall(far - self.depth, -half, far, -half),
        ]
        return Layout(shapes, Pose2D(far + 2.5, 0.0))


@register
class Aisles(GeneratedWorld):
    """Rows of racks along x; the way leads down one aisle and back up the next."""

    generate: Literal["aisles"] = "aisles"
    aisle: Length = Field(default=1.8, description="width of an aisle")
    length: Length = 6.0
    rows: Annotated[int, Field(ge=2, le=10)] = 3
    rack: Length = Field(default=0.9, description="depth of a rack")

    def layout(self, seed: int) -> Layout:
        """Start in the lowest aisle, goal at the same place of the next one."""
        pitch = self.aisle + self.rack
        shapes = [
            box(self.length / 2, (row - 0.5) * pitch, self.length, self.rack, height=2.0)
            for row in range(self.rows)
        ]
        return Layout(shapes, Pose2D(1.0, pitch), Pose2D(0.5, 0.0))


@register
class Slalom(GeneratedWorld):
    """Cylinders on the way, in turn to the left and to the right of it."""

    generate: Literal["slalom"] = "slalom"
    poles: Count = 4
    spacing: Length = 1.5
    swing: float = Field(default=0.15, ge=0.0, le=5.0, description="of the poles to either side")
    radius: Length = 0.15

    def layout(self, seed: int) -> Layout:
        """The first pole at 2 m; the goal 1.5 m behind the last."""
        shapes = [
            cylinder(2.0 + i * self.spacing, self.swing * (-1) ** i, self.radius)
            for i in range(self.poles)
        ]
        return Layout(shapes, Pose2D(2.0 + self.poles * self.spacing, 0.0))


@register
class OpenField(GeneratedWorld):
    """An open field with cylinders at random places."""

    generate: Literal["field"] = "field"
    length: Length = 10.0
    width: Length = 8.0
    obstacles: Count = 20
    radius: Length = 0.2
    keep_free: Length = 1.0

    def layout(self, seed: int) -> Layout:
        """The goal at the far end of the field."""
        goal = Pose2D(self.length, 0.0)
        area = (0.5, self.length, -self.width / 2, self.width / 2)
        free = [(0.0, 0.0), (goal.x, goal.y)]
        return Layout(scatter(seed, self.obstacles, area, self.radius, free, self.keep_free), goal)


@register
class Barn(GeneratedWorld):
    """A dense field of thin cylinders that can be crossed, as in the BARN benchmark."""

    generate: Literal["barn"] = "barn"
    fill: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        default=0.2, description="share of filled cells before smoothing"
    )
    smoothing: Annotated[int, Field(ge=1, le=6)] = 2
    passage: Length = Field(default=0.4, description="clearance of the path that must exist")

    def layout(self, seed: int) -> Layout:
        """Start and goal of the BARN protocol."""
        parameters = worldgen.FieldParameters(
            (self.fill, self.fill), (self.smoothing, self.smoothing), self.passage
        )
        world = worldgen.generate(seed, parameters)
        shapes = [cylinder(x, y, worldgen.CYLINDER_RADIUS) for x, y in world.cylinders.tolist()]
        return Layout(shapes, world.goal, world.start)


def scatter(
    seed: int,
    count: int,
    area: tuple[float, float, float, float],
    radius: float,
    keep_free: list[tuple[float, float]],
    distance: float,
) -> list[Shape]:
    """Cylinders at random places of `area` (x low, x high, y low, y high), 0.9 m apart where
    that fits, and `distance` from each point of `keep_free`.
    """
    generator = np.random.default_rng((seed, count, 0x5CA7))
    places: list[tuple[float, float]] = []
    for attempt in range(count * 50):
        if len(places) == count:
            break
        x, y = generator.uniform(area[0], area[1]), generator.uniform(area[2], area[3])
        apart = 2 * radius + 0.9 if attempt < count * 25 else 2 * radius
        if any(math.dist((x, y), p) < apart for p in places):
            continue
        if all(math.dist((x, y), p) >= distance + radius for p in keep_free):
            places.append((float(x), float(y)))
    return [cylinder(x, y, radius) for x, y in places]


def catalogue() -> list[tuple[str, str, dict[str, Any]]]:
    """Name, description and defaults of every generator."""
    common = set(GeneratedWorld.model_fields)
    rows = []
    for name, world_type in REGISTRY.items():
        parameters = {
            field: info.default
            for field, info in world_type.model_fields.items()
            if field not in common
        }
        rows.append((name, (world_type.__doc__ or "").strip().splitlines()[0], parameters))
    return rows
