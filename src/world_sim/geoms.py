"""Collision shapes as MuJoCo geoms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import mujoco
import numpy as np

from world_sim.meshes import convex_parts
from world_sim.sdf.pose import Pose3, Quaternion, Vector3
from world_sim.sdf.surfaces import heights_of, polyline_prisms
from world_sim.sdf.types import (
    Box,
    Capsule,
    Collision,
    Cylinder,
    Ellipsoid,
    Geometry,
    Heightmap,
    Mesh,
    Model,
    Plane,
    Polyline,
    Sphere,
)

STATIC_BIT, DYNAMIC_BIT = 1, 2

# Time constant (s) and damping ratio of contacts. Far overdamped: what lands stays down, as in
# Gazebo, whose contacts do not bounce. A caster that taps the ground under braking would
# otherwise lift the wheels.
CONTACT_SOLREF = (0.006, 4.0)

# Of a height field (m): below its lowest point, and between that and its highest.
GROUND_THICKNESS, LEAST_RISE = 1.0, 1e-6

# MuJoCo's type and size of a geom, and its further arguments.
Shape = tuple[mujoco.mjtGeom, list[float], dict[str, object]]


class GeomFactory:
    """Adds geoms to one MjSpec and remembers which model each belongs to."""

    def __init__(self, spec: mujoco.MjSpec, models: Sequence[Model]) -> None:
        self.owners: dict[str, str] = {}
        self._spec = spec
        self._meshes: dict[tuple[Mesh | Polyline, bool], list[str]] = {}
        self._fields: dict[Heightmap, str] = {}
        self._priorities = friction_priorities(models)

    def add(
        self,
        body: mujoco.MjsBody,
        model: Model,
        collision: Collision,
        pose: Pose3,
        static: bool,
        tyre: bool = False,
    ) -> str:
        """Add a collision shape at `pose` in `body`; a tyre's contact carries load only.

        Returns:
            The name of the geom, of the first where it takes several.
        """
        geometry = collision.geometry
        if isinstance(geometry, Plane):
            pose = pose.compose(Pose3(orientation=from_z(geometry.normal)))
        elif isinstance(geometry, Heightmap):
            pose = pose.compose(_base_of(geometry))
        names = [
            self._add_geom(body, model, collision, pose, static, tyre, shape)
            for shape in self._shapes(geometry, static)
        ]
        return names[0]

    def _add_geom(
        self,
        body: mujoco.MjsBody,
        model: Model,
        collision: Collision,
        pose: Pose3,
        static: bool,
        tyre: bool,
        shape: Shape,
    ) -> str:
        name = f"{model.name}::{collision.name}::{len(self.owners)}"
        self.owners[name] = model.name
        kind, size, extra = shape
        frictionless = tyre or collision.friction.lowest < 1e-6
        body.add_geom(
            name=name,
            type=kind,
            size=size,
            pos=pose.position,
            quat=pose.orientation,
            contype=STATIC_BIT if static else DYNAMIC_BIT,
            conaffinity=DYNAMIC_BIT if static else STATIC_BIT | DYNAMIC_BIT,
            condim=1 if frictionless else 3,
            friction=[max(collision.friction.lowest, 1e-5), 0.005, 0.0001],
            priority=len(self._priorities) if tyre else self._priorities[collision.friction.lowest],
            solref=CONTACT_SOLREF,
            **extra,
        )
        return name

    def _shapes(self, geometry: Geometry, static: bool) -> list[Shape]:
        kind = mujoco.mjtGeom
        primitive = primitive_shape(geometry)
        if primitive is not None:
            return [primitive]
        match geometry:
            case Plane(size=(x, y)):
                return [(kind.mjGEOM_PLANE, [0.0, 0.0, max(x, y) / 2], {})]
            case Mesh() | Polyline():
                names = self._parts(geometry, separate=static)
                return [(kind.mjGEOM_MESH, [0.0, 0.0, 0.0], {"meshname": n}) for n in names]
            case Heightmap():
                name = self._height_field(geometry)
                return [(kind.mjGEOM_HFIELD, [0.0, 0.0, 0.0], {"hfieldname": name})]
        raise TypeError(f"no shape for {geometry}")

    def _parts(self, shape: Mesh | Polyline, separate: bool) -> list[str]:
        """Names of the convex meshes that stand for `shape`."""
        key = (shape, separate)
        if key not in self._meshes:
            if isinstance(shape, Mesh):
                parts = convex_parts(shape, separate)
            elif separate:
                parts = polyline_prisms(shape)
            else:
                parts = [np.concatenate(polyline_prisms(shape))]
            count = sum(map(len, self._meshes.values()))
            self._meshes[key] = [f"mesh{count + index}" for index in range(len(parts))]
            for name, part in zip(self._meshes[key], parts, strict=True):
                self._spec.add_mesh(name=name, uservert=part.ravel())
        return self._meshes[key]

    def _height_field(self, heightmap: Heightmap) -> str:
        if heightmap not in self._fields:
            heights = heights_of(heightmap)
            name = f"heights{len(self._fields)}"
            self._fields[heightmap] = name
            rise = max(float(np.ptp(heights)), LEAST_RISE)
            self._spec.add_hfield(
                name=name,
                nrow=heights.shape[0],
                ncol=heights.shape[1],
                size=[heightmap.size.x / 2, heightmap.size.y / 2, rise, GROUND_THICKNESS],
                userdata=((heights - heights.min()) / rise).ravel(),
            )
        return self._fields[heightmap]


def primitive_shape(geometry: Geometry) -> Shape | None:
    """MuJoCo's geom of a shape that it has itself; None for planes, meshes and surfaces."""
    kind = mujoco.mjtGeom
    match geometry:
        case Box(size=size):
            return kind.mjGEOM_BOX, [edge / 2 for edge in size], {}
        case Sphere(radius=radius):
            return kind.mjGEOM_SPHERE, [radius, 0.0, 0.0], {}
        case Cylinder(radius=radius, length=length):
            return kind.mjGEOM_CYLINDER, [radius, length / 2, 0.0], {}
        case Capsule(radius=radius, length=length):
            return kind.mjGEOM_CAPSULE, [radius, length / 2, 0.0], {}
        case Ellipsoid(radii=radii):
            return kind.mjGEOM_ELLIPSOID, list(radii), {}
        case _:
            return None


def friction_priorities(models: Sequence[Model]) -> dict[float, int]:
    """Priority of each friction coefficient: the lower of two is the contact's.

    MuJoCo takes the parameters of the geom with the higher priority; Gazebo takes the smaller
    coefficient. Ranking coefficients from high to low makes the first rule give the second.
    """
    values = {
        collision.friction.lowest
        for model in models
        for link in model.links
        for collision in link.collisions
    }
    return {value: rank for rank, value in enumerate(sorted(values, reverse=True))}


def _base_of(heightmap: Heightmap) -> Pose3:
    """Where MuJoCo's height field of `heightmap` begins, in the collision's frame."""
    x, y, z = heightmap.position
    return Pose3(Vector3(x, y, z + float(heights_of(heightmap).min())))


def from_z(direction: Vector3) -> Quaternion:
    """A rotation that takes z to `direction` (unit length)."""
    x, y, z = direction
    if z < -0.999999:
        return Quaternion(0.0, 1.0, 0.0, 0.0)
    w = math.sqrt((1 + z) / 2)
    return Quaternion(w, -y / (2 * w), x / (2 * w), 0.0)
