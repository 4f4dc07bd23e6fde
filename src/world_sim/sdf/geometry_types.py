"""Shapes, as frozen data. Lengths are metres, in the shape's own frame."""

from __future__ import annotations

from dataclasses import dataclass, field

from world_sim.errors import Location
from world_sim.sdf.pose import Vector3

UNIT_SCALE = Vector3(1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane through the origin, infinite for collision; `size` bounds what is drawn."""

    normal: Vector3
    size: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A box: full edge lengths."""

    size: Vector3


@dataclass(frozen=True, slots=True)
class Sphere:
    """A sphere."""

    radius: float


@dataclass(frozen=True, slots=True)
class Cylinder:
    """A cylinder along z."""

    radius: float
    length: float


@dataclass(frozen=True, slots=True)
class Capsule:
    """A capsule along z: a cylinder of `length` with hemispheres on both ends."""

    radius: float
    length: float


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid: half axes."""

    radii: Vector3


@dataclass(frozen=True, slots=True)
class Mesh:
    """A mesh file (resolved path) and its scale; location: where it is asked for."""

    path: str
    scale: Vector3 = UNIT_SCALE
    location: Location = field(default=Location(""), compare=False)


@dataclass(frozen=True, slots=True)
class Polyline:
    """A prism on z = 0: outlines (x, y) in metres, of which those within others are holes."""

    outlines: tuple[tuple[tuple[float, float], ...], ...]
    height: float


@dataclass(frozen=True, slots=True)
class Heightmap:
    """Ground whose heights are the grey values of an image (resolved path).

    size: extent in x and y, and height of the brightest value. position: of its middle.
    """

    path: str
    size: Vector3
    position: Vector3
    location: Location = field(default=Location(""), compare=False)


Geometry = Plane | Box | Sphere | Cylinder | Capsule | Ellipsoid | Mesh | Polyline | Heightmap
