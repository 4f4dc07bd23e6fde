"""`edge-autonomy launch`."""

from __future__ import annotations

import os
import reprlib
from pathlib import Path
from typing import Annotated

import typer


def launch(
    file: Annotated[Path, typer.Argument(help="A .launch.yaml file, or the name of one of ours.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME:=VALUE]...", help="Launch arguments.")
    ] = None,
    show_args: Annotated[
        bool, typer.Option("--show-args", "-s", help="Show the file's arguments and end.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--print", "-p", help="Show what would be started and end.")
    ] = False,
) -> None:
    """Run a ROS 2 YAML launch file; Ctrl-C ends all of it."""
    from edge_autonomy.launch.evaluate import declared_arguments, evaluate_file
    from edge_autonomy.launch.parser import parse_file
    from edge_autonomy.launch.process_spec import describe
    from edge_autonomy.launch.service import run

    path = _find(file)
    if show_args:
        for argument in declared_arguments(parse_file(path)):
            typer.echo(argument.describe())
        return
    values = _values(arguments or [])
    if dry_run:
        for spec in evaluate_file(path, values):
            typer.echo(describe(spec))
        return
    _check_domain()
    raise typer.Exit(run(path, values))


def _find(file: Path) -> Path:
    """The file as named, or of that name among the package's own launch files."""
    from autonomy_interfaces.share import share_directory

    if file.exists():
        return file
    for name in (file.name, f"{file.name}.launch.yaml"):
        own = share_directory() / "launch" / name
        if file.parent == Path() and own.is_file():
            return own
    return file


def _check_domain() -> None:
    """Refuse a domain that no node would start in, before they all start again and again."""
    from autonomy_interfaces.ros_domain import HIGHEST_DOMAIN, is_domain
    from edge_autonomy.launch.errors import LaunchError

    named = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not is_domain(named):
        raise LaunchError(
            f"ROS_DOMAIN_ID is {reprlib.repr(named)}: set it to a number of 0 to {HIGHEST_DOMAIN}, "
            "or unset it for 0"
        )


def _values(arguments: list[str]) -> dict[str, str]:
    from edge_autonomy.launch.errors import LaunchError

    values = {}
    for argument in arguments:
        name, separator, value = argument.partition(":=")
        if not separator or not name:
            raise LaunchError(f"launch argument '{argument}' is not NAME:=VALUE")
        values[name] = value
    return values
