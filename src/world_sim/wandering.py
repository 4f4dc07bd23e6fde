"""Biases that wander: SDF's dynamic bias, a first-order Gauss-Markov process."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from world_sim.sdf.types import Noise

# Samples for which errors are drawn at once.
ERROR_BLOCK = 256


class Wandering:
    """The wandering biases of some channels that are sampled together.

    Args:
        channels: C noises.
        period_s: between two samples.
    """

    def __init__(self, channels: Sequence[Noise], period_s: float) -> None:
        self._keep = np.zeros(len(channels))
        self._push = np.zeros(len(channels))
        for index, noise in enumerate(channels):
            if noise.drift_stddev > 0.0 and noise.drift_time_s > 0.0:
                ratio = period_s / noise.drift_time_s
                self._keep[index] = math.exp(-ratio)
                share = -0.5 * noise.drift_time_s * math.expm1(-2.0 * ratio)
                self._push[index] = noise.drift_stddev * math.sqrt(share)
        self._now = np.zeros(len(channels))

    def __bool__(self) -> bool:
        """Whether any channel wanders."""
        return bool(self._push.any())

    def block(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """(ERROR_BLOCK, C) float64: the biases at the next samples."""
        steps = self._push * rng.standard_normal((ERROR_BLOCK, len(self._now)))
        for row in steps:
            self._now = self._keep * self._now + row
            row[:] = self._now
        return steps
