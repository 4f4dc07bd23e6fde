"""The world of a run: generated or read, with the scenario's shapes and actors in it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autonomy_interfaces.messages import Pose2D
from scenario_eval.scenarios.schema import Actor, Scenario, WorldFile, as_pose
from scenario_eval.scenarios.shapes import body_sdf, shapes_sdf, world_sdf
from world_sim.drive import is_diff_drive
from world_sim.sdf.types import Model
from world_sim.world import World, load_world


@dataclass(frozen=True)
class Scene:
    """A world as SDF text, where the robot starts in it, and where it is to go; world frame.

    beside: directory that the text's relative paths start from. start: None for the world's own.
    """

    sdf: str
    beside: Path
    start: Pose2D | None
    goals: tuple[Pose2D, ...]


@dataclass(frozen=True)
class Setup:
    """A world, where the robot starts in it, and where it is to go; world frame."""

    world: World
    start: Pose2D
    goals: tuple[Pose2D, ...]


def scene_of(scenario: Scenario, beside: Path, seed: int) -> Scene:
    """The world of a concrete scenario as text.

    Args:
        scenario: what is to be played.
        beside: directory of the scenario's file.
        seed: of what the world's generator draws.

    Raises:
        ValueError: there is no such world file.
    """
    source = scenario.world
    actors = _actors_sdf(scenario.actors)
    start = as_pose(scenario.start) if scenario.start else None
    goals = None if scenario.goals is None else tuple(as_pose(goal) for goal in scenario.goals)
    if isinstance(source, WorldFile):
        file = source.path(beside)
        sdf = _with_models(file, shapes_sdf(source.shapes) + actors)
        return Scene(sdf, file.parent, start, goals or ())
    layout = source.layout(seed)
    roll, pitch = math.radians(source.roll_deg), math.radians(source.tilt_deg)
    models = shapes_sdf((*layout.shapes, *source.shapes)) + actors
    sdf = world_sdf(models, source.friction, roll, pitch)
    return Scene(sdf, beside, start or layout.start, (layout.goal,) if goals is None else goals)


def set_up(scenario: Scenario, beside: Path, seed: int) -> Setup:
    """Build the world of a concrete scenario; arguments as of `scene_of`.

    Raises:
        WorldError: the world cannot be played.
        ValueError: there is no such world file.
    """
    scene = scene_of(scenario, beside, seed)
    world = _load(scene.sdf, scene.beside)
    return Setup(world, scene.start or start_in(world), scene.goals)


def _actors_sdf(actors: Sequence[Actor]) -> str:
    places = [(actor, as_pose(actor.path[0])) for actor in actors]
    return "".join(body_sdf(a.name, a.shape, place.x, place.y, place.yaw) for a, place in places)


def _with_models(file: Path, models: str) -> str:
    head, end, tail = file.read_text(encoding="utf-8").rpartition("</world>")
    return head + models + end + tail


def _load(text: str, beside: Path) -> World:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "scenario.sdf"
        file.write_text(text, encoding="utf-8")
        return load_world(file, [beside])


def start_in(world: World) -> Pose2D:
    """Where the world's own robot stands; the origin where it has none."""
    robot = next((model for model in world.models if _is_robot(model)), None)
    if robot is None:
        return Pose2D(0.0, 0.0, 0.0)
    x, y, _ = robot.pose.position
    turn = robot.pose.orientation
    yaw = math.atan2(
        2 * (turn.w * turn.z + turn.x * turn.y), 1 - 2 * (turn.y * turn.y + turn.z * turn.z)
    )
    return Pose2D(x, y, yaw)


def _is_robot(model: Model) -> bool:
    return any(is_diff_drive(plugin) for plugin in model.plugins)
