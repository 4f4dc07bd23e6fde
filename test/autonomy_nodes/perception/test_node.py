"""The perception node on the wire."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import rclpy
from nav_msgs.msg import OccupancyGrid
from nav_msgs.msg import Odometry as OdometryMsg
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces.executor import LeanExecutor
from autonomy_interfaces.messages import LaserScan, Odometry
from autonomy_interfaces.ros import COSTMAP_QOS, SENSOR_QOS, odometry_to_ros, scan_to_ros
from autonomy_nodes.perception.node import PerceptionNode
from edge_autonomy.demo.domain import RosDomain

pytestmark = pytest.mark.dds

WAIT_S = 30.0
GARBAGE = (b"", b"\0\1\0\0no message", b"\0\1\0\0" + b"\0" * 8 + b"\xff" * 60)


class Rig:
    """A perception node, and a client that feeds and hears it, in one executor."""

    def __init__(self) -> None:
        self.perception = PerceptionNode()
        self.client = rclpy.create_node("client")
        self.grids: list[OccupancyGrid] = []
        self.client.create_subscription(
            OccupancyGrid, "/perception/costmap", self.grids.append, COSTMAP_QOS
        )
        self.scan = self.client.create_publisher(LaserScanMsg, "/scan", SENSOR_QOS)
        self.odometry = self.client.create_publisher(OdometryMsg, "/odom", SENSOR_QOS)
        self._executor = LeanExecutor()
        for node in (self.perception, self.client):
            self._executor.add_node(node)
        self._stamp_ns = 0

    def until(self, condition: Callable[[], bool], act: Callable[[], None]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline
            act()
            self._executor.spin_once(timeout_sec=0.02)

    def feed(self) -> None:
        """A wall all around, seen from where the robot stands."""
        self._stamp_ns += 100_000_000
        self.odometry.publish(odometry_to_ros(Odometry(self._stamp_ns, 1.0, 0.0, 0.0)))
        ranges = np.full(360, 2.0, np.float32)
        self.scan.publish(
            scan_to_ros(LaserScan(self._stamp_ns, ranges, -3.1, 6.2 / 359, 0.1, 30.0))
        )

    def garble(self) -> None:
        for data in GARBAGE:
            self.odometry.publish(data)
            self.scan.publish(data)

    def close(self) -> None:
        self._executor.shutdown()
        for node in (self.perception, self.client):
            node.destroy_node()


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    domain = RosDomain({})
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain.id))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init()
    rig = Rig()
    yield rig
    rig.close()
    rclpy.try_shutdown()
    domain.release()


def test_scan_and_odometry_become_a_costmap(rig: Rig) -> None:
    rig.until(lambda: bool(rig.grids), rig.feed)
    grid = rig.grids[-1]
    cells = np.array(grid.data, np.int8).reshape(grid.info.height, grid.info.width)
    assert grid.header.frame_id == "odom"
    rows, columns = np.nonzero(cells == 100)
    x = grid.info.origin.position.x + (columns + 0.5) * grid.info.resolution
    y = grid.info.origin.position.y + (rows + 0.5) * grid.info.resolution
    assert np.hypot(x - 1.055, y) == pytest.approx(2.0, abs=2 * grid.info.resolution)


def test_bytes_that_are_no_message_are_dropped_and_the_next_scan_is_taken(rig: Rig) -> None:
    rig.until(lambda: bool(rig.grids), rig.feed)
    mapped, garbled = len(rig.grids), [0]

    def garble() -> None:
        garbled[0] += 1
        rig.garble()

    rig.until(lambda: garbled[0] > 20, garble)
    rig.until(lambda: len(rig.grids) > mapped + 3, rig.feed)
