"""Outcomes and errors by what makes a world or a tick hard."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policy_training.config import Network
from policy_training.dataset import FAMILIES, Array, Dataset
from policy_training.evaluation.episodes import EpisodeOutcome
from policy_training.fit import is_close

DEGREE = math.pi / 180.0
NEAR_BEAM = 1.0


@dataclass(frozen=True)
class Cut:
    """Where a quantity is cut into bins: below edges[0], between, from edges[-1] up."""

    quantity: str
    unit: str
    edges: tuple[float, ...]

    def labels(self) -> list[str]:
        """One name per bin."""
        edges = [f"{edge:g}" for edge in self.edges]
        middle = [f"{low} – {high}" for low, high in itertools.pairwise(edges)]
        unit = f" {self.unit}" if self.unit else ""
        return [f"{text}{unit}" for text in (f"< {edges[0]}", *middle, f"≥ {edges[-1]}")]

    def bins(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """(T,) bin of each value."""
        return np.digitize(values, self.edges).astype(np.int64)


EPISODE_CUTS: tuple[tuple[Cut, Callable[[EpisodeOutcome], float]], ...] = (
    (Cut("gap width", "m", (0.6, 0.75, 1.0)), lambda e: e.difficulty.gap_m),
    (Cut("clutter", "", (0.2, 0.4, 0.6)), lambda e: e.difficulty.clutter),
    (Cut("heading error", "°", (15.0, 90.0)), lambda e: e.difficulty.heading_error / DEGREE),
    (Cut("mean speed", "m/s", (0.8, 1.2)), lambda e: e.mean_speed),
    (Cut("moving bodies", "", (1.0, 3.0)), lambda e: float(e.difficulty.walkers)),
    (Cut("speed of moving bodies", "m/s", (0.1, 0.8)), lambda e: e.difficulty.walker_speed),
)


def rates(episodes: Sequence[EpisodeOutcome]) -> dict[str, float]:
    """Shares of the outcomes; mean time of those that reached, seconds."""
    count = max(len(episodes), 1)
    times = [e.time_s for e in episodes if e.outcome == "reached"]
    shares = {
        name: round(sum(e.outcome == name for e in episodes) / count, 4)
        for name in ("reached", "collided", "bumped", "failed")
    }
    return {
        "episodes": len(episodes),
        **shares,
        "mean_time_s": round(float(np.mean(times)), 2) if times else 0.0,
        "policy_tick_share": round(float(np.mean([e.policy_share for e in episodes])), 4)
        if episodes
        else 0.0,
        "interventions_per_m": round(
            sum(e.interventions for e in episodes) / max(sum(e.path_m for e in episodes), 1e-9), 3
        ),
    }


def episode_slices(episodes: Sequence[EpisodeOutcome]) -> list[dict[str, Any]]:
    """`rates` of every family of worlds and every bin that holds an episode."""
    rows: list[dict[str, Any]] = []
    for family in FAMILIES:
        part = [e for e in episodes if e.family == family]
        if part:
            rows.append({"by": "family", "bin": family, **rates(part)})
    for cut, value in EPISODE_CUTS:
        bins = cut.bins(np.array([value(e) for e in episodes], np.float64))
        for index, label in enumerate(cut.labels()):
            part = [e for e, b in zip(episodes, bins, strict=True) if b == index]
            if part:
                rows.append({"by": cut.quantity, "bin": label, **rates(part)})
    return rows


def tick_quantities(ticks: Dataset, network: Network) -> Mapping[Cut, NDArray[np.float64]]:
    """(T,) values per cut, of ticks in SI units."""
    ahead = network.lookahead.index(min(network.lookahead, key=lambda d: abs(d - 1.0)))
    guide = ticks.guide.reshape(len(ticks), -1, 2)[:, ahead]
    bearing = np.abs(np.arctan2(guide[:, 1], guide[:, 0])) / DEGREE
    moving = ticks.family == FAMILIES.index("walkers")
    return {
        Cut("clearance", "m", (0.1, 0.2, 0.4)): ticks.clearance.astype(np.float64),
        Cut("beams within 1 m", "", (0.1, 0.3, 0.5)): np.mean(ticks.scan < NEAR_BEAM, axis=1),
        Cut("bearing of the guide", "°", (15.0, 45.0, 90.0)): bearing.astype(np.float64),
        Cut("speed", "m/s", (0.3, 1.0, 1.7)): np.abs(ticks.velocity[:, 0]).astype(np.float64),
        Cut("moving bodies", "", (0.5,)): moving.astype(np.float64),
    }


def tick_slices(
    ticks: Dataset, answer: Array, confidence: Array, network: Network
) -> list[dict[str, Any]]:
    """Errors against the expert by bin.

    Args:
        ticks: T ticks with the expert's answers.
        answer: (T, 2) the policy's, m/s and rad/s.
        confidence: (T,).
        network: what the features are.
    """
    error, right = answer - ticks.label, is_close(answer, ticks.label)
    rows: list[dict[str, Any]] = []
    for cut, values in tick_quantities(ticks, network).items():
        bins = cut.bins(values)
        for index, label in enumerate(cut.labels()):
            rows_in = bins == index
            if not rows_in.any():
                continue
            vx, wz = np.sqrt(np.mean(np.square(error[rows_in]), axis=0))
            rows.append(
                {
                    "by": cut.quantity,
                    "bin": label,
                    "ticks": int(rows_in.sum()),
                    "vx_rmse": round(float(vx), 3),
                    "wz_rmse": round(float(wz), 3),
                    "right": round(float(right[rows_in].mean()), 3),
                    "confidence": round(float(confidence[rows_in].mean()), 3),
                }
            )
    return rows
