"""Reading of <geometry>, <collision>, <visual> and <inertial>."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from world_sim.sdf.element import Element
from world_sim.sdf.pose import Pose3, Vector3
from world_sim.sdf.resources import resolve_uri
from world_sim.sdf.surfaces import read_heightmap, read_polylines
from world_sim.sdf.types import (
    Box,
    Capsule,
    Collision,
    Cylinder,
    Ellipsoid,
    Friction,
    Geometry,
    Inertial,
    Mesh,
    Plane,
    Sphere,
    Visual,
)
from world_sim.sdf.values import (
    attribute,
    number,
    numbers,
    positive,
    unit_vector,
    vector,
)

MESH_SUFFIXES = (".obj", ".stl", ".dae")
DEFAULT_FRICTION = 1.0
# Moments are written with few digits: so much may the largest exceed the sum of the others.
INERTIA_SLACK = 0.01


def read_geometry(element: Element, file: Path, path: tuple[Path, ...]) -> Geometry | None:
    """Read a <geometry>; None where it is <empty/> or of a kind that is not played.

    Raises:
        WorldError: a size is missing, not positive or not finite, or a mesh is not found.
    """
    for child in element:
        name = child.name
        if name == "box":
            return Box(_sizes(child, "size"))
        if name == "sphere":
            return Sphere(positive(child, "radius"))
        if name == "cylinder":
            return Cylinder(positive(child, "radius"), positive(child, "length"))
        if name == "capsule":
            return Capsule(positive(child, "radius"), positive(child, "length"))
        if name == "ellipsoid":
            return Ellipsoid(_sizes(child, "radii"))
        if name == "plane":
            return _plane(child)
        if name == "mesh":
            return _mesh(child, file, path)
        if name == "polyline":
            return read_polylines(element.find_all("polyline"))
        if name == "heightmap":
            return read_heightmap(child, file, path)
    return None


def _sizes(element: Element, name: str) -> Vector3:
    child = element.find(name)
    if child is None:
        raise element.error(f"lacks <{name}>")
    size = Vector3(*numbers(child, 3))
    if min(size) <= 0:
        raise child.error(
            f"must be above zero, got '{child.text[:60]}'", "give three lengths above zero"
        )
    return size


def _plane(element: Element) -> Plane:
    size = element.find("size")
    extent = (1.0, 1.0) if size is None else numbers(size, 2)
    return Plane(unit_vector(element, "normal", Vector3(0, 0, 1)), (extent[0], extent[1]))


def _mesh(element: Element, file: Path, path: tuple[Path, ...]) -> Mesh:
    uri = element.find("uri")
    if uri is None or not uri.text:
        raise element.error("lacks <uri>")
    target = resolve_uri(uri.text, file.parent, path, uri)
    if target.suffix.lower() not in MESH_SUFFIXES:
        formats = ", ".join(suffix[1:].upper() for suffix in MESH_SUFFIXES)
        raise uri.error(
            f"mesh format '{target.suffix}' is not played", f"convert to one of {formats}"
        )
    scale = vector(element, "scale", Vector3(1, 1, 1))
    if min(abs(factor) for factor in scale) < 1e-9:
        raise element.error("<scale> must not be zero")
    return Mesh(str(target.resolve()), scale, uri.location)


def read_collision(element: Element, pose: Pose3, geometry: Geometry) -> Collision:
    """Read a <collision> whose pose and geometry are known."""
    friction = _read_friction(element.find_path("surface", "friction", "ode"))
    return Collision(attribute(element, "name"), geometry, pose, element.location, friction)


def _read_friction(ode: Element | None) -> Friction:
    if ode is None:
        return Friction()
    mu = number(ode, "mu", DEFAULT_FRICTION, unbounded=True)
    mu2 = number(ode, "mu2", mu, unbounded=True)
    direction = vector(ode, "fdir1", Vector3())
    has_direction = any(abs(component) > 1e-9 for component in direction)
    return Friction(
        max(mu, 0.0),
        max(mu2, 0.0),
        unit_vector(ode, "fdir1", direction) if has_direction else None,
    )


def read_visual(element: Element, pose: Pose3, geometry: Geometry) -> Visual:
    """Read a <visual> whose pose and geometry are known; colour from its material."""
    color = (0.7, 0.7, 0.7, 1.0)
    material = element.find("material")
    if material is not None:
        for name in ("diffuse", "ambient"):
            child = material.find(name)
            if child is not None and child.text:
                words = child.text.split()
                rgba = numbers(child, 4) if len(words) == 4 else (*numbers(child, 3), 1.0)
                color = (rgba[0], rgba[1], rgba[2], rgba[3])
                break
    return Visual(element.attributes.get("name", ""), geometry, pose, element.location, color)


def read_inertial(element: Element | None, pose: Pose3) -> Inertial:
    """Read an <inertial>; SDF's defaults (1 kg, unit inertia) where absent.

    Raises:
        WorldError: mass or a principal moment is not positive, or no body has these moments.
    """
    if element is None:
        return Inertial()
    mass = positive(element, "mass", 1.0)
    inertia = element.find("inertia")
    if inertia is None:
        return Inertial(mass, pose=pose)
    ixx, iyy, izz = (positive(inertia, name, 1.0) for name in ("ixx", "iyy", "izz"))
    ixy, ixz, iyz = (number(inertia, name, 0.0) for name in ("ixy", "ixz", "iyz"))
    moments = np.linalg.eigvalsh([[ixx, ixy, ixz], [ixy, iyy, iyz], [ixz, iyz, izz]])
    if moments[0] <= 0:
        raise inertia.error("has no positive principal moments", "make ixy, ixz and iyz smaller")
    if moments[0] + moments[1] < moments[2] * (1 - INERTIA_SLACK):
        named = ", ".join(f"{value:.4g}" for value in moments)
        raise inertia.error(
            f"no body has the principal moments {named}",
            "each must be at most the sum of the other two",
        )
    return Inertial(mass, (ixx, iyy, izz, ixy, ixz, iyz), pose)
