"""`edge-autonomy bench containment|permissiveness|faults|fuzz`: evidence about the monitor."""

from __future__ import annotations

import json as json_module
import time
from pathlib import Path
from typing import Annotated, Any

import typer

bench = typer.Typer(no_args_is_help=True, help="Evidence about the safety monitor.")

JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes.")]


@bench.command()
def containment(
    worlds: Annotated[Path, typer.Option(help="Directory of .world or .sdf files.")],
    episodes: Annotated[int, typer.Option(min=1, help="Episodes, of every driver in turn.")] = 100,
    workers: Workers = 2,
    no_monitor: Annotated[bool, typer.Option(help="Leave the safety monitor out.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of worlds, starts and drivers.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Hostile drivers in simulated worlds: how often do they touch something static?

    Exit 1 where one does under the monitor.
    """
    from scenario_eval.safety_bench.containment import (
        figures,
        find_worlds,
        plan_episodes,
        run_episode,
    )
    from scenario_eval.safety_bench.pool import progress, run_jobs

    jobs = plan_episodes(find_worlds(worlds), episodes, seed, monitor=not no_monitor)
    started = time.monotonic()
    contacts = 0
    with progress("containment", len(jobs)) as advance:

        def report(result: Any) -> None:
            nonlocal contacts
            contacts += bool(result.contact)
            advance(f"{contacts} contacts")

        results = run_jobs(run_episode, jobs, workers, report)
    found = {
        "monitor": not no_monitor,
        "seed": seed,
        **figures(results),
        "wall_s": round(time.monotonic() - started, 1),
    }
    if json:
        print(json_module.dumps(found))
    else:
        _print_containment(found)
    if found["contacts"] and not no_monitor:
        raise typer.Exit(1)


def _print_containment(found: dict[str, Any]) -> None:
    print(
        f"{found['episodes']} episodes, {found['metres']} m, {found['contacts']} contacts, "
        f"closest {found['closest_m']:.4f} m, {found['bad_commands']} commands over the limits, "
        f"{found['interventions_per_m']} interventions/m, in {found['wall_s']} s"
    )
    for name, contacts in found["contacts_by_policy"].items():
        print(f"  {name}: {contacts}")
    for case in found["worst"][:3]:
        print(
            f"  closest: {case['world']} seed {case['seed']} {case['driver']}: "
            f"{case['closest_m']} m{' contact ' + case['contact'] if case['contact'] else ''}"
        )
