"""The `barn` command: the benchmark in lockstep or over DDS."""

from __future__ import annotations

import json as json_module
import sys
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from scenario_eval.barn_campaign import BarnRun


class Mode(str, Enum):
    """How the stack is run."""

    LOCKSTEP = "lockstep"
    DDS = "dds"


class DriverChoice(str, Enum):
    """Who may drive."""

    DEFAULT = "default"
    POLICY = "policy"
    FALLBACK = "fallback"


def barn(
    worlds: Annotated[Path, typer.Option(help="Directory of world_N.world files.")],
    paths: Annotated[Path, typer.Option(help="Directory of path_N.npy files.")],
    index: Annotated[str, typer.Option(help="Worlds to run, as in 3,9; all if empty.")] = "",
    runs: Annotated[int, typer.Option(min=1, help="Runs per world; their numbers are seeds.")] = 1,
    mode: Annotated[Mode, typer.Option(help="One process, or the nodes over DDS.")] = Mode.LOCKSTEP,
    driver: Annotated[DriverChoice, typer.Option(help="Who drives.")] = DriverChoice.DEFAULT,
    policy: Annotated[Path | None, typer.Option(help="Directory of a policy.")] = None,
    no_monitor: Annotated[
        bool, typer.Option("--no-monitor", help="Leave the safety monitor out.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes, in lockstep.")] = 2,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Score the stack by the BARN protocol: 0.5 is the most, collisions and time-outs are 0."""
    from scenario_eval.barn import find_worlds
    from scenario_eval.barn_campaign import RunOptions, figures, run_campaign

    chosen = find_worlds(worlds, paths, _indexes(index))
    options = RunOptions(driver.value, not no_monitor, policy)
    started = time.monotonic()
    total = len(chosen) * runs
    count = 0

    def report(run: BarnRun) -> None:
        nonlocal count
        count += 1
        result = run.result
        touched = f" touched {run.contact}" if run.contact else ""
        print(
            f"[{count}/{total}] world {run.world} run {run.run}: {result.status.value} "
            f"{result.time_s:.2f} s, score {result.score:.3f}{touched}",
            file=sys.stderr,
            flush=True,
        )

    if mode is Mode.DDS:
        from edge_autonomy.barn_over_dds import run_campaign_over_dds

        done = run_campaign_over_dds(chosen, runs, options, report)
    else:
        done = run_campaign(chosen, runs, options, workers, report)
    result = {
        "mode": mode.value,
        "driver": driver.value,
        "monitor": not no_monitor,
        **figures(done, time.monotonic() - started),
    }
    print(json_module.dumps(result) if json else _summary(result))


def _indexes(text: str) -> list[int] | None:
    """World indexes of a comma-separated list; None where it is empty."""
    if not text.strip():
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"--index {text}: give numbers, as in 3,9") from None


def _summary(result: dict[str, Any]) -> str:
    """The campaign's figures for people."""
    return (
        f"score {result['score']:.4f}  success {result['success_rate']:.1%}  "
        f"collisions {result['collision_rate']:.1%}  time-outs {result['timeout_rate']:.1%}  "
        f"policy drove {result['policy_tick_share']:.1%}  "
        f"interventions {result['interventions_per_m']:.2f}/m  in {result['wall_s']:.0f} s"
    )
