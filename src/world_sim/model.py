"""From a world's data to a MuJoCo model.

Static planes and heightmaps go on the world body: they are the ground, touching which is no
collision. Other static shapes are obstacles: primitives in slots (`obstacles`), meshes on a body
of their own. A dynamic model becomes a free body with its joints below it, an actor a body that
its script moves.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from world_sim.drive import DriveSpec
from world_sim.errors import WorldError
from world_sim.geoms import GeomFactory
from world_sim.model_tree import ModelTree
from world_sim.obstacles import (
    PRIMITIVES,
    ActiveObstacles,
    Obstacle,
    ObstacleStore,
    add_slots,
    movers,
    slots_needed,
)
from world_sim.scripted import add_scripted
from world_sim.sdf.types import Heightmap, Model, Plane, Sensor, World
from world_sim.statics import (
    centre_of_mass,
    load_table,
)
from world_sim.tyres import Tyre

SCENERY = "__scenery__"


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
        elif model.trajectory is not None:
            add_scripted(builder.spec, builder.geoms, model)
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
        # Moments that break the triangle inequality by rounding are mended, not refused.
        self.spec.compiler.balanceinertia = True
        self.spec.compiler.degree = False
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
                ground = isinstance(collision.geometry, Plane | Heightmap)
                body = self.spec.worldbody if ground else self._scenery
                self.geoms.add(body, model, collision, place, static=True)
                if ground:
                    self.ground_friction.append(collision.friction.lowest)

    def add_dynamic(self, model: Model) -> BuiltRobot | None:
        """Add a model that moves; returns its drive where it has one."""
        if not model.links:
            return None
        tree = ModelTree(self.spec, self.geoms, model)
        tree.add_links()
        collides = {f"{model.name}::{link.name}" for link in model.links if link.self_collide}
        for first, second in itertools.combinations(tree.bodies, 2):
            if not {first, second} <= collides:
                self.spec.add_exclude(bodyname1=first, bodyname2=second)
        return self._robot(model, tree) if tree.drive else None

    def _robot(self, model: Model, tree: ModelTree) -> BuiltRobot:
        assert tree.drive is not None
        if not tree.roots:
            raise WorldError(
                model.location,
                f"'{model.name}' has a drive but is fixed to the world",
                "remove the joint to the world, or the drive",
            )
        base = tree.roots[0]
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
