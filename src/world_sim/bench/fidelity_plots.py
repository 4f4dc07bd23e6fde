"""Each recorded profile beside the played one, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from world_sim.bench.fidelity import Pair

# Okabe and Ito's colours: told apart with any kind of colour vision.
RECORDED, PLAYED, WHEELS = "#56B4E9", "#000000", "#D55E00"
SIZE_INCHES = (6.4, 2.3)
MARGIN_S = 0.3


def write_plots(pairs: list[Pair], directory: Path) -> list[Path]:
    """Write one PNG per profile into `directory`, which is made; their paths."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for pair in pairs:
        figure = Figure(SIZE_INCHES, dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.25))
        _draw_way(left, pair)
        _draw_velocities(right, pair)
        path = directory / f"{pair.recording.name}.png"
        # Without the library's version in the file, equal pictures are equal bytes.
        figure.savefig(path, metadata={"Software": None})
        paths.append(path)
    return paths


def _draw_way(axes: Any, pair: Pair) -> None:
    """The path where it turns while it drives, else the distance or the turn over time."""
    recorded, played = pair.recording.track, pair.played
    drives, turns = recorded.command_v.any(), recorded.command_w.any()
    if drives and turns:
        axes.plot(recorded.odom_x, recorded.odom_y, ":", color=WHEELS, label="wheel odometry")
        _pair(axes, (recorded.x, recorded.y), (played.x, played.y))
        axes.set_aspect("equal", adjustable="datalim")
        axes.set(xlabel="x (m)", ylabel="y (m)")
    else:
        name, label = ("x", "x (m)") if drives else ("yaw", "yaw (rad)")
        axes.plot(
            recorded.t, getattr(recorded, f"odom_{name}"), ":", color=WHEELS, label="wheel odometry"
        )
        _pair(axes, (recorded.t, getattr(recorded, name)), (played.t, getattr(played, name)))
        axes.set(xlabel="time (s)", ylabel=label)
    axes.legend(fontsize=7, frameon=False)
    _finish(axes)
    axes.set_title(pair.recording.name, fontsize=8, loc="left")


def _draw_velocities(axes: Any, pair: Pair) -> None:
    """The commanded velocities from just before the command to just after its end."""
    recorded, played = pair.recording.track, pair.played
    (asked,) = np.nonzero((recorded.command_v != 0.0) | (recorded.command_w != 0.0))
    start, end = recorded.t[asked[0]], recorded.t[asked[-1]]
    units = []
    # Each name stands over its line, at its own share of the time, so that none covers another.
    columns = (("command_v", "vx", "m/s", 0.35), ("command_w", "wz", "rad/s", 0.65))
    for command, name, unit, place in columns:
        if not getattr(recorded, command).any():
            continue
        units.append(f"{name} ({unit})")
        ours = getattr(played, name)
        _pair(axes, (recorded.t, getattr(recorded, name)), (played.t, ours))
        row = int(np.searchsorted(played.t, start + place * (end - start)))
        axes.annotate(name, (played.t[row], ours[row]), (0, 4), textcoords="offset points",
                      fontsize=7)  # fmt: skip
    axes.set(xlabel="time (s)", ylabel=", ".join(units), xlim=(start - MARGIN_S, end + MARGIN_S))
    axes.margins(y=0.15)
    _finish(axes)


def _pair(axes: Any, recorded: tuple[Any, Any], played: tuple[Any, Any]) -> None:
    axes.plot(*recorded, color=RECORDED, linewidth=3.5, label="Gazebo Sim")
    axes.plot(*played, color=PLAYED, linewidth=0.9, label="world_sim")


def _finish(axes: Any) -> None:
    axes.tick_params(labelsize=7)
    axes.xaxis.label.set_size(8)
    axes.yaxis.label.set_size(8)
    axes.grid(linewidth=0.3)
    axes.spines[["top", "right"]].set_visible(False)
