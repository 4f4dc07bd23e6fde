"""Collision shapes as MuJoCo geoms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import mujoco

from world_sim.meshes import convex_parts
from world_sim.sdf.pose import Pose3, Quaternion, Vector3
from world_sim.sdf.types import (
    Box,
    Capsule,
    Collision,
    Cylinder,
    Ellipsoid,
    Geometry,
    Mesh,
    Model,
    Plane,
    Sphere,
)

STATIC_BIT, DYNAMIC_BIT = 1, 2

# Time constant (s) and damping ratio of contacts. Far overdamped: what lands stays down, as in
# Gazebo, whose contacts do not bounce. A caster that taps the ground under braking would
# otherwise lift the wheels.
CONTACT_SOLREF = (0.006, 4.0)

# MuJoCo's type and size of a geom, and its further arguments.
Shape = tuple[mujoco.mjtGeom, list[float], dict[str, object]]


class GeomFactory:
    """Adds geoms to one MjSpec and remembers which model each belongs to."""

    def __init__(self, spec: mujoco.MjSpec, models: Sequence[Model]) -> None:
        self.owners: dict[str, str] = {}
        self._spec = spec
        self._meshes: dict[tuple[Mesh, bool], list[str]] = {}
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
            pose = pose.compose(Pose3(orientation=_from_z(geometry.normal)))
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
        match geometry:
            case Plane(size=(x, y)):
                return [(kind.mjGEOM_PLANE, [0.0, 0.0, max(x, y) / 2], {})]
            case Box(size=size):
                return [(kind.mjGEOM_BOX, [edge / 2 for edge in size], {})]
            case Sphere(radius=radius):
                return [(kind.mjGEOM_SPHERE, [radius, 0.0, 0.0], {})]
            case Cylinder(radius=radius, length=length):
                return [(kind.mjGEOM_CYLINDER, [radius, length / 2, 0.0], {})]
            case Capsule(radius=radius, length=length):
                return [(kind.mjGEOM_CAPSULE, [radius, length / 2, 0.0], {})]
            case Ellipsoid(radii=radii):
                return [(kind.mjGEOM_ELLIPSOID, list(radii), {})]
            case Mesh():
                names = self._parts(geometry, separate=static)
                return [(kind.mjGEOM_MESH, [0.0, 0.0, 0.0], {"meshname": n}) for n in names]

    def _parts(self, mesh: Mesh, separate: bool) -> list[str]:
        """Names of the convex meshes that stand for `mesh`."""
        key = (mesh, separate)
        if key not in self._meshes:
            self._meshes[key] = []
            for part in convex_parts(mesh, separate):
                name = f"mesh{sum(map(len, self._meshes.values()))}"
                self._spec.add_mesh(name=name, uservert=part.ravel())
                self._meshes[key].append(name)
        return self._meshes[key]


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


def _from_z(direction: Vector3) -> Quaternion:
    """A rotation that takes z to `direction` (unit length)."""
    x, y, z = direction
    if z < -0.999999:
        return Quaternion(0.0, 1.0, 0.0, 0.0)
    w = math.sqrt((1 + z) / 2)
    return Quaternion(w, -y / (2 * w), x / (2 * w), 0.0)
