"""`edge-autonomy bench …`: what the simulator is measured by."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

bench = typer.Typer(no_args_is_help=True, help="Benches of the simulator.")

JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        typer.echo(f"{name:28} {value:.4g}" if isinstance(value, float) else f"{name:28} {value}")


@bench.command()
def sim(
    world: Annotated[Path, typer.Option(help="SDF world file.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="Simulated seconds per repeat.")] = 8.0,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats; the median counts.")] = 5,
    poses: Annotated[int, typer.Option(min=1, help="Poses to compare the lidar at.")] = 1000,
    json: JsonFlag = False,
) -> None:
    """Measure speed and lidar exactness with one robot driving, all sensors on, on one core."""
    from world_sim.bench.speed import bench_simulator
    from world_sim.world import load_world

    figures = bench_simulator(load_world(world), seconds, repeats, poses, _progress)
    if json:
        typer.echo(json_module.dumps(figures))
        return
    _print(figures)


@bench.command()
def fidelity(
    reference: Annotated[Path, typer.Option(help="Directory of recordings in Gazebo Sim.")],
    step_ms: Annotated[int, typer.Option(min=1, help="Physics step, milliseconds.")] = 2,
    plots: Annotated[
        Path | None, typer.Option(help="Directory for a picture of each pair.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Play what was recorded in Gazebo Sim, and compare. Exit 1 when a tolerance is exceeded."""
    from world_sim.bench.fidelity import compare_all, summary
    from world_sim.bench.fidelity_plots import write_plots

    pairs = compare_all(reference, step_ms, _progress)
    if plots is not None:
        write_plots(pairs, plots)
    figures = summary(pairs, step_ms)
    if json:
        typer.echo(json_module.dumps(figures))
    else:
        for name, profile in figures["profiles"].items():
            worst = max((profile[key] / limit, key) for key, limit in profile["tolerances"].items())
            verdict = "within" if profile["within"] else "NOT within"
            typer.echo(f"{name:32} {verdict}; {worst[0]:4.0%} of its tolerance in {worst[1]}")
    if not figures["all_within"]:
        raise typer.Exit(1)


@bench.command()
def scaling(
    obstacles: Annotated[str, typer.Option(help="Numbers of obstacles.")] = "100,1000,10000",
    robots: Annotated[str, typer.Option(help="Numbers of robots.")] = "1,2,4,8",
    seconds: Annotated[float, typer.Option(min=0.1, help="Simulated seconds per repeat.")] = 4.0,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats; the median counts.")] = 3,
    plot: Annotated[Path | None, typer.Option(help="PNG file to draw the cost into.")] = None,
    json: JsonFlag = False,
) -> None:
    """Measure how cost grows with obstacles and with robots, in generated worlds."""
    from world_sim.bench.scaling import measure, write_plot
    from world_sim.bench.speed import whole_numbers

    figures = measure(
        whole_numbers(obstacles, "--obstacles"),
        whole_numbers(robots, "--robots"),
        seconds,
        repeats,
        _progress,
    )
    if plot is not None:
        write_plot(figures, plot)
    if json:
        typer.echo(json_module.dumps(figures))
        return
    for key in ("obstacles", "robots"):
        for count, entry in figures[key].items():
            typer.echo(
                f"{count:>6} {key:10} {entry['realtime_factor']:6.1f}× real time, "
                f"{entry['physics_us_per_step']:6.1f} µs a step, {entry['scan_ms']:.3f} ms a scan"
            )


@bench.command()
def determinism(
    world: Annotated[Path | None, typer.Option(help="SDF world with a robot.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Simulated.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Of every random number.")] = 1,
    processes: Annotated[int, typer.Option(min=2, help="How many.")] = 2,
    json: JsonFlag = False,
) -> None:
    """Hash the same run, with every kind of fault, in separate processes. Exit 1 if they differ."""
    from world_sim.bench.determinism import compare_processes

    figures = compare_processes(world or _own_world(), seconds, seed, processes)
    if json:
        typer.echo(json_module.dumps(figures))
    else:
        _print(figures)
    if not figures["equal"]:
        raise typer.Exit(1)


@bench.command("worlds")
def all_worlds(
    places: Annotated[list[Path], typer.Argument(help="World files and directories of them.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="Simulated, in each world.")] = 10.0,
    json: JsonFlag = False,
) -> None:
    """Load every world and drive in it; list each warning. Exit 1 when one cannot be played."""
    from world_sim.bench.worlds import run_worlds, world_files

    figures = run_worlds(world_files(places), seconds, _progress)
    if json:
        typer.echo(json_module.dumps(figures))
    else:
        for file, entry in figures["worlds"].items():
            typer.echo(
                entry["error"]
                or f"{file}: {entry['driven_m']:.1f} m, {len(entry['warnings'])} warnings"
            )
        for warning, count in figures["warnings"].items():
            typer.echo(f"  in {count} worlds: {warning}")
    if figures["failed"]:
        raise typer.Exit(1)


@bench.command()
def env(
    processes: Annotated[str, typer.Option(help="Numbers of processes, as 1,2.")] = "1,2",
    seconds: Annotated[float, typer.Option(min=0.1, help="Wall time for each number.")] = 10.0,
    json: JsonFlag = False,
) -> None:
    """Measure steps per second of the Gymnasium environment, one environment per process."""
    from world_sim.bench.environment import measure
    from world_sim.bench.speed import whole_numbers

    figures = measure(whole_numbers(processes, "--processes"), seconds)
    if json:
        typer.echo(json_module.dumps(figures))
        return
    for count, rate in figures["steps_per_second"].items():
        speedup, factor = figures["speedup"][count], figures["realtime_factor"][count]
        typer.echo(
            f"{count} processes: {rate:.0f} steps/s, ×{speedup:.2f}, {factor:.1f}× real time"
        )


def _own_world() -> Path:
    from autonomy_interfaces.share import share_directory

    return share_directory() / "gazebo_worlds" / "warehouse.sdf"


@bench.command()
def camera(
    world: Annotated[Path, typer.Option(help="SDF world file.")] = Path(
        "gazebo_worlds/warehouse.sdf"
    ),
    seconds: Annotated[float, typer.Option(min=0.5, help="Simulated seconds per run.")] = 10.0,
    quality: Annotated[str, typer.Option(help="fast or fine.")] = "fast",
    json: JsonFlag = False,
) -> None:
    """Measure what a camera of 320 x 240 at 10 Hz costs, beside the same run without it."""
    from world_sim.bench.camera import bench_camera
    from world_sim.world import load_world

    figures = bench_camera(load_world(world), seconds, quality, _progress)
    if json:
        typer.echo(json_module.dumps(figures))
        return
    _print(figures)
