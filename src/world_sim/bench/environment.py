"""How many steps per second the environment makes, by number of processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from world_sim.gym_env import ENVIRONMENT_ID, EnvConfig

WARM_UP_STEPS = 20


def steps_per_second(processes: int, seconds: float, seed: int = 0) -> float:
    """Environment steps per second of wall time with one environment per process.

    Random actions; episodes that end begin anew, and the time for that counts. All steps of all
    environments count.

    Args:
        processes: how many.
        seconds: wall time to measure over, after a warm-up.
        seed: of environments and actions.
    """
    vector = gymnasium.make_vec(ENVIRONMENT_ID, num_envs=processes, vectorization_mode="async")
    generator = np.random.default_rng(seed)

    def step() -> None:
        vector.step(generator.uniform(-1.0, 1.0, (processes, 2)).astype(np.float32))

    try:
        vector.reset(seed=seed)
        for _ in range(WARM_UP_STEPS):
            step()
        steps, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            step()
            steps += processes
        return steps / (time.perf_counter() - start)
    finally:
        vector.close()


def measure(processes: Sequence[int], seconds: float) -> dict[str, Any]:
    """Steps per second for each number of processes.

    Returns:
        steps_per_second: {processes: rate}; speedup: {processes: rate by that of the first};
        realtime_factor: simulated seconds per second of wall time; control_period_s.
    """
    rates = {str(count): steps_per_second(count, seconds) for count in processes}
    first = rates[str(processes[0])]
    period_s = EnvConfig().control_period_s
    return {
        "steps_per_second": rates,
        "speedup": {count: rate / first for count, rate in rates.items()},
        "realtime_factor": {count: rate * period_s for count, rate in rates.items()},
        "control_period_s": period_s,
    }
