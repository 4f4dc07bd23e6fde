"""Plots of an evaluation, as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Circle

from policy_training.evaluation.episodes import EpisodeOutcome
from policy_training.worlds import generate

plt.switch_backend("agg")

COLOURS = {"reached": "#2a9d8f", "collided": "#d1495b", "bumped": "#edae49", "failed": "#8d99ae"}
DPI = 90


def draw_slices(drivers: Mapping[str, Mapping[str, Any]], file: Path) -> None:
    """Outcome shares of every driver by slice: one row per quantity, one column per driver."""
    quantities = list(
        dict.fromkeys(row["by"] for figures in drivers.values() for row in figures["slices"])
    )
    shape = (len(quantities), len(drivers))
    figure, axes = plt.subplots(
        *shape, figsize=(3.2 * shape[1], 1.6 * shape[0]), squeeze=False, sharex=True
    )
    for column, (driver, figures) in enumerate(drivers.items()):
        axes[0, column].set_title(driver, fontsize=9)
        for line, quantity in enumerate(quantities):
            rows = [row for row in figures["slices"] if row["by"] == quantity]
            _bars(axes[line, column], rows)
            if column == 0:
                axes[line, column].set_ylabel(quantity, fontsize=8)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    figure.legend(handles, list(COLOURS), loc="lower center", ncols=len(COLOURS), fontsize=8)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(file, dpi=DPI)
    plt.close(figure)


def _bars(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    left = np.zeros(len(rows))
    labels = [f"{row['bin']}  ({row['episodes']})" for row in rows]
    for outcome, colour in COLOURS.items():
        width = np.array([row[outcome] for row in rows])
        axes.barh(labels, width, left=left, color=colour)
        left += width
    axes.invert_yaxis()
    axes.set_xlim(0.0, 1.0)
    axes.tick_params(labelsize=6)


def draw_reliability(table: Mapping[str, Any], file: Path) -> None:
    """Share of right answers over what the policy said, and how often it said it."""
    count = np.array(table["count"])
    some = count > 0
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(4.5, 5.5), height_ratios=(3, 1), sharex=True
    )
    above.plot([0, 1], [0, 1], color="#8d99ae", linestyle="--", linewidth=1)
    above.plot(np.array(table["confidence"])[some], np.array(table["right"])[some], "o-")
    above.set_ylabel("share of right answers")
    above.set_title(f"expected calibration error {table['error']:.3f}", fontsize=10)
    edges = np.array(table["edges"])
    below.bar(edges[:-1], count / count.sum(), width=np.diff(edges), align="edge")
    below.set_ylabel("share of ticks")
    below.set_xlabel("confidence")
    figure.tight_layout()
    figure.savefig(file, dpi=DPI)
    plt.close(figure)


def draw_episodes(episodes: Sequence[EpisodeOutcome], file: Path) -> None:
    """Each episode seen from above: surfaces, ways of moving bodies, the way driven, the goal."""
    columns = min(3, len(episodes))
    rows = -(-len(episodes) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.5 * columns, 4.0 * rows), squeeze=False)
    for axis in axes.flat[len(episodes) :]:
        axis.axis("off")
    for axis, episode in zip(axes.flat, episodes, strict=False):
        _world(axis, episode)
    figure.tight_layout()
    figure.savefig(file, dpi=DPI)
    plt.close(figure)


def _world(axes: Axes, episode: EpisodeOutcome) -> None:
    world = generate(episode.family, episode.seed)
    posts = [Circle((x, y), radius) for x, y, radius in world.circles]
    axes.add_collection(PatchCollection(posts, facecolor="#33415c"))
    for x0, y0, x1, y1, radius, speed in world.movers:
        axes.plot([x0, x1], [y0, y1], color="#edae49", linewidth=1, linestyle=":")
        axes.add_patch(Circle((x0, y0), radius, facecolor="#edae49"))
        axes.annotate(f"{speed:.1f} m/s", (x0, y0), fontsize=6)
    trace = np.array(episode.trace)
    axes.plot(trace[:, 0], trace[:, 1], color=COLOURS[episode.outcome], linewidth=1.5)
    axes.plot(*trace[-1], "x", color="#d1495b")
    axes.plot(0.0, 0.0, "k^", markersize=4)
    axes.plot(world.goal.x, world.goal.y, "k*", markersize=8)
    axes.set_aspect("equal")
    axes.tick_params(labelsize=6)
    hard = episode.difficulty
    axes.set_title(
        f"{episode.family} {episode.seed}: {episode.outcome} after {episode.time_s:.1f} s\n"
        f"gap {hard.gap_m:.2f} m, clutter {hard.clutter:.2f}, {episode.contact}",
        fontsize=7,
    )
