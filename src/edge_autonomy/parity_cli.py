"""`eval parity`: scenarios in lockstep and on the launched stack."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

import typer

parity_commands = typer.Typer()


@parity_commands.command()
def parity(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Scenario files or directories.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Scenarios to compare.")] = 20,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each over DDS.")] = 3,
    table: Annotated[Path | None, typer.Option(help="Write the table here as Markdown.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Play scenarios in lockstep and as processes over DDS: exit 1 where they do not end alike."""
    from autonomy_interfaces.share import share_directory
    from autonomy_interfaces.writing import writing
    from edge_autonomy.parity import chosen, compare, figures, markdown
    from scenario_eval.scenarios.loading import find_files, load_runs

    plans = chosen(load_runs(find_files(paths or [share_directory() / "scenarios"])), count)
    pairs = []
    for number, plan in enumerate(plans, start=1):
        pairs.append(compare(plan, repeats))
        pair = pairs[-1]
        print(
            f"[{number}/{len(plans)}] {pair.run}: {pair.outcome_lockstep} / {pair.outcome_dds}, "
            f"time ratio {pair.time_ratio:.3f}, ways {pair.way_m:.3f} m apart"
            + (f" (lost: {pair.lost.splitlines()[0]})" if pair.lost else ""),
            file=sys.stderr,
            flush=True,
        )
        if table is not None:
            with writing(table):
                table.write_text(markdown(pairs), encoding="utf-8")
    print(json_module.dumps(figures(pairs)) if json else markdown(pairs), end="\n" if json else "")
    if not all(pair.agrees for pair in pairs):
        raise typer.Exit(1)
