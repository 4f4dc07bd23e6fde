"""The `perception` node: `/scan` and `/odom` in, `/perception/costmap` out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nav_msgs.msg import OccupancyGrid
from nav_msgs.msg import Odometry as OdometryMsg
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces.mailbox import Mailbox, forget_clock
from autonomy_interfaces.messages import LaserScan, Odometry
from autonomy_interfaces.ros import (
    COSTMAP_QOS,
    SENSOR_QOS,
    declare_config,
)
from autonomy_interfaces.wire import costmap_to_raw, odometry_from_raw, scan_from_raw, stamp_of_raw
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig
from autonomy_nodes.perception.publish_rate import PublishRate
from autonomy_nodes.running import drive

ODOMETRY_QOS = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Best effort; what comes between two scans, and more."""


@dataclass(frozen=True)
class PerceptionNodeConfig:
    """Parameters of the node around the core.

    publish_rate: costmaps per second, hertz; scans in between are left out.
    """

    publish_rate: float = 20.0


class PerceptionNode(Node):
    """Adapter between ROS and the perception core; a scan is what triggers it."""

    def __init__(self) -> None:
        super().__init__("perception")
        config = declare_config(self, PerceptionConfig)
        self._rate = PublishRate(declare_config(self, PerceptionNodeConfig).publish_rate)
        warm_up(config)
        self._core = LocalCostmap(config)
        self._odometry: Odometry | None = None
        self._publisher = self.create_publisher(OccupancyGrid, "/perception/costmap", COSTMAP_QOS)
        self._odometries = Mailbox(self, OdometryMsg, "/odom", ODOMETRY_QOS, odometry_from_raw)
        self.create_subscription(LaserScanMsg, "/scan", self._on_scan, SENSOR_QOS, raw=True)

    def _on_scan(self, data: bytes) -> None:
        """Take a scan as it came off the wire: most are left out, and need not be unpacked."""
        for odometry in self._odometries.take():
            self._odometry = odometry
            self._core.observe(odometry)
        if self._odometry is None or not self._rate.due(stamp_of_raw(data)):
            return
        costmap = self._core.step(scan_from_raw(data), self._odometry)
        self._publisher.publish(costmap_to_raw(costmap))


def warm_up(config: PerceptionConfig) -> None:
    """Compile or load the kernels, so that the first scan is as quick as any."""
    ranges = np.full(8, 1.0, dtype=np.float32)
    scan = LaserScan(0, ranges, -1.0, 0.25, 0.1, 30.0)
    core = LocalCostmap(config)
    core.step(scan, Odometry(0, 0.0, 0.0, 0.0))
    core.step(scan, Odometry(1, 2.0 * config.recentre_distance, 0.0, 0.0))


def clockless() -> PerceptionNode:
    """A node that no clock wakes: it knows no time but its messages' stamps."""
    node = PerceptionNode()
    forget_clock(node)
    return node


def main() -> None:
    """Run the node until it is told to stop."""
    drive("perception", clockless)
