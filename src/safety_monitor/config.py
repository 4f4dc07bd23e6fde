"""Everything that can be set on the safety monitor."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """Parameters of the monitor. Metres, seconds, radians and their quotients.

    The first block describes the robot (`config/robot.yaml`), the rest the monitor's behaviour
    (`config/stack.yaml`).
    """

    footprint: tuple[float, ...] = (0.254, 0.215, -0.254, 0.215, -0.254, -0.215, 0.254, -0.215)
    """Body seen from above, any simple polygon in base_link: x0, y0, x1, y1, …"""
    lidar_pose: tuple[float, ...] = (0.055, 0.0, 0.0)
    """x, y, yaw of the scanner in base_link; with several scan_sources one triple for each."""
    max_linear_velocity: float = 2.0
    min_linear_velocity: float = -2.0
    max_angular_velocity: float = 4.0
    linear_deceleration: float = 5.0
    """What the brakes surely reach."""
    angular_deceleration: float = 10.0
    linear_acceleration: float = 5.0
    """What the drive surely reaches: a base that answers more lazily cuts corners."""
    angular_acceleration: float = 10.0
    peak_linear_acceleration: float = 20.0
    """The most that the base ever does in either direction: it may also brake sooner."""
    peak_angular_acceleration: float = 25.0

    scan_sources: tuple[str, ...] = ("scan",)
    scan_mask: tuple[float, ...] = ()
    """Beams that see the robot itself: pairs of angles (from, to) in the scanner's frame."""
    scan_noise: bool = True
    """The scanner has noise, so bitwise equal scans mean that it has frozen."""

    cycle_period: float = 0.02
    cycle_jitter: float = 0.01
    actuation_delay: float = 0.02
    """From the publication of a command to its effect on the wheels."""
    margin: float = 0.015
    """Clearance kept at standstill; `margin_per_speed` is added per m/s of the fastest point."""
    margin_per_speed: float = 0.008
    clearance_floor: float = 0.005
    """A robot inside the margin may creep out or along, but never closer than this."""
    escape_speed: float = 0.1
    escape_rate: float = 0.4
    start_clearance: float = 0.08
    """Around the circle that the robot turns in: free when a person has put it there."""
    memory_time: float = 60.0
    """How long what was seen to be free is believed, where no beam looks now."""
    blind_reverse_speed: float = 0.5
    """Fastest reversing, if no scanner looks to the rear."""
    degraded_speed: float = 0.5
    degraded_rate: float = 1.5

    command_timeout: float = 0.08
    """A command older than this is silence. Commands are repeated at 50 Hz or more."""
    command_future: float = 0.05
    """How far ahead of our clock a stamp may be."""
    scan_timeout: float = 0.08
    scan_max_period: float = 0.06
    """Mean period, over ten scans, above which the scanner counts as slow."""
    scan_max_invalid: float = 0.5
    """Share of NaN beams above which a scan is useless."""
    frozen_scans: int = 10
    odometry_timeout: float = 0.1
    imu_timeout: float = 0.1
    use_imu: bool = True
    yaw_rate_tolerance: float = 0.6
    """Odometry against IMU, held for `yaw_rate_time` seconds."""
    yaw_rate_time: float = 0.3
    clock_stall: float = 0.25
    clock_jump: float = 0.5
    overrun_factor: float = 2.5
    """A cycle that starts later than this many periods is an overrun."""
    recovery_time: float = 0.3
    """How long every cause must be gone before the state improves."""
    reset_at_standstill: bool = True

    def __post_init__(self) -> None:
        """Refuse what the motion envelope cannot be computed from.

        Raises:
            ValueError: naming the parameter and what it should be.
        """
        if len(self.footprint) < 6 or len(self.footprint) % 2:
            raise ValueError("footprint: give at least three x, y pairs")
        if len(self.lidar_pose) != 3 * len(self.scan_sources):
            raise ValueError("lidar_pose: give x, y, yaw for each of scan_sources")
        if len(self.scan_mask) % 2:
            raise ValueError("scan_mask: give pairs of angles")
        positive = (
            "linear_deceleration",
            "angular_deceleration",
            "linear_acceleration",
            "angular_acceleration",
            "max_angular_velocity",
            "max_linear_velocity",
            "cycle_period",
            "command_timeout",
            "scan_timeout",
            "odometry_timeout",
        )
        for name in positive:
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name}: must be positive and finite")
        for kind in ("linear", "angular"):
            peak = getattr(self, f"peak_{kind}_acceleration")
            sure = max(getattr(self, f"{kind}_{way}eleration") for way in ("acc", "dec"))
            if not peak >= sure:
                raise ValueError(f"peak_{kind}_acceleration: must be at least {sure}")
