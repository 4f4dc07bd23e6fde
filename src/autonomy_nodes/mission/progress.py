"""Whether a robot is getting anywhere, without knowing the map."""

from __future__ import annotations

import math

from autonomy_interfaces.messages import Pose2D


class ProgressMonitor:
    """Counts the time since the robot last got anywhere on its way to one goal.

    Straight-line distance alone misjudges a detour out of a dead end, and distance driven
    misjudges a robot that circles. Here it gets somewhere when it comes nearer to the goal than
    it ever was by `min_approach_m`, or enters a square of `place_size_m` that it has not been in
    under this goal: a robot that explores makes progress, one that repeats itself does not.
    """

    def __init__(self, min_approach_m: float, place_size_m: float) -> None:
        self._min_approach_m = min_approach_m
        self._place_size_m = place_size_m
        self._nearest_m = math.inf
        self._places: set[tuple[int, int]] = set()
        self.idle_ns = 0
        """Nanoseconds since the robot last got anywhere."""

    def update(self, pose: Pose2D, distance_m: float, elapsed_ns: int) -> None:
        """Take in one observation.

        Args:
            pose: of the robot, odom frame.
            distance_m: from the robot to the goal.
            elapsed_ns: time since the observation before.
        """
        place = (
            math.floor(pose.x / self._place_size_m),
            math.floor(pose.y / self._place_size_m),
        )
        approached = distance_m <= self._nearest_m - self._min_approach_m
        if approached:
            self._nearest_m = distance_m
        if approached or place not in self._places:
            self._places.add(place)
            self.idle_ns = 0
        else:
            self.idle_ns += elapsed_ns
