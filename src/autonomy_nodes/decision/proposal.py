"""One tick of a policy: features, familiarity, inference, meaning of the answer, and its checks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from autonomy_nodes.decision.answers import Alternative, candidates, fault_of_limits, ranking
from autonomy_nodes.decision.errors import InferenceError
from autonomy_nodes.decision.features import Familiarity, FeatureEncoder, Observation
from autonomy_nodes.decision.handover import Fault
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.rollout import StoppingRollout
from autonomy_nodes.decision.runtime import PolicyRunner
from autonomy_nodes.decision.velocity_limits import VelocityLimits

MOST_ALTERNATIVES = 5


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a policy wants in a tick, and why that may not be driven.

    Attributes:
        vx: m/s, as the robot can drive it; 0 where there is no answer.
        wz: rad/s, likewise.
        fault: None for a proposal fit to drive.
        answered: False where the policy has no usable answer at all.
        latency_ms: wall time of the inference.
        familiarity: ratio of the out-of-distribution score to its limit; above 1 is outside.
        confidence: as the policy gives it, 0 to 1; None where it gives none.
        alternatives: the best-scored entries of a policy that scores a table, best first.
    """

    vx: float = 0.0
    wz: float = 0.0
    fault: Fault | None = None
    answered: bool = False
    latency_ms: float = 0.0
    familiarity: float = 0.0
    confidence: float | None = None
    alternatives: tuple[Alternative, ...] = ()


class PolicyPilot:
    """Turns observations into proposals; keeps the policy's input history.

    What the policy offers is brought within the robot's limits along its own arc before it is
    checked for collisions: the arc that is checked is the one that is driven.
    """

    def __init__(self, policy: PolicyRunner, rollout: StoppingRollout, limits: VelocityLimits):
        self._policy = policy
        self._rollout = rollout
        self._limits = limits
        self._encoder = FeatureEncoder(policy.manifest)
        self._familiarity = Familiarity(policy.manifest)

    @property
    def manifest(self) -> Manifest:
        """The policy's contract."""
        return self._policy.manifest

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
        found = Proposal(
            latency_ms=inference.latency_ms,
            confidence=inference.confidence,
        )
        output, spec = inference.output, self._policy.manifest.output
        if output.shape != tuple(spec.shape) or not np.isfinite(output).all():
            return replace(found, fault=Fault("non_finite", f"answer {output.tolist()}"))
        offers = candidates(spec, output)
        found = replace(found, alternatives=tuple(ranking(spec, output, MOST_ALTERNATIVES)))
        excess = _not_finite(offers) or fault_of_limits(spec, *offers[0])
        if excess is not None:
            return replace(found, fault=excess)
        offers = [self._limits.along_arc(*offer) for offer in offers]
        score, tensor = self._familiarity.score(features)
        free = next((o for o in offers if not self._obstructed(observation, o)), None)
        vx, wz = free or offers[0]
        fault = self._doubt(inference.confidence)
        if score > 1.0:
            fault = Fault("out_of_distribution", f"{tensor} at {score:.2f} of its limit")
        elif fault is None and free is None:
            fault = Fault(self._obstructed(observation, (vx, wz)), f"vx {vx:.2f} wz {wz:.2f}")
        return replace(found, vx=vx, wz=wz, fault=fault, answered=True, familiarity=score)

    def _doubt(self, confidence: float | None) -> Fault | None:
        """That the policy itself is not sure enough, or that its confidence is no number."""
        spec = self._policy.manifest.confidence
        if spec is None or confidence is None:
            return None
        if not 0.0 <= confidence <= 1.0:
            return Fault("non_finite", f"confidence {confidence}")
        if confidence < spec.minimum:
            return Fault("unsure", f"confidence {confidence:.2f} below {spec.minimum:g}")
        return None

    def _obstructed(self, observation: Observation, velocity: tuple[float, float]) -> str:
        """What is in the way of a velocity, as a fault's reason; empty where nothing is."""
        odometry = observation.odometry
        if self._rollout.touches(observation.costmap, odometry, *velocity):
            return "collision_ahead"
        return "body_ahead" if self._rollout.meets(observation.bodies, odometry, *velocity) else ""


def _not_finite(offers: list[tuple[float, float]]) -> Fault | None:
    """That what a finite answer stands for is beyond all numbers."""
    for vx, wz in offers:
        if not (math.isfinite(vx) and math.isfinite(wz)):
            return Fault("non_finite", f"velocity ({vx}, {wz})")
    return None
