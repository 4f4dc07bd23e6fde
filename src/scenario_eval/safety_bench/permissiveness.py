"""Permissiveness: what the monitor costs a competent driver, world by world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from scenario_eval.barn import BarnStatus, BarnWorld
from scenario_eval.barn_campaign import BarnRun, RunOptions, run_lockstep
from scenario_eval.jobs import run_jobs

Job = tuple[BarnWorld, int, RunOptions]


def run_job(job: Job) -> tuple[bool, BarnRun]:
    """One run; whether the monitor guarded it, and how it went."""
    world, run, options = job
    return options.monitor, run_lockstep(world, run, options)


def run_both(
    worlds: Sequence[BarnWorld],
    runs: int,
    driver: str,
    workers: int,
    report: Callable[[tuple[bool, BarnRun]], None],
) -> list[tuple[bool, BarnRun]]:
    """Every run twice: under the monitor, and without it."""
    guarded = RunOptions(driver=driver)
    jobs: list[Job] = [
        (world, run, options)
        for world in worlds
        for run in range(runs)
        for options in (guarded, replace(guarded, monitor=False))
    ]
    return run_jobs(run_job, jobs, workers, report)


def figures(results: Sequence[tuple[bool, BarnRun]]) -> dict[str, Any]:
    """What the monitor cost: time where both arrived, success, interventions per metre."""
    guarded = {(r.world, r.run): r for monitor, r in results if monitor}
    free = {(r.world, r.run): r for monitor, r in results if not monitor}
    pairs = [(guarded[key], free[key]) for key in sorted(guarded)]
    both = [(a, b) for a, b in pairs if _arrived(a) and _arrived(b)]
    with_s = sum(a.result.time_s for a, _ in both)
    without_s = sum(b.result.time_s for _, b in both)
    metres = sum(a.path_m for a, _ in pairs)
    return {
        "runs": len(pairs),
        "success_with": fmean(_arrived(a) for a, _ in pairs),
        "success_without": fmean(_arrived(b) for _, b in pairs),
        "contacts_with": sum(bool(a.contact) for a, _ in pairs),
        "contacts_without": sum(bool(b.contact) for _, b in pairs),
        "time_with_s": round(with_s, 2),
        "time_without_s": round(without_s, 2),
        "time_lost_percent": round(100.0 * (with_s / without_s - 1.0), 2) if without_s else None,
        "interventions_per_m": round(sum(a.interventions for a, _ in pairs) / max(metres, 1e-9), 4),
        "worlds": [_figures_of(a, b) for a, b in pairs],
    }


def _arrived(run: BarnRun) -> bool:
    return run.result.status is BarnStatus.SUCCEEDED


def _figures_of(guarded: BarnRun, free: BarnRun) -> dict[str, Any]:
    return {
        "world": guarded.world,
        "run": guarded.run,
        "status_with": guarded.result.status.value,
        "status_without": free.result.status.value,
        "time_with_s": round(guarded.result.time_s, 2),
        "time_without_s": round(free.result.time_s, 2),
        "interventions": guarded.interventions,
        "path_m": round(guarded.path_m, 2),
    }
