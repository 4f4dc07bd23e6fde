"""One tick of a policy: features, familiarity, inference, meaning of the answer, and its checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy_nodes.decision.errors import InferenceError
from autonomy_nodes.decision.features import Familiarity, FeatureEncoder, Observation
from autonomy_nodes.decision.handover import Fault
from autonomy_nodes.decision.manifest import ManoeuvreOutput, Output, VelocityOutput
from autonomy_nodes.decision.rollout import StoppingRollout
from autonomy_nodes.decision.runtime import PolicyRunner, Tensor

LIMIT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a policy wants in a tick, and why that may not be driven.

    Attributes:
        vx: m/s; 0 where there is no answer.
        wz: rad/s; 0 where there is no answer.
        fault: None for a proposal fit to drive.
        answered: False where the policy has no usable answer at all.
        latency_ms: wall time of the inference.
        familiarity: ratio of the out-of-distribution score to its limit; above 1 is outside.
    """

    vx: float = 0.0
    wz: float = 0.0
    fault: Fault | None = None
    answered: bool = False
    latency_ms: float = 0.0
    familiarity: float = 0.0


class PolicyPilot:
    """Turns observations into proposals; keeps the policy's input history."""

    def __init__(self, policy: PolicyRunner, rollout: StoppingRollout):
        self._policy = policy
        self._rollout = rollout
        self._encoder = FeatureEncoder(policy.manifest)
        self._familiarity = Familiarity(policy.manifest)

    def reset(self) -> None:
        """Forget the history, as before the first tick of a goal."""
        self._encoder.reset()

    def propose(self, observation: Observation) -> Proposal:
        """Ask the policy and check its answer; a fault is part of the result, never raised."""
        try:
            tensors, features = self._encoder.encode(observation)
            inference = self._policy.infer(tensors)
        except InferenceError as error:
            return Proposal(fault=Fault(error.reason, str(error)))
        output, spec = inference.output, self._policy.manifest.output
        if output.shape != tuple(spec.shape) or not np.isfinite(output).all():
            broken = Fault("non_finite", f"answer {output.tolist()}")
            return Proposal(fault=broken, latency_ms=inference.latency_ms)
        vx, wz = decode(spec, output)
        excess = _fault_of_limits(spec, vx, wz)
        if excess is not None:
            return Proposal(fault=excess, latency_ms=inference.latency_ms)
        fault: Fault | None = None
        score, tensor = self._familiarity.score(features)
        if score > 1.0:
            fault = Fault("out_of_distribution", f"{tensor} at {score:.2f} of its limit")
        elif self._rollout.touches(observation.costmap, observation.odometry, vx, wz):
            fault = Fault("collision_ahead", f"vx {vx:.2f} wz {wz:.2f}")
        return Proposal(vx, wz, fault, True, inference.latency_ms, score)


def decode(spec: Output, output: Tensor) -> tuple[float, float]:
    """Body velocity (vx m/s, wz rad/s) that a finite output tensor means."""
    if isinstance(spec, ManoeuvreOutput):
        manoeuvre = spec.manoeuvres[int(np.argmax(output[0]))]
        return manoeuvre.vx, manoeuvre.wz
    return float(output[0, 0]), float(output[0, 1])


def _fault_of_limits(spec: Output, vx: float, wz: float) -> Fault | None:
    """That an answer is outside the limits which its own manifest states."""
    if isinstance(spec, VelocityOutput):
        for name, value, limits in (("vx", vx, spec.vx), ("wz", wz, spec.wz)):
            if not limits.low - LIMIT_TOLERANCE <= value <= limits.high + LIMIT_TOLERANCE:
                detail = f"{name} {value:.3f} outside [{limits.low}, {limits.high}]"
                return Fault("over_limits", detail)
    return None
