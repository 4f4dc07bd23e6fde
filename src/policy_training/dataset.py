"""The imitation data: features as the manifest's sources give them, and the expert's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from policy_training.config import Family

Array = NDArray[np.float32]

FAMILIES: tuple[Family, ...] = get_args(Family)
"""`Dataset.family` is an index into this."""


@dataclass(frozen=True)
class Dataset:
    """T ticks of any number of episodes, in SI units before normalisation.

    scan: (T, beams) metres; guide: (T, 2 * points) metres, base_link; goal: (T, 3) distance,
    cosine and sine of the bearing; velocity: (T, 2) m/s, rad/s; label: (T, 2) the expert's
    (vx m/s, wz rad/s); episode: (T,) int64, the world's seed; tick: (T,) int32 within the
    episode; family: (T,) int8; by_policy: (T,) bool, whether the policy was driving; clearance:
    (T,) metres.
    """

    scan: Array
    guide: Array
    goal: Array
    velocity: Array
    label: Array
    episode: NDArray[np.int64]
    tick: NDArray[np.int32]
    family: NDArray[np.int8]
    by_policy: NDArray[np.bool_]
    clearance: Array

    def __len__(self) -> int:
        return len(self.label)

    def mirrored(self) -> Dataset:
        """The same ticks seen in a mirror: left and right exchanged."""
        flip = np.array([1.0, -1.0], np.float32)
        guide = self.guide.reshape(len(self), -1, 2) * flip
        return Dataset(
            np.ascontiguousarray(self.scan[:, ::-1]),
            guide.reshape(len(self), -1),
            self.goal * np.array([1.0, 1.0, -1.0], np.float32),
            self.velocity * flip,
            self.label * flip,
            self.episode,
            self.tick,
            self.family,
            self.by_policy,
            self.clearance,
        )


def concatenate(parts: Sequence[Dataset]) -> Dataset:
    """Join datasets of the same features, in order."""
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Dataset)
    }
    return Dataset(**columns)
