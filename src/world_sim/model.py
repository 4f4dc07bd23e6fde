"""From a world's data to a MuJoCo model.

All static shapes go on two bodies: planes on the world body (the ground, touching which is no
collision) and everything else on one body of obstacles. A dynamic model becomes a free body
with its joints below it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import mujoco
import numpy as np

from world_sim.drive import DriveSpec, read_drive
from world_sim.errors import WorldError
from world_sim.sdf.pose import IDENTITY, Pose3, Quaternion, Vector3
from world_sim.sdf.types import (
    Box,
    Capsule,
    Collision,
    Cylinder,
    Ellipsoid,
    Geometry,
    Inertial,
    Joint,
    Link,
    Mesh,
    Model,
    Plane,
    Sensor,
    Sphere,
    World,
)

OBSTACLES = "__obstacles__"
STATIC_BIT, DYNAMIC_BIT = 1, 2

# A driven wheel is a velocity source: its speed follows the drive's command whatever it meets,
# as the velocity servo of Gazebo's physics engine does. A rotor inertia of the joint far above
# anything that contact can transmit gives MuJoCo's constraint solver the same well-conditioned
# view (kg m²; it acts on the joint's coordinate alone and adds no weight to the robot).
WHEEL_ARMATURE = 50.0

# Contact stiffness: time constant (s) and damping ratio. Shorter than MuJoCo's default so that
# wheels do not sink, longer than two physics steps so that it stays stable.
CONTACT_SOLREF = (0.008, 1.0)


@dataclass(frozen=True, slots=True)
class BuiltRobot:
    """What the simulator needs to know of a driven model: MuJoCo names."""

    name: str
    drive: DriveSpec
    base_body: str
    left_joints: tuple[str, ...]
    right_joints: tuple[str, ...]
    sensors: tuple[tuple[str, Sensor], ...]


@dataclass(slots=True)
class Built:
    """A compiled model and the names in it."""

    model: mujoco.MjModel
    robots: tuple[BuiltRobot, ...]
    geom_models: list[str] = field(default_factory=list)
    pair_joints: tuple[str, ...] = ()


def build(world: World, models: Sequence[Model], step_s: float) -> Built:
    """Compile `models` (those of `world` and the robots spawned) into a MuJoCo model.

    Raises:
        WorldError: a joint or mesh cannot be played, or MuJoCo refuses the result.
    """
    builder = _Builder(world, step_s)
    priorities = _friction_priorities(models)
    builder.priorities = priorities
    robots = []
    for model in models:
        if model.static:
            builder.add_static(model)
        else:
            robot = builder.add_dynamic(model)
            if robot is not None:
                robots.append(robot)
    pairs = builder.add_tyre_contacts()
    try:
        compiled = builder.spec.compile()
    except ValueError as error:
        first = str(error).strip().splitlines()[0]
        raise WorldError(world.file, f"MuJoCo cannot build this world: {first}") from error
    owners = [builder.owners.get(compiled.geom(index).name, "") for index in range(compiled.ngeom)]
    return Built(compiled, tuple(robots), owners, pairs)


def _friction_priorities(models: Sequence[Model]) -> dict[float, int]:
    """Priority of each friction coefficient: the lower of two is the contact's.

    MuJoCo takes the parameters of the geom with the higher priority; Gazebo takes the smaller
    coefficient. Ranking coefficients from high to low makes the first rule give the second.
    """
    values = {
        collision.friction
        for model in models
        for link in model.links
        for collision in link.collisions
    }
    return {value: rank for rank, value in enumerate(sorted(values, reverse=True))}


class _Builder:
    """Adds models to one MjSpec."""

    def __init__(self, world: World, step_s: float) -> None:
        self.spec = mujoco.MjSpec()
        self.owners: dict[str, str] = {}
        self.priorities: Mapping[float, int] = {}
        self._world = world
        self._meshes: dict[Mesh, str] = {}
        self._obstacles = self.spec.worldbody.add_body(name=OBSTACLES)
        self._ground: list[tuple[str, float]] = []
        self._tyres: list[tuple[str, str, float]] = []
        option = self.spec.option
        option.timestep = step_s
        option.gravity = list(world.gravity)
        option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND

    def add_static(self, model: Model) -> None:
        """Add the collision shapes of a static model."""
        for link in model.links:
            pose = model.pose.compose(link.pose)
            for collision in link.collisions:
                ground = isinstance(collision.geometry, Plane)
                body = self.spec.worldbody if ground else self._obstacles
                place = pose.compose(collision.pose)
                geom = self._add_geom(body, model, collision, place, STATIC_BIT)
                if ground:
                    self._ground.append((geom, collision.friction))

    def add_dynamic(self, model: Model) -> BuiltRobot | None:
        """Add a model that moves; returns its drive where it has one."""
        if not model.links:
            return None
        drive = read_drive(model)
        driven = set(drive.left_joints + drive.right_joints) if drive else set()
        joints: dict[str, list[Joint]] = {}
        for joint in model.joints:
            joints.setdefault(joint.parent, []).append(joint)
        children = {joint.child for joint in model.joints}
        links = {link.name: link for link in model.links}
        bodies: list[str] = []
        for root in (link for link in model.links if link.name not in children):
            pose = model.pose.compose(root.pose)
            body = self._add_link(self.spec.worldbody, model, root, pose, None, False)
            body.add_freejoint(name=f"{model.name}::{root.name}::free")
            self._add_children(model, body, root, links, joints, driven, bodies)
            bodies.append(body.name)
        for joint in joints.get("world", ()):
            link = links[joint.child]
            pose = model.pose.compose(link.pose)
            body = self._add_link(self.spec.worldbody, model, link, pose, joint, False)
            self._add_children(model, body, link, links, joints, driven, bodies)
            bodies.append(body.name)
        unreached = set(links) - {name.removeprefix(f"{model.name}::") for name in bodies}
        if unreached:
            raise WorldError(
                model.location, f"joints of '{model.name}' form a loop at {sorted(unreached)}"
            )
        for first, second in itertools.combinations(bodies, 2):
            self.spec.add_exclude(bodyname1=first, bodyname2=second)
        return self._robot(model, drive) if drive else None

    def _add_children(
        self,
        model: Model,
        body: mujoco.MjsBody,
        parent: Link,
        links: Mapping[str, Link],
        joints: Mapping[str, Sequence[Joint]],
        driven: set[str],
        bodies: list[str],
    ) -> None:
        for joint in joints.get(parent.name, ()):
            link = links[joint.child]
            pose = parent.pose.inverse().compose(link.pose)
            is_wheel = joint.name in driven
            child = self._add_link(body, model, link, pose, joint, is_wheel)
            self._add_children(model, child, link, links, joints, driven, bodies)
            bodies.append(child.name)

    def _add_link(
        self,
        parent: mujoco.MjsBody,
        model: Model,
        link: Link,
        pose: Pose3,
        joint: Joint | None,
        is_wheel: bool,
    ) -> mujoco.MjsBody:
        body = parent.add_body(
            name=f"{model.name}::{link.name}", pos=pose.position, quat=pose.orientation
        )
        _set_inertia(body, link.inertial, link)
        for collision in link.collisions:
            shape = _rolling(collision, joint.axis) if joint and is_wheel else collision
            geom = self._add_geom(body, model, shape, shape.pose, DYNAMIC_BIT)
            if joint is not None and is_wheel:
                self._tyres.append((f"{model.name}::{joint.name}", geom, shape.friction))
        for sensor in link.sensors:
            name = f"{model.name}::{link.name}::{sensor.name}"
            body.add_site(name=name, pos=sensor.pose.position, quat=sensor.pose.orientation)
            if sensor.kind == "imu":
                for kind in ("GYRO", "ACCELEROMETER"):
                    self.spec.add_sensor(
                        name=f"{name}::{kind.lower()}",
                        type=getattr(mujoco.mjtSensor, f"mjSENS_{kind}"),
                        objtype=mujoco.mjtObj.mjOBJ_SITE,
                        objname=name,
                    )
        if joint is not None:
            self._add_joint(body, model, joint, is_wheel)
        return body

    def _add_joint(self, body: mujoco.MjsBody, model: Model, joint: Joint, is_wheel: bool) -> None:
        types = {
            "revolute": mujoco.mjtJoint.mjJNT_HINGE,
            "continuous": mujoco.mjtJoint.mjJNT_HINGE,
            "prismatic": mujoco.mjtJoint.mjJNT_SLIDE,
            "ball": mujoco.mjtJoint.mjJNT_BALL,
        }
        if joint.kind == "fixed":
            return
        if joint.kind not in types:
            raise WorldError(
                joint.location,
                f"joint type '{joint.kind}' of '{joint.name}' is not played",
                f"use one of: fixed, {', '.join(types)}",
            )
        limited = max(abs(joint.lower), abs(joint.upper)) < 1e9 and joint.kind != "continuous"
        name = f"{model.name}::{joint.name}"
        body.add_joint(
            name=name,
            type=types[joint.kind],
            pos=joint.pose.position,
            axis=joint.axis,
            limited=limited,
            range=[joint.lower, joint.upper] if limited else [0.0, 0.0],
            damping=0.0 if is_wheel else joint.damping,
            frictionloss=0.0 if is_wheel else joint.friction,
            armature=WHEEL_ARMATURE if is_wheel else 0.0,
        )
        if is_wheel:
            self.spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)

    def _add_geom(
        self, body: mujoco.MjsBody, model: Model, collision: Collision, pose: Pose3, bit: int
    ) -> str:
        """Add a collision shape; returns the name of its geom."""
        name = f"{model.name}::{collision.name}::{len(self.owners)}"
        self.owners[name] = model.name
        kind, size, extra = self._shape(collision.geometry)
        if isinstance(collision.geometry, Plane):
            pose = pose.compose(Pose3(orientation=_from_z(collision.geometry.normal)))
        slippery = collision.friction < 1e-6
        body.add_geom(
            name=name,
            type=kind,
            size=size,
            pos=pose.position,
            quat=pose.orientation,
            contype=bit,
            conaffinity=DYNAMIC_BIT if bit == STATIC_BIT else STATIC_BIT | DYNAMIC_BIT,
            condim=1 if slippery else 3,
            friction=[max(collision.friction, 1e-5), 0.005, 0.0001],
            priority=self.priorities[collision.friction],
            solref=CONTACT_SOLREF,
            **extra,
        )
        return name

    def add_tyre_contacts(self) -> tuple[str, ...]:
        """Make each tyre's contact with each ground plane one whose friction can be tuned.

        Returns:
            The joint of the wheel, for each contact pair in MuJoCo's order.
        """
        wheels = []
        for joint, tyre, tyre_friction in self._tyres:
            for ground, ground_friction in self._ground:
                friction = max(min(tyre_friction, ground_friction), 1e-5)
                self.spec.add_pair(
                    geomname1=ground,
                    geomname2=tyre,
                    condim=3,
                    friction=[friction, friction, 0.005, 0.0001, 0.0001],
                    solref=CONTACT_SOLREF,
                    solreffriction=CONTACT_SOLREF,
                )
                wheels.append(joint)
        return tuple(wheels)

    def _shape(self, geometry: Geometry) -> tuple[mujoco.mjtGeom, list[float], dict[str, object]]:
        kind = mujoco.mjtGeom
        match geometry:
            case Plane(size=(x, y)):
                return kind.mjGEOM_PLANE, [0.0, 0.0, max(x, y) / 2], {}
            case Box(size=size):
                return kind.mjGEOM_BOX, [edge / 2 for edge in size], {}
            case Sphere(radius=radius):
                return kind.mjGEOM_SPHERE, [radius, 0.0, 0.0], {}
            case Cylinder(radius=radius, length=length):
                return kind.mjGEOM_CYLINDER, [radius, length / 2, 0.0], {}
            case Capsule(radius=radius, length=length):
                return kind.mjGEOM_CAPSULE, [radius, length / 2, 0.0], {}
            case Ellipsoid(radii=radii):
                return kind.mjGEOM_ELLIPSOID, list(radii), {}
            case Mesh():
                return kind.mjGEOM_MESH, [0.0, 0.0, 0.0], {"meshname": self._mesh(geometry)}

    def _mesh(self, mesh: Mesh) -> str:
        if mesh not in self._meshes:
            name = f"mesh{len(self._meshes)}"
            self.spec.add_mesh(name=name, file=mesh.path, scale=list(mesh.scale))
            self._meshes[mesh] = name
        return self._meshes[mesh]

    def _robot(self, model: Model, drive: DriveSpec) -> BuiltRobot:
        base = f"{model.name}::{model.links[0].name}"
        # All contacts of the robot, and those with the ground: the difference is collisions.
        contact = mujoco.mjtSensor.mjSENS_CONTACT
        subtree, body = mujoco.mjtObj.mjOBJ_XBODY, mujoco.mjtObj.mjOBJ_BODY
        found = [1, 0, 1]
        self.spec.add_sensor(
            name=f"{model.name}::touching", type=contact, objtype=subtree, objname=base,
            intprm=found,
        )  # fmt: skip
        self.spec.add_sensor(
            name=f"{model.name}::ground", type=contact, objtype=subtree, objname=base,
            reftype=body, refname="world", intprm=found,
        )  # fmt: skip
        return BuiltRobot(
            name=model.name,
            drive=drive,
            base_body=base,
            left_joints=tuple(f"{model.name}::{name}" for name in drive.left_joints),
            right_joints=tuple(f"{model.name}::{name}" for name in drive.right_joints),
            sensors=tuple(
                (f"{model.name}::{link.name}::{sensor.name}", sensor)
                for link in model.links
                for sensor in link.sensors
            ),
        )


def _set_inertia(body: mujoco.MjsBody, inertial: Inertial, link: Link) -> None:
    rotation = inertial.pose.orientation
    body.explicitinertial = True
    body.mass = inertial.mass
    body.ipos = inertial.pose.position
    if rotation == IDENTITY.orientation:
        body.fullinertia = inertial.inertia
        return
    ixx, iyy, izz, ixy, ixz, iyz = inertial.inertia
    matrix = np.array([[ixx, ixy, ixz], [ixy, iyy, iyz], [ixz, iyz, izz]])
    frame = np.array([rotation.rotate(Vector3(*axis)) for axis in np.eye(3)]).T
    turned = frame @ matrix @ frame.T
    body.fullinertia = [*np.diag(turned), turned[0, 1], turned[0, 2], turned[1, 2]]


def _rolling(collision: Collision, axis: Vector3) -> Collision:
    """The shape that a driven wheel rolls on: a cylinder about its axle becomes an ellipsoid.

    One contact in the middle of the tread instead of a manifold that jumps between its edges.
    """
    shape = collision.geometry
    if not isinstance(shape, Cylinder):
        return collision
    along = collision.pose.orientation.rotate(Vector3(0, 0, 1))
    if abs(sum(a * b for a, b in zip(along, axis, strict=True))) < 0.999:
        return collision
    radii = Vector3(shape.radius, shape.radius, shape.length / 2)
    return Collision(
        collision.name, Ellipsoid(radii), collision.pose, collision.location, collision.friction
    )


def _from_z(direction: Vector3) -> Quaternion:
    """A rotation that takes z to `direction` (unit length)."""
    x, y, z = direction
    if z < -0.999999:
        return Quaternion(0.0, 1.0, 0.0, 0.0)
    w = math.sqrt((1 + z) / 2)
    return Quaternion(w, -y / (2 * w), x / (2 * w), 0.0)
