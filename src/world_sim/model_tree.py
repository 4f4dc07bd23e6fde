"""One dynamic model in MuJoCo: its links as bodies, from the roots down its joints."""

from __future__ import annotations

import mujoco
import numpy as np

from world_sim.drive import read_drive
from world_sim.errors import WorldError
from world_sim.geoms import GeomFactory
from world_sim.sdf.pose import NO_ROTATION, Pose3, Vector3
from world_sim.sdf.types import Heightmap, Inertial, Joint, Link, Mimic, Model
from world_sim.statics import CASTER_GAP, MAX_CASTERS, lowest_point
from world_sim.tyres import Tyre, add_tyre

JOINT_TYPES = {
    "revolute": mujoco.mjtJoint.mjJNT_HINGE,
    "continuous": mujoco.mjtJoint.mjJNT_HINGE,
    "prismatic": mujoco.mjtJoint.mjJNT_SLIDE,
    "ball": mujoco.mjtJoint.mjJNT_BALL,
}
ONE_AXIS = ("revolute", "continuous", "prismatic")


class ModelTree:
    """Adds one dynamic model to a spec.

    bodies, roots: names of all its bodies and of those that float freely. tyres: of its driven
    wheels, by joint.
    """

    def __init__(self, spec: mujoco.MjSpec, geoms: GeomFactory, model: Model) -> None:
        self.model = model
        self.drive = read_drive(model)
        self.bodies: list[str] = []
        self.roots: list[str] = []
        self.tyres: dict[str, Tyre] = {}
        self._shapes: list[tuple[str, Vector3]] = []
        self._mimics: list[tuple[Joint, Mimic]] = []
        self._spec = spec
        self._geoms = geoms
        self._links = {link.name: link for link in model.links}
        self._below: dict[str, list[Joint]] = {}
        for joint in model.joints:
            self._below.setdefault(joint.parent, []).append(joint)
        self._driven = set(self.drive.left_joints + self.drive.right_joints if self.drive else ())
        wheels = [self._links[j.child].pose for j in model.joints if j.name in self._driven]
        count = max(1, len(wheels))
        self._centre = Vector3(
            *(sum(w.position[axis] for w in wheels) / count for axis in range(3))
        )

    def add_links(self) -> None:
        """Add every link.

        Raises:
            WorldError: the joints form a loop.
        """
        world = self._spec.worldbody
        children = {joint.child for joint in self.model.joints}
        for root in (link for link in self.model.links if link.name not in children):
            body = self._add_link(world, root, self.model.pose.compose(root.pose), None)
            body.add_freejoint(name=f"{body.name}::free")
            self.roots.append(body.name)
            self._add_below(body, root)
        for joint in self._below.get("world", ()):
            link = self._links[joint.child]
            body = self._add_link(world, link, self.model.pose.compose(link.pose), joint)
            self._add_below(body, link)
        names = {f"{self.model.name}::{name}" for name in self._links}
        unreached = sorted(names - set(self.bodies))
        if unreached:
            raise WorldError(
                self.model.location,
                f"joints of '{self.model.name}' form a loop at {', '.join(unreached[:4])}",
                "remove one joint of the loop",
            )
        for joint, mimic in self._mimics:
            self._couple(joint, mimic)

    def add_casters(self) -> tuple[list[str], list[Vector3]]:
        """Count the contacts of what supports the robot beside its driven wheels.

        Returns:
            Names of the contact sensors, and where the casters stand in the model frame.
        """
        ground = min((tyre.contact.z for tyre in self.tyres.values()), default=0.0)
        near = [shape for shape in self._shapes if shape[1].z < ground + CASTER_GAP]
        near = near[:MAX_CASTERS]
        for geom, _ in near:
            self._spec.add_sensor(
                name=geom,
                type=mujoco.mjtSensor.mjSENS_CONTACT,
                objtype=mujoco.mjtObj.mjOBJ_GEOM,
                objname=geom,
                intprm=[1, 0, 1],
            )
        return [geom for geom, _ in near], [point for _, point in near]

    def _add_below(self, body: mujoco.MjsBody, parent: Link) -> None:
        for joint in self._below.get(parent.name, ()):
            link = self._links[joint.child]
            child = self._add_link(body, link, parent.pose.inverse().compose(link.pose), joint)
            self._add_below(child, link)

    def _add_link(
        self, parent: mujoco.MjsBody, link: Link, pose: Pose3, joint: Joint | None
    ) -> mujoco.MjsBody:
        body = parent.add_body(
            name=f"{self.model.name}::{link.name}",
            pos=pose.position,
            quat=pose.orientation,
            gravcomp=0.0 if link.gravity else 1.0,
        )
        self.bodies.append(body.name)
        _set_inertia(body, link.inertial)
        is_wheel = joint is not None and joint.name in self._driven
        for collision in link.collisions:
            if isinstance(collision.geometry, Heightmap):
                raise WorldError(
                    collision.location, "<heightmap>: cannot move", "make its model static"
                )
            geom = self._geoms.add(
                body, self.model, collision, collision.pose, static=False, tyre=is_wheel
            )
            if not is_wheel and self.drive is not None:
                self._shapes.append((geom, lowest_point(link, collision)))
        self._add_sensors(body, link)
        if joint is not None and is_wheel and self.drive is not None:
            name = f"{self.model.name}::{joint.name}"
            radius = self.drive.wheel_radius
            self.tyres[joint.name] = add_tyre(
                self._spec, body, name, link, joint, radius, self._centre
            )
        elif joint is not None:
            self._add_joint(body, joint)
        return body

    def _couple(self, joint: Joint, mimic: Mimic) -> None:
        """Let `joint` follow the joint that it mimics."""
        leader = next(j for j in self.model.joints if j.name == mimic.joint)
        if joint.kind not in ONE_AXIS or leader.kind not in ONE_AXIS or leader.name in self._driven:
            raise WorldError(
                joint.location,
                f"<mimic>: '{joint.name}' cannot follow '{leader.name}'",
                f"mimic works between joints of one axis ({', '.join(ONE_AXIS)}), driven wheels"
                " excepted",
            )
        constant = mimic.offset - mimic.multiplier * mimic.reference
        self._spec.add_equality(
            type=mujoco.mjtEq.mjEQ_JOINT,
            objtype=mujoco.mjtObj.mjOBJ_JOINT,
            name1=f"{self.model.name}::{joint.name}",
            name2=f"{self.model.name}::{leader.name}",
            data=[constant, mimic.multiplier, *[0.0] * (mujoco.mjNEQDATA - 2)],
        )

    def _add_sensors(self, body: mujoco.MjsBody, link: Link) -> None:
        for sensor in link.sensors:
            name = f"{body.name}::{sensor.name}"
            body.add_site(name=name, pos=sensor.pose.position, quat=sensor.pose.orientation)
            if sensor.kind == "imu":
                for kind in ("GYRO", "ACCELEROMETER"):
                    self._spec.add_sensor(
                        name=f"{name}::{kind.lower()}",
                        type=getattr(mujoco.mjtSensor, f"mjSENS_{kind}"),
                        objtype=mujoco.mjtObj.mjOBJ_SITE,
                        objname=name,
                    )

    def _add_joint(self, body: mujoco.MjsBody, joint: Joint) -> None:
        if joint.kind == "fixed":
            return
        if joint.kind not in JOINT_TYPES:
            raise WorldError(
                joint.location,
                f"joint type '{joint.kind}' of '{joint.name}' is not played",
                f"use one of: fixed, {', '.join(JOINT_TYPES)}",
            )
        limited = max(abs(joint.lower), abs(joint.upper)) < 1e9 and joint.kind != "continuous"
        body.add_joint(
            name=f"{self.model.name}::{joint.name}",
            type=JOINT_TYPES[joint.kind],
            pos=joint.pose.position,
            axis=joint.axis,
            limited=limited,
            range=[joint.lower, joint.upper] if limited else [0.0, 0.0],
            damping=joint.damping,
            frictionloss=joint.friction,
            stiffness=joint.spring_stiffness,
            springref=joint.spring_reference,
        )
        if joint.mimic is not None:
            self._mimics.append((joint, joint.mimic))


def _set_inertia(body: mujoco.MjsBody, inertial: Inertial) -> None:
    rotation = inertial.pose.orientation
    body.explicitinertial = True
    body.mass = inertial.mass
    body.ipos = inertial.pose.position
    if rotation == NO_ROTATION:
        body.fullinertia = inertial.inertia
        return
    ixx, iyy, izz, ixy, ixz, iyz = inertial.inertia
    matrix = np.array([[ixx, ixy, ixz], [ixy, iyy, iyz], [ixz, iyz, izz]])
    frame = np.array([rotation.rotate(Vector3(*axis)) for axis in np.eye(3)]).T
    turned = frame @ matrix @ frame.T
    body.fullinertia = [*np.diag(turned), turned[0, 1], turned[0, 2], turned[1, 2]]
