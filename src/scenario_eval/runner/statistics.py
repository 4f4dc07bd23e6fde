"""Confidence intervals of KPIs over runs: deterministic, and honest about small numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from scenario_eval.results import Estimate

Z_95 = 1.959963984540054
RESAMPLES = 2000
SHARES = ("success",)
"""KPIs that are 0 or 1 in a run: their interval is Wilson's."""


def estimate(name: str, values: Sequence[float]) -> Estimate:
    """The mean of a KPI over runs with its 95 % interval.

    Wilson's score interval for what is 0 or 1 in each run (Wilson, 1927); for all others the
    percentile bootstrap (Efron, 1979), with a fixed seed.
    """
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return Estimate(value=_rounded(mean), low=None, high=None, runs=count)
    low, high = wilson(mean, count) if name in SHARES else bootstrap(values)
    return Estimate(value=_rounded(mean), low=_rounded(low), high=_rounded(high), runs=count)


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share seen in `count` trials."""
    square = Z_95 * Z_95
    centre = (share + square / (2 * count)) / (1 + square / count)
    spread = math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    half = Z_95 * spread / (1 + square / count)
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """95 % percentile interval of the mean."""
    data = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng((len(data), 0xB007))
    means = data[rng.integers(0, len(data), (RESAMPLES, len(data)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _rounded(value: float) -> float:
    return round(value, 6)
