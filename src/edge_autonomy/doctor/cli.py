"""`edge-autonomy doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_autonomy.doctor.check import Check

_MARKS = {"ok": ("✓", "green"), "lacks": ("–", "yellow"), "fails": ("✕", "red")}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what this machine has, what it lacks, and what to do; exit 0 if the stack can run."""
    from edge_autonomy.doctor import round_trip
    from edge_autonomy.doctor.check import Status

    checks = []
    for check in _local_checks():
        checks.append(check)
        if not as_json:
            _print(check)
    check, latency = round_trip.check()
    checks.append(check)
    able = all(item.status is not Status.FAILS for item in checks)
    if as_json:
        result = {
            "ok": able,
            "checks": [asdict(item) for item in checks],
            "dds_round_trip": asdict(latency) if latency else None,
        }
        typer.echo(json.dumps(result))
    else:
        _print(check)
        typer.echo("\nthe stack can run here" if able else "\nthe stack cannot run here yet")
    raise typer.Exit(0 if able else 1)


def _local_checks() -> Iterator[Check]:
    from edge_autonomy.doctor import machine, software

    for look in (
        machine.python,
        software.ros,
        software.launch,
        software.simulator,
        software.policy,
        software.data_files,
        software.gazebo,
        software.gl,
        machine.cores,
        machine.memory,
        machine.disk,
        machine.shared_memory,
        machine.socket_buffers,
        machine.ports,
        machine.timer,
        machine.real_time,
        machine.wake_latency,
    ):
        yield look()


def _print(check: Check) -> None:
    mark, colour = _MARKS[check.status.value]
    typer.echo(f"{typer.style(mark, fg=colour)} {check.name:<14} {check.found}")
    if check.remedy:
        typer.echo(f"{'':17}→ {check.remedy}")
