"""`edge-autonomy eval`: play scenarios, list and explain them, print their schema."""

from __future__ import annotations

import fnmatch
import json as json_module
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scenario_eval.results import RunResult, RunTiming
    from scenario_eval.runner.campaign import Campaign
    from scenario_eval.scenarios.loading import RunPlan

playing = typer.Typer()

Paths = Annotated[
    list[Path] | None, typer.Argument(help="Scenario files or directories; the library if none.")
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", help="Only scenarios with this tag; repeat for more.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


ROOM = "free some space there and go on with --resume, or give another --out"


@playing.command()
def run(
    paths: Paths = None,
    out: Annotated[Path, typer.Option(help="Directory for the results.")] = Path("out/eval"),
    workers: Annotated[int, typer.Option(min=1, help="Processes that play runs.")] = 2,
    tag: Tags = None,
    only: Annotated[
        list[str] | None, typer.Option("--run", help="Only this run; wildcards; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Added to every seed.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted campaign.")
    ] = False,
    time_limit: Annotated[float, typer.Option(min=1.0, help="Wall seconds for a run.")] = 300.0,
    hang_limit: Annotated[
        float, typer.Option(min=1.0, help="Wall seconds for a run to get on.")
    ] = 90.0,
    memory_limit: Annotated[float, typer.Option(min=64.0, help="MB for a run.")] = 2048.0,
    ray: Annotated[str, typer.Option(help="Play on the Ray cluster at this address.")] = "",
    track: Annotated[
        str, typer.Option(help="Log to this MLflow store, as sqlite:///out/mlflow.db.")
    ] = "",
    json: Json = False,
) -> None:
    """Play scenarios in lockstep. Exit: 0 all as expected, 1 not, 2 wrong input."""
    from autonomy_interfaces.writing import writing
    from scenario_eval.judging.cli import write_report
    from scenario_eval.runner.campaign import CampaignOptions, run_campaign
    from scenario_eval.runner.pool import Limits
    from scenario_eval.runner.ray_backend import RayBackend
    from scenario_eval.tracking import log_campaign

    plans = _chosen(paths, tag, only, seed)
    limits = Limits(time_limit, hang_limit, memory_limit)
    backend = RayBackend(ray, limits) if ray else None
    options = CampaignOptions(out, seed, workers, resume, limits, backend=backend)
    began = time.monotonic()
    with writing(out, ROOM), _Progress(len(plans)) as progress:
        campaign = run_campaign(plans, options, progress.ended)
    wall_s = time.monotonic() - began
    with writing(out, ROOM):
        write_report(out)
    if track:
        log_campaign(out, track, {"scenarios": " ".join(map(str, paths or ())) or "library"})
    if json:
        print(json_module.dumps(_figures(campaign, wall_s, out)))
    else:
        _print_summary(campaign, wall_s, out)
    if not all(result.as_expected for result in campaign.results):
        raise typer.Exit(1)


@playing.command("list")
def list_scenarios(paths: Paths = None, tag: Tags = None, json: Json = False) -> None:
    """List scenarios: category, tier, runs, tags, description."""
    plans = _chosen(paths, tag, None, 0)
    by_scenario: dict[str, list[RunPlan]] = {}
    for plan in plans:
        by_scenario.setdefault(plan.scenario_id, []).append(plan)
    rows = [
        {
            "scenario": name,
            "tier": runs[0].scenario.tier,
            "runs": len(runs),
            "tags": list(runs[0].scenario.tags),
            "description": runs[0].scenario.description,
            "known_defect": runs[0].scenario.known_defect,
            "file": runs[0].file,
        }
        for name, runs in by_scenario.items()
    ]
    if json:
        print(json_module.dumps({"scenarios": rows}))
        return
    for name, runs in by_scenario.items():
        first = runs[0].scenario
        print(f"{name:<42} tier {first.tier}  {len(runs):>2} runs  {' '.join(first.tags)}")
    print(f"{len(rows)} scenarios, {len(plans)} runs")


@playing.command()
def show(
    paths: Paths = None,
    only: Annotated[
        list[str] | None, typer.Option("--run", help="Only this run; wildcards; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Added to every seed.")] = 0,
    json: Json = False,
) -> None:
    """Show what would be played: every run with its swept and drawn values."""
    plans = _chosen(paths, None, only, seed)
    if json:
        runs = [{"run": p.run, "seed": p.seed, "values": p.values, "data": p.data} for p in plans]
        print(json_module.dumps({"runs": runs}))
        return
    for plan in plans:
        values = ", ".join(f"{name} = {value}" for name, value in plan.values.items())
        print(f"{plan.run}  {values}".rstrip())
        if len(plans) == 1:
            print(json_module.dumps(plan.data, indent=2))


@playing.command()
def schema() -> None:
    """Print the JSON schema of a scenario file, for editors."""
    from scenario_eval.scenarios.json_schema import json_schema

    print(json_module.dumps(json_schema(), indent=1))


def _chosen(
    paths: list[Path] | None, tags: list[str] | None, only: list[str] | None, seed: int
) -> list[RunPlan]:
    """The runs that are asked for.

    Raises:
        ScenarioError: files are wrong, or none of their runs is asked for.
    """
    from autonomy_interfaces.share import share_directory
    from scenario_eval.scenarios.loading import ScenarioError, find_files, load_runs

    files = find_files(paths or [share_directory() / "scenarios"])
    plans = load_runs(files, seed, seeds_of(only))
    if tags:
        plans = [p for p in plans if set(tags) <= {p.category, *p.scenario.tags}]
    if only:
        plans = [p for p in plans if any(fnmatch.fnmatchcase(p.run, name) for name in only)]
    if not plans:
        asked = " ".join(f"--tag {name}" for name in tags or ())
        asked += " ".join(f"--run {name}" for name in only or ())
        raise ScenarioError(f"no run matches {asked}; 'edge-autonomy eval list' names them")
    return plans


def seeds_of(only: list[str] | None) -> list[int]:
    """The seeds that are named in runs such as edge/gap:1@27."""
    ends = [name.rpartition("@")[2] for name in only or ()]
    return [int(end) for end in ends if end.isdecimal()]


class _Progress:
    """A bar on standard error, and a line for each run that is not as expected."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("eval", total=total)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def ended(self, result: RunResult, timing: RunTiming) -> None:
        """Count a run."""
        self._bar.advance(self._task)
        if not result.as_expected:
            text = explain(result)
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)


def explain(result: RunResult) -> str:
    """Why a run is not as expected, and how to repeat it."""
    lines = [f"{result.verdict.value}: {result.run}"]
    if result.values:
        lines[0] += f" ({', '.join(f'{k} = {v}' for k, v in result.values.items())})"
    if result.error is not None:
        lines.append(f"  {result.error.kind.value}: {result.error.message}")
    for unmet in result.unmet:
        when = f" at {unmet.at_s:.2f} s" if unmet.at_s is not None else ""
        lines.append(f"  {unmet.kind} {unmet.text}: {unmet.why}{when}")
    return "\n".join([*lines, f"  {result.reproduce}"])


def _figures(campaign: Campaign, wall_s: float, out: Path) -> dict[str, object]:
    total = campaign.summary.campaign
    return {
        "total": total.total,
        "passed": total.passed,
        "failed": total.failed,
        "errors": total.errors,
        "known_defects": total.known_defects,
        "safety_breaches": total.safety_breaches,
        "wall_s": round(wall_s, 2),
        "seed": campaign.summary.seed,
        "out": str(out),
        "kpis": {name: value.value for name, value in total.kpis.items()},
        "unexpected": [r.run for r in campaign.results if not r.as_expected],
    }


def _print_summary(campaign: Campaign, wall_s: float, out: Path) -> None:
    total = campaign.summary.campaign
    print(
        f"{total.total} runs in {wall_s:.0f} s: {total.passed} passed, {total.failed} failed "
        f"({total.known_defects} of them known defects), {total.errors} errors"
    )
    for name, group in campaign.summary.categories.items():
        print(f"  {name:<16} {group.passed:>4} of {group.total} passed")
    print(f"results in {out}")
