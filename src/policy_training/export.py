"""Writing a policy: the ONNX file, its manifest with statistics and provenance, parity checked."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from autonomy_nodes.decision.contract import MANIFEST_FILE, Policy, load_policy
from autonomy_nodes.decision.features import MINIMUM_STD
from policy_training.blueprint import ANSWER, CONFIDENCE, VX_LIMITS, WZ_LIMITS, input_specs
from policy_training.config import TrainingConfig, TrainingError
from policy_training.dataset import Array, Dataset
from policy_training.fit import normalised
from policy_training.network import PolicyNetwork

MODEL_FILE = "policy.onnx"
RATE_HZ = 20.0
LATENCY_BUDGET_MS = 20.0
PARITY_TOLERANCE = 1e-4
PARITY_TICKS = 256
FAMILIAR_QUANTILE = 0.9995
FAMILIAR_MARGIN = 1.25
DOUBTED_SHARE = 0.002
"""Of the held-out ticks that the policy is too unsure of to drive."""


@dataclass(frozen=True)
class Exported:
    """A policy on disk.

    parity: the largest difference between torch and ONNX over `PARITY_TICKS` ticks, m/s, rad/s
    or, of the confidence, a share.
    """

    directory: Path
    parity: float


def export(
    network: PolicyNetwork,
    config: TrainingConfig,
    train: Dataset,
    held_out: Dataset,
    metrics: dict[str, float],
    directory: Path,
    created: str,
) -> Exported:
    """Write a policy that the decision node loads, and check that it answers as the network does.

    Args:
        network: the fitted network.
        config: the run.
        train: ticks that the input statistics are taken from.
        held_out: ticks of other worlds, on which the familiarity and confidence limits are set.
        metrics: measured figures for the provenance.
        directory: created where it is not there.
        created: date for the provenance, ISO 8601.

    Raises:
        TrainingError: ONNX and torch differ by more than `PARITY_TOLERANCE`.
    """
    content = network.to_onnx().SerializeToString()
    manifest = _manifest(config, metrics, created)
    manifest["inputs"] = _inputs(config, train, held_out)
    manifest["confidence"]["minimum"] = _confidence_limit(network, held_out, config)
    manifest["provenance"]["data"] = _describe(config, train)
    write_policy(directory, manifest, content)
    difference = parity(network, config, held_out, directory)
    if not difference <= PARITY_TOLERANCE:
        raise TrainingError(
            f"{directory}: ONNX and torch differ by {difference:.2e}, more than {PARITY_TOLERANCE}"
        )
    return Exported(directory, difference)


def write_policy(directory: Path, manifest: dict[str, Any], content: bytes) -> None:
    """Write the two files of a policy; the manifest gets the hash of `content`.

    Args:
        directory: created where it is not there.
        manifest: a manifest document without its `model`.
        content: the ONNX file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MODEL_FILE).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    document = {**manifest, "model": {"file": MODEL_FILE, "sha256": digest}}
    text = yaml.safe_dump(document, sort_keys=False, width=100, default_flow_style=None)
    (directory / MANIFEST_FILE).write_text(text)


def rounded_figures(metrics: Mapping[str, float]) -> dict[str, float]:
    """Measured figures as a manifest states them."""
    return {name: round(value, 4) for name, value in metrics.items()}


def parity(
    network: PolicyNetwork, config: TrainingConfig, dataset: Dataset, directory: Path
) -> float:
    """Largest difference between the network and the policy on disk."""
    rows = np.linspace(0, len(dataset) - 1, min(PARITY_TICKS, len(dataset))).astype(int)
    inputs = tuple(array[rows] for array in normalised(dataset, config))
    with torch.no_grad():
        hidden = network.encode(*(torch.from_numpy(array) for array in inputs))
        expected = network.answer(hidden).numpy()
        confidence = torch.sigmoid(network.confidence(hidden)).numpy()[:, 0]
    answer, said = answers(load_policy(directory), inputs)
    return max(float(np.abs(answer - expected).max()), float(np.abs(said - confidence).max()))


