"""Bodies that follow a script: where they are at a time, and their MuJoCo mocap bodies."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

import mujoco

from world_sim.geoms import GeomFactory
from world_sim.sdf.pose import Pose3, Quaternion, Vector3
from world_sim.sdf.types import Model, Trajectory


def pose_at(trajectory: Trajectory, time_s: float) -> Pose3:
    """Where the trajectory is at a time of the simulation (seconds), in its model's frame.

    Positions lie on the spline of Gazebo's actors (a cubic between waypoints, whose tangents are
    half the way between the neighbours, times 1 - tension); orientations turn the shorter way.
    Before its first waypoint it stands there; after its last, it stays or begins anew.
    """
    times, poses = trajectory.times_s, trajectory.poses
    elapsed = time_s - trajectory.delay_s
    if trajectory.loop and times[-1] > 0.0 and elapsed > times[-1]:
        elapsed = math.fmod(elapsed, times[-1])
    after = bisect.bisect_right(times, elapsed)
    if after == 0:
        return poses[0]
    if after == len(times):
        return poses[-1]
    start = times[after - 1]
    share = (elapsed - start) / (times[after] - start)
    return Pose3(
        _between(trajectory, after, share),
        _turned(poses[after - 1].orientation, poses[after].orientation, share),
    )


def _between(trajectory: Trajectory, after: int, share: float) -> Vector3:
    """The spline `share` of the way from waypoint `after - 1` to `after`."""
    first = trajectory.poses[after - 1].position
    last = trajectory.poses[after].position
    leaving, arriving = _tangent(trajectory, after - 1), _tangent(trajectory, after)
    squared, cubed = share * share, share**3
    rise = 3.0 * squared - 2.0 * cubed
    return Vector3(
        *(
            (1.0 - rise) * a
            + rise * b
            + (cubed - 2.0 * squared + share) * m
            + (cubed - squared) * n
            for a, b, m, n in zip(first, last, leaving, arriving, strict=True)
        )
    )


def _tangent(trajectory: Trajectory, index: int) -> tuple[float, float, float]:
    poses, last = trajectory.poses, len(trajectory.poses) - 1
    closed = last > 1 and poses[0].position == poses[last].position
    if closed and index in (0, last):
        before, after = poses[last - 1].position, poses[1].position
    else:
        before, after = poses[max(index - 1, 0)].position, poses[min(index + 1, last)].position
    scale = 0.5 * (1.0 - trajectory.tension)
    return (
        scale * (after.x - before.x),
        scale * (after.y - before.y),
        scale * (after.z - before.z),
    )


def _turned(first: Quaternion, last: Quaternion, share: float) -> Quaternion:
    """Spherical interpolation, the shorter way."""
    cosine = sum(a * b for a, b in zip(first, last, strict=True))
    if cosine < 0.0:
        last, cosine = Quaternion(*(-value for value in last)), -cosine
    if cosine > 0.9999:
        weights = (1.0 - share, share)
    else:
        angle = math.acos(cosine)
        sine = math.sin(angle)
        weights = math.sin((1.0 - share) * angle) / sine, math.sin(share * angle) / sine
    mixed = [weights[0] * a + weights[1] * b for a, b in zip(first, last, strict=True)]
    norm = math.sqrt(sum(value * value for value in mixed))
    return Quaternion(*(value / norm for value in mixed))


def add_scripted(spec: mujoco.MjSpec, geoms: GeomFactory, model: Model) -> None:
    """Add the links of a model that follows a script, each a mocap body that others touch."""
    assert model.trajectory is not None
    start = model.pose.compose(pose_at(model.trajectory, 0.0))
    for link in model.links:
        place = start.compose(link.pose)
        body = spec.worldbody.add_body(
            name=f"{model.name}::{link.name}",
            pos=place.position,
            quat=place.orientation,
            mocap=True,
        )
        for collision in link.collisions:
            # With the bits of an obstacle: it is touched by what moves, and passes through walls.
            geoms.add(body, model, collision, collision.pose, static=True)


class ScriptedBodies:
    """Moves the mocap bodies of a compiled world along their scripts."""

    def __init__(self, model: mujoco.MjModel, models: Sequence[Model]) -> None:
        self._links = [
            (int(model.body(f"{scripted.name}::{link.name}").mocapid[0]), scripted, link.pose)
            for scripted in models
            if scripted.trajectory is not None
            for link in scripted.links
        ]
        self._placed: dict[str, Pose3] = {}

    def __len__(self) -> int:
        """How many bodies follow a script."""
        return len(self._links)

    def update(self, data: mujoco.MjData, time_s: float) -> None:
        """Put every body where its script has it `time_s` after the simulation began."""
        for index, model, in_model in self._links:
            assert model.trajectory is not None
            body = self._placed.get(model.name)
            if body is None:
                body = model.pose.compose(pose_at(model.trajectory, time_s))
            place = body.compose(in_model)
            data.mocap_pos[index] = place.position
            data.mocap_quat[index] = place.orientation

    def place(self, name: str, pose: Pose3) -> None:
        """From now on the actor `name` is at `pose` in the world, whatever its script says.

        Raises:
            KeyError: there is no actor of this name.
        """
        names = {model.name for _, model, _ in self._links}
        if name not in names:
            raise KeyError(f"no actor '{name}'; there are: {', '.join(sorted(names)) or 'none'}")
        self._placed[name] = pose
