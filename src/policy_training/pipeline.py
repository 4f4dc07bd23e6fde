"""A training run from its configuration to a policy on disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from policy_training.config import SEEDS_PER_SPLIT, TrainingConfig, TrainingError
from policy_training.dataset import Dataset, concatenate, load
from policy_training.evaluate import Summary, evaluate, summarise
from policy_training.export import export
from policy_training.fit import FitResult, fit
from policy_training.gather import gather, plan_episodes

Progress = Callable[[str], None]

SEEDS_PER_RUN = 10_000
"""Runs of different seeds train in different worlds; validation and test worlds stay the same."""


def run(
    config: TrainingConfig, out: Path, work: Path, progress: Progress, resume: bool = False
) -> dict[str, Any]:
    """Gather, fit and correct round by round, evaluate, and write the policy to `out`.

    Args:
        config: the run.
        out: directory of the finished policy.
        work: directory for the data and the policies of the rounds.
        progress: takes one line at a time.
        resume: take rounds that an interrupted run of the same configuration left in `work`.

    Returns:
        The figures of the run, ready for JSON.

    Raises:
        TrainingError: no usable data, or the exported policy differs from the network.
    """
    started = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    validation = _kept(
        work / "validation.npz", resume, lambda: _gather_validation(config, progress)
    )
    created = datetime.now(timezone.utc).date().isoformat()
    rounds: list[Dataset] = []
    figures: list[dict[str, float]] = []
    policy: Path | None = None
    for index in range(len(config.gathering.rounds)):
        gather_round = partial(_gather_round, config, index, policy, progress)
        rounds.append(_kept(work / f"round_{index}.npz", resume, gather_round))
        train = concatenate(rounds)
        result = fit(train, validation, config, progress)
        policy = work / f"policy_{index}"
        export(result.network, config, train, validation, {}, policy, created)
        figures.append(_round_figures(result, train))
        progress(f"round {index}: {figures[-1]}")
    assert policy is not None
    summaries = _evaluate(config, policy, progress)
    metrics = _metrics(result, summaries)
    difference = export(result.network, config, train, validation, metrics, out, created)
    return {
        "policy": str(out),
        "rounds": figures,
        "parity_max_error": difference,
        **metrics,
        "evaluation": {name: asdict(summary) for name, summary in summaries.items()},
        "wall_s": round(time.monotonic() - started, 1),
    }


def _kept(file: Path, resume: bool, gather_it: Callable[[], Dataset]) -> Dataset:
    """The dataset in `file` where it may be resumed from, or a fresh one, saved there."""
    if resume and file.is_file():
        return load(file)
    dataset = gather_it()
    dataset.save(file)
    return dataset


def _gather_validation(config: TrainingConfig, progress: Progress) -> Dataset:
    evaluation = config.evaluation
    plans = plan_episodes(evaluation.families, "validation", 0, evaluation.validation_episodes)
    episodes = gather(plans, config.gathering, config.network, None, config.workers)
    dataset = concatenate(list(episodes))
    if len(dataset) == 0:
        raise TrainingError("the validation episodes hold no usable tick; raise their number")
    progress(f"validation: {len(plans)} episodes, {len(dataset)} ticks")
    return dataset


def _gather_round(
    config: TrainingConfig, index: int, policy: Path | None, progress: Progress
) -> Dataset:
    """The data of one round; each round has worlds of its own."""
    rounds = config.gathering.rounds
    count = rounds[index].episodes
    earlier = sum(entry.episodes for entry in rounds[:index])
    first = config.seed * SEEDS_PER_RUN % SEEDS_PER_SPLIT + earlier
    plans = plan_episodes(rounds[index].families, "train", first, count)
    parts = []
    for number, part in enumerate(
        gather(plans, config.gathering, config.network, policy, config.workers), start=1
    ):
        parts.append(part)
        if number % 25 == 0 or number == count:
            ticks = sum(len(p) for p in parts)
            progress(f"round {index}: episode {number}/{count}, {ticks} ticks")
    dataset = concatenate(parts)
    if len(dataset) == 0:
        raise TrainingError(f"round {index} holds no usable tick; raise its number of episodes")
    return dataset


def _evaluate(config: TrainingConfig, policy: Path, progress: Progress) -> dict[str, Summary]:
    """Closed loop on test worlds: the stack as it drives, the policy alone, the planner alone."""
    evaluation = config.evaluation
    plans = plan_episodes(evaluation.families, "test", 0, evaluation.test_episodes)
    summaries = {}
    for driver in ("default", "policy", "fallback"):
        summaries[driver] = summarise(evaluate(plans, policy, driver, config.workers))
        progress(f"driver {driver}: {summaries[driver]}")
    return summaries


def _round_figures(result: FitResult, train: Dataset) -> dict[str, float]:
    return {
        "ticks": len(train),
        "worlds": len(np.unique(train.episode)),
        "validation_vx_rmse": round(result.vx_rmse, 4),
        "validation_wz_rmse": round(result.wz_rmse, 4),
    }


def _metrics(result: FitResult, summaries: dict[str, Summary]) -> dict[str, float]:
    metrics = {
        "validation_vx_rmse": result.vx_rmse,
        "validation_wz_rmse": result.wz_rmse,
        "policy_tick_share": summaries["default"].policy_tick_share,
    }
    for driver, summary in summaries.items():
        metrics[f"{driver}_success_rate"] = summary.success_rate
        metrics[f"{driver}_contact_rate"] = summary.contact_rate
        metrics[f"{driver}_mean_time_s"] = summary.mean_time_s
    return metrics
