"""A policy's single answers beside the expert's, in test worlds that the policy drives through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from autonomy_nodes.decision.contract import Policy, load_policy
from policy_training.blueprint import INPUT_NAMES
from policy_training.config import Gathering, Mix, Round, TrainingConfig
from policy_training.dataset import Dataset, concatenate
from policy_training.evaluation.calibration import Reliability, reliability
from policy_training.evaluation.slices import tick_slices
from policy_training.export import answers
from policy_training.fit import is_close, normalised
from policy_training.gather import gather, plan_episodes

FAMILIES: Mix = {
    "barn": 0.3,
    "dense": 0.25,
    "rooms": 0.15,
    "aisles": 0.1,
    "clutter": 0.1,
    "walkers": 0.1,
}
FIRST = 250_000
"""Test seeds of these episodes begin here: others than those of the campaign."""


@dataclass(frozen=True)
class TickJudgement:
    """Calibration of the confidence, and errors by what makes a tick hard."""

    reliability: Reliability
    slices: list[dict[str, Any]]


def judge(directory: Path, episodes: int, workers: int) -> TickJudgement | None:
    """Let the policy drive test worlds of the rig and compare every answer with the expert's.

    Returns:
        None for a policy that gives no confidence or was not trained here: what it is fed with
        is then not what the data hold.
    """
    policy = load_policy(directory)
    config = trained_by(policy)
    if config is None or policy.manifest.confidence is None:
        return None
    ticks = drive(directory, config, episodes, workers)
    answer, confidence = answers(policy, normalised(ticks, config))
    right = is_close(answer, ticks.label)
    slices = tick_slices(ticks, answer, confidence, config.network)
    return TickJudgement(reliability(confidence, right), slices)


def trained_by(policy: Policy) -> TrainingConfig | None:
    """The configuration that the policy's provenance names, None where that is not one of ours."""
    names = tuple(spec.tensor for spec in policy.manifest.inputs)
    try:
        config = TrainingConfig.model_validate_json(policy.manifest.provenance.configuration)
    except ValidationError:
        return None
    return config if names == INPUT_NAMES else None


def drive(directory: Path, config: TrainingConfig, episodes: int, workers: int) -> Dataset:
    """Ticks of test worlds in which the policy alone drives, with the expert's answers."""
    rounds = (Round(episodes=episodes, families=FAMILIES),)
    gathering = Gathering(
        rounds=rounds,
        expert_share=0.0,
        disturbance=0.0,
        expert_samples=config.gathering.expert_samples,
    )
    plans = plan_episodes(FAMILIES, "test", FIRST, episodes)
    parts = list(gather(plans, gathering, config.network, directory, workers))
    dataset = concatenate(parts)
    assert np.isfinite(dataset.label).all()
    return dataset
