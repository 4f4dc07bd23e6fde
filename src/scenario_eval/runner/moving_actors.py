"""People and carts that follow their paths, as actors of the simulation that are moved."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Pose2D
from scenario_eval.scenarios.schema import Actor
from scenario_eval.scenarios.shapes import BODIES
from world_sim.simulator import Simulator
from world_sim.slices import Slice

TICK_S = 0.02


class PathFollower:
    """Where an actor is on its path; it advances tick by tick and may wait for the robot."""

    def __init__(self, actor: Actor) -> None:
        points = np.array([point[:2] for point in actor.path], dtype=np.float64)
        if actor.loop:
            points = np.vstack([points, points[:1]])
        self.actor = actor
        self._points = points
        self._ends = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        self._travelled = 0.0
        first = actor.path[0]
        self.x, self.y = float(first[0]), float(first[1])
        self.yaw = float(first[2]) if len(first) == 3 else self._heading(0)
        self.speed = 0.0

    def step(self, now_s: float, robot: tuple[float, float]) -> None:
        """Advance by a tick; `robot` is where the robot is, world frame."""
        length = float(self._ends[-1])
        self.speed = 0.0
        if now_s < self.actor.start_s or length == 0.0 or self._waits(robot):
            return
        if not self.actor.loop and self._travelled >= length:
            return
        self.speed = self.actor.speed
        self._travelled += self.speed * TICK_S
        if self.actor.loop:
            self._travelled %= length
        leg = int(np.searchsorted(self._ends, self._travelled, side="right")) - 1
        leg = min(leg, len(self._ends) - 2)
        self.yaw = self._heading(leg)
        place = min(self._travelled, length) - self._ends[leg]
        self.x = float(self._points[leg, 0] + math.cos(self.yaw) * place)
        self.y = float(self._points[leg, 1] + math.sin(self.yaw) * place)

    def _heading(self, leg: int) -> float:
        if len(self._points) < 2:
            return 0.0
        dx, dy = self._points[leg + 1] - self._points[leg]
        return math.atan2(dy, dx)

    def _waits(self, robot: tuple[float, float]) -> bool:
        near = self.actor.stops_for_robot_m
        dx, dy = robot[0] - self.x, robot[1] - self.y
        ahead = dx * math.cos(self.yaw) + dy * math.sin(self.yaw) > 0.0
        return near > 0.0 and ahead and math.hypot(dx, dy) < near


class MovingActors:
    """The actors of a run; each is an actor of its own name in the simulation."""

    def __init__(self, actors: Sequence[Actor], simulator: Simulator) -> None:
        self._followers = [PathFollower(actor) for actor in actors]
        self._simulator = simulator

    def step(self, now_s: float, robot: tuple[float, float]) -> None:
        """Put every actor where it is at the end of the tick that is about to be played."""
        for follower in self._followers:
            follower.step(now_s, robot)
            pose = Pose2D(follower.x, follower.y, follower.yaw)
            self._simulator.place_actor(follower.actor.name, pose)

    def poses(self) -> NDArray[np.float64]:
        """(A, 3) float64: x, y, yaw of the actors, world frame."""
        rows = [(f.x, f.y, f.yaw) for f in self._followers]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)

    def outlines(self) -> Slice:
        """The actors seen from above, world frame."""
        circles = []
        segments = []
        for follower in self._followers:
            size = BODIES[follower.actor.shape].size
            if len(size) == 1:
                circles.append((follower.x, follower.y, size[0]))
                continue
            cosine, sine = math.cos(follower.yaw), math.sin(follower.yaw)
            signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))
            local = [(sx * size[0] / 2, sy * size[1] / 2) for sx, sy in signs]
            corners = [
                (follower.x + cosine * u - sine * v, follower.y + sine * u + cosine * v)
                for u, v in local
            ]
            segments += [(*corners[i], *corners[(i + 1) % 4]) for i in range(4)]
        return Slice(np.array(circles).reshape(-1, 3), np.array(segments).reshape(-1, 4))
