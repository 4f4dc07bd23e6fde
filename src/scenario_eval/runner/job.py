"""A run as a job: what a worker needs to play it, and the records that come back."""

from __future__ import annotations

import re
import shlex
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenario_eval.results import (
    TRACES,
    ErrorKind,
    FailureClass,
    Outcome,
    RunError,
    RunResult,
    RunTiming,
    Verdict,
)
from scenario_eval.scenarios.loading import RunPlan

Beat = Callable[[float], None]


@dataclass(frozen=True)
class JobSettings:
    """What is common to the jobs of a campaign; out: the results directory."""

    out: Path


def play_job(
    plan: RunPlan, settings: JobSettings, worker: int, beat: Beat
) -> tuple[RunResult, RunTiming]:
    """Play a run and judge it; an exception of the code under test is a result."""
    began, cpu = time.perf_counter(), time.process_time()
    try:
        result, layer_s = _play(plan, settings, beat)
    except MemoryError:
        result, layer_s = lost(plan, ErrorKind.MEMORY, "out of memory"), np.empty(0)
    except Exception as error:
        result, layer_s = _raised(plan, error), np.empty(0)
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    return result, _timing(result, worker, wall_s, cpu_s, layer_s)


def _play(
    plan: RunPlan, settings: JobSettings, beat: Beat
) -> tuple[RunResult, NDArray[np.float64]]:
    from scenario_eval.runner.assertions import judge
    from scenario_eval.runner.classify import classify
    from scenario_eval.runner.kpis import run_kpis
    from scenario_eval.runner.play import play
    from scenario_eval.runner.reactions import fault_reactions

    scenario = plan.scenario
    played = play(scenario, Path(plan.file).parent, plan.seed, beat)
    trace = f"{TRACES}/{safe_name(plan.run)}.npz"
    played.trace.save(settings.out / trace)
    reactions = fault_reactions(scenario.faults, played.trace)
    kpis = run_kpis(played, reactions)
    expectations = judge(scenario, played.trace, played.outcome, kpis)
    unmet = tuple(e for e in expectations if not e.met)
    failure = classify(scenario, played.trace, played.outcome, unmet) if unmet else None
    result = _result(plan, Verdict.FAILED if unmet else Verdict.PASSED, played.outcome)
    return result.model_copy(
        update={
            "simulated_s": round(float(played.trace.number("t")[-1]), 3),
            "expectations": expectations,
            "reactions": reactions,
            "kpis": kpis,
            "failure": failure,
            "trace": trace,
        }
    ), played.layer_s


def lost(plan: RunPlan, kind: ErrorKind, message: str) -> RunResult:
    """The result of a run that did not come to its end."""
    result = _result(plan, Verdict.ERROR, None)
    return result.model_copy(update={"error": RunError(kind=kind, message=message)})


def safe_name(run: str) -> str:
    """A run's name as a file name."""
    return re.sub(r"[^\w@.-]", "_", run)


def _result(plan: RunPlan, verdict: Verdict, outcome: Outcome | None) -> RunResult:
    scenario = plan.scenario
    return RunResult(
        run=plan.run,
        scenario=plan.scenario_id,
        file=plan.file,
        sample=plan.sample,
        seed=plan.seed,
        values=plan.values,
        category=plan.scenario_id.partition("/")[0],
        tags=scenario.tags,
        tier=scenario.tier,
        policy=scenario.stack.hostile or scenario.stack.policy or "models/default",
        driver="hostile" if scenario.stack.hostile else scenario.stack.driver,
        verdict=verdict,
        outcome=outcome,
        simulated_s=0.0,
        known_defect=scenario.known_defect,
        reproduce=f"edge-autonomy eval run {shlex.quote(plan.file)} --run {shlex.quote(plan.run)}",
    )


_CLASS_OF_MODULE = {
    "perception": FailureClass.PERCEPTION,
    "decision": FailureClass.POLICY,
    "planning": FailureClass.PLANNER,
    "mission": FailureClass.MISSION,
    "safety_monitor": FailureClass.MONITOR,
    "world_sim": FailureClass.SIMULATOR,
}


def _raised(plan: RunPlan, error: Exception) -> RunResult:
    """The result of a run whose code raised: where, and of which part."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "scenario_eval" in frame.filename.split("/")] or frames
    inner = [f for f in frames if any(part in f.filename.split("/") for part in _CLASS_OF_MODULE)]
    place = (inner or ours or frames)[-1]
    parts = place.filename.split("/")
    found = (failure for module, failure in _CLASS_OF_MODULE.items() if module in parts)
    where = f"{'/'.join(parts[-2:])}:{place.lineno}"
    message = f"{type(error).__name__}: {error} (at {where})"
    result = lost(plan, ErrorKind.EXCEPTION, message)
    return result.model_copy(update={"failure": next(found, FailureClass.SCENARIO)})


def _timing(
    result: RunResult, worker: int, wall_s: float, cpu_s: float, layer_s: NDArray[np.float64]
) -> RunTiming:
    path_m = result.kpis.get("path_m") or 0.0
    layer = layer_s * 1e3
    figures = {}
    if len(layer):
        p50, p95, p99 = np.percentile(layer, (50, 95, 99))
        figures = {"p50": p50, "p95": p95, "p99": p99, "mean": layer.mean(), "max": layer.max()}
    return RunTiming(
        run=result.run,
        worker=worker,
        wall_s=round(wall_s, 4),
        cpu_s=round(cpu_s, 4),
        peak_rss_mb=0.0,
        layer_ms={name: round(float(value), 4) for name, value in figures.items()},
        layer_ms_per_m=round(float(layer.sum()) / path_m, 4) if path_m > 1.0 else None,
    )
