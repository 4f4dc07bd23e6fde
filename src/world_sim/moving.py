"""What a level lidar beam meets of the bodies that move: other robots, pushed boxes, carts.

Each body is cut where it stands, and the cut then turns and shifts with the body. When a body
has tilted or risen by more than the tolerances below, it is cut anew at its true pose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import mujoco
import numpy as np
from numba import njit
from numpy.typing import NDArray

from world_sim.sdf.pose import Pose3, Quaternion, Vector3
from world_sim.sdf.types import Link, Model
from world_sim.slices import Slice, cut_shape

TILT_TOLERANCE = 0.005
"""Radians: over half a metre of a body's height it shifts the cut by 2.5 mm."""
RISE_TOLERANCE = 0.002
"""Metres."""

NOTHING = Slice(np.empty((0, 3)), np.empty((0, 4)))


@njit(cache=True, nogil=True)
def place(
    points: NDArray[np.float64], owners: NDArray[np.int64], poses: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points of bodies in the world frame.

    Args:
        points: (K, 2) metres, each in the levelled frame of its body.
        owners: (K,) row of each point's body in `poses`.
        poses: (B, 3) x, y metres and yaw radians of the bodies, world frame.

    Returns:
        (K, 2) metres, world frame.
    """
    placed = np.empty_like(points)
    for k in range(points.shape[0]):
        x, y, yaw = poses[owners[k]]
        cosine, sine = math.cos(yaw), math.sin(yaw)
        placed[k, 0] = x + cosine * points[k, 0] - sine * points[k, 1]
        placed[k, 1] = y + sine * points[k, 0] + cosine * points[k, 1]
    return placed


class MovingBodies:
    """Every link of some moving models, cut at one height.

    Args:
        model: the compiled world.
        models: those that move; static ones among them are left out.
        height: of the beam, metres above the world's origin.
    """

    def __init__(self, model: mujoco.MjModel, models: Sequence[Model], height: float):
        self._height = height
        links = [
            (int(model.body(f"{moving.name}::{link.name}").id), link)
            for moving in models
            if not moving.static
            for link in moving.links
            if link.visuals
        ]
        self._ids = np.array([body for body, _ in links], dtype=np.int64)
        self._links = [link for _, link in links]
        self._cuts = [NOTHING] * len(links)
        self._cut_at = np.full((len(links), 3), np.inf)

    def at(self, data: mujoco.MjData) -> Slice:
        """What the beam can meet now, world frame; `data` holds current kinematics."""
        if not self._links:
            return NOTHING
        position, rotation = data.xpos[self._ids], data.xquat[self._ids]
        yaw = 2.0 * np.arctan2(rotation[:, 3], rotation[:, 0])
        self._renew(position[:, 2], rotation, yaw)
        poses = np.column_stack([position[:, :2], yaw])
        radii = self._circles[:, 2:]
        centres = place(self._circles[:, :2], self._circle_owners, poses)
        ends = [
            place(self._segments[:, end : end + 2], self._segment_owners, poses) for end in (0, 2)
        ]
        return Slice(np.hstack([centres, radii]), np.hstack(ends))

    def _renew(
        self, height: NDArray[np.float64], rotation: NDArray[np.float64], yaw: NDArray[np.float64]
    ) -> None:
        """Cut anew what has tilted or risen since its last cut."""
        w, x, y, z = rotation.T
        cosine, sine = np.cos(yaw / 2.0), np.sin(yaw / 2.0)
        # Each rotation without its turn about the vertical: conjugate(turn) times rotation.
        level = np.column_stack(
            [cosine * w + sine * z, cosine * x + sine * y, cosine * y - sine * x]
        )
        now = np.column_stack([2.0 * level[:, 1:], height])
        change = np.abs(now - self._cut_at)
        stale = (np.hypot(change[:, 0], change[:, 1]) > TILT_TOLERANCE) | (
            change[:, 2] > RISE_TOLERANCE
        )
        if not stale.any():
            return
        # What hardly tilts is cut upright, so that a cylinder stays a circle.
        upright = np.hypot(now[:, 0], now[:, 1]) <= TILT_TOLERANCE
        level[upright], now[upright, :2] = (1.0, 0.0, 0.0), 0.0
        for index in np.flatnonzero(stale):
            tilt = Quaternion(*(float(value) for value in level[index]))
            pose = Pose3(Vector3(0.0, 0.0, float(height[index])), tilt)
            self._cuts[index] = _cut(self._links[index], pose, self._height)
        self._cut_at[stale] = now[stale]
        self._join()

    def _join(self) -> None:
        """Lay the cuts of all bodies into one set of arrays."""
        cuts = self._cuts
        owners = np.arange(len(cuts))
        self._circles = np.concatenate([cut.circles for cut in cuts])
        self._circle_owners = np.repeat(owners, [len(cut.circles) for cut in cuts])
        self._segments = np.concatenate([cut.segments for cut in cuts])
        self._segment_owners = np.repeat(owners, [len(cut.segments) for cut in cuts])


def _cut(link: Link, pose: Pose3, height: float) -> Slice:
    """The primitives of a link at `pose`, x and y in the link's levelled frame."""
    circles: list[tuple[float, float, float]] = []
    segments: list[NDArray[np.float64]] = []
    for visual in link.visuals:
        cut_shape(visual.geometry, pose.compose(visual.pose), height, circles, segments)
    return Slice(
        np.array(circles, dtype=np.float64).reshape(-1, 3),
        np.concatenate(segments) if segments else np.empty((0, 4)),
    )
