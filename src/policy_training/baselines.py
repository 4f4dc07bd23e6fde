"""What a policy must be better than: drivers that know less, in the decision core's place."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from autonomy_interfaces.geometry import relative
from autonomy_interfaces.messages import VelocityCommand
from autonomy_nodes.decision.decision import DecisionInputs, DecisionOutput
from autonomy_nodes.planning.planner import PlanStatus
from policy_training.blueprint import VX_LIMITS, WZ_LIMITS

GOAL_TOLERANCE = 0.3
NO_PATH = np.empty((0, 2))
HOLD_TICKS = 10
HEADING_GAIN, APPROACH_GAIN = 2.5, 1.5


class Driver(Protocol):
    """The part of the decision core that a run uses."""

    def step(self, inputs: DecisionInputs, now_ns: int) -> DecisionOutput:
        """The command of the tick at `now_ns`."""


class GoToGoal:
    """Turns to the goal and drives straight at it; sees no obstacle."""

    def step(self, inputs: DecisionInputs, now_ns: int) -> DecisionOutput:
        """Proportional in bearing and distance, slow while it points elsewhere."""
        if inputs.goal is None or inputs.odometry is None:
            return _output(0.0, 0.0, now_ns, PlanStatus.NO_PATH)
        goal = relative(inputs.odometry.pose, inputs.goal)
        distance, bearing = math.hypot(goal.x, goal.y), math.atan2(goal.y, goal.x)
        if distance <= GOAL_TOLERANCE:
            return _output(0.0, 0.0, now_ns, PlanStatus.REACHED)
        vx = min(APPROACH_GAIN * distance, VX_LIMITS[1]) * max(math.cos(bearing), 0.0)
        wz = min(max(HEADING_GAIN * bearing, WZ_LIMITS[0]), WZ_LIMITS[1])
        return _output(vx, wz, now_ns, PlanStatus.DRIVING)


class RandomDriver:
    """Draws a velocity within the policy's limits and holds it for half a second."""

    def __init__(self, generator: np.random.Generator):
        self._generator = generator
        self._left = 0
        self._velocity = (0.0, 0.0)

    def step(self, inputs: DecisionInputs, now_ns: int) -> DecisionOutput:
        """The velocity that is being held."""
        odometry, goal = inputs.odometry, inputs.goal
        if odometry is not None and goal is not None:
            distance = math.hypot(goal.x - odometry.x, goal.y - odometry.y)
            if distance <= GOAL_TOLERANCE:
                return _output(0.0, 0.0, now_ns, PlanStatus.REACHED)
        if self._left == 0:
            self._left = HOLD_TICKS
            draw = self._generator
            self._velocity = (float(draw.uniform(*VX_LIMITS)), float(draw.uniform(*WZ_LIMITS)))
        self._left -= 1
        return _output(*self._velocity, now_ns, PlanStatus.DRIVING)


def _output(vx: float, wz: float, now_ns: int, status: PlanStatus) -> DecisionOutput:
    return DecisionOutput(VelocityCommand(now_ns, vx, wz), "policy", "", status, NO_PATH)
