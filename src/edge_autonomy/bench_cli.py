"""Benchmarks of the safety monitor, alone and in the launched stack."""

from __future__ import annotations

import json as json_module
import sys
from typing import Annotated

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
        list[str] | None, typer.Option(help="Case to run; repeat for more. Default: decision's.")
    ] = None,
    world: Annotated[str, typer.Option(help="World that ships, by name.")] = "field",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Time from a killed or hung process to zero on /cmd_vel, over DDS."""
    from edge_autonomy.watchdog_bench import CASES, bench_watchdog

    known = {known_case.name: known_case for known_case in CASES}
    unknown = [name for name in case or [] if name not in known]
    if unknown:
        raise typer.BadParameter(f"--case {unknown[0]}: expected one of {', '.join(known)}")
    chosen = tuple(known[name] for name in case) if case else CASES[:2]

    def progress(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    result = bench_watchdog(trials, chosen, world, progress)
    if json:
        print(json_module.dumps(result))
        return
    for name, figures in result["cases"].items():
        print(
            f"{name}: p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms, "
            f"max {figures['max_ms']} ms in {figures['trials']} trials"
        )
