"""What the page shows: a scene that stays, and frames that follow one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from autonomy_interfaces.messages import LaserScan, Pose2D
from world_sim.outlines import outlines_of
from world_sim.sdf.pose import Pose3
from world_sim.sdf.types import Model, World

Point = tuple[float, float]
NO_RETURN = -1
"""A beam without return, among ranges in whole centimetres."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape seen from above: polygon in metres, colour as CSS names it."""

    polygon: tuple[Point, ...]
    color: str


@dataclass(frozen=True, slots=True)
class Scene:
    """What does not move, and how robots look (polygons in their base frame).

    drivable: whether the page may drive a robot.
    """

    name: str
    shapes: tuple[Shape, ...] = ()
    robots: Mapping[str, tuple[Shape, ...]] = field(default_factory=dict)
    drivable: bool = False


@dataclass(frozen=True, slots=True)
class ScanView:
    """A scan as the page draws it: beams in whole centimetres, NO_RETURN where there is none.

    x, y, yaw: pose of the lidar in the scene; first, step: bearing of beam 0 and between beams.
    """

    x: float
    y: float
    yaw: float
    first: float
    step: float
    centimetres: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RobotView:
    """A robot now, in the scene: metres, radians, m/s, rad/s; `contact` is what it touches."""

    name: str
    x: float
    y: float
    yaw: float
    vx: float
    wz: float
    contact: str = ""
    scan: ScanView | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment: `facts` are lines for people, in order; path and goal lie in the scene."""

    time_s: float
    robots: tuple[RobotView, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    path: tuple[Point, ...] = ()
    goal: Point | None = None


def scene_of(
    world: World | None, robots: Mapping[str, Model] | None = None, drivable: bool = False
) -> Scene:
    """The scene of a world, its robots looking as their models say."""
    models = world.models if world else ()
    return Scene(
        name=world.name if world else "no world file given",
        shapes=tuple(
            shape for model in models if model.static for shape in _shapes(model, model.pose)
        ),
        robots={name: tuple(_shapes(model, Pose3())) for name, model in (robots or {}).items()},
        drivable=drivable,
    )


def _shapes(model: Model, place: Pose3) -> list[Shape]:
    return [
        Shape(
            tuple((round(float(x), 3), round(float(y), 3)) for x, y in outline.polygon),
            "rgb({} {} {})".format(*(round(255 * part) for part in outline.color[:3])),
        )
        for outline in outlines_of(model, place)
    ]


def scan_view(scan: LaserScan, lidar: Pose2D) -> ScanView:
    """A scan taken from `lidar`, its pose in the scene."""
    seen = np.isfinite(scan.ranges) & (scan.ranges >= 0.0)
    centimetres = np.where(seen, np.rint(np.where(seen, scan.ranges, 0.0) * 100.0), NO_RETURN)
    return ScanView(
        lidar.x,
        lidar.y,
        lidar.yaw,
        scan.angle_min,
        scan.angle_increment,
        tuple(int(value) for value in centimetres),
    )


def thinned(points: Sequence[Point], most: int = 200) -> tuple[Point, ...]:
    """At most about `most` of the points, evenly, the last one always among them."""
    step = max(1, len(points) // most)
    kept = [points[index] for index in range(0, len(points), step)]
    if points and kept[-1] != points[-1]:
        kept.append(points[-1])
    return tuple(kept)