def answers(policy: Policy, inputs: tuple[Array, ...]) -> tuple[Array, Array]:
    """What a policy answers to normalised inputs of T ticks: (T, 2) velocities, (T,) confidence."""
    names = [spec.tensor for spec in policy.manifest.inputs]
    outputs, said = [], []
    for row in range(len(inputs[0])):
        tensors = {name: array[row : row + 1] for name, array in zip(names, inputs, strict=True)}
        inference = policy.infer(tensors)
        outputs.append(inference.output[0])
        said.append(np.nan if inference.confidence is None else inference.confidence)
    return np.array(outputs, np.float32), np.array(said, np.float32)


def _confidence_limit(network: PolicyNetwork, dataset: Dataset, config: TrainingConfig) -> float:
    """The confidence that only `DOUBTED_SHARE` of the ticks are below."""
    with torch.no_grad():
        hidden = network.encode(*(torch.from_numpy(a) for a in normalised(dataset, config)))
        confidence = torch.sigmoid(network.confidence(hidden)).numpy()
    return round(float(np.quantile(confidence, DOUBTED_SHARE)), 3)


def revision() -> str:
    """The git revision of this code, `-dirty` where the tree differs; `unknown` outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        result = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.strip()


def _manifest(config: TrainingConfig, metrics: dict[str, float], created: str) -> dict[str, Any]:
    return {
        "manifest_version": 1,
        "name": config.name,
        "version": config.version,
        "description": config.description,
        "licence": "Apache-2.0",
        "rate_hz": RATE_HZ,
        "latency_budget_ms": LATENCY_BUDGET_MS,
        "inputs": [],
        "output": {
            "kind": "velocity",
            "tensor": ANSWER,
            "shape": [1, 2],
            "units": ["m/s", "rad/s"],
            "vx": {"low": VX_LIMITS[0], "high": VX_LIMITS[1]},
            "wz": {"low": WZ_LIMITS[0], "high": WZ_LIMITS[1]},
        },
        "confidence": {"tensor": CONFIDENCE, "minimum": 0.0},
        "provenance": {
            "data": "",
            "code": revision(),
            "configuration": config.model_dump_json(),
            "seed": config.seed,
            "created": created,
            "metrics": rounded_figures(metrics),
        },
    }


def _inputs(config: TrainingConfig, train: Dataset, held_out: Dataset) -> list[dict[str, Any]]:
    inputs = []
    for spec in input_specs(config.network):
        features: Array = getattr(train, spec.tensor)
        mean, std = features.mean(axis=0), features.std(axis=0)
        z = (getattr(held_out, spec.tensor) - mean) / np.maximum(std, MINIMUM_STD)
        scores = np.sqrt(np.mean(np.square(z), axis=1))
        limit = FAMILIAR_MARGIN * float(np.quantile(scores, FAMILIAR_QUANTILE))
        document = spec.model_dump(mode="json", exclude_none=True)
        document["statistics"] = {
            "mean": _rounded(mean),
            "std": _rounded(std),
            "minimum": _rounded(features.min(axis=0)),
            "maximum": _rounded(features.max(axis=0)),
            "score_limit": round(limit, 3),
        }
        inputs.append(document)
    return inputs


def _rounded(values: Array) -> list[float]:
    return [round(float(value), 4) for value in values]


def _describe(config: TrainingConfig, train: Dataset) -> str:
    rounds = "; ".join(
        f"{entry.episodes} episodes in "
        + ", ".join(f"{name} {weight:g}" for name, weight in entry.families.items())
        for entry in config.gathering.rounds
    )
    return (
        f"{len(train)} ticks of {len(np.unique(train.episode))} generated worlds ({rounds}), "
        "labelled by autonomy_nodes.planning.Planner"
    )
