"""Collects the rows of a trace while a run is played."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Pose2D, seconds
from scenario_eval.episode import TickRecord
from scenario_eval.lockstep import LockstepStack
from scenario_eval.runner.director import Director, out_of_frame
from scenario_eval.runner.moving_actors import MovingActors
from scenario_eval.runner.surroundings import Surroundings
from scenario_eval.trace import NUMBERS, WORDS, Trace

NOWHERE = Pose2D(math.nan, math.nan, math.nan)


class Recorder:
    """One row per tick."""

    def __init__(
        self,
        stack: LockstepStack,
        director: Director,
        actors: MovingActors,
        surroundings: Surroundings,
        start: Pose2D,
    ) -> None:
        self._stack = stack
        self._director = director
        self._actors = actors
        self._surroundings = surroundings
        self._start = start
        self._numbers: list[tuple[float, ...]] = []
        self._codes: list[tuple[int, ...]] = []
        self._words: dict[str, int] = {}
        self._poses: list[NDArray[np.float64]] = []

    def add(self, record: TickRecord) -> None:
        """Record a tick."""
        truth = record.truth
        odometry = self._stack.odometry
        believed = out_of_frame(odometry.pose, self._start) if odometry else NOWHERE
        clearance = self._surroundings.clearance(
            truth.x, truth.y, truth.yaw, self._actors.outlines()
        )
        self._numbers.append(
            (
                seconds(record.stamp_ns),
                truth.x,
                truth.y,
                truth.yaw,
                truth.vx,
                truth.wz,
                believed.x,
                believed.y,
                believed.yaw,
                record.wish.vx,
                record.wish.wz,
                record.command.vx,
                record.command.wz,
                record.scale,
                clearance,
                float(self._director.open_goal),
                self._director.goal_distance(record),
            )
        )
        words = (
            record.mission,
            record.driver,
            record.reason,
            record.planner_status,
            record.monitor_state,
            record.cause,
            record.intervention,
            truth.contact,
            record.gate,
        )
        self._codes.append(tuple(self._words.setdefault(w, len(self._words)) for w in words))
        self._poses.append(self._actors.poses())

    def trace(self, actor_names: tuple[str, ...], footprint: NDArray[np.float64]) -> Trace:
        """What was recorded."""
        count = len(self._numbers)
        goals = [(goal.x, goal.y, goal.yaw) for goal in self._director.goals]
        return Trace(
            numbers=np.array(self._numbers, dtype=np.float64).reshape(count, len(NUMBERS)),
            codes=np.array(self._codes, dtype=np.int16).reshape(count, len(WORDS)),
            words=tuple(self._words),
            actors=np.array(self._poses).reshape(count, len(actor_names), 3),
            actor_names=actor_names,
            circles=self._surroundings.map.circles,
            segments=self._surroundings.map.segments,
            footprint=footprint,
            goals=np.array(goals, dtype=np.float64).reshape(-1, 3),
        )
