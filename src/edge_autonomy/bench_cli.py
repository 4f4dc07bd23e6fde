"""Benchmarks of the safety monitor, alone and in the launched stack."""

from __future__ import annotations

import json as json_module
import sys
from typing import Annotated, Any

import typer

bench = typer.Typer(no_args_is_help=True, help="Benchmarks of the safety monitor.")


@bench.command()
def monitor(
    cycles: Annotated[int, typer.Option(min=100, help="Cycles to measure.")] = 2000,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Time the monitor's cycle, from scan and command to velocity, between near obstacles."""
    from edge_autonomy.monitor_bench import measure

    figures = measure(cycles)
    text = "\n".join(f"{name} {value}" for name, value in figures.items())
    print(json_module.dumps(figures) if json else text)


@bench.command()
def watchdog(
    trials: Annotated[int, typer.Option(min=1, help="Trials of each case.")] = 20,
    case: Annotated[
        list[str] | None, typer.Option(help="Case to run; repeat for more. Default: all.")
    ] = None,
    world: Annotated[str, typer.Option(help="World that ships, by name.")] = "field",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Time from a failure to zero on /cmd_vel, over DDS: killed, hung and silent nodes, sensors.

    Exit 1 where a case is not within its limit.
    """
    from edge_autonomy.watchdog_bench import bench_watchdog
    from edge_autonomy.watchdog_cases import CASES

    known = {known_case.name: known_case for known_case in CASES}
    unknown = [name for name in case or [] if name not in known]
    if unknown:
        raise typer.BadParameter(f"--case {unknown[0]}: expected one of {', '.join(known)}")
    chosen = tuple(known[name] for name in case) if case else CASES

    def progress(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    result = bench_watchdog(trials, chosen, world, progress)
    if json:
        print(json_module.dumps(result))
    else:
        _print_watchdog(result)
    if not result["within"]:
        raise typer.Exit(1)


def _print_watchdog(result: dict[str, Any]) -> None:
    for name, figures in result["cases"].items():
        if "skipped" in figures or "failed" in figures:
            print(f"{name}: {figures.get('skipped') or figures['failed']}")
            continue
        print(
            f"{name}: p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms, "
            f"max {figures['max_ms']} ms in {figures['trials']} trials; "
            f"limit {figures['limit_ms']:g} ms{'' if figures['within'] else ' EXCEEDED'}"
        )


@bench.command()
def alarms(
    minutes: Annotated[float, typer.Option(min=0.1, help="Minutes of nominal driving.")] = 10.0,
    load: Annotated[int, typer.Option(min=0, help="Busy processes beside the stack.")] = 2,
    world: Annotated[str, typer.Option(help="World that ships, by name.")] = "warehouse",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """False alarms: changes of the monitor's state while nothing is wrong but the computer busy.

    Exit 1 where there is one.
    """
    from edge_autonomy.alarms_bench import bench_alarms

    result = bench_alarms(60.0 * minutes, load, world)
    if json:
        print(json_module.dumps(result))
    else:
        print(
            f"{result['alarms']} alarms in {result['minutes']} min under a load of {load}: "
            f"{result['causes']}; commands at most {result['command_gap_ms_max']} ms apart"
        )
    if result["alarms"]:
        raise typer.Exit(1)
