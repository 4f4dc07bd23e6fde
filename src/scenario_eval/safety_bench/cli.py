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
    first: Annotated[int, typer.Option(min=0, help="Leave so many episodes out before.")] = 0,
    episode: Annotated[
        list[str] | None, typer.Option(help="Only this one: world/seed/driver. May be repeated.")
    ] = None,
    workers: Workers = 2,
    no_monitor: Annotated[
        bool, typer.Option("--no-monitor", help="Leave the safety monitor out.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of worlds, starts and drivers.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Hostile drivers in simulated worlds: how often do they touch something static?

    Exit 1 where one does under the monitor.
    """
    from scenario_eval.jobs import progress, run_jobs
    from scenario_eval.safety_bench.containment import (
        episode_of,
        figures,
        find_worlds,
        plan_episodes,
        run_episode,
    )

    files, guarded = find_worlds(worlds), not no_monitor
    if episode:
        jobs = [episode_of(name, files, guarded) for name in episode]
    else:
        jobs = plan_episodes(files, first + episodes, seed, guarded)[first:]
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
            f"  closest: {case['episode']}: {case['closest_m']} m"
            f"{' contact ' + case['contact'] if case['contact'] else ''}"
        )


@bench.command()
def faults(
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each case.")] = 20,
    pairs: Annotated[int, typer.Option(min=0, help="Random pairs of faults.")] = 20,
    only: Annotated[str, typer.Option(help="Only cases whose name contains this.")] = "",
    workers: Workers = 2,
    seed: Annotated[int, typer.Option(min=0, help="The first seed; also of the pairs.")] = 0,
    table: Annotated[Path | None, typer.Option(help="Write the table as Markdown here.")] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Keeps the runs, so that an interrupted matrix goes on.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Every fault under the whole stack: what was noticed, when, and what it came to.

    Exit 1 where one within the assumptions of docs/safety.md led to a contact or to an unsafe
    command.
    """
    from autonomy_interfaces.writing import writing
    from scenario_eval.jobs import progress
    from scenario_eval.safety_bench.fault_journal import play
    from scenario_eval.safety_bench.fault_matrix import figures, markdown_table, plan_runs

    jobs = plan_runs(seeds, pairs, seed, only)
    if not jobs:
        raise typer.BadParameter(f"--only {only}: no case has this in its name")
    for option, file in (("--table", table), ("--journal", journal)):
        if file is not None and not file.absolute().parent.is_dir():
            raise typer.BadParameter(f"{option} {file}: there is no directory {file.parent}")
    started = time.monotonic()
    with writing(journal or Path()), progress("faults", len(jobs)) as advance:
        runs = play(jobs, workers, journal, lambda run: advance(run.case.name))
    found = {"seeds": seeds, "pairs": pairs, "seed": seed, **figures(runs)}
    found["wall_s"] = round(time.monotonic() - started, 1)
    if json:
        print(json_module.dumps(found))
    else:
        _print_faults(found)
    if table is not None:
        command = f"edge-autonomy bench faults --seeds {seeds} --pairs {pairs} --seed {seed}"
        with writing(table):
            table.write_text(markdown_table(found, f"{command} --table {table}"))
    wrong = ("contacts", "unsafe_commands", "bad_commands")
    if any(found[f"{name}_within_assumptions"] for name in wrong):
        raise typer.Exit(1)


def _print_faults(found: dict[str, Any]) -> None:
    print(
        f"{found['runs']} runs: {found['contacts']} contacts, {found['unsafe_commands']} unsafe "
        f"and {found['bad_commands']} bad commands; within the assumptions "
        f"{found['contacts_within_assumptions']} contacts, "
        f"{found['unsafe_commands_within_assumptions']} unsafe; in {found['wall_s']} s"
    )
    for case in found["cases"]:
        if case["contacts"] or case["unsafe_commands"]:
            print(
                f"  {case['case']}: contacts with seeds {case['contact_seeds']}, unsafe commands "
                f"with seeds {case['unsafe_seeds']} {case['outside']}"
            )


@bench.command()
def fuzz(
    messages: Annotated[int, typer.Option(min=1, help="Messages to the monitor.")] = 100_000,
    workers: Workers = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of the messages.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Any float, any stamp, any length, any order, through the cores.

    Exit 1 where a command was not finite or over the limits, or an exception came out.
    """
    from scenario_eval.jobs import progress, run_jobs
    from scenario_eval.safety_bench.fuzz import figures, plan_fuzz, run_fuzz

    jobs = plan_fuzz(messages, seed)
    started = time.monotonic()
    with progress("fuzz", len(jobs)) as advance:
        results = run_jobs(run_fuzz, jobs, workers, lambda result: advance(result[0][0]))
    found = {"seed": seed, **figures(results, time.monotonic() - started)}
    if json:
        print(json_module.dumps(found))
    else:
        print(
            f"{found['messages']} messages, {found['bad_commands']} bad commands, "
            f"{found['exceptions']} exceptions, {found['caught_in_core']} caught in the core, "
            f"{found['messages_per_s']} messages/s"
        )
        for example in found["examples"]:
            print(f"  {example}")
    if found["bad_commands"] or found["exceptions"]:
        raise typer.Exit(1)


@bench.command()
def permissiveness(
    worlds: Annotated[Path, typer.Option(help="Directory of world_N.world files.")],
    paths: Annotated[Path, typer.Option(help="Directory of path_N.npy files.")],
    runs: Annotated[int, typer.Option(min=1, help="Runs per world, with and without.")] = 1,
    driver: Annotated[str, typer.Option(help="default, policy or fallback.")] = "default",
    workers: Workers = 2,
    json: JsonFlag = False,
) -> None:
    """What the monitor costs a competent driver: time, success, interventions per metre."""
    from scenario_eval.barn import find_worlds
    from scenario_eval.jobs import progress
    from scenario_eval.safety_bench.permissiveness import figures, run_both

    if driver not in ("default", "policy", "fallback"):
        raise typer.BadParameter(f"--driver {driver}: give default, policy or fallback")
    chosen = find_worlds(worlds, paths)
    started = time.monotonic()
    with progress("permissiveness", 2 * runs * len(chosen)) as advance:
        results = run_both(
            chosen, runs, driver, workers, lambda result: advance(f"world {result[1].world}")
        )
    found = {"driver": driver, **figures(results), "wall_s": round(time.monotonic() - started, 1)}
    if json:
        print(json_module.dumps(found))
        return
    print(
        f"success {found['success_with']:.1%} with the monitor, {found['success_without']:.1%} "
        f"without; time lost {found['time_lost_percent']} %; "
        f"{found['interventions_per_m']} interventions/m"
    )
