"""One tick of a policy: features, familiarity, inference, meaning of the answer, and its checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy_nodes.decision.answers import candidates, fault_of_limits
from autonomy_nodes.decision.errors import InferenceError
from autonomy_nodes.decision.features import Familiarity, FeatureEncoder, Observation
from autonomy_nodes.decision.handover import Fault
from autonomy_nodes.decision.rollout import StoppingRollout
from autonomy_nodes.decision.runtime import PolicyRunner


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
        offers = candidates(spec, output)
        excess = fault_of_limits(spec, *offers[0])
        if excess is not None:
            return Proposal(fault=excess, latency_ms=inference.latency_ms)
        score, tensor = self._familiarity.score(features)
        vx, wz = next((o for o in offers if self._is_free(observation, o)), offers[0])
        fault: Fault | None = None
        if score > 1.0:
            fault = Fault("out_of_distribution", f"{tensor} at {score:.2f} of its limit")
        elif not self._is_free(observation, (vx, wz)):
            fault = Fault("collision_ahead", f"vx {vx:.2f} wz {wz:.2f}")
        return Proposal(vx, wz, fault, True, inference.latency_ms, score)

    def _is_free(self, observation: Observation, velocity: tuple[float, float]) -> bool:
        return not self._rollout.touches(observation.costmap, observation.odometry, *velocity)
