"""Parameters and results of the planner."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PlannerConfig:
    """Parameters of the classical planner; metres, seconds, radians.

    The first block describes the robot (config/robot.yaml). The travel time field:
    `passable_cost` is the highest costmap cost that the robot's centre may cross (99 is touching)
    and `squeeze_cost` where there is no way otherwise,
    `cruise_speed`, `tight_speed` and `unknown_speed` are what is expected in the open, beside an
    obstacle, and where nothing was seen yet; `search_pool` costmap cells make one cell of the
    search. The local driver: `horizon`, `steps`, `knots`, `samples` per iteration, `hard_margin`
    is never crossed, `soft_margin` is wished, the speed allowed at clearance c is
    `speed_at_contact` + `speed_per_clearance` · c; `cell_inset` is how far from its cell's centre
    an obstacle's surface is taken to be, in cells. A body that moves need not go on as it does:
    `body_room` is wished to where it will be (`body_weight`), and at a distance of r from there
    no more speed than `speed_at_contact` + `speed_per_room` · r. `latency` is the time from
    odometry to motion.
    Recovery: a motion that the base has not carried out for `refusal_time` (the safety monitor
    stopped it, or a wheel is blocked) is not asked for during `refusal_memory`. No movement of
    `progress_distance` in `progress_time` is a stall: the robot backs off by at most
    `recovery_distance` or `recovery_time`, or blocks the passage ahead of it (a disc of
    `blocked_radius`, for `blocked_time`). After `recoveries` stalls at one place it is STUCK.
    Where turns either way are refused it goes ahead by about `ahead_distance`, no faster than it
    reverses.
    """

    footprint: tuple[float, ...] = (0.254, 0.215, -0.254, 0.215, -0.254, -0.215, 0.254, -0.215)
    max_linear_velocity: float = 2.0
    min_linear_velocity: float = -2.0
    max_angular_velocity: float = 4.0
    linear_acceleration: float = 5.0
    linear_deceleration: float = 5.0
    angular_acceleration: float = 10.0

    goal_tolerance: float = 0.3
    search_pool: int = 2
    passable_cost: int = 88
    squeeze_cost: int = 98
    cruise_speed: float = 2.0
    tight_speed: float = 0.25
    unknown_speed: float = 0.8

    reverse_speed: float = 0.5
    turn_speed: float = 3.0
    horizon: float = 1.6
    steps: int = 20
    knots: int = 5
    samples: int = 256
    iterations: int = 2
    temperature: float = 0.05
    latency: float = 0.06
    cell_inset: float = 0.4
    hard_margin: float = 0.02
    soft_margin: float = 0.20
    speed_at_contact: float = 0.25
    speed_per_clearance: float = 5.0
    clearance_weight: float = 1.0
    overspeed_weight: float = 5.0
    heading_weight: float = 0.5
    reverse_weight: float = 1.5
    smoothness_weight: float = 0.002
    spin_weight: float = 0.01
    body_room: float = 0.2
    body_weight: float = 20.0
    speed_per_room: float = 1.5

    progress_distance: float = 0.25
    progress_time: float = 3.0
    recovery_time: float = 1.5
    recovery_distance: float = 0.4
    ahead_distance: float = 0.2
    refusal_time: float = 0.4
    refusal_memory: float = 1.5
    recoveries: int = 6
    blocked_radius: float = 0.35
    blocked_time: float = 40.0
    seed: int = 0


class PlanStatus(Enum):
    """What the planner is doing."""

    DRIVING = "driving"
    REACHED = "reached"
    NO_PATH = "no_path"
    STUCK = "stuck"


@dataclass(frozen=True)
class Plan:
    """One tick's answer: velocities in m/s and rad/s, status, and the path.

    path: (M, 2) float64, metres, odometry frame, from the robot to the goal; (0, 2) without one.
    """

    vx: float
    wz: float
    status: PlanStatus
    path: NDArray[np.float64]
