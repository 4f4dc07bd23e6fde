"""Two campaigns run by run: what differs, and whether the difference is more than chance.

Lockstep is deterministic, so the same software gives the same figures and every difference is
real; but a robot's way is chaotic, and any change of the software moves single runs to and fro.
What counts is therefore the mean over the runs that both campaigns have, tested by flipping signs
(the paired permutation test of Fisher, "The Design of Experiments", 1935, section 21).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

RESAMPLES = 99_999
SEED = 0


@dataclass(frozen=True)
class PairedDifference:
    """One KPI over the runs that two campaigns share.

    before, after: means. low, high: 95 % confidence interval of the mean difference, by
    bootstrap over the pairs. changed: runs in which it differs at all.
    """

    before: float
    after: float
    low: float
    high: float
    runs: int
    changed: int

    @property
    def difference(self) -> float:
        """Mean of after minus before."""
        return self.after - self.before


def paired(
    before: Mapping[str, float | None], after: Mapping[str, float | None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The values of runs that have one in both: two (N,) float64, in order of their names."""
    both = sorted(
        run for run, value in before.items() if value is not None and after.get(run) is not None
    )
    first = np.array([before[run] for run in both], dtype=np.float64)
    second = np.array([after[run] for run in both], dtype=np.float64)
    return first, second


def difference(before: NDArray[np.float64], after: NDArray[np.float64]) -> PairedDifference | None:
    """Summary of (N,) paired values; None without any."""
    if not before.size:
        return None
    delta = after - before
    low = high = float(delta.mean())
    if np.ptp(delta) > 0.0:
        generator = np.random.default_rng(SEED)
        picks = generator.integers(0, delta.size, (2000, delta.size))
        low, high = (float(v) for v in np.percentile(delta[picks].mean(axis=1), [2.5, 97.5]))
    return PairedDifference(
        float(before.mean()),
        float(after.mean()),
        low,
        high,
        int(delta.size),
        int(np.count_nonzero(delta)),
    )


def p_worse(worsening: NDArray[np.float64], tolerance: float) -> float:
    """Probability of this if the mean worsening were no more than a tolerance.

    Args:
        worsening: (N,) per run, positive where it became worse.
        tolerance: what the mean may be, in the same unit.

    Returns:
        p of a one-sided sign-flip test; 1 where there is nothing to test.
    """
    excess = worsening - tolerance
    if excess.size == 0 or excess.mean() <= 0.0:
        return 1.0
    if excess.size == 1:
        return 0.5
    result = permutation_test(
        (excess,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        alternative="greater",
        n_resamples=RESAMPLES,
        batch=4096,
        rng=np.random.default_rng(SEED),
    )
    return float(result.pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Values of p corrected for their number (Holm, "A simple sequentially rejective …", 1979)."""
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    corrected: dict[str, float] = {}
    highest = 0.0
    for place, (name, value) in enumerate(ordered):
        highest = max(highest, min(1.0, value * (len(ordered) - place)))
        corrected[name] = highest
    return corrected
