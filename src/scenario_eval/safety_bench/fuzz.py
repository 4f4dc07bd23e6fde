"""The fuzz campaign: so many generated messages, in jobs that any number of processes may share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from scenario_eval.safety_bench.fuzz_cores import SHARES, fuzz_core
from scenario_eval.safety_bench.fuzz_monitor import FuzzCount, fuzz_monitor

JOB_MESSAGES = 25_000

Job = tuple[str, int, int]
"""Core, number of messages, seed."""


def plan_fuzz(messages: int, seed: int) -> list[Job]:
    """Jobs that send `messages` to the monitor, and a share of it to every other core."""
    jobs: list[Job] = []
    for first in range(0, messages, JOB_MESSAGES):
        number = first // JOB_MESSAGES
        jobs.append(("safety_monitor", min(JOB_MESSAGES, messages - first), 1000 * seed + number))
    for name, share in SHARES.items():
        jobs.append((name, max(1, round(share * messages)), seed))
    return jobs


def run_fuzz(job: Job) -> tuple[Job, FuzzCount]:
    """Send the messages of one job."""
    name, messages, seed = job
    if name == "safety_monitor":
        return job, fuzz_monitor(messages, seed)
    return job, fuzz_core(name, messages, seed)


def figures(results: Iterable[tuple[Job, FuzzCount]], wall_s: float) -> dict[str, Any]:
    """The campaign's figures, in all and by core."""
    cores: dict[str, FuzzCount] = {}
    for (name, _, seed), count in results:
        count.examples = [f"seed {seed}, {example}" for example in count.examples]
        cores.setdefault(name, FuzzCount()).add(count)
    total = FuzzCount()
    for count in cores.values():
        total.add(count)
    return {
        "messages": total.messages,
        "bad_commands": total.bad_commands,
        "exceptions": total.exceptions,
        "caught_in_core": total.internal,
        "messages_per_s": round(total.messages / max(wall_s, 1e-9)),
        "wall_s": round(wall_s, 1),
        "examples": total.examples,
        "cores": {name: _core_figures(count) for name, count in cores.items()},
    }


def _core_figures(count: FuzzCount) -> dict[str, Any]:
    # Not by `asdict`, which makes of a Counter one of its items.
    found = {entry.name: getattr(count, entry.name) for entry in fields(count)}
    return {**found, "states": dict(count.states), "findings": dict(count.findings)}
