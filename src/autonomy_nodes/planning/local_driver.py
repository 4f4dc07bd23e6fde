"""The local driver: model predictive control by sampling, with the exact footprint."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Costmap, Odometry
from autonomy_nodes.planning import rollouts
from autonomy_nodes.planning.config import PlannerConfig
from autonomy_nodes.planning.distance_field import distance_field, distance_kernel
from autonomy_nodes.planning.footprint import circumscribed_radius, cover_with_discs
from autonomy_nodes.planning.guide import TravelTimeField
from autonomy_nodes.planning.refusal import NOTHING_REFUSED, Refused

# Sets of perturbations that successive ticks take in turn.
NOISE_SETS = 8
# Perturbations come in these sizes: small ones thread narrow passages, large ones find new ways.
NOISE_SCALES = (0.1, 0.3, 1.0)
ROOM = 0.6
# The distance field reaches this far beyond the clearance that matters: interpolation needs it.
BOUND_SLACK = 0.1


@dataclass(frozen=True)
class Drive:
    """What the local driver chose: the command now, its cost, and whether it stays clear."""

    vx: float
    wz: float
    cost: float
    clear: bool


class LocalDriver:
    """Chooses velocities that bring the robot down the travel time field without contact.

    Each tick scores a fixed library of constant arcs and perturbations of the last solution by
    rollout (acceleration limits, footprint against the distance field), refines the best, and
    takes the cost-weighted mean of the good ones where that is no worse (Williams et al.,
    "Information-Theoretic Model Predictive Control", 2018, for the weighting).
    """

    def __init__(self, config: PlannerConfig) -> None:
        """Prepare the library, the perturbations and the footprint's cover."""
        self._config = config
        polygon = np.array(config.footprint, dtype=np.float64).reshape(-1, 2)
        self._discs = cover_with_discs(polygon)
        self._circumscribed = circumscribed_radius(polygon)
        self._rear = float(-polygon[:, 0].min())
        self._limits = np.empty(rollouts.LIMITS)
        self._limits[rollouts.LOWEST_V] = max(config.min_linear_velocity, -config.reverse_speed)
        self._limits[rollouts.HIGHEST_V] = min(config.max_linear_velocity, config.cruise_speed)
        self._limits[rollouts.LOWEST_W] = -config.max_angular_velocity
        self._limits[rollouts.HIGHEST_W] = config.max_angular_velocity
        self._limits[rollouts.ACCELERATION] = config.linear_acceleration
        self._limits[rollouts.DECELERATION] = config.linear_deceleration
        self._limits[rollouts.ANGULAR_ACCELERATION] = config.angular_acceleration
        self._library = self._build_library()
        self._noise = self._build_noise()
        self._weights = self._build_weights()
        self._dt = config.horizon / config.steps
        reach = self._limits[rollouts.HIGHEST_V] * config.horizon + self._circumscribed + ROOM
        self._reach = float(reach)
        self._bound = self._circumscribed + config.soft_margin + BOUND_SLACK
        self._kernel_cell = 0.0
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
        reverse_weight: float | None = None,
    ) -> Drive:
        """Choose the velocities for this tick.

        Args:
            costmap: obstacles and what is known.
            odometry: pose and velocities now.
            field: seconds to the goal.
            last_command: vx, wz that the base follows until this answer arrives.
            elapsed_s: seconds since the last call, by which the last solution is advanced.
            refused: motions that the base does not carry out now.
            reverse_weight: overrides the configured cost of reversing.
        """
        limits = self._allowed(refused)
        scene = self._scene(costmap, odometry, field, last_command, limits, reverse_weight)
        previous = _advanced(self._solution, elapsed_s / self._config.horizon)
        noise = self._noise[self._tick % NOISE_SETS]
        self._tick += 1
        candidates = np.concatenate([previous[None], self._library, previous + noise])
        costs = scene.score(candidates)
        best, cost = _best(candidates, costs)
        for iteration in range(1, self._config.iterations):
            around = best + noise * 0.5**iteration
            around_costs = scene.score(around)
            candidates = np.concatenate([candidates, around])
            costs = np.concatenate([costs, around_costs])
            best, cost = _best(candidates, costs)
        close = costs < cost + 4.0 * self._config.temperature
        weights = np.exp((cost - costs[close]) / self._config.temperature)
        mean = np.tensordot(weights / weights.sum(), candidates[close], axes=1)
        mean_cost = float(scene.score(mean[None])[0])
        if mean_cost <= cost + self._config.temperature:
            best, cost = mean, mean_cost
        clear = cost < rollouts.COLLISION
        self._solution = best if clear else np.zeros_like(best)
        target = rollouts.control_at(best, 1.0 / self._config.steps)
        vx, wz = rollouts.ramp(scene.start[3], scene.start[4], *target, limits, self._dt)
        return Drive(float(vx), float(wz), cost, clear)

    def turn_clearance(self, costmap: Costmap, odometry: Odometry) -> float:
        """Least distance to an obstacle over a whole turn on the spot, metres."""
        field, first_col, first_row = self._distance_field(costmap, odometry.x, odometry.y)
        x = (odometry.x - costmap.origin_x) / costmap.resolution - first_col
        y = (odometry.y - costmap.origin_y) / costmap.resolution - first_row
        return float(rollouts.interpolate(field, x, y) - self._circumscribed)

    def _distance_field(
        self, costmap: Costmap, x: float, y: float
    ) -> tuple[NDArray[np.float32], int, int]:
        """Distance field around a position and the costmap cell of its corner."""
        cell = costmap.resolution
        half = math.ceil(self._reach / cell)
        first_col = math.floor((x - costmap.origin_x) / cell) - half
        first_row = math.floor((y - costmap.origin_y) / cell) - half
        field = np.empty((2 * half + 1, 2 * half + 1), dtype=np.float32)
        if self._kernel_cell != cell:
            self._kernel, self._kernel_cell = distance_kernel(self._bound, cell), cell
        data = np.ascontiguousarray(costmap.data)
        distance_field(data, first_row, first_col, self._kernel, self._bound, field)
        # An obstacle's surface is somewhere in its cell, not at the centre.
        field -= np.float32(self._config.cell_inset * cell)
        return field, first_col, first_row

    def _scene(
        self,
        costmap: Costmap,
        odometry: Odometry,
        travel: TravelTimeField,
        last_command: tuple[float, float],
        limits: NDArray[np.float64],
        reverse_weight: float | None,
    ) -> _Scene:
        field, first_col, first_row = self._distance_field(costmap, odometry.x, odometry.y)
        cell = costmap.resolution
        corner_x = costmap.origin_x + first_col * cell
        corner_y = costmap.origin_y + first_row * cell
        start = self._predicted_start(odometry, last_command)
        start[0] -= corner_x
        start[1] -= corner_y
        weights = self._weights.copy()
        if reverse_weight is not None:
            weights[rollouts.W_REVERSE] = reverse_weight
        return _Scene(
            start=start,
            limits=limits,
            dt=self._dt,
            steps=self._config.steps,
            field=field,
            cell=cell,
            discs=self._discs,
            circumscribed=self._circumscribed,
            known=_known(costmap, first_row, first_col, field.shape),
            rear=self._rear,
            travel=travel,
            corner=(corner_x - travel.origin_x, corner_y - travel.origin_y),
            weights=weights,
        )

    def _predicted_start(
        self, odometry: Odometry, last_command: tuple[float, float]
    ) -> NDArray[np.float64]:
        """Pose and velocities at the moment when this tick's command takes effect."""
        latency = self._config.latency
        vx, wz = rollouts.ramp(odometry.vx, odometry.wz, *last_command, self._limits, latency)
        mean_v, mean_w = 0.5 * (odometry.vx + vx), 0.5 * (odometry.wz + wz)
        heading = odometry.yaw + 0.5 * mean_w * latency
        return np.array(
            [
                odometry.x + mean_v * latency * math.cos(heading),
                odometry.y + mean_v * latency * math.sin(heading),
                odometry.yaw + mean_w * latency,
                vx,
                wz,
            ]
        )

    def _allowed(self, refused: Refused) -> NDArray[np.float64]:
        """The limits without what is refused."""
        limits = self._limits.copy()
        if refused.forward:
            limits[rollouts.HIGHEST_V] = 0.0
        if refused.reverse:
            limits[rollouts.LOWEST_V] = 0.0
        if refused.left:
            limits[rollouts.HIGHEST_W] = 0.0
        if refused.right:
            limits[rollouts.LOWEST_W] = 0.0
        return limits

    def _build_library(self) -> NDArray[np.float64]:
        """Constant arcs, turns in place, arcs that straighten, and the stop."""
        config = self._config
        fastest, slowest = self._limits[rollouts.HIGHEST_V], self._limits[rollouts.LOWEST_V]
        spin = min(config.turn_speed, config.max_angular_velocity)
        speeds = [slowest, 0.5 * slowest, 0.0]
        speeds += [fastest * share for share in (0.06, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0)]
        rates = [spin * share for share in (-1, -0.6, -0.35, -0.2, -0.1, 0, 0.1, 0.2, 0.35, 0.6, 1)]
        share = np.linspace(1.0, 0.0, config.knots)
        members = []
        for v in speeds:
            for w in rates:
                members.append(
                    np.column_stack([np.full(config.knots, v), np.full(config.knots, w)])
                )
                if w != 0.0 and v >= 0.0:
                    members.append(np.column_stack([np.full(config.knots, v), w * share]))
                    members.append(
                        np.column_stack([v * (1.0 - share), np.where(share > 0.4, w, 0.0)])
                    )
        return np.array(members)

    def _build_noise(self) -> NDArray[np.float64]:
        """(NOISE_SETS, samples, knots, 2) perturbations, part shared by all knots, part not."""
        config = self._config
        generator = np.random.default_rng(config.seed)
        shape = (NOISE_SETS, config.samples, config.knots, 2)
        noise = generator.standard_normal(shape) * 0.7
        noise += generator.standard_normal((NOISE_SETS, config.samples, 1, 2)) * 0.7
        noise *= generator.choice(NOISE_SCALES, (NOISE_SETS, config.samples, 1, 1))
        scale = np.array(
            [0.3 * self._limits[rollouts.HIGHEST_V], 0.3 * config.max_angular_velocity]
        )
        perturbations: NDArray[np.float64] = noise * scale
        return perturbations

    def _build_weights(self) -> NDArray[np.float64]:
        config = self._config
        weights = np.zeros(rollouts.WEIGHTS)
        weights[rollouts.W_CLEARANCE] = config.clearance_weight
        weights[rollouts.W_OVERSPEED] = config.overspeed_weight
        weights[rollouts.W_HEADING] = config.heading_weight
        weights[rollouts.W_REVERSE] = config.reverse_weight
        weights[rollouts.W_SMOOTH] = config.smoothness_weight
        weights[rollouts.W_SPIN] = config.spin_weight
        weights[rollouts.HARD_MARGIN] = config.hard_margin
        weights[rollouts.SOFT_MARGIN] = config.soft_margin
        weights[rollouts.SPEED_AT_CONTACT] = config.speed_at_contact
        weights[rollouts.SPEED_PER_CLEARANCE] = config.speed_per_clearance
        return weights


