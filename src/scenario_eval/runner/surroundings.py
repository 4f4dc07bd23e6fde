"""The true distance between the robot's footprint and the world, from the simulator's shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scenario_eval.runner.clearance_kernels import polygon_clearance
from world_sim.sdf.types import Model, Plane
from world_sim.slices import Slice, cut_shape, slice_models

BODY_HEIGHTS = (0.06, 0.15, 0.25)
"""Heights at which solid shapes are cut, metres: from the chassis' lower edge to its top."""

LIDAR_HEIGHT = 0.3
"""At which the map for people is cut, metres."""

REACH = 5.0
"""Farther things do not count, metres."""


class Surroundings:
    """Solid static shapes around the robot's body.

    Args:
        models: of the world; those that move are left out.
        footprint: (N, 2) of the robot, base frame, metres.
    """

    def __init__(self, models: Sequence[Model], footprint: NDArray[np.float64]) -> None:
        static = [model for model in models if model.static]
        self.map: Slice = slice_models(static, LIDAR_HEIGHT)
        self._footprint = footprint
        self._solid = _cut_collisions(static)

    def clearance(self, x: float, y: float, yaw: float, actors: Slice) -> float:
        """Metres from the footprint at a pose to the nearest thing, inf beyond `REACH`."""
        cosine, sine = math.cos(yaw), math.sin(yaw)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        corners = self._footprint @ turn + (x, y)
        slices = [self._solid]
        if len(actors.circles) or len(actors.segments):
            slices.append(actors)
        return min(float(polygon_clearance(corners, s.circles, s.segments, REACH)) for s in slices)


def _cut_collisions(models: Sequence[Model]) -> Slice:
    circles: list[tuple[float, float, float]] = []
    segments: list[NDArray[np.float64]] = []
    for model in models:
        for link in model.links:
            outer = model.pose.compose(link.pose)
            for collision in link.collisions:
                if isinstance(collision.geometry, Plane):
                    continue
                pose = outer.compose(collision.pose)
                for height in BODY_HEIGHTS:
                    cut_shape(collision.geometry, pose, height, circles, segments)
    return Slice(
        np.unique(np.array(circles, dtype=np.float64).reshape(-1, 3), axis=0),
        np.unique(np.concatenate(segments), axis=0) if segments else np.empty((0, 4)),
    )
