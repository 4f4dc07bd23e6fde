"""Figures of a policy on this machine: what a tick of it costs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.features import FeatureEncoder, Observation
from autonomy_nodes.decision.runtime import BoundedPolicy, Policy

WARM_UP = 20
PATH = np.column_stack((np.linspace(0.0, 8.0, 80), np.zeros(80)))


@dataclass(frozen=True, slots=True)
class PolicyBench:
    """Wall times in milliseconds: of the graph alone, and of encoding and bounded inference."""

    ticks: int
    inference_ms_p50: float
    inference_ms_p99: float
    tick_ms_p50: float
    tick_ms_p99: float
    late: int


def bench(policy: Policy, ticks: int, seed: int = 0, core: int = -1) -> PolicyBench:
    """Time `ticks` ticks on random scans; a tick past the manifest's latency budget is late."""
    generator = np.random.default_rng(seed)
    budget_ms = policy.manifest.latency_budget_ms
    bounded = BoundedPolicy(policy, 10.0, core)
    encoder = FeatureEncoder(policy.manifest)
    inference: list[float] = []
    total: list[float] = []
    for tick in range(WARM_UP + ticks):
        observation = _observation(generator)
        started = time.perf_counter()
        tensors, _ = encoder.encode(observation)
        answer = bounded.infer(tensors)
        if tick >= WARM_UP:
            total.append(1e3 * (time.perf_counter() - started))
            inference.append(answer.latency_ms)
    bounded.close()
    return PolicyBench(
        ticks=ticks,
        inference_ms_p50=_percentile(inference, 50),
        inference_ms_p99=_percentile(inference, 99),
        tick_ms_p50=_percentile(total, 50),
        tick_ms_p99=_percentile(total, 99),
        late=sum(duration > budget_ms for duration in total),
    )


def _percentile(durations: list[float], percent: float) -> float:
    return round(float(np.percentile(durations, percent)), 4)


def _observation(generator: np.random.Generator) -> Observation:
    ranges = generator.uniform(0.3, 12.0, 720).astype(np.float32)
    scan = LaserScan(0, ranges, -2.35619, 4.71238 / 719, 0.1, 30.0)
    velocity = generator.uniform(-1.0, 1.0, 2)
    odometry = Odometry(0, 0.0, 0.0, 0.0, float(velocity[0]), 0.0, float(velocity[1]))
    costmap = Costmap(0, 0.05, -5.0, -5.0, np.zeros((200, 200), np.int8))
    return Observation(scan, odometry, Pose2D(8.0, 0.0), PATH, costmap)
