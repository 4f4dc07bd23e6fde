"""`edge-autonomy train` and `edge-autonomy train evaluate`."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=True,
    help="Train a policy: gather, check, imitate, correct, evaluate, export.",
)

NEEDED = {"torch": "torch", "pyarrow": "pyarrow", "pandera": "pandera[polars]"}
"""Modules that training needs beyond the package's own requirements."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes.")]


@app.callback()
def train(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Training configuration (config/training/*.yaml).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory of the policy; default out/policies/NAME, or NAME_seedN by --seed N."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed instead of the configuration's.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes instead of the configuration's.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where an interrupted run of this configuration was."),
    ] = False,
    track: Annotated[bool, typer.Option(help="Keep a record of the run in MLflow.")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a policy: gather, check, imitate, correct, evaluate, export."""
    if context.invoked_subcommand is not None:
        return
    _require_packages()
    if config is None:
        _refuse("give a configuration: --config config/training/default.yaml")
    from autonomy_interfaces.writing import writing
    from policy_training.config import TrainingError, load_training_config
    from policy_training.pipeline import run

    try:
        settings = load_training_config(config)
        name, configured = settings.name, settings.seed
        changes = {"seed": seed, "workers": workers}
        given = {name: value for name, value in changes.items() if value is not None}
        settings = settings.model_copy(update=given)
        seeded = f"{name}_seed{settings.seed}"
        own = name if settings.seed == configured else seeded
        target = out or Path("out") / "policies" / own
        work = Path("out") / "training" / seeded
        with writing(work, "free some space there and go on with --resume"):
            figures = run(settings, target, work, _progress, resume, track)
    except TrainingError as error:
        _refuse(str(error))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    typer.echo(f"policy written to {figures['policy']} in {figures['wall_s']} s")
    for driver, summary in figures["evaluation"].items():
        typer.echo(
            f"{driver:11} success {summary['success_rate']:.3f}  contact "
            f"{summary['contact_rate']:.3f}  time {summary['mean_time_s']:.2f} s  policy ticks "
            f"{summary['policy_tick_share']:.3f}"
        )


@app.command()
def evaluate(
    policy: Annotated[
        str, typer.Option(help="Directory, NAME/VERSION or channel; default: the shipped policy.")
    ] = "",
    drivers: Annotated[
        str, typer.Option(help="Who drives: of random, go_to_goal, fallback, policy, default.")
    ] = "random,go_to_goal,fallback,policy,default",
    worlds: Annotated[int, typer.Option(min=0, help="Test worlds in which nothing moves.")] = 300,
    moving: Annotated[int, typer.Option(min=0, help="Test worlds with moving bodies.")] = 60,
    calibration: Annotated[
        int,
        typer.Option(min=0, help="Test worlds in which answers are compared with the expert's."),
    ] = 40,
    monitor: Annotated[bool, typer.Option(help="Whether the safety monitor acts.")] = True,
    out: Annotated[Path, typer.Option(help="Directory of the results.")] = Path("out/evaluation"),
    workers: Workers = 2,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a campaign was interrupted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Judge a policy in generated worlds that it never saw, with the whole stack around it."""
    _require_packages()
    from autonomy_interfaces.share import share_directory
    from autonomy_interfaces.writing import writing
    from autonomy_nodes.decision.errors import PolicyError
    from autonomy_nodes.decision.pointer import find_policy
    from policy_training.config import TrainingError
    from policy_training.evaluation.campaign import CampaignPlan, run

    try:
        directory = find_policy(policy, share_directory() / "models")
        names = tuple(name.strip() for name in drivers.split(",") if name.strip())
        plan = CampaignPlan(directory, names, worlds, moving, calibration, monitor)
        with writing(out, "free some space there and go on with --resume, or give another --out"):
            figures = run(plan, out, workers, resume, _progress)
    except (TrainingError, PolicyError) as error:
        _refuse(str(error))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    for driver, found in figures["drivers"].items():
        for kind in ("standing", "moving"):
            row = found[kind]
            typer.echo(
                f"{driver:10} {kind:8} {row['episodes']:4} worlds  reached {row['reached']:.3f}  "
                f"collided {row['collided']:.3f}  bumped {row['bumped']:.3f}  failed "
                f"{row['failed']:.3f}  time {row['mean_time_s']:.2f} s"
            )
    typer.echo(f"files in {out}")


def _require_packages() -> None:
    missing = [package for module, package in NEEDED.items() if _is_absent(module)]
    if missing:
        _refuse(
            f"training needs {', '.join(missing)}; install with: pip install 'edge_autonomy[train]'"
        )


def _is_absent(module: str) -> bool:
    return importlib.util.find_spec(module) is None


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)
