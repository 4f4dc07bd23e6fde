"""A world from above, as a picture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from world_sim.sdf.types import Model, Plane, World
from world_sim.slices import slice_models, transform_triangles, triangles_of

LIDAR_HEIGHT = 0.3
INCHES = 9.0


def draw_world(world: World, out: Path) -> None:
    """Write a PNG: what stands in the world, its outline at lidar height, its robots.

    Args:
        world: to draw.
        out: file to write; its directory must exist.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(INCHES, INCHES), dpi=110, layout="constrained")
    axes = figure.subplots()
    for model in sorted(world.models, key=lambda model: not model.static):
        _draw_model(axes, model)
    _draw_lidar_view(axes, world)
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.margins(0.03)
    axes.set_xlabel("x [m]")
    axes.set_ylabel("y [m]")
    axes.set_title(world.name)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.savefig(out, bbox_inches="tight")


def _draw_model(axes: Axes, model: Model) -> None:
    outlines, colors = [], []
    for link in model.links:
        outer = model.pose.compose(link.pose)
        shapes = [(v.geometry, v.pose, v.color) for v in link.visuals] or [
            (c.geometry, c.pose, (0.7, 0.7, 0.7, 1.0)) for c in link.collisions
        ]
        for geometry, pose, color in shapes:
            if isinstance(geometry, Plane):
                continue
            corners = transform_triangles(triangles_of(geometry), outer.compose(pose))
            outlines.append(_outline(corners.reshape(-1, 3)[:, :2]))
            colors.append((*color[:3], 0.75))
    axes.add_collection(
        PolyCollection(outlines, facecolors=colors, edgecolors="0.35", linewidths=0.4)
    )
    if not model.static:
        x, y, _ = model.pose.position
        yaw = model.pose.orientation.yaw
        length = 0.6
        axes.arrow(
            x, y, length * math.cos(yaw), length * math.sin(yaw), width=0.04, color="tab:red"
        )
        axes.annotate(model.name, (x, y), xytext=(6, 6), textcoords="offset points", fontsize=9)


def _outline(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convex hull (K, 2) of points (N, 2), or their bounding box where they lie in a line."""
    try:
        hull: NDArray[np.float64] = points[ConvexHull(points).vertices]
    except QhullError:
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        hull = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return hull


def _draw_lidar_view(axes: Axes, world: World) -> None:
    static = [model for model in world.models if model.static]
    cut = slice_models(static, LIDAR_HEIGHT)
    for ax, ay, bx, by in cut.segments:
        axes.plot([ax, bx], [ay, by], color="tab:blue", linewidth=0.9)
    angles = np.linspace(0.0, 2.0 * math.pi, 49)
    for x, y, radius in cut.circles:
        axes.plot(
            x + radius * np.cos(angles), y + radius * np.sin(angles), color="tab:blue", lw=0.9
        )
