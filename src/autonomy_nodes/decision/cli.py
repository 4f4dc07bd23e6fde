"""`edge-autonomy policy`: begin, check, describe, time and sign a policy."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from autonomy_nodes.registry_cli import (
    AsJson,
    TrustedKeys,
    add_registry_commands,
    chosen,
    default_key,
    models_directory,
    trusted_directory,
)

policy = typer.Typer(no_args_is_help=True, help="Check, describe, time, sign and release policies.")

PolicyName = Annotated[
    str, typer.Argument(help="Directory, NAME/VERSION or channel; default: as shipped.")
]


class OutputKind(str, Enum):
    """What a policy's output means."""

    VELOCITY = "velocity"
    MANOEUVRE = "manoeuvre"
    TRAJECTORY_SCORES = "trajectory_scores"
    WAYPOINTS = "waypoints"


@policy.command()
def check(
    name: PolicyName = "",
    trusted: TrustedKeys = None,
    signed: bool = False,
    as_json: AsJson = False,
) -> None:
    """Say whether a policy may drive; exit code 2 and the reason where it may not.

    --signed: it must be signed by a trusted key too.
    """
    from autonomy_nodes.decision.pointer import read_pointers, refuse_withdrawn
    from autonomy_nodes.decision.signature import Trust
    from autonomy_nodes.decision.vetting import vet

    asked = signed or trusted is not None
    verdict = vet(chosen(name), Trust(trusted_directory(trusted), allow_unsigned=not asked))
    refuse_withdrawn(f"{verdict.name}/{verdict.version}", read_pointers(models_directory()))
    if as_json:
        typer.echo(json.dumps({"accepted": True, **asdict(verdict)}))
        return
    typer.echo(f"{verdict.name} {verdict.version}: accepted")
    for remark in verdict.remarks:
        typer.echo(f"  note: {remark}")


@policy.command()
def card(name: PolicyName = "", as_json: AsJson = False) -> None:
    """Print the policy's card: inputs, output, provenance, measured figures."""
    from autonomy_nodes.decision.card import render
    from autonomy_nodes.decision.contract import load_manifest
    from autonomy_nodes.decision.pointer import manifest_of

    manifest = load_manifest(manifest_of(chosen(name)))
    typer.echo(manifest.model_dump_json() if as_json else render(manifest), nl=as_json)


@policy.command()
def bench(
    name: PolicyName = "",
    ticks: Annotated[int, typer.Option(min=1, help="Timed ticks.")] = 2000,
    provider: Annotated[str, typer.Option(help="cpu, cuda, tensorrt or openvino.")] = "cpu",
    core: Annotated[int, typer.Option(help="CPU core to bind it to; -1 for any.")] = -1,
    as_json: AsJson = False,
) -> None:
    """Time the policy on this machine, as the decision node runs it."""
    from autonomy_nodes.decision.bench import bench as run
    from autonomy_nodes.decision.contract import load_policy
    from autonomy_nodes.decision.providers import Execution

    figures = run(load_policy(chosen(name), execution=Execution(provider, core)), ticks, core=core)
    if as_json:
        typer.echo(json.dumps(asdict(figures)))
        return
    for field, value in asdict(figures).items():
        typer.echo(f"{field:18} {value}")


@policy.command()
def new(
    directory: Annotated[Path, typer.Argument(help="Directory to write.")],
    model: Annotated[Path, typer.Option(help="ONNX file.")],
    kind: Annotated[OutputKind, typer.Option(help="What its output means.")] = OutputKind.VELOCITY,
) -> None:
    """Begin a policy from an ONNX file: a manifest to fill in, and a guide how."""
    from autonomy_interfaces.writing import writing
    from autonomy_nodes.decision.template import GUIDE_FILE, write_template

    with writing(directory):
        manifest = write_template(directory, model, kind.value, directory.resolve().name)
    typer.echo(f"{manifest} written; what to fill in: {directory / GUIDE_FILE}")


@policy.command()
def keygen(
    key: Annotated[Path | None, typer.Argument(help="File of the private key.")] = None,
) -> None:
    """Make a key to sign with; its public half goes into the robots' trusted keys."""
    from autonomy_interfaces.writing import writing
    from autonomy_nodes.decision.signature import generate_key

    private = key or default_key()
    with writing(private):
        public = generate_key(private)
    typer.echo(
        f"{private}: keep it off the robot\n"
        f"{public}: copy it as NAME.pem to where `trusted_keys` points"
    )


@policy.command()
def sign(
    name: PolicyName = "",
    key: Annotated[Path | None, typer.Option(help="Private key, PEM.")] = None,
) -> None:
    """Check a policy, and vouch for it."""
    from autonomy_interfaces.writing import writing
    from autonomy_nodes.decision.pointer import manifest_of
    from autonomy_nodes.decision.signature import sign as write_signature
    from autonomy_nodes.decision.vetting import vet

    manifest = manifest_of(chosen(name))
    vet(manifest)
    with writing(manifest.parent):
        signature = write_signature(manifest, key or default_key())
    typer.echo(f"{manifest.parent}: signed by key {signature.key_id}")


@policy.command()
def verify(name: PolicyName = "", trusted: TrustedKeys = None, as_json: AsJson = False) -> None:
    """Say whose trusted key signed a policy; exit code 2 and the reason where none did."""
    from autonomy_nodes.decision.pointer import manifest_of
    from autonomy_nodes.decision.signature import Trust, check_signature

    manifest = manifest_of(chosen(name))
    signer = check_signature(manifest, Trust(trusted_directory(trusted)))
    if as_json:
        typer.echo(json.dumps({"directory": str(manifest.parent), "signed_by": signer}))
        return
    typer.echo(f"{manifest.parent}: signed by '{signer}'")


add_registry_commands(policy)
