"""`edge-autonomy worlds …`."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

import typer

worlds = typer.Typer(no_args_is_help=True, help="SDF worlds: what is in them, how they look.")

WorldFile = Annotated[Path, typer.Argument(help="SDF world file.", metavar="FILE")]
JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
AllowFlag = Annotated[
    bool, typer.Option("--allow-unsupported", help="Play the rest of a world that asks for more.")
]


@worlds.command()
def check(
    file: WorldFile,
    json: JsonFlag = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Element that may be left out, as `world/joint`; repeatable."),
    ] = None,
    allow_unsupported: AllowFlag = False,
) -> None:
    """Say whether a world can be played, and what of it is not played as written.

    Exit 0 when it can; 1 when it holds elements that change the physics and are not played,
    unless they are allowed; 2 when it is broken.
    """
    from world_sim.sdf.coverage import refused
    from world_sim.world import load_world

    # What cannot be read is said before the simulator, slow to import, is needed.
    world = load_world(file, allow_unsupported=True)
    from world_sim.simulator import Simulator, SimulatorConfig

    simulator = Simulator(world, config=SimulatorConfig(camera_quality="off"))
    missing = [] if allow_unsupported else refused(world.notes, allow or ())
    summary = {
        "world": world.name,
        "playable": not missing,
        "models": len(world.models),
        "static_models": sum(model.static for model in world.models),
        "actors": sum(model.trajectory is not None for model in world.models),
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
    else:
        verdict = f"{len(missing)} elements change the physics and are not played"
        typer.echo(f"{file}: {verdict if missing else 'can be played'}")
        robots = ", ".join(simulator.robots) or "none"
        typer.echo(f"  {summary['models']} models, {summary['shapes']} shapes; robots: {robots}")
        for note in world.notes:
            typer.echo(f"  {note.status:12} {note.path:34} {note.detail}  ({note.location})")
    if missing:
        raise typer.Exit(1)


@worlds.command()
def show(
    file: WorldFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG to write.")],
    allow_unsupported: AllowFlag = False,
) -> None:
    """Draw a world from above: what stands in it, and (blue) what a lidar at 0.3 m sees."""
    from autonomy_interfaces.writing import writing
    from world_sim.draw import draw_world
    from world_sim.errors import WorldError
    from world_sim.world import load_world

    world = load_world(file, allow_unsupported=allow_unsupported)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with writing(out):
            draw_world(world, out)
    except ValueError as error:
        raise WorldError(out, f"cannot be written: {error}", "give a .png path") from error
    typer.echo(str(out))


@worlds.command()
def elements() -> None:
    """Print the table of SDF elements: played, approximated, ignored, refused (Markdown)."""
    from world_sim.sdf.support_table import support_table

    typer.echo(support_table(), nl=False)


@worlds.command()
def faults(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a table for a page.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON schema of one fault.")] = False,
) -> None:
    """List what can go wrong in a run: the kinds of fault, their targets and parameters."""
    from world_sim.faults import catalogue, json_schema, markdown_table

    if json:
        typer.echo(json_module.dumps(json_schema()))
        return
    if markdown:
        typer.echo(markdown_table(), nl=False)
        return
    family = ""
    for entry in catalogue():
        if entry.family != family:
            family = entry.family
            typer.echo(f"\n{family}")
        typer.echo(f"  {entry.kind:16} {entry.description}")
        typer.echo(f"  {'':16} target: {', '.join(entry.targets)}")
        for parameter in entry.parameters:
            detail = f"  {parameter.description}" if parameter.description else ""
            typer.echo(f"  {'':16} {parameter.name} = {parameter.default}{detail}")


@worlds.command()
def watch(
    file: Annotated[
        Path | None, typer.Argument(help="World to play; with --ros: its map.", metavar="[FILE]")
    ] = None,
    ros: Annotated[
        bool, typer.Option("--ros", help="Show the stack that runs in this ROS domain.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port on this machine; 0: any free one.")] = 8137,
    faults: Annotated[Path | None, typer.Option(help="YAML file of faults.")] = None,
    seed: Annotated[int, typer.Option(help="Of every random number.")] = 0,
    speed: Annotated[float, typer.Option(min=0.01, help="Simulated seconds per second.")] = 1.0,
    at: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Put a robot here: x y yaw.", metavar="X Y YAW"),
    ] = None,
    namespace: Annotated[str, typer.Option(help="With --ros: the robot's namespace.")] = "",
) -> None:
    """Show a run live on a page of the browser; one that is played here can be driven there."""
    from autonomy_interfaces.messages import Pose2D
    from world_sim.faults import load_faults
    from world_sim.watch.run import PlayOptions, watch_stack, watch_world
    from world_sim.watch.server import WatchError
    from world_sim.world import load_world

    def announce(url: str) -> None:
        print(f"live on {url} (Ctrl-C ends)", file=sys.stderr, flush=True)

    world = load_world(file) if file else None
    if ros:
        watch_stack(world, namespace, port, announce)
        return
    if world is None:
        raise WatchError("give a world FILE to play, or --ros to show a running stack")
    options = PlayOptions(
        faults=load_faults(faults) if faults else (),
        seed=seed,
        speed=speed,
        pose=Pose2D(*at) if at else None,
    )
    watch_world(world, options, port, announce)
