"""`edge-autonomy worlds …` and the simulator's benches."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

import typer

worlds = typer.Typer(no_args_is_help=True, help="SDF worlds: what is in them, how they look.")
bench = typer.Typer(no_args_is_help=True, help="Benches of the simulator.")

WorldFile = Annotated[Path, typer.Argument(help="SDF world file.", metavar="FILE")]
JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
AllowFlag = Annotated[
    bool, typer.Option("--allow-unsupported", help="Play the rest of a world that asks for more.")
]


@worlds.command()
def check(file: WorldFile, json: JsonFlag = False, allow_unsupported: AllowFlag = False) -> None:
    """Say whether a world can be played, and what of it is not played as written.

    Exit 0 when it can, 2 when it cannot.
    """
    from world_sim.simulator import Simulator
    from world_sim.world import load_world

    world = load_world(file, allow_unsupported=allow_unsupported)
    simulator = Simulator(world)
    summary = {
        "world": world.name,
        "models": len(world.models),
        "static_models": sum(model.static for model in world.models),
        "robots": list(simulator.robots),
        "shapes": simulator.shapes,
        "notes": [
            {
                "element": note.path,
                "status": note.status,
                "detail": note.detail,
                "at": str(note.location),
            }
            for note in world.notes
        ],
    }
    if json:
        typer.echo(json_module.dumps(summary))
        return
    robots = ", ".join(simulator.robots) or "none"
    typer.echo(f"{file}: can be played")
    typer.echo(f"  {summary['models']} models, {summary['shapes']} shapes; robots: {robots}")
    for note in world.notes:
        typer.echo(f"  {note.status:12} {note.path:34} {note.detail}  ({note.location})")


@worlds.command()
def show(
    file: WorldFile,
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    allow_unsupported: AllowFlag = False,
) -> None:
    """Draw a world from above: what stands in it, and (blue) what a lidar at 0.3 m sees."""
    from world_sim.draw import draw_world
    from world_sim.errors import WorldError
    from world_sim.world import load_world

    world = load_world(file, allow_unsupported=allow_unsupported)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        draw_world(world, out)
    except (OSError, ValueError) as error:
        raise WorldError(out, f"cannot be written: {error}", "give a .png path") from error
    typer.echo(str(out))


@bench.command()
def sim(
    world: Annotated[Path, typer.Option(help="SDF world file.")],
    seconds: Annotated[float, typer.Option(min=0.1, help="Simulated seconds per repeat.")] = 8.0,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats; the median counts.")] = 5,
    poses: Annotated[int, typer.Option(min=1, help="Poses to compare the lidar at.")] = 1000,
    json: JsonFlag = False,
) -> None:
    """Measure speed and lidar exactness with one robot driving, all sensors on, on one core."""
    from world_sim.bench import bench_simulator
    from world_sim.world import load_world

    def progress(text: str) -> None:
        print(text, file=sys.stderr)

    figures = bench_simulator(load_world(world), seconds, repeats, poses, progress)
    if json:
        typer.echo(json_module.dumps(figures))
        return
    for name, value in figures.items():
        typer.echo(f"{name:28} {value:.4g}" if isinstance(value, float) else f"{name:28} {value}")
