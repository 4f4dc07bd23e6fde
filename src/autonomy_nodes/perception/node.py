"""The `perception` node: `/scan` and `/odom` in, `/perception/costmap` out."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass

import numpy as np
import rclpy
from nav_msgs.msg import OccupancyGrid
from nav_msgs.msg import Odometry as OdometryMsg
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces.messages import LaserScan, Odometry
from autonomy_interfaces.parameters import ParameterError
from autonomy_interfaces.ros import (
    SENSOR_QOS,
    costmap_to_ros,
    declare_config,
    odometry_from_ros,
    scan_from_ros,
)
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig
from autonomy_nodes.perception.publish_rate import PublishRate


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
        self._publisher = self.create_publisher(OccupancyGrid, "/perception/costmap", 1)
        self.create_subscription(OdometryMsg, "/odom", self._on_odometry, SENSOR_QOS)
        self.create_subscription(LaserScanMsg, "/scan", self._on_scan, SENSOR_QOS)

    def _on_odometry(self, message: OdometryMsg) -> None:
        self._odometry = odometry_from_ros(message)
        self._core.observe(self._odometry)

    def _on_scan(self, message: LaserScanMsg) -> None:
        if self._odometry is None:
            return
        scan = scan_from_ros(message)
        if not self._rate.due(scan.stamp_ns):
            return
        self._publisher.publish(costmap_to_ros(self._core.step(scan, self._odometry)))


def warm_up(config: PerceptionConfig) -> None:
    """Compile or load the kernels, so that the first scan is as quick as any."""
    ranges = np.full(8, 1.0, dtype=np.float32)
    scan = LaserScan(0, ranges, -1.0, 0.25, 0.1, 30.0)
    core = LocalCostmap(config)
    core.step(scan, Odometry(0, 0.0, 0.0, 0.0))
    core.step(scan, Odometry(1, 2.0 * config.recentre_distance, 0.0, 0.0))


def main() -> None:
    """Run the node until it is told to stop."""
    rclpy.init()
    try:
        node = PerceptionNode()
        # What lives now lives as long as the process: keep the collector away from it.
        gc.collect()
        gc.freeze()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (ParameterError, ValueError) as error:
        sys.exit(f"perception: {error}")
    finally:
        rclpy.try_shutdown()
