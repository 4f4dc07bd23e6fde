"""Everything that can be set on the safety monitor."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Zone:
    """limits: forward m/s, reverse m/s, rotation rad/s that `least` returns or more within a
    polygon impose; corners: its x, y in base_link, metres.
    """

    limits: tuple[float, float, float]
    least: int
    corners: tuple[tuple[float, float], ...]


def zones_of(values: tuple[float, ...]) -> tuple[Zone, ...]:
    """The zones of `speed_zones`.

    Raises:
        ValueError: the numbers do not describe zones.
    """
    rest, zones = list(values), []
    while rest:
        (forward, reverse, turn, least, count), rest = (*rest[:5], *[0.0] * 5)[:5], rest[5:]
        xy, rest = rest[: 2 * int(count)], rest[2 * int(count) :]
        corners = tuple(zip(xy[::2], xy[1::2], strict=False))
        limits = forward, reverse, turn
        whole = least >= 1 and len(set(corners)) == count >= 3 and all(map(math.isfinite, xy))
        if not (whole and all(x >= 0.0 for x in limits)):
            raise ValueError(
                "speed_zones: give forward, reverse, rotation, least returns, number of corners "
                "and the x, y of at least three different corners for each zone"
            )
        zones.append(Zone(limits, int(least), corners))
    return tuple(zones)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


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
    max_lateral_acceleration: float = 3.0
    """Speed times rotation, m/s², that the tyres hold: beyond it the base slides."""
    turning_point: float = 0.15
    """In a curve tyres give way, so that the base turns about a point ahead of its middle, as seen
    along its way: so far at most. With four wheels, half of the wheelbase and a little more."""
    turning_point_per_curve: float = 0.4
    """And at most so far per m/s² of speed times rotation: on the spot it is the middle."""
    base_timeout: float = 0.25
    """The base stops by itself when it has heard no command for so long, or a fifth sooner."""

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

    speed_zones: tuple[float, ...] = ()
    """Where returns slow the robot; for each zone: limits of forward and reverse speed and of
    rotation (inf for none), the least number of returns, the number of corners, their x, y."""

    command_timeout: float = 0.08
    """Silence after the newest command. Commands are repeated at 50 Hz or more."""
    decision_timeout: float = 0.2
    """Age of the newest command's stamp: a decision that is repeated keeps its own."""
    command_future: float = 0.05
    """How far ahead of our clock a command's stamp may be."""
    sensor_future: float = 0.015
    """And a sensor's: the robot is taken to be where it will be at that stamp."""
    scan_timeout: float = 0.07
    scan_max_period: float = 0.06
    """Mean period, over ten scans, above which the scanner counts as slow."""
    scan_max_invalid: float = 0.5
    """Share of NaN beams above which a scan is useless."""
    frozen_scans: int = 10
    odometry_timeout: float = 0.07
    odometry_max_period: float = 0.06
    imu_timeout: float = 0.1
    imu_max_period: float = 0.06
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

    @property
    def rates(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Of v and of w: what the base surely reaches, both ways, and the most that it does."""
        linear = min(self.linear_deceleration, self.linear_acceleration)
        angular = min(self.angular_deceleration, self.angular_acceleration)
        peaks = self.peak_linear_acceleration, self.peak_angular_acceleration
        return (linear, peaks[0]), (angular, peaks[1])

    def __post_init__(self) -> None:
        """Refuse what the motion envelope cannot be computed from.

        Raises:
            ValueError: naming the parameter and what it should be.
        """
        corners = set(zip(self.footprint[::2], self.footprint[1::2], strict=False))
        if len(corners) < 3 or len(self.footprint) != 2 * len(corners):
            raise ValueError("footprint: give the x, y of at least three different corners")
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if field.name == "speed_zones":
                zones_of(value)
            elif not all(map(math.isfinite, filter(_is_number, numbers))):
                raise ValueError(f"{field.name}: must be finite")
            elif _is_number(value) and value < 0.0 and field.name != "min_linear_velocity":
                raise ValueError(f"{field.name}: must not be negative")
        if len(self.lidar_pose) != 3 * len(self.scan_sources):
            raise ValueError("lidar_pose: give x, y, yaw for each of scan_sources")
        if len(self.scan_mask) % 2:
            raise ValueError("scan_mask: give pairs of angles")
        if self.min_linear_velocity > 0.0:
            raise ValueError("min_linear_velocity: must be negative, or zero")
        suffixes = ("_deceleration", "_acceleration", "_timeout", "cycle_period", "memory_time")
        positive = [field.name for field in fields(self) if field.name.endswith(suffixes)]
        for name in ("max_linear_velocity", "max_angular_velocity", *positive):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name}: must be positive")
        for kind in ("linear", "angular"):
            peak = getattr(self, f"peak_{kind}_acceleration")
            sure = max(getattr(self, f"{kind}_{way}eleration") for way in ("acc", "dec"))
            if not peak >= sure:
                raise ValueError(f"peak_{kind}_acceleration: must be at least {sure}")
