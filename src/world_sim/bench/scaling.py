"""How cost grows with obstacles and with robots: `edge-autonomy bench scaling`."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autonomy_interfaces.messages import Pose2D
from world_sim.bench.speed import (
    CIRCLE_CLEARANCE,
    drive_in_circles,
    physics_step_us,
    scan_ms,
)
from world_sim.sdf.types import World
from world_sim.simulator import RobotSpawn, Simulator
from world_sim.world import load_world

OBSTACLES_PER_M2 = 0.25
# Skidding robots do not close their circles: there is room for them to wander.
FREE_RADIUS = CIRCLE_CLEARANCE + 0.8
ROBOT_SPACING = 2.0 * FREE_RADIUS
ROBOT_WORLD_OBSTACLES = 100
COST_TICKS = (10, 20, 50, 100, 200, 500)

_WORLD = """<?xml version="1.0"?>
<sdf version="1.9"><world name="generated">
<model name="ground"><static>true</static><link name="link"><collision name="collision"><geometry>
<plane><normal>0 0 1</normal><size>1000 1000</size></plane></geometry></collision></link></model>
{models}
</world></sdf>
"""
_MODEL = """<model name="{kind}{index}"><static>true</static><pose>{x:.3f} {y:.3f} 0.5 0 0 {yaw:.3f}
</pose><link name="link"><collision name="collision"><geometry>{shape}</geometry></collision>
<visual name="visual"><geometry>{shape}</geometry></visual></link></model>"""
_SHAPES = {
    "post": "<cylinder><radius>0.12</radius><length>1</length></cylinder>",
    "crate": "<box><size>0.5 0.3 1</size></box>",
}


def generate_world(directory: Path, obstacles: int, robots: int, seed: int = 0) -> World:
    """A square of posts and crates, always equally dense, with free circles for robots.

    Args:
        directory: where the SDF file is written.
        obstacles: how many, half of them posts.
        robots: how many places stay free, in a square about the origin (`robot_places`).
        seed: of their poses.
    """
    rng = np.random.default_rng(seed)
    free = [(place.x, place.y) for place in robot_places(robots)]
    side = math.sqrt(obstacles / OBSTACLES_PER_M2)
    models: list[str] = []
    while len(models) < obstacles:
        x, y = rng.uniform(-side / 2, side / 2, 2)
        if min(math.hypot(x - fx, y - fy) for fx, fy in free) < FREE_RADIUS:
            continue
        kind = ("post", "crate")[len(models) % 2]
        yaw = rng.uniform(-math.pi, math.pi)
        models.append(
            _MODEL.format(kind=kind, index=len(models), x=x, y=y, yaw=yaw, shape=_SHAPES[kind])
        )
    file = directory / f"obstacles_{obstacles}.sdf"
    file.write_text(_WORLD.format(models="\n".join(models)))
    return load_world(file)


def robot_places(robots: int) -> list[Pose2D]:
    """Where so many robots drive their circles, in a square grid about the origin."""
    columns = math.ceil(math.sqrt(robots))
    shift = (columns - 1) / 2
    return [
        # A circle to the left of the robot is centred on the place.
        Pose2D(
            (index % columns - shift) * ROBOT_SPACING,
            (index // columns - shift) * ROBOT_SPACING - 0.5,
            0.0,
        )
        for index in range(robots)
    ]


def measure(
    obstacles: Sequence[int],
    robots: Sequence[int],
    seconds: float,
    repeats: int,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Cost by number of obstacles with one robot, and by number of robots among 100 obstacles.

    Returns:
        obstacles, robots: {number: {realtime_factor, physics_us_per_step, scan_ms, load_s}}.
    """
    figures: dict[str, Any] = {"obstacles_per_m2": OBSTACLES_PER_M2}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        figures["obstacles"] = {
            str(count): _measure(directory, count, 1, seconds, repeats, progress)
            for count in obstacles
        }
        figures["robots"] = {
            str(count): _measure(
                directory, ROBOT_WORLD_OBSTACLES, count, seconds, repeats, progress
            )
            for count in robots
        }
    return figures


def _measure(
    directory: Path,
    obstacles: int,
    robots: int,
    seconds: float,
    repeats: int,
    progress: Callable[[str], None],
) -> dict[str, float]:
    progress(f"{obstacles} obstacles, {robots} robots")
    started = time.thread_time()
    world = generate_world(directory, obstacles, robots)
    places = robot_places(robots)
    spawns = [RobotSpawn(name=f"robot{index}", pose=pose) for index, pose in enumerate(places)]
    simulator = Simulator(world, spawns)
    load_s = time.thread_time() - started
    drive_in_circles(simulator, 0.2)
    factors = [seconds / drive_in_circles(simulator, seconds) for _ in range(repeats)]
    return {
        "realtime_factor": statistics.median(factors),
        "physics_us_per_step": statistics.median(physics_step_us(simulator) for _ in range(3)),
        "scan_ms": scan_ms(simulator),
        "load_s": load_s,
        "contacts": len(simulator.contacts_since_start),
    }


def write_plot(figures: dict[str, Any], file: Path) -> None:
    """Draw cost per simulated second against obstacles and against robots, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((6.4, 2.6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, key in zip(figure.subplots(1, 2, sharey=True), ("obstacles", "robots"), strict=True):
        entries = figures[key]
        counts = [int(count) for count in entries]
        cost = [1000.0 / entry["realtime_factor"] for entry in entries.values()]
        axes.loglog(counts, cost, "o-", color="#0072B2", linewidth=1.2, markersize=4)
        for count, value in zip(counts, cost, strict=True):
            axes.annotate(f"{value:.0f} ms", (count, value), (0, 5), textcoords="offset points",
                          ha="center", fontsize=7)  # fmt: skip
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.set_yticks(COST_TICKS, [str(tick) for tick in COST_TICKS])
        axes.minorticks_off()
        axes.set_xlabel(f"number of {key}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.margins(0.15, 0.3)
        axes.grid(linewidth=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("ms of one core\nper simulated second", fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Software": None})
