"""A body as it was seen lately, and thus how fast it goes and where it is."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

SMALLEST_RADIUS = 0.2
MEMORY_S = 0.5
LEAST_SIGHTINGS = 4
STRAY = 0.1
"""Metres, root mean square, that sightings may be off the line that is drawn through them."""


@dataclass
class Track:
    """A body's sightings of the last half second; of a slow lidar, the last four.

    sightings: seconds, x and y metres; radius: at the last one, metres; velocity: m/s, None where
    it was seen too rarely, or not along a line.
    """

    sightings: deque[tuple[float, float, float]] = field(default_factory=deque)
    radius: float = SMALLEST_RADIUS
    velocity: tuple[float, float] | None = None

    @property
    def seen_s(self) -> float:
        """When it was last seen."""
        return self.sightings[-1][0]

    def see(self, now_s: float, x: float, y: float, radius: float) -> None:
        """Add a sighting."""
        self.sightings.append((now_s, x, y))
        while now_s - self.sightings[0][0] > MEMORY_S and len(self.sightings) > LEAST_SIGHTINGS:
            self.sightings.popleft()
        self.radius = max(SMALLEST_RADIUS, radius)
        self.velocity = self._slope()

    def at(self, now_s: float) -> tuple[float, float]:
        """Where the body is expected, metres."""
        seen_s, x, y = self.sightings[-1]
        vx, vy = self.velocity or (0.0, 0.0)
        return x + vx * (now_s - seen_s), y + vy * (now_s - seen_s)

    def distance(self, x: float, y: float, now_s: float) -> float:
        """How far from there, metres."""
        return math.dist(self.at(now_s), (x, y))

    def _slope(self) -> tuple[float, float] | None:
        """Of the least squares line through the sightings."""
        if len(self.sightings) < LEAST_SIGHTINGS:
            return None
        sightings = np.array(self.sightings)
        off = sightings - sightings.mean(axis=0)
        vx, vy = (off[:, 0] @ off[:, 1:]) / (off[:, 0] @ off[:, 0])
        stray = off[:, 1:] - np.outer(off[:, 0], (vx, vy))
        if float((stray**2).sum(axis=1).mean()) > STRAY**2:
            return None
        return float(vx), float(vy)
