"""Static things in a generated world, and how they are written as SDF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self


class Spec(BaseModel):
    """A part of a scenario file: immutable, strict, without surplus fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Shape(Spec):
    """One static thing: exactly one of box, cylinder and wall. Metres, radians, world frame."""

    box: tuple[float, float, float, float] | None = Field(
        default=None, description="centre x, y and size along x, y before the turn"
    )
    cylinder: tuple[float, float, float] | None = Field(
        default=None, description="centre x, y and radius"
    )
    wall: tuple[float, float, float, float] | None = Field(
        default=None, description="from x, y to x, y; 0.1 m thick"
    )
    yaw: float = Field(default=0.0, description="turn of a box")
    height: float = Field(default=1.0, gt=0.0)
    lift: float = Field(
        default=0.0, ge=0.0, description="height of its lower face above the ground"
    )
    glass: bool = Field(default=False, description="solid, but the lidar sees through it")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = [name for name in ("box", "cylinder", "wall") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"expected exactly one of box, cylinder, wall, found {', '.join(given) or 'none'}"
            )
        sizes = {"box": self.box, "cylinder": self.cylinder, "wall": self.wall}[given[0]] or ()
        lengths = sizes[2:] if given[0] != "wall" else (math.dist(sizes[:2], sizes[2:]),)
        if min(lengths) <= 0.0:
            raise ValueError(f"{given[0]}: expected sizes above zero, got {list(sizes)}")
        return self


WALL_THICKNESS = 0.1


def box(x: float, y: float, sx: float, sy: float, yaw: float = 0.0, height: float = 1.0) -> Shape:
    """A box, metres and radians."""
    return Shape(box=(x, y, sx, sy), yaw=yaw, height=height)


def cylinder(x: float, y: float, radius: float, height: float = 1.0) -> Shape:
    """An upright cylinder, metres."""
    return Shape(cylinder=(x, y, radius), height=height)


def wall(x0: float, y0: float, x1: float, y1: float, height: float = 1.0) -> Shape:
    """A wall between two points, metres."""
    return Shape(wall=(x0, y0, x1, y1), height=height)


def world_sdf(models: str, friction: float, roll: float, pitch: float) -> str:
    """A world of a ground plane through the origin, turned by roll and pitch, and `models`."""
    return _WORLD.format(friction=friction, roll=roll, pitch=pitch, models=models)


def shapes_sdf(shapes: Sequence[Shape]) -> str:
    """A static model for each shape."""
    return "".join(_model(f"shape_{index}", shape) for index, shape in enumerate(shapes))


def _model(name: str, shape: Shape) -> str:
    x, y, yaw = 0.0, 0.0, shape.yaw
    if shape.cylinder is not None:
        x, y, radius = shape.cylinder
        kind = (
            f"<cylinder><radius>{radius:.6g}</radius><length>{shape.height:.6g}</length></cylinder>"
        )
    else:
        if shape.wall is not None:
            x0, y0, x1, y1 = shape.wall
            x, y, yaw = (x0 + x1) / 2, (y0 + y1) / 2, math.atan2(y1 - y0, x1 - x0)
            sx, sy = math.hypot(x1 - x0, y1 - y0), WALL_THICKNESS
        else:
            assert shape.box is not None, "a shape is one of three"
            x, y, sx, sy = shape.box
        kind = f"<box><size>{sx:.6g} {sy:.6g} {shape.height:.6g}</size></box>"
    geometry = f"<geometry>{kind}</geometry>"
    visual = "" if shape.glass else f'<visual name="v">{geometry}</visual>'
    z = shape.lift + shape.height / 2
    return (
        f'<model name="{"glass_" if shape.glass else ""}{name}"><static>true</static>'
        f"<pose>{x:.6g} {y:.6g} {z:.6g} 0 0 {yaw:.6g}</pose>"
        f'<link name="link"><collision name="c">{geometry}</collision>{visual}</link></model>\n'
    )


@dataclass(frozen=True)
class Body:
    """A body that is moved from outside; size: radius, or length and width. Metres."""

    size: tuple[float, ...]
    height: float


BODIES = {
    "person": Body((0.25,), 1.7),
    "cart": Body((0.9, 0.6), 1.0),
    "ball": Body((0.12,), 0.6),
}


def body_sdf(name: str, kind: str, x: float, y: float, yaw: float) -> str:
    """An actor on the ground at a pose; whoever plays the world moves it."""
    body = BODIES[kind]
    if len(body.size) == 1:
        radius = body.size[0]
        shape = f"<cylinder><radius>{radius}</radius><length>{body.height}</length></cylinder>"
    else:
        shape = f"<box><size>{body.size[0]} {body.size[1]} {body.height}</size></box>"
    geometry = f"<geometry>{shape}</geometry>"
    return (
        f'<actor name="{name}"><pose>{x:.6g} {y:.6g} 0 0 0 {yaw:.6g}</pose>'
        f'<link name="link"><pose>0 0 {body.height / 2} 0 0 0</pose>'
        f'<collision name="c">{geometry}</collision>'
        f'<visual name="v">{geometry}</visual></link></actor>\n'
    )


_WORLD = """<?xml version="1.0"?>
<sdf version="1.9"><world name="generated">
<model name="ground_plane"><static>true</static><pose>0 0 0 {roll:.6g} {pitch:.6g} 0</pose>
<link name="link"><collision name="c">
<geometry><plane><normal>0 0 1</normal><size>200 200</size></plane></geometry>
<surface><friction><ode><mu>{friction:.6g}</mu><mu2>{friction:.6g}</mu2></ode></friction></surface>
</collision></link></model>
{models}</world></sdf>
"""
