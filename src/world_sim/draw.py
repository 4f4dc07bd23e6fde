"""A world from above, as a picture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from world_sim.outlines import outlines_of
from world_sim.sdf.types import Model, World
from world_sim.slices import slice_models

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
    outlines = list(outlines_of(model))
    axes.add_collection(
        PolyCollection(
            [outline.polygon for outline in outlines],
            facecolors=[(*outline.color[:3], 0.75) for outline in outlines],
            edgecolors="0.35",
            linewidths=0.4,
        )
    )
    if not model.static:
        x, y, _ = model.pose.position
        yaw = model.pose.orientation.yaw
        length = 0.6
        axes.arrow(
            x, y, length * math.cos(yaw), length * math.sin(yaw), width=0.04, color="tab:red"
        )
        axes.annotate(model.name, (x, y), xytext=(6, 6), textcoords="offset points", fontsize=9)


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
