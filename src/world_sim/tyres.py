"""Tyres of driven wheels: where they stand, and the friction that moves the robot.

A driven wheel is a velocity source, as it is for Gazebo's diff drive: its tread runs at the
commanded speed whatever it meets. So it needs no joint. It is welded to its parent, its contact
carries load only, and two MuJoCo actuators at the contact, along and across the tread, are the
friction: each pulls the slip to zero within one step, up to a force limit that
`stepping.run_steps` sets to the share of Coulomb's limit in the direction of the slip.

The limit is friction coefficient × the load that the wheel would carry if no friction acted,
given which casters touch (`statics`). Gazebo's physics engine bounds friction by the normal
forces that it finds before friction acts, so that load transfer under acceleration does not
change the grip; the recordings that this simulator is held to show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import mujoco
import numpy as np

from world_sim.sdf.pose import Pose3, Quaternion, Vector3
from world_sim.sdf.types import Cylinder, Joint, Link, Sphere


@dataclass(frozen=True, slots=True)
class Tyre:
    """A driven wheel in the MuJoCo model.

    name: of the wheel's joint in the world; contact: where it stands, model frame; friction: of
    its tread, along and across. The actuators are `{name}::along` and `{name}::across`, the
    contact count is the sensor `{name}::ground`.
    """

    name: str
    contact: Vector3
    friction: tuple[float, float]


def add_tyre(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    link: Link,
    joint: Joint,
    radius: float,
    centre: Vector3,
) -> Tyre:
    """Give the wheel `link`, welded as `body`, its tread.

    Args:
        spec: what the tread is added to.
        body: the wheel's body.
        name: of the wheel's joint in the world.
        link: the wheel.
        joint: its axle; z of the model frame is up.
        radius: of the drive, metres, for a wheel whose shape does not say its own.
        centre: middle of the driven wheels, model frame.
    """
    up = link.pose.orientation.inverse().rotate(Vector3(0.0, 0.0, 1.0))
    axle = joint.axis
    shape = link.collisions[0].geometry if link.collisions else None
    if isinstance(shape, Cylinder | Sphere):
        radius = shape.radius
    # A cylinder stands on its inner edge: there Gazebo's contact carries the load.
    half_width = shape.length / 2 if isinstance(shape, Cylinder) else 0.0
    outwards = link.pose.orientation.rotate(axle)
    offset = [a - b for a, b in zip(link.pose.position, centre, strict=True)]
    side = sum(a * b for a, b in zip(outwards, offset, strict=True))
    inwards = -half_width if side > 0 else half_width
    contact = Vector3(
        *(
            p - radius * u + inwards * a
            for p, u, a in zip(joint.pose.position, up, axle, strict=True)
        )
    )
    body.add_site(name=name, pos=contact, quat=_frame(_cross(axle, up), up))
    for direction, gear in (("along", [1, 0, 0, 0, 0, 0]), ("across", [0, 1, 0, 0, 0, 0])):
        spec.add_actuator(
            name=f"{name}::{direction}",
            target=name,
            trntype=mujoco.mjtTrn.mjTRN_SITE,
            gear=gear,
            biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            forcelimited=True,
            forcerange=[-1.0, 1.0],
        )
    spec.add_sensor(
        name=f"{name}::ground",
        type=mujoco.mjtSensor.mjSENS_CONTACT,
        objtype=mujoco.mjtObj.mjOBJ_BODY,
        objname=body.name,
        intprm=[1, 0, 1],
    )
    place = link.pose.compose(Pose3(contact)).position
    return Tyre(name, place, _tread_friction(link, axle))


def _tread_friction(link: Link, axle: Vector3) -> tuple[float, float]:
    """Friction coefficients of a wheel along its tread and across it.

    They differ where the shape's first friction direction lies along the axle (or across it):
    a wheel's own frame turns with it, so that no other direction keeps its meaning.
    """
    if not link.collisions:
        return 1.0, 1.0
    collision = link.collisions[0]
    friction = collision.friction
    if friction.direction is None:
        return friction.lowest, friction.lowest
    direction = collision.pose.orientation.rotate(friction.direction)
    along_axle = abs(sum(a * b for a, b in zip(direction, axle, strict=True)))
    if along_axle > math.cos(math.pi / 4):
        return friction.mu2, friction.mu
    return friction.mu, friction.mu2


def _cross(a: Vector3, b: Vector3) -> Vector3:
    return Vector3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)


def _frame(forward: Vector3, up: Vector3) -> Quaternion:
    """Orientation whose x is `forward` and whose z is `up` (unit, orthogonal)."""
    left = _cross(up, forward)
    matrix = np.array([forward, left, up]).T.ravel()
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(matrix))
    return Quaternion(*(float(value) for value in quaternion))
