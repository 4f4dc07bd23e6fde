"""The floor plan of a world: its static shapes cut at one height, as polygons."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from world_sim.sdf.pose import Pose3, Vector3
from world_sim.sdf.types import Box, Capsule, Cylinder, Ellipsoid, Geometry, Sphere
from world_sim.world import World

ROUND_CORNERS = 24


@dataclass(frozen=True, slots=True)
class Outline:
    """One shape's cut.

    model: name of the model it belongs to; polygon: (N, 2) float64, metres, world frame.
    """

    model: str
    polygon: NDArray[np.float64]


def floor_plan(world: World, height_m: float) -> list[Outline]:
    """Cut the static models of `world` at `height_m` above its origin.

    Exact for shapes that stand upright, which walls and furniture do; a shape that leans is drawn
    as if it stood. Planes have no outline, and meshes are left out.
    """
    outlines = []
    for model in world.models:
        if not model.static:
            continue
        for link in model.links:
            for collision in link.collisions:
                pose = model.pose.compose(link.pose).compose(collision.pose)
                local = _cut(collision.geometry, height_m - pose.position.z)
                if local is not None:
                    outlines.append(Outline(model.name, _place(local, pose)))
    return outlines


def bounds(outlines: list[Outline], margin_m: float = 0.0) -> tuple[float, float, float, float]:
    """Smallest (x_min, y_min, x_max, y_max) that holds all outlines; a square without any."""
    if not outlines:
        return -5.0, -5.0, 5.0, 5.0
    points = np.concatenate([outline.polygon for outline in outlines])
    (x_min, y_min), (x_max, y_max) = points.min(axis=0), points.max(axis=0)
    return (
        float(x_min) - margin_m,
        float(y_min) - margin_m,
        float(x_max) + margin_m,
        float(y_max) + margin_m,
    )


def _cut(geometry: Geometry, z: float) -> NDArray[np.float64] | None:
    """Polygon of a shape at height `z` in its own frame; None where it is not there."""
    if isinstance(geometry, Box):
        if abs(z) > geometry.size.z / 2:
            return None
        half_x, half_y = geometry.size.x / 2, geometry.size.y / 2
        return np.array(
            [(half_x, half_y), (-half_x, half_y), (-half_x, -half_y), (half_x, -half_y)]
        )
    radii = _radii(geometry, z)
    if radii is None:
        return None
    angles = np.linspace(0.0, math.tau, ROUND_CORNERS, endpoint=False)
    return np.stack([radii[0] * np.cos(angles), radii[1] * np.sin(angles)], axis=1)


def _radii(geometry: Geometry, z: float) -> tuple[float, float] | None:
    """Half axes of a round shape's cut at `z`."""
    if isinstance(geometry, Cylinder):
        return (geometry.radius,) * 2 if abs(z) <= geometry.length / 2 else None
    if isinstance(geometry, Capsule):
        over = max(abs(z) - geometry.length / 2, 0.0)
        return _radii(Sphere(geometry.radius), over)
    if isinstance(geometry, Sphere):
        return _radii(Ellipsoid(Vector3(*(geometry.radius,) * 3)), z)
    if isinstance(geometry, Ellipsoid) and abs(z) < geometry.radii.z:
        share = math.sqrt(1.0 - (z / geometry.radii.z) ** 2)
        return share * geometry.radii.x, share * geometry.radii.y
    return None


def _place(polygon: NDArray[np.float64], pose: Pose3) -> NDArray[np.float64]:
    yaw = pose.orientation.yaw
    cosine, sine = math.cos(yaw), math.sin(yaw)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    placed: NDArray[np.float64] = polygon @ rotation.T + np.array(pose.position[:2])
    return placed
