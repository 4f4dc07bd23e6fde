"""`edge-autonomy demo`."""

from __future__ import annotations

import signal
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge_autonomy.demo.floor_plan import Outline
    from edge_autonomy.demo.metrics import Metrics
    from edge_autonomy.demo.runner import DemoOptions
    from edge_autonomy.demo.view import View

INTERRUPTED = 130


class Injection(str, Enum):
    """Faults that a run can be given."""

    KILL_DECISION = "kill-decision"


def demo(
    world: Annotated[
        str, typer.Option(help="World to cross: one of gazebo_worlds/worlds.yaml.")
    ] = "warehouse",
    out: Annotated[Path, typer.Option(help="Directory for what the run leaves.")] = Path(
        "out/demo"
    ),
    inject: Annotated[
        Injection | None, typer.Option(help="A fault on the way; the robot must stop and recover.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sensors' noise.", min=0)] = 0,
    timeout: Annotated[
        float, typer.Option(help="Seconds after which a run has failed.", min=1.0)
    ] = 180.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as one JSON object.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live view.")] = False,
) -> None:
    """Drive a robot across a simulated world, with the whole stack as separate processes.

    Leaves report.html, trajectory.png, run.mcap and metrics.json. Exits with 0 only where the
    robot reached its goal without contact (and, with --inject, stopped and recovered).
    """
    from edge_autonomy.demo.places import find_places

    places = find_places(world)
    from edge_autonomy.demo.runner import DemoOptions
    from edge_autonomy.demo.stack import DemoError

    options = DemoOptions(
        places=places,
        out=out,
        kill_decision=inject is Injection.KILL_DECISION,
        seed=seed,
        timeout_s=timeout,
        command=f"edge-autonomy demo --world {world} --seed {seed}"
        + (f" --inject {inject.value}" if inject else ""),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{out}: {error.strerror}", param_hint="--out") from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        metrics = _run(options, as_json, plain)
    except KeyboardInterrupt:
        typer.echo("interrupted; the stack has been stopped", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except (DemoError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    _print_result(metrics, out, as_json)
    raise typer.Exit(0 if metrics.success else 1)


def _run(options: DemoOptions, as_json: bool, plain: bool) -> Metrics:
    from edge_autonomy.demo.floor_plan import floor_plan
    from edge_autonomy.demo.runner import LIDAR_HEIGHT_M, DemoRun, robot_shape
    from world_sim.world import load_world

    outlines = floor_plan(load_world(options.places.file), LIDAR_HEIGHT_M)
    view = _view(options, outlines, as_json, plain)
    view.start(f"edge_autonomy demo · {options.places.name}")
    try:
        return DemoRun(options, robot_shape(), outlines, view).run()
    finally:
        view.stop()


def _view(options: DemoOptions, outlines: list[Outline], as_json: bool, plain: bool) -> View:
    from rich.console import Console

    from edge_autonomy.demo.runner import robot_shape
    from edge_autonomy.demo.view import LiveView, PlainView

    stream = sys.stderr if as_json else sys.stdout
    if plain or not stream.isatty():
        return PlainView(stream)
    console = Console(file=stream)
    return LiveView(console, outlines, options.places.goal, robot_shape().max_linear_velocity)


def _print_result(metrics: Metrics, out: Path, as_json: bool) -> None:
    import json
    from dataclasses import asdict

    from edge_autonomy.demo.report import tiles

    if as_json:
        print(json.dumps(asdict(metrics)))
        return
    verdict = "goal reached" if metrics.success else f"{metrics.outcome}: {metrics.reason}"
    print(f"\n{'✓' if metrics.success else '✕'} {verdict}")
    for label, value in tiles(metrics):
        print(f"  {label:<24}{value}")
    if metrics.recording_error:
        print(f"  the recording is incomplete: {metrics.recording_error}")
    print(f"  report                  {out / 'report.html'}")
