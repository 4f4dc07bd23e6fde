"""Static obstacles in the physics: only those near something that moves.

MuJoCo computes the frame of every geom in every step, so a world of thousands of obstacles
would cost thousands of times more than the few that a robot can touch before it is looked at
again. The physics model therefore has slots, as many as the densest place of the world needs,
and the obstacles around each moving body are copied into them as it goes along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numba import njit
from numpy.typing import NDArray

from world_sim.geoms import DYNAMIC_BIT, STATIC_BIT, GeomFactory
from world_sim.sdf.pose import Pose3
from world_sim.sdf.types import Box, Capsule, Collision, Cylinder, Ellipsoid, Model, Sphere

BODY, SLOT = "__obstacles__", "__slot__"

# An obstacle this close to a moving body (m) is in the physics, and the choice is renewed when a
# body has moved by `RENEW`: what is left of the difference is for one batch of steps.
REACH, RENEW = 0.5, 0.25
# Cells in which the densest place is looked for: their size (m) and how many along one axis.
CELL, MAX_CELLS = 0.5, 1000
PRIMITIVES = (Box, Sphere, Cylinder, Capsule, Ellipsoid)

# Arrays of a geom that belong to its place in the model, not to its shape.
_NOT_COPIED = {
    *("geom_bodyid", "geom_dataid", "geom_matid", "geom_adr", "geom_num", "geom_user"),
    # Whether a geom's frame is that of its body: true of one obstacle alone, false of a slot.
    "geom_sameframe",
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One static shape at its pose in the world."""

    model: Model
    collision: Collision
    pose: Pose3


class ObstacleStore:
    """All static primitives of a world, compiled, with their bounds."""

    def __init__(self, obstacles: Sequence[Obstacle], models: Sequence[Model]) -> None:
        spec = mujoco.MjSpec()
        factory = GeomFactory(spec, models)
        body = spec.worldbody.add_body(name=BODY)
        for obstacle in obstacles:
            factory.add(body, obstacle.model, obstacle.collision, obstacle.pose, static=True)
        self.owners = [obstacle.model.name for obstacle in obstacles]
        self.model = spec.compile()
        data = mujoco.MjData(self.model)
        mujoco.mj_kinematics(self.model, data)
        rotation = np.abs(data.geom_xmat.reshape(-1, 3, 3))
        half = np.einsum("gij,gj->gi", rotation, self.model.geom_aabb[:, 3:])[:, :2]
        centre = data.geom_xpos[:, :2]
        self.low: NDArray[np.float64] = centre - half
        self.high: NDArray[np.float64] = centre + half

    def near(self, positions: NDArray[np.float64], reach: float) -> NDArray[np.intp]:
        """Indices of the obstacles whose bounds are within `reach` of any of (K, 2) positions."""
        chosen = np.zeros(len(self.owners), dtype=bool)
        for position in positions:
            gap = np.maximum(np.maximum(self.low - position, position - self.high), 0.0)
            chosen |= (gap * gap).sum(axis=1) <= reach * reach
        return np.flatnonzero(chosen)

    def densest(self, reach: float) -> int:
        """Upper bound of how many obstacles are within `reach` of any one place."""
        if not self.owners:
            return 0
        low, high = self.low - reach, self.high + reach
        origin = low.min(axis=0)
        cell = max(CELL, float((high.max(axis=0) - origin).max()) / MAX_CELLS)
        first = np.floor((low - origin) / cell).astype(np.int64)
        last = np.floor((high - origin) / cell).astype(np.int64) + 1
        # Corners of each obstacle's rectangle of cells; their running sums count overlaps.
        counts = np.zeros(last.max(axis=0) + 1, dtype=np.int64)
        np.add.at(counts, (first[:, 0], first[:, 1]), 1)
        np.add.at(counts, (last[:, 0], last[:, 1]), 1)
        np.add.at(counts, (first[:, 0], last[:, 1]), -1)
        np.add.at(counts, (last[:, 0], first[:, 1]), -1)
        return int(counts.cumsum(axis=0).cumsum(axis=1).max())


