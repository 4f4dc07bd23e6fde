"""Lidar ranges by MuJoCo's own ray casting: the yardstick of the compiled lidar."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from world_sim.geoms import GeomFactory
from world_sim.lidar import beam_directions
from world_sim.sdf.types import Collision, Model


class RayCaster:
    """The visuals of static models as MuJoCo geoms, and rays among them."""

    def __init__(self, models: Sequence[Model]) -> None:
        spec = mujoco.MjSpec()
        factory = GeomFactory(spec, models)
        body = spec.worldbody.add_body(name="visuals")
        for model in models:
            for link in model.links:
                outer = model.pose.compose(link.pose)
                for visual in link.visuals:
                    shape = Collision(visual.name, visual.geometry, visual.pose, visual.location)
                    factory.add(body, model, shape, outer.compose(visual.pose), static=True)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        mujoco.mj_forward(self._model, self._data)

    def cast(
        self,
        x: float,
        y: float,
        z: float,
        yaw: float,
        angle_min: float,
        increment: float,
        count: int,
        range_max: float,
    ) -> NDArray[np.float64]:
        """(N,) float64, metres: as `lidar.cast`, from height `z`."""
        directions = np.zeros((count, 3))
        directions[:, :2] = beam_directions(yaw, angle_min, increment, count)
        geoms = np.empty(count, dtype=np.int32)
        ranges = np.empty(count)
        mujoco.mj_multiRay(
            self._model,
            self._data,
            np.array([x, y, z]),
            directions.ravel(),
            None,
            True,
            -1,
            geoms,
            ranges,
            None,
            count,
            range_max,
        )
        ranges[(geoms < 0) | (ranges > range_max)] = np.inf
        return ranges
