"""Commands that judge the results of campaigns: gate, baseline, compare, report."""

from __future__ import annotations

import json as json_module
import platform
import shutil
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenario_eval.judging.comparison import Comparison, ScenarioComparison

judging = typer.Typer()

BASELINE = "scenarios/baseline.json"
SETTINGS = "config/eval/gate.yaml"

Results = Annotated[Path, typer.Argument(help="Directory that 'eval run --out' wrote.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
BaselineFile = Annotated[
    Path | None, typer.Option("--baseline", help=f"Baseline; {BASELINE} as shipped if left out.")
]


def _shipped(given: Path | None, name: str) -> Path:
    from autonomy_interfaces.share import share_directory

    return given if given is not None else share_directory() / name


@judging.command()
def gate(
    results: Results,
    baseline: BaselineFile = None,
    settings: Annotated[
        Path | None, typer.Option(help=f"What is watched; {SETTINGS} as shipped if left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare a campaign with the baseline: exit 0 where nothing is worse, 1 where something is."""
    from scenario_eval.judging.baseline import read_baseline
    from scenario_eval.judging.gate import judge, read_settings
    from scenario_eval.results import read_results

    verdict = judge(
        read_results(results),
        read_baseline(_shipped(baseline, BASELINE)),
        read_settings(_shipped(settings, SETTINGS)),
    )
    if json:
        figures = {
            "passed": verdict.passed,
            "compared": verdict.compared,
            "changed": verdict.changed,
            "new": verdict.new,
            "mended": verdict.mended,
            "reasons": [vars(reason) for reason in verdict.reasons],
        }
        print(json_module.dumps(figures))
    else:
        print("\n".join(verdict.lines()))
    raise typer.Exit(0 if verdict.passed else 1)


@judging.command()
def baseline(
    results: Results,
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")] = Path(BASELINE),
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Make these results the baseline: shows what changes, asks, writes."""
    from autonomy_interfaces.writing import writing
    from scenario_eval.judging.baseline import (
        Baseline,
        baseline_of,
        changes,
        read_baseline,
        write_baseline,
    )
    from scenario_eval.results import read_results

    new = baseline_of(read_results(results))
    old = read_baseline(output) if output.exists() else Baseline(runs={})
    moved = sum(old.runs[name] != run for name, run in new.runs.items() if name in old.runs)
    for line in changes(old, new):
        print(line)
    print(f"{len(new.runs)} runs; figures of {moved} of the {len(old.runs)} known ones differ")
    if old == new:
        return
    if not yes and not typer.confirm(f"write {output}?"):
        raise typer.Exit(1)
    with writing(output):
        write_baseline(output, new)


@judging.command()
def compare(before: Results, after: Results, json: Json = False) -> None:
    """Two campaigns on the same seeds: paired differences, in all and per scenario."""
    from scenario_eval.judging.comparison import compare as compare_results
    from scenario_eval.results import read_results

    found = compare_results(read_results(before), read_results(after))
    if json:
        print(json_module.dumps(found.figures()))
    else:
        _show(found)


def _show(found: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "runs", "passed", "KPI", "before", "after", "difference (95 %)", "p")
    for scenario in (found.campaign, *found.scenarios):
        _rows(table.add_row, scenario)
    # Piped into a file, a table as wide as its text reads better than one that is cut.
    width = None if sys.stdout.isatty() else max(120, shutil.get_terminal_size().columns)
    console = Console(width=width)
    console.print(table)
    for label, runs in (("before", found.only_before), ("after", found.only_after)):
        if runs:
            console.print(f"only {label}: {', '.join(runs)}")


def _rows(add_row: Callable[..., None], scenario: ScenarioComparison) -> None:
    passed = f"{scenario.passed_before} → {scenario.passed_after}"
    head = (scenario.scenario, str(scenario.runs), passed)
    if not scenario.kpis:
        add_row(*head, "no difference", "", "", "", "")
    for kpi in scenario.kpis:
        pair = kpi.paired
        change = f"{pair.difference:+.4g} ({pair.low:+.3g} to {pair.high:+.3g})"
        add_row(*head, kpi.name, f"{pair.before:.4g}", f"{pair.after:.4g}", change, f"{kpi.p:.2g}")
        head = ("", "", "")


@judging.command()
def report(
    results: Results,
    baseline: BaselineFile = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="report.html in RESULTS if left out.")
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Evaluation",
) -> None:
    """Write report.html: summary, failures with map and timeline, tables, all runs."""
    print(write_report(results, baseline, output, title))


def write_report(
    results: Path,
    baseline: Path | None = None,
    output: Path | None = None,
    title: str = "Evaluation",
) -> Path:
    """Write the report of a results directory and return where it is.

    Raises:
        ResultsError: the directory holds no results.
        BaselineError: the baseline cannot be used.
    """
    from importlib.metadata import version

    from autonomy_interfaces.writing import writing
    from scenario_eval.judging.baseline import read_baseline
    from scenario_eval.judging.gate import judge, read_settings
    from scenario_eval.report.page import Page, render
    from scenario_eval.results import read_results, read_summary, read_timings

    runs = read_results(results)
    known_file = _shipped(baseline, BASELINE)
    # A campaign without any baseline to compare with still has a report.
    known = read_baseline(known_file) if baseline is not None or known_file.exists() else None
    settings = read_settings(_shipped(None, SETTINGS))
    verdict = judge(runs, known, settings) if known is not None else None
    page = Page(
        title=title,
        results=runs,
        summary=read_summary(results),
        timings=read_timings(results),
        directory=results,
        verdict=verdict,
        baseline=known,
        created=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        software=f"edge_autonomy {version('edge_autonomy')}, Python {platform.python_version()}",
    )
    target = output if output is not None else results / "report.html"
    with writing(target):
        target.write_text(render(page), encoding="utf-8")
    return target
