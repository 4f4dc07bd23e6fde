"""Reading of <actor>: a body that a script moves, such as a walking person or a cart.

The skin and its skeleton are not played. An actor is the shapes of its own <link>, which SDF
allows and which Gazebo moves along; where it has none, a person: an upright cylinder.
"""

from __future__ import annotations

from dataclasses import replace

from world_sim.errors import Location
from world_sim.sdf.element import Element
from world_sim.sdf.models import Scope, read_model
from world_sim.sdf.pose import IDENTITY, Pose3, Vector3, from_euler
from world_sim.sdf.types import Collision, Cylinder, Link, Model, Trajectory, Visual
from world_sim.sdf.values import attribute, flag, number, numbers, pose_value, positive_or_zero

PERSON_RADIUS, PERSON_HEIGHT = 0.25, 1.75
CLOTHES = (0.25, 0.35, 0.6, 1.0)
MAX_WAYPOINTS = 10_000


def read_actor(element: Element, scope: Scope) -> Model:
    """Read an <actor>; its `pose` is the identity until the world places it.

    Raises:
        WorldError: its script has no waypoints, or not in the order of their times.
    """
    name = attribute(element, "name")
    script = element.find("script")
    trajectory = _read_script(script) if script is not None else _standing()
    links = tuple(link for link in read_model(element, scope).links if link.visuals)
    if not links:
        # A skin's origin is at its hip or at its feet: a person stands on the ground below it.
        trajectory = replace(trajectory, poses=tuple(_on_the_ground(p) for p in trajectory.poses))
        links = (_person(element.location),)
    return Model(
        name=name,
        pose=IDENTITY,
        static=False,
        location=element.location,
        links=links,
        trajectory=trajectory,
    )


def _read_script(script: Element) -> Trajectory:
    waypoints: list[tuple[float, Pose3]] = []
    tension = 0.0
    for trajectory in sorted(script.find_all("trajectory"), key=_number_of):
        given = trajectory.attributes.get("tension")
        if given is not None:
            holder = Element("tension", {}, trajectory.location, given)
            tension = min(1.0, max(0.0, numbers(holder, 1)[0]))
        for waypoint in trajectory.find_all("waypoint"):
            time_s = positive_or_zero(waypoint, "time")
            if waypoints and time_s <= waypoints[-1][0]:
                raise waypoint.error(
                    f"its time {time_s:g} s is not after that of the waypoint before",
                    "give times that rise through the script",
                )
            pose = waypoint.find("pose")
            waypoints.append((time_s, IDENTITY if pose is None else pose_value(pose)))
    if not waypoints:
        return _standing()
    if len(waypoints) > MAX_WAYPOINTS:
        raise script.error(f"more than {MAX_WAYPOINTS} waypoints", "leave some out")
    times, poses = zip(*waypoints, strict=True)
    if not flag(script, "auto_start", True):
        # Gazebo waits for a command that nobody gives here.
        times, poses = times[:1], poses[:1]
    return Trajectory(
        times_s=times,
        poses=poses,
        tension=tension,
        loop=flag(script, "loop", True),
        delay_s=number(script, "delay_start", 0.0),
    )


def _number_of(trajectory: Element) -> float:
    given = trajectory.attributes.get("id", "0")
    return numbers(Element("id", {}, trajectory.location, given), 1)[0]


def _standing() -> Trajectory:
    return Trajectory((0.0,), (IDENTITY,))


def _on_the_ground(pose: Pose3) -> Pose3:
    x, y, _ = pose.position
    return Pose3(Vector3(x, y, 0.0), from_euler(0.0, 0.0, pose.orientation.yaw))


def _person(location: Location) -> Link:
    shape = Cylinder(PERSON_RADIUS, PERSON_HEIGHT)
    middle = Pose3(Vector3(0.0, 0.0, PERSON_HEIGHT / 2))
    return Link(
        name="body",
        pose=IDENTITY,
        location=location,
        collisions=(Collision("body", shape, middle, location),),
        visuals=(Visual("body", shape, middle, location, CLOTHES),),
    )
