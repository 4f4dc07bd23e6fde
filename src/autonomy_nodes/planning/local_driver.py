"""The local driver: model predictive control by sampling, with the exact footprint."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Costmap, Odometry
from autonomy_nodes.planning import rollouts, samples
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.guide import TravelTimeField
from autonomy_nodes.planning.refusal import NOTHING_REFUSED, Refused
from autonomy_nodes.planning.scene import Body, Scene
from autonomy_nodes.tracking.moving_bodies import NO_BODIES, moved

# Candidates within this many temperatures of the best take part in the mean.
CLOSE = 4.0
# A wish for room of 0 is none; the share of it that is lacking needs a number.
LEAST_MARGIN = 1e-6


@dataclass(frozen=True)
class Drive:
    """What the local driver chose: the command now, its cost, and whether it stays clear."""

    vx: float
    wz: float
    cost: float
    clear: bool


class LocalDriver:
    """Chooses velocities that bring the robot down the travel time field without contact.

    Each tick scores a fixed library of control sequences and perturbations of the last solution
    by rollout (acceleration limits, footprint against the distance field), refines the best, and
    takes the cost-weighted mean of the good ones where that is no worse (Williams et al.,
    "Information-Theoretic Model Predictive Control", 2018, for the weighting).
    """

    def __init__(self, config: PlannerConfig) -> None:
        """Prepare the control sequences and the footprint."""
        self._config = config
        self._limits = _limits(config)
        lowest, highest = self._limits[rollouts.LOWEST_V], self._limits[rollouts.HIGHEST_V]
        self._library = samples.library(config, lowest, highest)
        self._noise = samples.perturbations(config, highest)
        self._weights = _weights(config)
        self._body = Body(config, float(highest) * config.horizon)
        self._dt = config.horizon / config.steps
        self.reset()

    def reset(self) -> None:
        """Forget the last solution."""
        self._solution = np.zeros((self._config.knots, 2))
        self._tick = 0

    def drive(
        self,
        costmap: Costmap,
        odometry: Odometry,
        field: TravelTimeField,
        last_command: tuple[float, float],
        elapsed_s: float,
        refused: Refused = NOTHING_REFUSED,
        fastest: float = math.inf,
        metre_costs: tuple[float, float] | None = None,
        bodies: NDArray[np.float64] = NO_BODIES,
    ) -> Drive:
        """Choose the velocities for this tick.

        Args:
            costmap: obstacles and what is known.
            odometry: pose and velocities now.
            field: seconds to the goal.
            last_command: vx, wz that the base follows until this answer arrives.
            elapsed_s: seconds since the last call, by which the last solution is advanced.
            refused: motions that the base does not carry out now.
            fastest: m/s ahead, where that is less than the cruise speed.
            metre_costs: seconds that a metre ahead and one back cost; as configured if None.
            bodies: (M, 5) float64, those that move, as `MovingBodies.at` tells them now.
        """
        scene = Scene(
            body=self._body,
            around=self._body.surroundings(costmap, odometry.x, odometry.y),
            travel=field,
            start=self._predicted_start(odometry, last_command),
            limits=_without(self._limits, refused, fastest),
            weights=self._weights_with(metre_costs),
            dt=self._dt,
            steps=self._config.steps,
            bodies=moved(bodies, self._config.latency),
        )
        previous = samples.advanced(self._solution, elapsed_s / self._config.horizon)
        best, cost = self._search(scene, previous)
        clear = cost < rollouts.COLLISION
        self._solution = best if clear else np.zeros_like(best)
        target = rollouts.control_at(best, 1.0 / self._config.steps)
        vx, wz = rollouts.ramp(scene.start[3], scene.start[4], *target, scene.limits, self._dt)
        return Drive(float(vx), float(wz), cost, clear)

    def turn_clearance(self, costmap: Costmap, odometry: Odometry) -> float:
        """Least distance to an obstacle over a whole turn on the spot, metres."""
        around = self._body.surroundings(costmap, odometry.x, odometry.y)
        return self._body.turn_clearance(around, odometry.x, odometry.y)

    def _search(
        self, scene: Scene, previous: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        """The best control sequence found, and its cost."""
        config = self._config
        noise = self._noise[self._tick % len(self._noise)]
        self._tick += 1
        candidates = np.concatenate([previous[None], self._library, previous + noise])
        costs = scene.score(candidates)
        for iteration in range(1, config.iterations):
            around = candidates[np.argmin(costs)] + noise * 0.5**iteration
            candidates = np.concatenate([candidates, around])
            costs = np.concatenate([costs, scene.score(around)])
        index = int(np.argmin(costs))
        best, cost = candidates[index], float(costs[index])
        close = costs < cost + CLOSE * config.temperature
        shares = np.exp((cost - costs[close]) / config.temperature)
        mean = np.tensordot(shares / shares.sum(), candidates[close], axes=1)
        mean_cost = float(scene.score(mean[None])[0])
        if mean_cost <= cost + config.temperature:
            return mean, mean_cost
        return best, cost

    def _predicted_start(
        self, odometry: Odometry, last_command: tuple[float, float]
    ) -> NDArray[np.float64]:
        """Pose and velocities at the moment when this tick's command takes effect."""
        latency = self._config.latency
        vx, wz = rollouts.ramp(odometry.vx, odometry.wz, *last_command, self._limits, latency)
        mean_v, mean_w = 0.5 * (odometry.vx + vx), 0.5 * (odometry.wz + wz)
        heading = odometry.yaw + 0.5 * mean_w * latency
        x = odometry.x + mean_v * latency * math.cos(heading)
        y = odometry.y + mean_v * latency * math.sin(heading)
        return np.array([x, y, odometry.yaw + mean_w * latency, vx, wz])

    def _weights_with(self, metre_costs: tuple[float, float] | None) -> NDArray[np.float64]:
        weights = self._weights.copy()
        if metre_costs is not None:
            weights[rollouts.W_AHEAD], weights[rollouts.W_REVERSE] = metre_costs
        return weights


