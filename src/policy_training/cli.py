"""`edge-autonomy train`."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def train(
    config: Annotated[Path, typer.Option(help="Training configuration (config/training/*.yaml).")],
    out: Annotated[
        Path | None, typer.Option(help="Directory of the policy; default out/policies/NAME.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed instead of the configuration's.")] = None,
    resume: Annotated[
        bool, typer.Option(help="Reuse the rounds that an interrupted run gathered.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as one JSON object.")
    ] = False,
) -> None:
    """Train a policy: gather, imitate, correct, evaluate, export."""
    if importlib.util.find_spec("torch") is None:
        _refuse("training needs torch; install it with: pip install 'edge_autonomy[train]'")
    from policy_training.config import TrainingError, load_training_config
    from policy_training.pipeline import run

    try:
        settings = load_training_config(config)
        if seed is not None:
            settings = settings.model_copy(update={"seed": seed})
        target = out or Path("out") / "policies" / settings.name
        work = Path("out") / "training" / settings.name
        figures = run(settings, target, work, _progress, resume)
    except TrainingError as error:
        _refuse(str(error))
    if as_json:
        typer.echo(json.dumps(figures))
        return
    typer.echo(f"policy written to {figures['policy']} in {figures['wall_s']} s")
    for driver, summary in figures["evaluation"].items():
        typer.echo(
            f"{driver:9} success {summary['success_rate']:.3f}  contact "
            f"{summary['contact_rate']:.3f}  time {summary['mean_time_s']:.2f} s  policy ticks "
            f"{summary['policy_tick_share']:.3f}"
        )


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _refuse(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(2)