def add_slots(spec: mujoco.MjSpec, count: int) -> None:
    """Add the body of obstacles with `count` slots, each empty."""
    body = spec.worldbody.add_body(name=BODY)
    for index in range(count):
        # With the bits of an obstacle, so that the body as a whole has them.
        body.add_geom(
            name=f"{SLOT}{index}",
            size=[1e-3, 0, 0],
            contype=STATIC_BIT,
            conaffinity=DYNAMIC_BIT,
        )


class ActiveObstacles:
    """Keeps the slots of a physics model filled with the obstacles near what moves.

    Args:
        model: compiled, with the slots of `add_slots`.
        store: every obstacle.
        geom_models: name of the model that each geom belongs to, by geom id; kept up to date.
    """

    def __init__(self, model: mujoco.MjModel, store: ObstacleStore, geom_models: list[str]) -> None:
        self._store = store
        self._owners = geom_models
        body = int(model.body(BODY).id)
        self._body = body
        self._geom_counts = model.body_geomnum
        # The slots' bounding volume was built around empty slots: now they can be anywhere.
        if model.body_bvhadr[body] >= 0:
            model.bvh_aabb[model.body_bvhadr[body]] = [0.0, 0.0, 0.0, 1e6, 1e6, 1e6]
        self._slots = np.array(
            [index for index in range(model.ngeom) if model.geom(index).name.startswith(SLOT)],
            dtype=np.intp,
        )
        model.geom_sameframe[self._slots] = mujoco.mjtSameFrame.mjSAMEFRAME_NONE
        self._columns = _geom_arrays(model, store.model)
        self._movers, self._radii = movers(model)
        self._seen = np.full((len(self._movers), 2), np.inf)
        self._everything = len(self._slots) >= len(store.owners)
        if self._everything:
            self._fill(np.arange(len(store.owners)))

    def update(self, data: mujoco.MjData) -> None:
        """Renew the choice where a moving body has left the place it was made for."""
        if self._everything:
            return
        if not _left(data.xpos, self._movers, self._seen, RENEW / 2):
            return
        self._seen = data.xpos[self._movers, :2]
        reach = REACH + float(self._radii.max(initial=0.0))
        self._fill(self._store.near(self._seen, reach))

    def _fill(self, chosen: NDArray[np.intp]) -> None:
        slots = self._slots[: len(chosen)]
        for target, source in self._columns:
            target[slots] = source[chosen]
        # The engine looks at so many geoms of the body; the empty slots come after them.
        self._geom_counts[self._body] = len(chosen)
        for slot, obstacle in zip(slots, chosen, strict=True):
            self._owners[slot] = self._store.owners[obstacle]


@njit(cache=True, nogil=True)
def _left(
    xpos: NDArray[np.float64],
    movers: NDArray[np.intp],
    seen: NDArray[np.float64],
    tolerance: float,
) -> bool:
    """Whether a body of `movers` is further than `tolerance` from (M, 2) `seen` in x or y."""
    for k in range(movers.shape[0]):
        for axis in range(2):
            if abs(xpos[movers[k], axis] - seen[k, axis]) > tolerance:
                return True
    return False


def _geom_arrays(
    target: mujoco.MjModel, source: mujoco.MjModel
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The arrays by geom that say what a geom is, of both models."""
    names = [
        name
        for name in dir(target)
        if name.startswith("geom_")
        and name not in _NOT_COPIED
        and getattr(getattr(target, name), "shape", (0,))[:1] == (target.ngeom,)
    ]
    return [(getattr(target, name), getattr(source, name)) for name in names]


def movers(model: mujoco.MjModel) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Bodies that move on their own, and the radius of all that is welded to each, metres."""
    bodies = np.array(
        [b for b in range(1, model.nbody) if model.body_weldid[b] == b], dtype=np.intp
    )
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    radii = np.zeros(len(bodies))
    for index, body in enumerate(bodies):
        geoms = np.flatnonzero(model.body_weldid[model.geom_bodyid] == body)
        offsets = data.geom_xpos[geoms] - data.xpos[body]
        radii[index] = (np.linalg.norm(offsets, axis=1) + model.geom_rbound[geoms]).max(initial=0.0)
    return bodies, radii


def slots_needed(store: ObstacleStore, radii: NDArray[np.float64]) -> int:
    """Slots that suffice for moving bodies of these radii wherever they are."""
    reach = REACH + float(radii.max(initial=0.0)) + RENEW
    return min(len(store.owners), len(radii) * store.densest(reach))
