"""Whether a policy that says 0.8 is right in eight cases of ten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Confidence against the share of answers that were right, in bins of equal width.

    edges: (BINS + 1,); count, confidence (mean) and right (share) per bin, zero where empty;
    error: the expected calibration error, the mean over ticks of |confidence − right| of their
    bin (Guo et al., "On Calibration of Modern Neural Networks", 2017); brier: mean of
    (confidence − right)²; brier_of_constant: the same of always saying the overall share.
    """

    edges: tuple[float, ...]
    count: tuple[int, ...]
    confidence: tuple[float, ...]
    right: tuple[float, ...]
    error: float
    brier: float
    brier_of_constant: float


def reliability(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> Reliability:
    """Compare (T,) confidences with whether the answers were right.

    Raises:
        ValueError: there is no tick, or a confidence is not a number from 0 to 1.
    """
    if len(confidence) == 0 or not ((confidence >= 0.0) & (confidence <= 1.0)).all():
        raise ValueError("confidence: expected at least one value, each from 0 to 1")
    edges = np.linspace(0.0, 1.0, BINS + 1)
    bins = np.clip(np.digitize(confidence, edges) - 1, 0, BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    some = np.maximum(count, 1)
    said = np.bincount(bins, weights=confidence, minlength=BINS) / some
    was = np.bincount(bins, weights=right, minlength=BINS) / some
    error = float(np.sum(count * np.abs(said - was)) / len(confidence))
    hits = right.astype(np.float64)
    return Reliability(
        tuple(round(float(edge), 3) for edge in edges),
        tuple(int(value) for value in count),
        tuple(round(float(value), 4) for value in said),
        tuple(round(float(value), 4) for value in was),
        round(error, 4),
        round(float(np.mean(np.square(confidence - hits))), 4),
        round(float(np.mean(np.square(hits.mean() - hits))), 4),
    )
