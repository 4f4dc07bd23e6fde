"""`edge-autonomy estop|reset|status` and `edge-autonomy bench monitor`."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

import typer

operator = typer.Typer()
bench = typer.Typer()

Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the monitor.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@operator.command()
def estop(timeout: Timeout = 5.0, json: Json = False) -> None:
    """Stop the robot, and keep it stopped until `reset`."""
    _request("/safety/estop", timeout, json)


@operator.command()
def reset(timeout: Timeout = 5.0, json: Json = False) -> None:
    """Let the robot move again after an emergency stop, if its cause is gone."""
    _request("/safety/reset", timeout, json)


@operator.command()
def status(timeout: Timeout = 5.0, json: Json = False) -> None:
    """What the safety monitor does, and why."""
    from safety_monitor.operator import read_state

    found = read_state(timeout)
    if found is None:
        _no_monitor()
    text = found["state"] + (f": {found['cause']}" if found["cause"] else "")
    _print(found, text, json)


@bench.command()
def monitor(
    cycles: Annotated[int, typer.Option(min=100, help="Cycles to measure.")] = 2000,
    json: Json = False,
) -> None:
    """Time the monitor's cycle, from scan and command to velocity, between near obstacles."""
    from safety_monitor.bench import measure

    figures = measure(cycles)
    text = "\n".join(f"{name} {value}" for name, value in figures.items())
    _print(figures, text, json)


def _request(service: str, timeout: float, as_json: bool) -> None:
    from safety_monitor.operator import call_trigger

    answer = call_trigger(service, timeout)
    if answer is None:
        _no_monitor()
    success, message = answer
    _print({"success": success, "message": message}, message, as_json)
    if not success:
        raise typer.Exit(1)


def _no_monitor() -> NoReturn:
    typer.echo(
        "error: no safety monitor answers; is it running, with this ROS_DOMAIN_ID?", err=True
    )
    raise typer.Exit(1)


def _print(figures: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(figures) if as_json else text)
