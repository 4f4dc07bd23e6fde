"""Asking a policy before it may drive: typical and extreme inputs, in bounded time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autonomy_nodes.decision.answers import candidates, fault_of_limits
from autonomy_nodes.decision.errors import InferenceError, PolicyError
from autonomy_nodes.decision.features import TensorBuilder
from autonomy_nodes.decision.inputs import InputSpec, Part
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.runtime import BoundedPolicy, Inference, Policy, Tensor

PROBES = ("mean", "minimum", "maximum")
PATIENCE_S = 5.0
"""Of one answer: far beyond any budget, so that a busy machine refuses nothing."""
TIMED_RUNS = 5


def dry_run(policy: Policy, where: Path) -> None:
    """Refuse a policy whose answers are not what its manifest says of them.

    Every answer must come, be finite and of the declared shapes; the one to typical inputs must
    be within the declared limits, and one of a few within the latency budget.

    Raises:
        PolicyError: with what was asked, found and expected.
    """
    manifest = policy.manifest
    bounded = BoundedPolicy(policy, PATIENCE_S)
    try:
        for which in PROBES:
            tensors = {spec.tensor: _probe(spec, which) for spec in manifest.inputs}
            answer = _ask(bounded, tensors, which, where)
            _check_answer(manifest, answer, which, where)
        tensors = {spec.tensor: _probe(spec, "mean") for spec in manifest.inputs}
        times = [_ask(bounded, tensors, "mean", where).latency_ms for _ in range(TIMED_RUNS)]
    finally:
        bounded.close()
    if min(times) > manifest.latency_budget_ms:
        raise PolicyError(
            where,
            "dry run latency",
            f"{min(times):.1f} ms at best",
            f"at most latency_budget_ms {manifest.latency_budget_ms:g}",
        )


def answers_alike(policy: Policy) -> bool:
    """Whether the answer is the same to typical and to extreme inputs, where known."""
    if all(part.statistics is None for part in _parts(policy.manifest)):
        return False
    answers = [
        policy.infer({spec.tensor: _probe(spec, which) for spec in policy.manifest.inputs}).output
        for which in PROBES
    ]
    return all(np.array_equal(answers[0], answer) for answer in answers[1:])


def _ask(bounded: BoundedPolicy, tensors: dict[str, Tensor], which: str, where: Path) -> Inference:
    try:
        return bounded.infer(tensors)
    except InferenceError as error:
        raise PolicyError(where, f"dry run on {which}", error, "an answer") from error


def _check_answer(manifest: Manifest, answer: Inference, which: str, where: Path) -> None:
    output, expected = answer.output, tuple(manifest.output.shape)
    field = f"dry run on {which}"
    if output.shape != expected:
        raise PolicyError(where, field, output.shape, f"shape {expected}")
    if not np.isfinite(output).all():
        raise PolicyError(where, field, output.tolist(), "finite values")
    if answer.confidence is not None and not 0.0 <= answer.confidence <= 1.0:
        raise PolicyError(where, f"{field}: confidence", answer.confidence, "a number in [0, 1]")
    typical = which == "mean" and all(part.statistics is not None for part in _parts(manifest))
    if typical:
        excess = fault_of_limits(manifest.output, *candidates(manifest.output, output)[0])
        if excess is not None:
            raise PolicyError(where, field, excess.detail, "an answer within its own limits")


def _probe(spec: InputSpec, which: str) -> Tensor:
    """The tensor where every tick of the history was the named statistic; zeros without any."""
    features = []
    for part in spec.bindings.values():
        values = getattr(part.statistics, which) if part.statistics is not None else (0.0,)
        features.append(np.broadcast_to(np.asarray(values, np.float32), (part.features,)))
    return TensorBuilder(spec).append(features)


def _parts(manifest: Manifest) -> list[Part]:
    return [part for spec in manifest.inputs for part in spec.bindings.values()]
