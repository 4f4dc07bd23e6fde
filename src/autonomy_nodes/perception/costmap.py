"""The perception core: scans and odometry to a rolling costmap in the odometry frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import compose
from autonomy_interfaces.messages import (
    Costmap,
    LaserScan,
    Odometry,
    Pose2D,
    nanoseconds,
)
from autonomy_nodes.perception import grid
from autonomy_nodes.perception.odometry_history import OdometryHistory


@dataclass(frozen=True)
class PerceptionConfig:
    """Parameters of the perception core; metres, seconds and radians.

    footprint: polygon of the body, base_link, x0, y0, x1, y1, …; lidar_pose: x, y, yaw of the
    lidar in base_link. The window is a square of `window_size` centred on the robot to within
    `recentre_distance`. Returns farther than `mark_range` are not marked, and beams clear no
    farther than `clear_range`. `max_scan_age` is how much older than the newest odometry a scan
    may be; `max_extrapolation` how much newer.
    """

    footprint: tuple[float, ...] = (0.254, 0.215, -0.254, 0.215, -0.254, -0.215, 0.254, -0.215)
    lidar_pose: tuple[float, ...] = (0.055, 0.0, 0.0)
    window_size: float = 20.0
    resolution: float = 0.04
    inflation_radius: float = 0.8
    mark_range: float = 15.0
    clear_range: float = 15.0
    recentre_distance: float = 0.5
    max_scan_age: float = 1.0
    max_extrapolation: float = 0.1

    def __post_init__(self) -> None:
        """Refuse values that no grid can be built from."""
        if len(self.footprint) < 6 or len(self.footprint) % 2:
            raise ValueError(
                f"footprint has {len(self.footprint)} numbers: give x, y of at least 3 corners"
            )
        if not (self.resolution > 0.0 and self.window_size >= 10 * self.resolution):
            raise ValueError(
                f"window_size {self.window_size} m and resolution {self.resolution} m: "
                "the window must be at least 10 cells wide"
            )


class LocalCostmap:
    """A rolling occupancy window that remembers what it has seen while it is inside.

    Beams clear the cells they cross and mark the cell they end in; the robot's own footprint is
    free; occupied cells are inflated. The window moves by whole cells, so that a cell keeps its
    place in the odometry frame.
    """

    def __init__(self, config: PerceptionConfig) -> None:
        """Start with everything unknown."""
        self.config = config
        self._cells = round(config.window_size / config.resolution)
        self._evidence = np.full((self._cells, self._cells), grid.UNKNOWN, dtype=np.int8)
        self._spare = np.empty_like(self._evidence)
        self._hit_mask = np.zeros(self._evidence.shape, dtype=np.uint8)
        self._origin: tuple[int, int] | None = None
        self._footprint = np.array(config.footprint, dtype=np.float64).reshape(-1, 2)
        self._lidar_pose = Pose2D(*config.lidar_pose)
        self._kernel = grid.inflation_kernel(
            config.resolution, inscribed_radius(self._footprint), config.inflation_radius
        )
        self._history = OdometryHistory(
            nanoseconds(config.max_scan_age), nanoseconds(config.max_extrapolation)
        )

    def observe(self, odometry: Odometry) -> None:
        """Note where the base is; call it with every odometry message between scans."""
        self._history.add(odometry)

    def step(self, scan: LaserScan, odometry: Odometry) -> Costmap:
        """Add a scan and return the costmap around the robot, stamped with the scan's time.

        A scan that is too old or too new to be placed by the odometry is left out; the costmap
        then shows what was known before.
        """
        self.observe(odometry)
        self.integrate(scan)
        return self.costmap(scan.stamp_ns)

    def integrate(self, scan: LaserScan) -> bool:
        """Add a scan at the pose that the base had at the scan's stamp.

        Returns:
            Whether the scan could be placed; otherwise it changes nothing.
        """
        base = self._history.pose_at(scan.stamp_ns)
        if base is None or not _is_usable(scan):
            return False
        self._recentre(base)
        assert self._origin is not None
        resolution = self.config.resolution
        sensor = compose(base, self._lidar_pose)
        grid.integrate_scan(
            self._evidence,
            self._hit_mask,
            resolution,
            sensor.x / resolution - self._origin[0],
            sensor.y / resolution - self._origin[1],
            sensor.yaw,
            np.ascontiguousarray(scan.ranges, dtype=np.float32),
            scan.angle_min,
            scan.angle_increment,
            scan.range_min,
            scan.range_max,
            self.config.clear_range,
            self.config.mark_range,
        )
        self._clear_footprint(base)
        return True

    def costmap(self, stamp_ns: int) -> Costmap:
        """The inflated costmap as known now."""
        cost = np.empty_like(self._evidence)
        grid.inflate(self._evidence, self._kernel, cost)
        col, row = self._origin or (-(self._cells // 2), -(self._cells // 2))
        resolution = self.config.resolution
        return Costmap(stamp_ns, resolution, col * resolution, row * resolution, cost)

    def _recentre(self, base: Pose2D) -> None:
        """Move the window by whole cells once the robot is `recentre_distance` off its centre."""
        resolution = self.config.resolution
        half = self._cells // 2
        wanted = (
            math.floor(base.x / resolution) - half,
            math.floor(base.y / resolution) - half,
        )
        if self._origin is None:
            self._origin = wanted
            return
        cols, rows = wanted[0] - self._origin[0], wanted[1] - self._origin[1]
        if max(abs(cols), abs(rows)) * resolution < self.config.recentre_distance:
            return
        grid.shift_window(self._evidence, self._spare, cols, rows)
        self._evidence, self._spare = self._spare, self._evidence
        self._origin = wanted

    def _clear_footprint(self, base: Pose2D) -> None:
        assert self._origin is not None
        cosine, sine = math.cos(base.yaw), math.sin(base.yaw)
        x = base.x + cosine * self._footprint[:, 0] - sine * self._footprint[:, 1]
        y = base.y + sine * self._footprint[:, 0] + cosine * self._footprint[:, 1]
        resolution = self.config.resolution
        grid.clear_polygon(
            self._evidence, x / resolution - self._origin[0], y / resolution - self._origin[1]
        )


def inscribed_radius(footprint: NDArray[np.float64]) -> float:
    """Distance from the base's origin to the nearest edge of the footprint.

    Args:
        footprint: (N, 2) float64, metres, base_link.

    Returns:
        Metres; 0 where the origin is on an edge.
    """
    start, end = footprint, np.roll(footprint, -1, axis=0)
    edge = end - start
    squared = np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-12)
    along = np.clip(-np.einsum("ij,ij->i", start, edge) / squared, 0.0, 1.0)
    nearest = start + along[:, None] * edge
    return float(np.hypot(nearest[:, 0], nearest[:, 1]).min())


def _is_usable(scan: LaserScan) -> bool:
    """Whether the scan's geometry is finite; single beams are checked one by one later."""
    numbers = (scan.angle_min, scan.angle_increment, scan.range_min, scan.range_max)
    return scan.ranges.ndim == 1 and all(map(math.isfinite, numbers))
