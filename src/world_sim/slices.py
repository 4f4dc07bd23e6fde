"""Cutting shapes at a height: what a planar lidar sees of them, as circles and segments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from world_sim.meshes import mesh_triangles
from world_sim.sdf.pose import Pose3, Vector3
from world_sim.sdf.surfaces import heightmap_triangles, polyline_triangles
from world_sim.sdf.types import (
    Box,
    Capsule,
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

# Curves that are not circles become polygons whose corners lie on them; no point of the curve
# is further from its polygon than this (m).
CHORD_ERROR = 5e-5
UPRIGHT = 1e-9


@dataclass(frozen=True, slots=True)
class Slice:
    """Primitives at one height, world frame: circles (C, 3) x, y, r and segments (S, 4)."""

    circles: NDArray[np.float64]
    segments: NDArray[np.float64]


def slice_models(models: Sequence[Model], height: float) -> Slice:
    """Cut the visuals of `models` by the horizontal plane at `height` metres.

    Visuals, because a lidar of Gazebo is rendered: it sees what a camera would see.
    """
    circles: list[tuple[float, float, float]] = []
    segments: list[NDArray[np.float64]] = []
    for model in models:
        for link in model.links:
            outer = model.pose.compose(link.pose)
            for visual in link.visuals:
                cut_shape(visual.geometry, outer.compose(visual.pose), height, circles, segments)
    return Slice(
        np.array(circles, dtype=np.float64).reshape(-1, 3),
        np.concatenate(segments) if segments else np.empty((0, 4)),
    )


@lru_cache(maxsize=16)
def static_slice(models: tuple[Model, ...], height: float) -> Slice:
    """`slice_models`, kept: a world that is played again and again is cut once."""
    return slice_models(models, height)


def cut_shape(
    geometry: Geometry,
    pose: Pose3,
    height: float,
    circles: list[tuple[float, float, float]],
    segments: list[NDArray[np.float64]],
) -> None:
    """Append what the plane z = `height` cuts out of one shape at `pose`."""
    x, y, z = pose.position
    up = height - z
    match geometry:
        case Sphere(radius=radius):
            if abs(up) < radius:
                circles.append((x, y, math.sqrt(radius * radius - up * up)))
        case Cylinder(radius=radius, length=length) if _is_upright(pose):
            if abs(up) <= length / 2:
                circles.append((x, y, radius))
        case Capsule(radius=radius, length=length) if _is_upright(pose):
            beyond = abs(up) - length / 2
            if beyond < radius:
                cut = radius if beyond <= 0 else math.sqrt(radius * radius - beyond * beyond)
                circles.append((x, y, cut))
        case Plane():
            _cut_plane(geometry, pose, height, segments)
        case _:
            triangles = transform_triangles(triangles_of(geometry), pose)
            segments.append(cut_triangles(triangles, height))


def _is_upright(pose: Pose3) -> bool:
    axis = pose.orientation.rotate(Vector3(0, 0, 1))
    return math.hypot(axis.x, axis.y) < UPRIGHT


def _cut_plane(
    plane: Plane, pose: Pose3, height: float, segments: list[NDArray[np.float64]]
) -> None:
    """A plane that stands up is a wall; one that lies is never met by a level beam."""
    normal = pose.orientation.rotate(plane.normal)
    level = math.hypot(normal.x, normal.y)
    if level < 1e-6:
        return
    # Where the plane crosses the height: foot of the perpendicular, then along the wall.
    offset = (height - pose.position.z) * normal.z / level
    foot_x = pose.position.x - offset * normal.x / level
    foot_y = pose.position.y - offset * normal.y / level
    half = max(plane.size) / 2
    along_x, along_y = -normal.y / level * half, normal.x / level * half
    segments.append(
        np.array([[foot_x - along_x, foot_y - along_y, foot_x + along_x, foot_y + along_y]])
    )


def triangles_of(geometry: Geometry) -> NDArray[np.float64]:
    """(T, 3, 3) float64, metres: the surface of a shape as triangles in its own frame."""
    match geometry:
        case Box(size=size):
            return _box_triangles(size)
        case Cylinder(radius=radius, length=length):
            return _revolved(np.array([[0, -1], [1, -1], [1, 1], [0, 1.0]]), radius, length / 2)
        case Sphere(radius=radius):
            return _ellipsoid_triangles(Vector3(radius, radius, radius))
        case Ellipsoid(radii=radii):
            return _ellipsoid_triangles(radii)
        case Capsule(radius=radius, length=length):
            return _capsule_triangles(radius, length)
        case Mesh():
            return mesh_triangles(geometry)
        case Polyline():
            return polyline_triangles(geometry)
        case Heightmap():
            return heightmap_triangles(geometry)
        case Plane():
            return np.empty((0, 3, 3))


def _steps(radius: float) -> int:
    """Corners of a polygon in a circle of `radius` that keeps to CHORD_ERROR."""
    angle = math.acos(max(0.0, 1.0 - CHORD_ERROR / radius)) if radius > CHORD_ERROR else 1.0
    return min(720, max(24, math.ceil(math.pi / angle)))


def _box_triangles(size: Vector3) -> NDArray[np.float64]:
    corner = np.array(
        [[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
    ) * np.array(size)
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return np.array([corner[list(t)] for a, b, c, d in faces for t in ((a, b, c), (a, c, d))])


def _revolved(
    profile: NDArray[np.float64], radius: float, half_length: float
) -> NDArray[np.float64]:
    """Triangles of a profile (K, 2) of (radius, z) fractions turned about z."""
    angles = np.linspace(0, 2 * math.pi, _steps(radius) + 1)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.empty((len(profile), len(angles), 3))
    points[:, :, :2] = profile[:, None, :1] * radius * ring[None]
    points[:, :, 2] = profile[:, None, 1] * half_length
    return _grid_triangles(points)


def _grid_triangles(points: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b = points[:-1, :-1], points[:-1, 1:]
    c, d = points[1:, 1:], points[1:, :-1]
    return np.concatenate(
        [
            np.stack([a, b, c], axis=2).reshape(-1, 3, 3),
            np.stack([a, c, d], axis=2).reshape(-1, 3, 3),
        ]
    )


def _ellipsoid_triangles(radii: Vector3) -> NDArray[np.float64]:
    polar = np.linspace(-math.pi / 2, math.pi / 2, _steps(max(radii)) // 2 + 1)
    profile = np.stack([np.cos(polar), np.sin(polar)], axis=1)
    triangles: NDArray[np.float64] = _revolved(profile, 1.0, 1.0) * np.array(radii)
    return triangles


def _capsule_triangles(radius: float, length: float) -> NDArray[np.float64]:
    polar = np.linspace(0, math.pi / 2, _steps(radius) // 4 + 1)
    cap = np.stack([np.cos(polar) * radius, np.sin(polar) * radius + length / 2], axis=1)
    profile = np.concatenate([(cap * [1, -1])[::-1], cap]) / [radius, 1.0]
    return _revolved(profile, radius, 1.0)


def transform_triangles(triangles: NDArray[np.float64], pose: Pose3) -> NDArray[np.float64]:
    """Triangles (T, 3, 3) given at `pose`, in the frame that the pose is given in."""
    axes = [Vector3(1, 0, 0), Vector3(0, 1, 0), Vector3(0, 0, 1)]
    rows = np.array([pose.orientation.rotate(axis) for axis in axes])
    moved: NDArray[np.float64] = triangles @ rows + np.array(pose.position)
    return moved


def cut_triangles(triangles: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    """Segments (S, 4) in which the plane z = `height` cuts triangles (T, 3, 3)."""
    # A corner exactly at the height would be cut twice or never; it counts as above.
    above = triangles[:, :, 2] >= height
    crossed = triangles[above.any(axis=1) & ~above.all(axis=1)]
    if not len(crossed):
        return np.empty((0, 4))
    side = crossed[:, :, 2] >= height
    # Turn each triangle so that corner 0 is alone on its side of the plane.
    alone = np.where(side.sum(axis=1) == 1, side.argmax(axis=1), (~side).argmax(axis=1))
    turned = crossed[np.arange(len(crossed))[:, None], (alone[:, None] + np.arange(3)[None]) % 3]
    ends = []
    for other in (1, 2):
        a, b = turned[:, 0], turned[:, other]
        share = ((height - a[:, 2]) / (b[:, 2] - a[:, 2]))[:, None]
        ends.append(a[:, :2] + share * (b[:, :2] - a[:, :2]))
    segments = np.concatenate(ends, axis=1)
    longer = np.hypot(segments[:, 0] - segments[:, 2], segments[:, 1] - segments[:, 3]) > 0
    kept: NDArray[np.float64] = segments[longer]
    return kept