@dataclass(frozen=True)
class _Scene:
    """One tick's surroundings, against which control sequences are scored."""

    start: NDArray[np.float64]
    limits: NDArray[np.float64]
    dt: float
    steps: int
    field: NDArray[np.float32]
    cell: float
    discs: NDArray[np.float64]
    circumscribed: float
    known: NDArray[np.uint8]
    rear: float
    travel: TravelTimeField
    corner: tuple[float, float]
    weights: NDArray[np.float64]

    def score(self, controls: NDArray[np.float64]) -> NDArray[np.float64]:
        """Costs of (S, K, 2) control sequences."""
        costs = np.empty(len(controls))
        rollouts.evaluate(
            np.ascontiguousarray(controls),
            self.start,
            self.limits,
            self.dt,
            self.steps,
            self.field,
            self.cell,
            self.discs,
            self.circumscribed,
            self.known,
            self.rear,
            self.travel.time,
            self.travel.cell,
            self.corner[0],
            self.corner[1],
            self.travel.unreached,
            self.weights,
            costs,
        )
        return costs


def _known(
    costmap: Costmap, first_row: int, first_col: int, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """(h, w) uint8, 1 where the costmap has been seen; outside the costmap 0."""
    known = np.zeros(shape, dtype=np.uint8)
    rows = slice(max(0, first_row), max(0, min(costmap.data.shape[0], first_row + shape[0])))
    cols = slice(max(0, first_col), max(0, min(costmap.data.shape[1], first_col + shape[1])))
    inside = costmap.data[rows, cols] >= 0
    row, col = rows.start - first_row, cols.start - first_col
    known[row : row + inside.shape[0], col : col + inside.shape[1]] = inside
    return known


def _advanced(knots: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The same control sequence, started later by a share of the horizon; its end is held."""
    count = len(knots)
    position = np.linspace(0.0, 1.0, count)
    at = np.minimum(position + max(0.0, share), 1.0)
    return np.column_stack([np.interp(at, position, knots[:, i]) for i in range(2)])


def _best(
    candidates: NDArray[np.float64], costs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    index = int(np.argmin(costs))
    return candidates[index], float(costs[index])
