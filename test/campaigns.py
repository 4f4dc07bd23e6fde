"""A small campaign with its traces, made up for the tests of pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scenario_eval.report.page import Page
from scenario_eval.results import (
    Estimate,
    ExpectationResult,
    FailureClass,
    FaultReaction,
    Group,
    Outcome,
    RunResult,
    RunTiming,
    Summary,
    Verdict,
)
from scenario_eval.trace import NUMBERS, WORDS, Trace

TICKS = 300


def trace(stops: bool) -> Trace:
    """A robot on a gentle curve between two walls and three pillars; it may be stopped half-way."""
    t = 0.02 * np.arange(1, TICKS + 1)
    share = np.minimum(t / t[-1], 0.5) if stops else t / t[-1]
    numbers = np.zeros((TICKS, len(NUMBERS)))
    columns = {name: index for index, name in enumerate(NUMBERS)}
    numbers[:, columns["t"]] = t
    numbers[:, columns["x"]] = 8.0 * share
    numbers[:, columns["y"]] = np.sin(2.0 * share)
    numbers[:, columns["yaw"]] = 0.3
    numbers[:, columns["vx"]] = np.gradient(8.0 * share, t)
    numbers[:, columns["wish_vx"]] = 1.4
    numbers[:, columns["cmd_vx"]] = numbers[:, columns["vx"]]
    numbers[:, columns["clearance"]] = 0.4 + 0.3 * np.cos(6.0 * share)
    words = ["", "active", "policy", "nominal", "none", "fallback", "safe_stop", "scan_silent"]
    words += ["stopped", "pillar"]
    codes = np.zeros((TICKS, len(WORDS)), dtype=np.int16)
    names = {name: index for index, name in enumerate(WORDS)}
    codes[:, names["mission"]] = 1
    codes[:, names["driver"]] = np.where(t < 2.5, 2, 5)
    codes[:, names["state"]] = np.where(stops & (share >= 0.5), 6, 3)
    codes[:, names["cause"]] = np.where(stops & (share >= 0.5), 7, 0)
    codes[:, names["intervention"]] = np.where(stops & (share >= 0.5), 8, 4)
    actor = np.zeros((TICKS, 1, 3))
    actor[:, 0, 0], actor[:, 0, 1] = 5.0, np.linspace(-1.5, 1.5, TICKS)
    return Trace(
        numbers=numbers,
        codes=codes,
        words=tuple(words),
        actors=actor,
        actor_names=("person",),
        circles=np.array([[3.0, 1.6, 0.15], [4.0, -0.6, 0.15], [6.5, 1.9, 0.3]]),
        segments=np.array([[-1.0, -1.4, 9.0, -1.4], [-1.0, 2.3, 9.0, 2.3]]),
        footprint=np.array([[0.25, 0.2], [0.25, -0.2], [-0.25, -0.2], [-0.25, 0.2]]),
        goals=np.array([[8.0, 0.9, 0.0]]),
    )


def result(number: int, verdict: Verdict = Verdict.PASSED, **changed: object) -> RunResult:
    fields: dict[str, object] = {
        "run": f"representative/aisle@{number}",
        "scenario": "representative/aisle",
        "file": "scenarios/representative/aisle.yaml",
        "sample": 0,
        "seed": number,
        "values": {},
        "category": "representative",
        "tags": ("aisle",),
        "tier": 1,
        "policy": "smoke 0.0.1",
        "driver": "default",
        "verdict": verdict,
        "outcome": Outcome.REACHED,
        "simulated_s": 6.0,
        "kpis": {"success": 1.0, "duration_s": 6.0 + 0.1 * number, "min_clearance_m": 0.31},
        "trace": f"traces/{number}.npz",
        "reproduce": f"edge-autonomy eval run scenarios --run representative/aisle@{number}",
        **changed,
    }
    return RunResult.model_validate(fields)


def page(directory: Path, **changed: object) -> Page:
    """Four runs: two that pass, one that fails, one that was lost."""
    breach = ExpectationResult(
        kind="within",
        text="speed < 0.05 within 0.3 s of fault",
        safety=True,
        met=False,
        why="after 0.52 s",
        at_s=3.5,
    )
    fault = FaultReaction(
        kind="silence", target="scan", onset_s=3.0, detected_s=0.08, mitigated_s=0.52, by="monitor"
    )
    results = [
        result(0),
        result(1),
        result(
            2,
            Verdict.FAILED,
            expectations=(breach,),
            reactions=(fault,),
            outcome=Outcome.TIME_LIMIT,
            failure=FailureClass.MONITOR,
            category="adversarial",
        ),
        result(
            3,
            Verdict.ERROR,
            outcome=None,
            trace="",
            error={"kind": "crash", "message": "worker died by SIGSEGV <&>"},
        ),
    ]
    (directory / "traces").mkdir()
    for number in range(3):
        trace(stops=number == 2).save(directory / f"traces/{number}.npz")
    group = Group(
        total=4,
        passed=2,
        failed=1,
        errors=1,
        known_defects=0,
        safety_breaches=1,
        outcomes={"reached": 2},
        kpis={"success": Estimate(value=0.67, low=0.2, high=0.94, runs=3)},
    )
    summary = Summary(
        seed=0,
        campaign=group,
        categories={"representative": group, "adversarial": group},
        tags={"aisle": group},
        scenarios={"representative/aisle": group},
        failures={},
    )
    timing = RunTiming(
        run="x", worker=0, wall_s=2.0, cpu_s=2.0, peak_rss_mb=200.0, layer_ms={"p99": 6.1}
    )
    fields: dict[str, object] = {
        "title": "Scenario library",
        "results": results,
        "summary": summary,
        "timings": [timing],
        "directory": directory,
        "created": "2026-11-22",
        "software": "edge_autonomy 0.1",
        **changed,
    }
    return Page(**fields)  # type: ignore[arg-type]
