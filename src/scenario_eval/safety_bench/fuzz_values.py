"""Values as a broken or hostile sender would choose them: any float, any stamp, any length."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import MILLISECOND, SECOND

SPECIAL = (
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    5e-324,
    1e-12,
    1e6,
    -1e30,
    3.5e38,
    1.7e308,
    -1.7e308,
)
# The ends of what builtin_interfaces/Time can say, and what is near zero.
STAMPS = (0, -1, 1, -(2**31) * SECOND, (2**31 - 1) * SECOND + 2**32 - 1, -SECOND)
LENGTHS = (0, 1, 2, 3, 90, 719, 720, 721, 1440, 20_000, 20_001)


class Values:
    """Draws values; `wildness` is the share of those that no healthy sender would send."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.wildness = 0.0

    def wild(self) -> bool:
        """Whether this value shall be an outrageous one."""
        return bool(self.rng.random() < self.wildness)

    def number(self, scale: float) -> float:
        """A number of about `scale`, or any float at all."""
        if not self.wild():
            return float(self.rng.uniform(-scale, scale))
        if self.rng.random() < 0.5:
            return float(self.rng.choice(SPECIAL))
        bits = self.rng.integers(0, 2**64, dtype=np.uint64)
        return float(np.frombuffer(bits.tobytes(), dtype=np.float64)[0])

    def stamp(self, now_ns: int, age_ns: int = 0) -> int:
        """A stamp of about now, or any."""
        if not self.wild():
            return now_ns - age_ns
        if self.rng.random() < 0.3:
            return STAMPS[int(self.rng.integers(len(STAMPS)))]
        spread = float(self.rng.choice([1e6, 1e8, 1e9, 1e12]))
        return now_ns + int(self.rng.normal(0.0, spread))

    def ranges(self, beams: int) -> NDArray[np.float32]:
        """(N,) ranges of a room, or of any length and with anything in them."""
        if self.wild():
            beams = LENGTHS[int(self.rng.integers(len(LENGTHS)))]
        ranges = self.rng.uniform(0.6, 6.0, beams).astype(np.float32)
        if beams and self.wild():
            share = self.rng.random(beams) < self.rng.random()
            ranges[share] = np.float32(self.rng.choice([math.nan, math.inf, -math.inf, -1.0, 0.0]))
        if beams and self.wild():
            bits = self.rng.integers(0, 2**32, beams, dtype=np.uint64).astype(np.uint32)
            ranges = bits.view(np.float32)
        return ranges

    def time_step(self) -> int:
        """How far the clock moves between two cycles: 20 ms, or any way, back too."""
        if not self.wild():
            return 20 * MILLISECOND
        choices = (
            0,
            1,
            5 * MILLISECOND,
            300 * MILLISECOND,
            10 * SECOND,
            -SECOND,
            -20 * MILLISECOND,
        )
        return choices[int(self.rng.integers(len(choices)))]
