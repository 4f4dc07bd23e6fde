"""From a world's data to a MuJoCo model.

Static planes go on the world body: they are the ground, touching which is no collision. Other
static shapes are obstacles: primitives in slots (`obstacles`), meshes on a body of their own. A
dynamic model becomes a free body with its joints below it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from world_sim.drive import DriveSpec, read_drive
from world_sim.errors import WorldError
from world_sim.geoms import GeomFactory
from world_sim.obstacles import (
    PRIMITIVES,
    ActiveObstacles,
    Obstacle,
    ObstacleStore,
    add_slots,
    movers,
    slots_needed,
)
from world_sim.sdf.pose import IDENTITY, Pose3, Vector3
from world_sim.sdf.types import Inertial, Joint, Link, Model, Plane, Sensor, World
from world_sim.statics import (
    CASTER_GAP,
    MAX_CASTERS,
    centre_of_mass,
    load_table,
    lowest_point,
)
from world_sim.tyres import Tyre, add_tyre

SCENERY = "__scenery__"

JOINT_TYPES = {
    "revolute": mujoco.mjtJoint.mjJNT_HINGE,
    "continuous": mujoco.mjtJoint.mjJNT_HINGE,
    "prismatic": mujoco.mjtJoint.mjJNT_SLIDE,
    "ball": mujoco.mjtJoint.mjJNT_BALL,
}


@dataclass(frozen=True, slots=True)
class BuiltRobot:
    """What the simulator needs to know of a driven model: MuJoCo names.

    left_tyres, right_tyres: its driven wheels. casters: MuJoCo sensors that count the contacts
    of its other supports. loads: (2^C, W) newtons on the wheels, left then right, by which
    casters touch (`statics.load_table`). sensors: MuJoCo site and sensor of each.
    """

    name: str
    drive: DriveSpec
    base_body: str
    left_tyres: tuple[Tyre, ...]
    right_tyres: tuple[Tyre, ...]
    casters: tuple[str, ...]
    loads: NDArray[np.float64]
    sensors: tuple[tuple[str, Sensor], ...]


@dataclass(frozen=True, slots=True)
class Built:
    """A compiled model and the names in it.

    geom_models: name of the model that each geom belongs to now, by geom id. ground_friction:
    the highest coefficient of the ground planes, infinite where there is none. obstacles: fills
    the slots of the model. shapes: static and moving collision shapes of the world.
    """

    model: mujoco.MjModel
    robots: tuple[BuiltRobot, ...]
    geom_models: list[str]
    ground_friction: float
    obstacles: ActiveObstacles
    shapes: int


def build(world: World, models: Sequence[Model], step_s: float) -> Built:
    """Compile `models` (those of `world` and the robots spawned) into a MuJoCo model.

    Raises:
        WorldError: a joint or mesh cannot be played, or MuJoCo refuses the result.
    """
    builder = _Builder(world, models, step_s)
    robots = []
    for model in models:
        if model.static:
            builder.add_static(model)
        else:
            robot = builder.add_dynamic(model)
            if robot is not None:
                robots.append(robot)
    try:
        store = ObstacleStore(builder.obstacles, models)
        _, radii = movers(builder.spec.compile())
        add_slots(builder.spec, slots_needed(store, radii))
        compiled = builder.spec.compile()
    except ValueError as error:
        first = str(error).strip().splitlines()[0]
        raise WorldError(world.file, f"MuJoCo cannot build this world: {first}") from error
    owners = builder.geoms.owners
    names = [owners.get(compiled.geom(index).name, "") for index in range(compiled.ngeom)]
    return Built(
        model=compiled,
        robots=tuple(robots),
        geom_models=names,
        ground_friction=max(builder.ground_friction, default=np.inf),
        obstacles=ActiveObstacles(compiled, store, names),
        shapes=len(owners) + len(builder.obstacles),
    )


class _Builder:
    """Adds models to one MjSpec."""

    def __init__(self, world: World, models: Sequence[Model], step_s: float) -> None:
        self.spec = mujoco.MjSpec()
        self.geoms = GeomFactory(self.spec, models)
        self.ground_friction: list[float] = []
        self.obstacles: list[Obstacle] = []
        self._scenery = self.spec.worldbody.add_body(name=SCENERY)
        option = self.spec.option
        option.timestep = step_s
        option.gravity = list(world.gravity)
        option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        # Few geoms are ever near: testing them all is faster than walking a tree to them.
        option.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE
        option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND
        # Looking for several contacts, MuJoCo gives a wheel on the edge of a plate the normal of
        # the plate's side, and a sill of 5 mm becomes a wall.
        option.disableflags |= mujoco.mjtDisableBit.mjDSBL_MULTICCD

    def add_static(self, model: Model) -> None:
        """Add the collision shapes of a static model."""
        for link in model.links:
            pose = model.pose.compose(link.pose)
            for collision in link.collisions:
                place = pose.compose(collision.pose)
                if isinstance(collision.geometry, PRIMITIVES):
                    self.obstacles.append(Obstacle(model, collision, place))
                    continue
                ground = isinstance(collision.geometry, Plane)
                body = self.spec.worldbody if ground else self._scenery
                self.geoms.add(body, model, collision, place, static=True)
                if ground:
                    self.ground_friction.append(collision.friction.lowest)

    def add_dynamic(self, model: Model) -> BuiltRobot | None:
        """Add a model that moves; returns its drive where it has one."""
        if not model.links:
            return None
        tree = _ModelTree(self, model)
        tree.add_links()
        for first, second in itertools.combinations(tree.bodies, 2):
            self.spec.add_exclude(bodyname1=first, bodyname2=second)
        return self._robot(model, tree) if tree.drive else None

    def _robot(self, model: Model, tree: _ModelTree) -> BuiltRobot:
        assert tree.drive is not None
        base = f"{model.name}::{model.links[0].name}"
        # All contacts of the robot, and those with the ground: the difference is collisions.
        contact, found = mujoco.mjtSensor.mjSENS_CONTACT, [1, 0, 1]
        subtree, body = mujoco.mjtObj.mjOBJ_XBODY, mujoco.mjtObj.mjOBJ_BODY
        self.spec.add_sensor(
            name=f"{model.name}::touching",
            type=contact,
            objtype=subtree,
            objname=base,
            intprm=found,
        )
        self.spec.add_sensor(
            name=f"{model.name}::ground",
            type=contact,
            objtype=subtree,
            objname=base,
            reftype=body,
            refname="world",
            intprm=found,
        )
        left = tuple(tree.tyres[name] for name in tree.drive.left_joints)
        right = tuple(tree.tyres[name] for name in tree.drive.right_joints)
        casters, places = tree.add_casters()
        mass, centre = centre_of_mass(model)
        weight = mass * float(np.linalg.norm(self.spec.option.gravity))
        return BuiltRobot(
            name=model.name,
            drive=tree.drive,
            base_body=base,
            left_tyres=left,
            right_tyres=right,
            casters=tuple(casters),
            loads=load_table([t.contact for t in (*left, *right)], places, centre, weight),
            sensors=tuple(
                (f"{model.name}::{link.name}::{sensor.name}", sensor)
                for link in model.links
                for sensor in link.sensors
            ),
        )


class _ModelTree:
    """One dynamic model: its links as bodies, from the roots down its joints."""

    def __init__(self, builder: _Builder, model: Model) -> None:
        self.model = model
        self.drive = read_drive(model)
        self.bodies: list[str] = []
        self.tyres: dict[str, Tyre] = {}
        self._shapes: list[tuple[str, Vector3]] = []
        self._builder = builder
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
        world = self._builder.spec.worldbody
        children = {joint.child for joint in self.model.joints}
        for root in (link for link in self.model.links if link.name not in children):
            body = self._add_link(world, root, self.model.pose.compose(root.pose), None)
            body.add_freejoint(name=f"{body.name}::free")
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

    def add_casters(self) -> tuple[list[str], list[Vector3]]:
        """Count the contacts of what supports the robot beside its driven wheels.

        Returns:
            Names of the contact sensors, and where the casters stand in the model frame.
        """
        ground = min((tyre.contact.z for tyre in self.tyres.values()), default=0.0)
        near = [shape for shape in self._shapes if shape[1].z < ground + CASTER_GAP]
        near = near[:MAX_CASTERS]
        for geom, _ in near:
            self._builder.spec.add_sensor(
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
            name=f"{self.model.name}::{link.name}", pos=pose.position, quat=pose.orientation
        )
        self.bodies.append(body.name)
        _set_inertia(body, link.inertial)
        is_wheel = joint is not None and joint.name in self._driven
        for collision in link.collisions:
            geom = self._builder.geoms.add(
                body, self.model, collision, collision.pose, static=False, tyre=is_wheel
            )
            if not is_wheel and self.drive is not None:
                self._shapes.append((geom, lowest_point(link, collision)))
        self._add_sensors(body, link)
        if joint is not None and is_wheel and self.drive is not None:
            name = f"{self.model.name}::{joint.name}"
            radius = self.drive.wheel_radius
            self.tyres[joint.name] = add_tyre(
                self._builder.spec, body, name, link, joint, radius, self._centre
            )
        elif joint is not None:
            self._add_joint(body, joint)
        return body

    def _add_sensors(self, body: mujoco.MjsBody, link: Link) -> None:
        for sensor in link.sensors:
            name = f"{body.name}::{sensor.name}"
            body.add_site(name=name, pos=sensor.pose.position, quat=sensor.pose.orientation)
            if sensor.kind == "imu":
                for kind in ("GYRO", "ACCELEROMETER"):
                    self._builder.spec.add_sensor(
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
        )


def _set_inertia(body: mujoco.MjsBody, inertial: Inertial) -> None:
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
