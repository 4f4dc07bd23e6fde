"""How a robot's weight rests on its wheels and casters, before any friction acts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from world_sim.sdf.pose import Vector3
from world_sim.sdf.types import Collision, Link, Model
from world_sim.slices import transform_triangles, triangles_of

# A shape whose lowest point is this close to the plane below the wheels (m) is a caster.
CASTER_GAP = 0.01
MAX_CASTERS = 6
# Weight of an even distribution where balance alone leaves the loads open, as with four wheels.
EVENNESS = 1e-4


def centre_of_mass(model: Model) -> tuple[float, Vector3]:
    """Mass (kg) and centre of mass (model frame, metres) of all links."""
    total, moment = 0.0, np.zeros(3)
    for link in model.links:
        place = link.pose.compose(link.inertial.pose).position
        total += link.inertial.mass
        moment += link.inertial.mass * np.array(place)
    return total, Vector3(*(float(value) for value in moment / total))


def lowest_point(link: Link, collision: Collision) -> Vector3:
    """The lowest point of a shape, in the model's frame."""
    pose = link.pose.compose(collision.pose)
    corners = transform_triangles(triangles_of(collision.geometry), pose).reshape(-1, 3)
    lowest = corners[:, 2] < corners[:, 2].min() + 1e-6
    return Vector3(*(float(value) for value in corners[lowest].mean(axis=0)))


def load_table(
    wheels: Sequence[Vector3], casters: Sequence[Vector3], centre: Vector3, weight: float
) -> NDArray[np.float64]:
    """(2^C, W) newtons: load of each wheel, by which of the casters touch the ground.

    Row `mask` holds for the casters whose bits are set in it. Balance of forces and moments with
    loads that only push; the most even distribution where that leaves a choice.

    Args:
        wheels: contact points of the wheels, model frame, metres.
        casters: contact points of the casters, model frame, metres.
        centre: of mass, model frame, metres.
        weight: newtons.
    """
    table = np.zeros((2 ** len(casters), len(wheels)))
    for mask in range(len(table)):
        touching = [caster for bit, caster in enumerate(casters) if mask >> bit & 1]
        points = np.array([(p.x, p.y) for p in (*wheels, *touching)])
        balance = np.vstack([np.ones(len(points)), points.T])
        even = EVENNESS * np.eye(len(points))
        right = np.concatenate([[1.0, centre.x, centre.y], np.zeros(len(points))])
        shares, _ = nnls(np.vstack([balance, even]), right)
        table[mask] = weight * shares[: len(wheels)]
    return table
