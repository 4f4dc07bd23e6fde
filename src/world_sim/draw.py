"""A world from above, as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from world_sim.outlines import outlines_of
from world_sim.scripted import pose_at
from world_sim.sdf.pose import Pose3
from world_sim.sdf.surfaces import heights_of
from world_sim.sdf.types import Heightmap, Model, Trajectory, World
from world_sim.slices import slice_models

LIDAR_HEIGHT = 0.3
INCHES = 9.0
PATH_COLOR = "tab:orange"
MAX_PATH_POINTS = 2000


def draw_world(world: World, out: Path) -> None:
    """Write a PNG: what stands in the world, its outline at lidar height, its robots, the ways
    of its actors.

    Args:
        world: to draw.
        out: file to write; its directory must exist.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(INCHES, INCHES), dpi=110, layout="constrained")
    axes = figure.subplots()
    for heightmap, pose in _terrain(world):
        _draw_terrain(axes, heightmap, pose)
    for model in sorted(world.models, key=lambda model: not model.static):
        _draw_model(axes, model)
    _draw_lidar_view(axes, world)
    for model in world.models:
        if model.trajectory is not None:
            _draw_path(axes, model, model.trajectory)
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
    place = model.pose
    if model.trajectory is not None:
        place = place.compose(pose_at(model.trajectory, 0.0))
    outlines = list(outlines_of(model, place))
    axes.add_collection(
        PolyCollection(
            [outline.polygon for outline in outlines],
            facecolors=[(*outline.color[:3], 0.75) for outline in outlines],
            edgecolors="0.35",
            linewidths=0.4,
        )
    )
    if not model.static:
        x, y, _ = place.position
        yaw = place.orientation.yaw
        length = 0.6
        axes.arrow(
            x, y, length * math.cos(yaw), length * math.sin(yaw), width=0.04, color="tab:red"
        )
        axes.annotate(model.name, (x, y), xytext=(6, 6), textcoords="offset points", fontsize=9)


def _draw_path(axes: Axes, model: Model, trajectory: Trajectory) -> None:
    """The way of an actor, dashed, its waypoints as dots."""
    first, last = trajectory.times_s[0], trajectory.times_s[-1]
    times = np.linspace(first, last, max(2, min(MAX_PATH_POINTS, round((last - first) / 0.05))))
    points = [
        model.pose.compose(pose_at(trajectory, trajectory.delay_s + float(t))).position
        for t in times
    ]
    axes.plot([p.x for p in points], [p.y for p in points], "--", color=PATH_COLOR, linewidth=1.3)
    stops = [model.pose.compose(pose).position for pose in trajectory.poses]
    axes.plot([p.x for p in stops], [p.y for p in stops], ".", color=PATH_COLOR, markersize=5)


def _terrain(world: World) -> Iterator[tuple[Heightmap, Pose3]]:
    for model in world.models:
        for link in model.links:
            for shape in link.visuals or link.collisions:
                if isinstance(shape.geometry, Heightmap):
                    yield shape.geometry, model.pose.compose(link.pose).compose(shape.pose)


def _draw_terrain(axes: Axes, heightmap: Heightmap, pose: Pose3) -> None:
    """Heights as shades; a heightmap that is turned is drawn unturned."""
    x, y = pose.position.x + heightmap.position.x, pose.position.y + heightmap.position.y
    half_x, half_y = heightmap.size.x / 2, heightmap.size.y / 2
    axes.imshow(
        heights_of(heightmap),
        origin="lower",
        extent=(x - half_x, x + half_x, y - half_y, y + half_y),
        cmap="gist_earth",
        alpha=0.6,
    )


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
