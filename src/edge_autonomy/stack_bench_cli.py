"""`edge-autonomy bench latency|footprint`: what the launched stack costs."""

from __future__ import annotations

import json as json_module
from typing import Annotated, Any

import typer

bench = typer.Typer(no_args_is_help=True, help="Time and footprint of the launched stack.")

Duration = Annotated[float, typer.Option(min=1.0, help="Seconds of driving that are measured.")]
World = Annotated[str, typer.Option(help="World that ships, by name.")]
Driver = Annotated[str, typer.Option(help="default, policy or fallback.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@bench.command()
def latency(
    duration: Duration = 30.0,
    world: World = "field",
    driver: Driver = "default",
    as_json: AsJson = False,
) -> None:
    """Time from a scan's publication to that of the command computed from it, over DDS."""
    from edge_autonomy.latency_bench import bench_latency

    _tell(bench_latency(duration, world, {"driver": driver}), as_json)


@bench.command()
def footprint(
    duration: Duration = 30.0,
    world: World = "field",
    driver: Driver = "default",
    as_json: AsJson = False,
) -> None:
    """CPU and memory of every process of the stack while it drives, without the simulator."""
    from edge_autonomy.footprint_bench import bench_footprint

    _tell(bench_footprint(duration, world, {"driver": driver}), as_json)


def _tell(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json_module.dumps(figures))
        return
    for name, value in figures.items():
        if isinstance(value, dict):
            for node, of_node in value.items():
                typer.echo(f"  {node:16} " + "  ".join(f"{k} {v}" for k, v in of_node.items()))
        else:
            typer.echo(f"{name:22} {value}")
