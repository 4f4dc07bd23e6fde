"""The path of a run as a picture, for documents that show no HTML."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from autonomy_interfaces.messages import Pose2D
from edge_autonomy.demo.feed import SEEN_CELL_M
from edge_autonomy.demo.floor_plan import Outline, bounds
from edge_autonomy.demo.map_view import SEGMENT_NS, thin
from edge_autonomy.demo.run_log import RunLog
from scenario_eval.report.colors import SPEED_COLORS

WIDTH_IN = 9.0
DPI = 150
MARGIN_M = 0.3


def save_trajectory(
    file: Path,
    log: RunLog,
    outlines: list[Outline],
    start: Pose2D,
    goal: Pose2D,
    max_speed_mps: float,
) -> None:
    """Write a PNG of the world with the path coloured by speed.

    Raises:
        OSError: the file cannot be written.
    """
    x_min, y_min, x_max, y_max = bounds(outlines, MARGIN_M)
    aspect = (y_max - y_min) / (x_max - x_min)
    figure = Figure(figsize=(WIDTH_IN, WIDTH_IN * aspect * 0.9), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlim=(x_min, x_max), ylim=(y_min, y_max), aspect="equal")
    polygons = [outline.polygon for outline in outlines]
    axes.add_collection(PolyCollection(polygons, facecolor="#c9cdd6", edgecolor="none"))
    if log.seen:
        cells = (np.array(sorted(log.seen)) + 0.5) * SEEN_CELL_M
        axes.plot(cells[:, 0], cells[:, 1], "s", ms=0.8, mew=0.0, color="#4b5468", zorder=2)
    driven = thin(log.driven(), SEGMENT_NS)
    points = np.array([(motion.x, motion.y) for motion in driven]).reshape(-1, 2)
    lines = LineCollection(
        list(np.stack([points[:-1], points[1:]], axis=1)),
        cmap=LinearSegmentedColormap.from_list("speed", SPEED_COLORS),
        norm=Normalize(0.0, max_speed_mps),
        linewidth=3.0,
        capstyle="round",
        zorder=3,
    )
    lines.set_array(np.array([abs(motion.vx) for motion in driven[1:]]))
    axes.add_collection(lines)
    axes.plot(start.x, start.y, "o", ms=8, mfc="white", mec="#1b2130", mew=2, zorder=4)
    axes.plot(goal.x, goal.y, "*", ms=16, mfc="#1d7f52", mec="white", mew=1, zorder=4)
    axes.set_xlabel("x, m")
    axes.set_ylabel("y, m")
    axes.spines[["top", "right"]].set_visible(False)
    figure.colorbar(lines, ax=axes, label="speed, m/s", shrink=0.8, aspect=30)
    figure.savefig(file)
