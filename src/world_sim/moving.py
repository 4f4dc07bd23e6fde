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
def survey(
    bodies: NDArray[np.int64],
    xpos: NDArray[np.float64],
    xquat: NDArray[np.float64],
    cut_at: NDArray[np.float64],
    poses: NDArray[np.float64],
    stances: NDArray[np.float64],
) -> bool:
    """Where bodies are and how they stand.

    Args:
        bodies: (B,) rows of the bodies in `xpos` and `xquat`.
        xpos: mjData.xpos.
        xquat: mjData.xquat.
        cut_at: (B, 3) stance at which each was cut last.
        poses: (B, 3) x, y metres and yaw radians, world frame; written.
        stances: (B, 3) tilt about the levelled x and y axes, radians, and height, metres; written.

    Returns:
        Whether a body stands otherwise than when it was cut, by more than the tolerances.
    """
    stale = False
    for k in range(bodies.shape[0]):
        w, x, y, z = xquat[bodies[k]]
        yaw = 2.0 * math.atan2(z, w)
        cosine, sine = math.cos(yaw / 2.0), math.sin(yaw / 2.0)
        poses[k, 0], poses[k, 1], poses[k, 2] = xpos[bodies[k], 0], xpos[bodies[k], 1], yaw
        # Its rotation without its turn about the vertical: conjugate(turn) times rotation.
        stances[k, 0] = 2.0 * (cosine * x + sine * y)
        stances[k, 1] = 2.0 * (cosine * y - sine * x)
        stances[k, 2] = xpos[bodies[k], 2]
        tilt = math.hypot(stances[k, 0] - cut_at[k, 0], stances[k, 1] - cut_at[k, 1])
        rise = abs(stances[k, 2] - cut_at[k, 2])
        # An infinite `cut_at` is a body that was never cut.
        stale |= not (tilt <= TILT_TOLERANCE and rise <= RISE_TOLERANCE)
    return stale


@njit(cache=True, nogil=True)
def place(
    circles: NDArray[np.float64],
    circle_owners: NDArray[np.int64],
    segments: NDArray[np.float64],
    segment_owners: NDArray[np.int64],
    poses: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Circles and segments of bodies in the world frame.

    Args:
        circles: (C, 3) x, y, radius, metres, each in the levelled frame of its body.
        circle_owners: (C,) row of each circle's body in `poses`.
        segments: (S, 4) ends x, y, x, y, metres, likewise.
        segment_owners: (S,) likewise.
        poses: (B, 3) x, y metres and yaw radians of the bodies, world frame.

    Returns:
        (C, 3) and (S, 4) metres, world frame.
    """
    placed_circles, placed_segments = np.empty_like(circles), np.empty_like(segments)
    for k in range(circles.shape[0]):
        x, y, yaw = poses[circle_owners[k]]
        cosine, sine = math.cos(yaw), math.sin(yaw)
        placed_circles[k, 0] = x + cosine * circles[k, 0] - sine * circles[k, 1]
        placed_circles[k, 1] = y + sine * circles[k, 0] + cosine * circles[k, 1]
        placed_circles[k, 2] = circles[k, 2]
    for k in range(segments.shape[0]):
        x, y, yaw = poses[segment_owners[k]]
        cosine, sine = math.cos(yaw), math.sin(yaw)
        for end in (0, 2):
            px, py = segments[k, end], segments[k, end + 1]
            placed_segments[k, end] = x + cosine * px - sine * py
            placed_segments[k, end + 1] = y + sine * px + cosine * py
    return placed_circles, placed_segments


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
        self._poses = np.zeros((len(links), 3))
        self._stances = np.zeros((len(links), 3))

    def at(self, data: mujoco.MjData) -> Slice:
        """What the beam can meet now, world frame; `data` holds current kinematics."""
        if not self._links:
            return NOTHING
        if survey(self._ids, data.xpos, data.xquat, self._cut_at, self._poses, self._stances):
            self._renew(data.xquat[self._ids])
        circles, segments = place(
            self._circles, self._circle_owners, self._segments, self._segment_owners, self._poses
        )
        return Slice(circles, segments)

    def _renew(self, rotation: NDArray[np.float64]) -> None:
        """Cut anew what has tilted or risen since its last cut; (B, 4) orientations now."""
        now, yaw = self._stances.copy(), self._poses[:, 2]
        change = np.abs(now - self._cut_at)
        stale = ~(
            (np.hypot(change[:, 0], change[:, 1]) <= TILT_TOLERANCE)
            & (change[:, 2] <= RISE_TOLERANCE)
        )
        upright_part = np.cos(yaw / 2.0) * rotation[:, 0] + np.sin(yaw / 2.0) * rotation[:, 3]
        level = np.column_stack([upright_part, now[:, :2] / 2.0])
        # What hardly tilts is cut upright, so that a cylinder stays a circle.
        upright = np.hypot(now[:, 0], now[:, 1]) <= TILT_TOLERANCE
        level[upright], now[upright, :2] = (1.0, 0.0, 0.0), 0.0
        for index in np.flatnonzero(stale):
            w, x, y = (float(value) for value in level[index])
            pose = Pose3(Vector3(0.0, 0.0, float(now[index, 2])), Quaternion(w, x, y, 0.0))
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
