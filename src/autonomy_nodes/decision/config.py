"""Parameters of the decision core."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DecisionConfig:
    """Parameters of the decision core.

    Attributes:
        driver: `default` (policy, planner as fallback), `policy` (alone; its unusable answers
            become zero) or `fallback` (planner alone).
        footprint: x0, y0, x1, y1, … of the body in base_link, metres.
        lidar_pose: of the lidar in base_link: x m, y m, yaw rad.
        max_linear_velocity: m/s.
        min_linear_velocity: m/s, negative for reverse.
        max_angular_velocity: rad/s.
        linear_acceleration: that the drive surely reaches, m/s².
        angular_acceleration: likewise, rad/s².
        linear_deceleration: that the brakes surely reach, m/s².
        angular_deceleration: that the brakes surely reach, rad/s².
        goal_tolerance: distance at which the goal is reached, metres.
        scan_timeout: age past which the scan is stale, seconds.
        odometry_timeout: seconds.
        costmap_timeout: seconds.
        return_ticks: consecutive good proposals before the policy gets the wheel back.
        collision_reaction: how long a proposal is held in the collision check before braking,
            seconds.
        collision_margin: by which the footprint is grown in that check, metres.
        body_hold: how long a proposal is held in the check against bodies that move, seconds.
        body_margin: by which those are grown, metres.
        stall_distance: a policy that stays within this radius …, metres,
        stall_time: … for so long is stalled, seconds.
        guide_progress: the way that remains must get shorter by this much …, metres,
        guide_progress_time: … in this time, or the policy is stalled, seconds.
        stall_penalty: how long a stalled policy is benched, longer each time in a row, seconds.
        swap_shadow_ticks: with an answer fit to drive that a new policy gives beside the active one
            before it takes over; with as many that only the active one has, it is refused.
        swap_shadow_faults: until then at which it is refused.
        swap_probation_ticks: fit to drive, after it took over, until when its predecessor stays
            ready; with as many that only the predecessor has, that one comes back.
        swap_probation_faults: until then at which the predecessor comes back.
    """

    driver: str = "default"
    footprint: tuple[float, ...] = (0.254, 0.215, -0.254, 0.215, -0.254, -0.215, 0.254, -0.215)
    lidar_pose: tuple[float, ...] = (0.055, 0.0, 0.0)
    max_linear_velocity: float = 2.0
    min_linear_velocity: float = -2.0
    max_angular_velocity: float = 4.0
    linear_acceleration: float = 5.0
    angular_acceleration: float = 10.0
    linear_deceleration: float = 5.0
    angular_deceleration: float = 10.0
    goal_tolerance: float = 0.3
    scan_timeout: float = 0.25
    odometry_timeout: float = 0.25
    costmap_timeout: float = 0.25
    return_ticks: int = 3
    collision_reaction: float = 0.15
    collision_margin: float = 0.03
    body_hold: float = 1.5
    body_margin: float = 0.1
    stall_distance: float = 0.2
    stall_time: float = 3.0
    guide_progress: float = 0.5
    guide_progress_time: float = 8.0
    stall_penalty: float = 3.0
    swap_shadow_ticks: int = 40
    swap_shadow_faults: int = 4
    swap_probation_ticks: int = 200
    swap_probation_faults: int = 3
