"""A training run from its configuration to a policy on disk, with its cards and its record."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from autonomy_nodes.decision.contract import load_policy
from policy_training.cards import data_card, model_card, release_notes
from policy_training.config import Family, TrainingConfig
from policy_training.dataset import Dataset, concatenate
from policy_training.evaluate import Summary, evaluate, summarise
from policy_training.export import MODEL_FILE, Exported, answers, export
from policy_training.fit import FitResult, fit, load_fit, normalised, save_fit
from policy_training.gather import plan_episodes
from policy_training.quality import check
from policy_training.quantise import quantise, state_figures
from policy_training.rounds import Gatherer, Progress
from policy_training.tracking import Record, recorded

INT8 = "int8"
INT8_DRIVER = "policy_int8"
CARD, NOTES, DATA_CARD = "CARD.md", "RELEASE_NOTES.md", "DATA_CARD.md"


def run(
    config: TrainingConfig,
    out: Path,
    work: Path,
    progress: Progress,
    resume: bool = False,
    track: bool = True,
) -> dict[str, Any]:
    """Gather, check, fit and correct round by round, evaluate, and write the policy to `out`.

    Args:
        config: the run.
        out: directory of the finished policy, with its card and release notes; its INT8 variant
            is in `out`/int8.
        work: directory for the data, their card, and the policies of the rounds.
        progress: takes one line at a time.
        resume: take what an interrupted run of the same configuration left in `work`.
        track: whether MLflow keeps a record.

    Returns:
        The figures of the run, ready for JSON.

    Raises:
        TrainingError: the data do not pass their checks, the exported policy differs from the
            network, or a needed package is not installed.
    """
    started = time.monotonic()
    with recorded(config, track) as record:
        gatherer = Gatherer(config, work, progress, resume)
        gatherer.begin()
        learnt = _learn(gatherer, record)
        figures = _judge(gatherer, learnt, out, record)
        figures["wall_s"] = round(time.monotonic() - started, 1)
        for folder in (out, work / DATA_CARD):
            record.artifact(folder, "policy" if folder == out else "")
    return figures


@dataclass(frozen=True)
class _Learnt:
    """What the rounds ended with."""

    result: FitResult
    train: Dataset
    validation: Dataset
    rounds: list[dict[str, float]]
    policy: Exported
    created: str


def _learn(gatherer: Gatherer, record: Record) -> _Learnt:
    """Round by round: gather, check, fit, export for the next round to be driven by."""
    config, work = gatherer.config, gatherer.work
    validation = gatherer.validation()
    created = datetime.now(timezone.utc).date().isoformat()
    parts: list[Dataset] = []
    figures: list[dict[str, float]] = []
    policy: Path | None = None
    for index in range(len(config.gathering.rounds)):
        parts.append(gatherer.train_round(index, policy))
        train = concatenate(parts)
        splits = {"train": train, "validation": validation}
        frame = check(splits, config.network, families_of(config, index + 1))
        policy = work / f"policy_{index}"
        result = _fitted(gatherer, index, train, validation)
        exported = export(result.network, config, train, validation, {}, policy, created)
        figures.append(_round_figures(result, train))
        record.metrics(figures[-1], index)
        gatherer.progress(f"round {index}: {figures[-1]}")
    (work / DATA_CARD).write_text(data_card(config, frame, created))
    return _Learnt(result, train, validation, figures, exported, created)


def _fitted(gatherer: Gatherer, index: int, train: Dataset, validation: Dataset) -> FitResult:
    """The fit of a round, taken from disk where an interrupted run had come so far."""
    config, file = gatherer.config, gatherer.work / f"fit_{index}.pt"
    if gatherer.resume and file.is_file():
        return load_fit(file, config.network)
    last = index == len(config.gathering.rounds) - 1
    epochs = None if last else config.optimisation.correction_epochs
    result = fit(train, validation, config, gatherer.progress, epochs)
    save_fit(result, file)
    return result


def _judge(gatherer: Gatherer, learnt: _Learnt, out: Path, record: Record) -> dict[str, Any]:
    """Closed loop in test worlds, baselines first; then the policy with its figures and cards."""
    config = gatherer.config
    small = gatherer.work / INT8
    quantise(learnt.policy.directory, small, learnt.train, config)
    drivers = config.evaluation.drivers
    summaries: dict[str, Summary] = {
        driver: _drive(gatherer, learnt.policy.directory, driver) for driver in drivers
    }
    if "policy" in drivers:
        summaries[INT8_DRIVER] = _drive(gatherer, small, "policy")
    metrics = _metrics(learnt.result, summaries)
    exported = export(
        learnt.result.network,
        config,
        learnt.train,
        learnt.validation,
        metrics,
        out,
        learnt.created,
    )
    state_figures(small, out / INT8, _int8_metrics(small, learnt.validation, config, summaries))
    record.metrics(metrics)
    figures = {
        "policy": str(out),
        "rounds": learnt.rounds,
        "parity_max_error": exported.parity,
        "bytes": (out / MODEL_FILE).stat().st_size,
        "int8_bytes": (out / INT8 / MODEL_FILE).stat().st_size,
        **metrics,
        "evaluation": {name: asdict(summary) for name, summary in summaries.items()},
    }
    (out / CARD).write_text(model_card(out, figures))
    (out / NOTES).write_text(release_notes(out, figures))
    return figures


def families_of(config: TrainingConfig, rounds: int) -> dict[Family, float]:
    """Expected episodes per family of worlds in the first rounds."""
    expected: dict[Family, float] = {}
    for entry in config.gathering.rounds[:rounds]:
        total = sum(entry.families.values())
        for family, weight in entry.families.items():
            expected[family] = expected.get(family, 0.0) + entry.episodes * weight / total
    return expected


def _drive(gatherer: Gatherer, policy: Path, driver: str) -> Summary:
    """One driver in every test world; taken from disk where the same policy drove there before."""
    config = gatherer.config
    evaluation = config.evaluation
    plans = plan_episodes(evaluation.families, "test", 0, evaluation.test_episodes)
    content = (policy / MODEL_FILE).read_bytes() + evaluation.model_dump_json().encode()
    digest = hashlib.sha256(content).hexdigest()[:12]
    file = gatherer.work / "evaluation" / f"{driver}_{digest}.json"
    if gatherer.resume and file.is_file():
        return Summary(**json.loads(file.read_text()))
    results = evaluate(plans, policy, driver, config.workers, evaluation.time_limit_s)
    summary = summarise(results)
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(asdict(summary)))
    gatherer.progress(f"driver {driver} ({policy.name}): {summary}")
    return summary


def _round_figures(result: FitResult, train: Dataset) -> dict[str, float]:
    return {
        "ticks": len(train),
        "worlds": len(np.unique(train.episode)),
        "validation_vx_rmse": round(result.vx_rmse, 4),
        "validation_wz_rmse": round(result.wz_rmse, 4),
    }


def _metrics(result: FitResult, summaries: Mapping[str, Summary]) -> dict[str, float]:
    metrics = {
        "validation_vx_rmse": result.vx_rmse,
        "validation_wz_rmse": result.wz_rmse,
    }
    if "default" in summaries:
        metrics["policy_tick_share"] = summaries["default"].policy_tick_share
    for driver, summary in summaries.items():
        metrics |= _driven(driver, summary)
    return metrics


def _int8_metrics(
    policy: Path, held_out: Dataset, config: TrainingConfig, summaries: Mapping[str, Summary]
) -> dict[str, float]:
    """The INT8 variant's own figures, under the names that every policy's have."""
    answer, _ = answers(load_policy(policy), normalised(held_out, config))
    vx_rmse, wz_rmse = np.sqrt(np.mean(np.square(answer - held_out.label), axis=0))
    metrics = {"validation_vx_rmse": float(vx_rmse), "validation_wz_rmse": float(wz_rmse)}
    if INT8_DRIVER in summaries:
        metrics |= _driven("policy", summaries[INT8_DRIVER])
    return metrics


def _driven(driver: str, summary: Summary) -> dict[str, float]:
    return {
        f"{driver}_success_rate": summary.success_rate,
        f"{driver}_contact_rate": summary.contact_rate,
        f"{driver}_mean_time_s": summary.mean_time_s,
    }
