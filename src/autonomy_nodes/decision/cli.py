"""`edge-autonomy policy`: check, describe and time a policy."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from autonomy_nodes.decision.runtime import Policy

policy = typer.Typer(no_args_is_help=True, help="Check, describe and time policies.")

PolicyPath = Annotated[
    Path | None,
    typer.Argument(help="Directory with manifest.yaml and the ONNX file; default: as shipped."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@policy.command()
def check(path: PolicyPath = None, as_json: AsJson = False) -> None:
    """Say whether a policy may drive; exit code 2 and the reason where it may not."""
    manifest = _load(path).manifest
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "accepted": True,
                    "name": manifest.name,
                    "version": manifest.version,
                    "sha256": manifest.model.sha256,
                }
            )
        )
        return
    typer.echo(f"{manifest.name} {manifest.version}: accepted")


@policy.command()
def card(path: PolicyPath = None, as_json: AsJson = False) -> None:
    """Print the policy's card: inputs, output, provenance, measured figures."""
    from autonomy_nodes.decision.card import render

    manifest = _load(path).manifest
    typer.echo(manifest.model_dump_json() if as_json else render(manifest), nl=as_json)


@policy.command()
def bench(
    path: PolicyPath = None,
    ticks: Annotated[int, typer.Option(min=1, help="Timed ticks.")] = 2000,
    as_json: AsJson = False,
) -> None:
    """Time the policy on this machine, as the decision node runs it."""
    from autonomy_nodes.decision.bench import bench as run

    figures = run(_load(path), ticks)
    if as_json:
        typer.echo(json.dumps(asdict(figures)))
        return
    for name, value in asdict(figures).items():
        typer.echo(f"{name:18} {value}")


def _load(path: Path | None) -> Policy:
    from autonomy_interfaces.share import share_directory
    from autonomy_nodes.decision.contract import PolicyError, load_policy

    try:
        return load_policy(path or share_directory() / "models" / "default")
    except PolicyError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
