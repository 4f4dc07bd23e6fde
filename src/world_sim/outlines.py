"""The shapes of a model seen from above."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from world_sim.sdf.pose import Pose3
from world_sim.sdf.types import Heightmap, Model, Plane, Polyline
from world_sim.slices import transform_triangles, triangles_of

UNPAINTED = (0.7, 0.7, 0.7, 1.0)


@dataclass(frozen=True, slots=True)
class Outline:
    """One shape from above: polygon (K, 2) metres, and colour (r, g, b, a) in 0 to 1."""

    polygon: NDArray[np.float64]
    color: tuple[float, float, float, float]


def outlines_of(model: Model, place: Pose3 | None = None) -> Iterator[Outline]:
    """The outlines of a model's visuals (of its collisions, where it has none); no planes.

    Args:
        model: seen from above.
        place: of the model; None: its own in the world.
    """
    for link in model.links:
        outer = (place or model.pose).compose(link.pose)
        shapes = [(v.geometry, v.pose, v.color) for v in link.visuals] or [
            (c.geometry, c.pose, UNPAINTED) for c in link.collisions
        ]
        for geometry, pose, color in shapes:
            if isinstance(geometry, Plane | Heightmap):
                continue
            if isinstance(geometry, Polyline):
                yield Outline(_outer(geometry, outer.compose(pose)), color)
                continue
            corners = transform_triangles(triangles_of(geometry), outer.compose(pose))
            yield Outline(hull_of(corners.reshape(-1, 3)[:, :2]), color)


def _outer(polyline: Polyline, pose: Pose3) -> NDArray[np.float64]:
    """The first outline of a polyline from above, (K, 2)."""
    x, y = np.array(polyline.outlines[0]).T
    triangles = np.stack([x, y, np.zeros_like(x)], axis=1)[:, None, :]
    outline: NDArray[np.float64] = transform_triangles(triangles, pose)[:, 0, :2]
    return outline


def hull_of(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convex hull (K, 2) of points (N, 2), or their bounding box where they lie in a line."""
    try:
        hull: NDArray[np.float64] = points[ConvexHull(points).vertices]
    except QhullError:
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        hull = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return hull