def _limits(config: PlannerConfig) -> NDArray[np.float64]:
    limits = np.empty(rollouts.LIMITS)
    limits[rollouts.LOWEST_V] = max(config.min_linear_velocity, -config.reverse_speed)
    limits[rollouts.HIGHEST_V] = min(config.max_linear_velocity, config.cruise_speed)
    limits[rollouts.LOWEST_W] = -config.max_angular_velocity
    limits[rollouts.HIGHEST_W] = config.max_angular_velocity
    limits[rollouts.ACCELERATION] = config.linear_acceleration
    limits[rollouts.DECELERATION] = config.linear_deceleration
    limits[rollouts.ANGULAR_ACCELERATION] = config.angular_acceleration
    return limits


def _without(limits: NDArray[np.float64], refused: Refused, fastest: float) -> NDArray[np.float64]:
    """The limits without what is refused, or faster than that."""
    limits = limits.copy()
    limits[rollouts.HIGHEST_V] = min(limits[rollouts.HIGHEST_V], fastest)
    if refused.forward:
        limits[rollouts.HIGHEST_V] = 0.0
    if refused.reverse:
        limits[rollouts.LOWEST_V] = 0.0
    if refused.left:
        limits[rollouts.HIGHEST_W] = 0.0
    if refused.right:
        limits[rollouts.LOWEST_W] = 0.0
    return limits


def _weights(config: PlannerConfig) -> NDArray[np.float64]:
    weights = np.zeros(rollouts.WEIGHTS)
    weights[rollouts.W_CLEARANCE] = config.clearance_weight
    weights[rollouts.W_OVERSPEED] = config.overspeed_weight
    weights[rollouts.W_HEADING] = config.heading_weight
    weights[rollouts.W_REVERSE] = config.reverse_weight
    weights[rollouts.W_SMOOTH] = config.smoothness_weight
    weights[rollouts.W_SPIN] = config.spin_weight
    weights[rollouts.W_BODY] = config.body_weight
    weights[rollouts.BODY_ROOM] = max(config.body_room, LEAST_MARGIN)
    weights[rollouts.SPEED_PER_ROOM] = config.speed_per_room
    weights[rollouts.HARD_MARGIN] = config.hard_margin
    weights[rollouts.SOFT_MARGIN] = max(config.soft_margin, LEAST_MARGIN)
    weights[rollouts.SPEED_AT_CONTACT] = config.speed_at_contact
    weights[rollouts.SPEED_PER_CLEARANCE] = config.speed_per_clearance
    return weights
