"""The node as a process, over DDS: clock, sensors, commands, ground truth, a clean end."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sdf_text

from edge_autonomy.demo.domain import RosDomain

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from geometry_msgs.msg import TwistStamped  # noqa: E402
from nav_msgs.msg import Odometry  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import LaserScan  # noqa: E402

from autonomy_interfaces.messages import VelocityCommand  # noqa: E402
from autonomy_interfaces.ros import SENSOR_QOS, command_to_ros, stamp_of  # noqa: E402

pytestmark = pytest.mark.dds
PATIENCE_S = 60.0


class Robot:
    """What a robot's software sees of the node."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("robot_software")
        self.last: dict[str, Any] = {}
        self.touched: list[str] = []
        self.truth_stamps: list[int] = []
        self.stamps: list[int] = []
        self.commands = self.node.create_publisher(TwistStamped, "/cmd_vel", 1)
        for topic, kind in (("/scan", LaserScan), ("/odom", Odometry), ("/clock", Clock)):
            self._keep(topic, kind, SENSOR_QOS)
        self._keep("/sim/contacts", DiagnosticStatus, 10)

    def _keep(self, topic: str, kind: type, qos: Any) -> None:
        def on_message(message: Any) -> None:
            self.last[topic] = message
            if topic == "/scan":
                self.stamps.append(stamp_of(message.header.stamp))
            if topic == "/sim/contacts":
                values = {v.key: v.value for v in message.values}
                self.touched += [values["contact"]] if values["contact"] else []
                self.truth_stamps.append(int(values["stamp_ns"]))

        self.node.create_subscription(kind, topic, on_message, qos)

    def until(self, condition: Any, vx: float = 0.0) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"heard only {sorted(self.last)}"
            self.commands.publish(command_to_ros(VelocityCommand(0, vx, 0.0)))
            rclpy.spin_once(self.node, timeout_sec=0.02)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    domain = RosDomain({})
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain.id))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    wall = sdf_text.shape("wall", sdf_text.box(0.2, 6, 1), "2.5 0 0.5 0 0 0")
    yield sdf_text.write(tmp_path, sdf_text.world(wall))
    domain.release()


def start(world: Path, *options: str) -> subprocess.Popen[str]:
    run = "from world_sim.node import main; main()"
    arguments = ["--ros-args", "-p", f"world:={world}", *options]
    return subprocess.Popen(
        [sys.executable, "-c", run, *arguments], env=os.environ, stderr=subprocess.PIPE, text=True
    )


def test_a_robot_drives_into_a_wall_and_the_node_ends_cleanly(world: Path) -> None:
    process = start(world, "-p", "spawn_x:=1.0")
    rclpy.init()
    robot = Robot()
    try:
        robot.until(lambda: {"/scan", "/odom", "/clock", "/sim/contacts"} <= set(robot.last))
        scan = robot.last["/scan"]
        assert len(scan.ranges) == 720
        assert scan.ranges[360] == pytest.approx(2.5 - 0.1 - 1.055, abs=0.05)
        for _ in range(5):
            robot.commands.publish(b"\0\1\0\0no message")
            robot.commands.publish(command_to_ros(VelocityCommand(0, math.nan, math.nan)))
        robot.until(lambda: robot.last["/odom"].pose.pose.position.x > 0.3, vx=0.5)
        robot.until(lambda: "wall" in robot.touched, vx=0.5)
        clock_ns = stamp_of(robot.last["/clock"].clock)
        assert robot.stamps == sorted(robot.stamps)
        assert abs(clock_ns - robot.stamps[-1]) < 500e6
        assert abs(clock_ns - robot.truth_stamps[-1]) < 500e6
    finally:
        robot.node.destroy_node()
        rclpy.try_shutdown()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20.0)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_the_node_plays_a_file_of_faults(world: Path) -> None:
    faults = world.with_name("faults.yaml")
    faults.write_text(
        "faults: [{kind: silence, target: scan}, {kind: freeze, target: odom},\n"
        "  {kind: kill, target: decision}]\n"
    )
    process = start(world, "-p", f"faults:={faults}")
    rclpy.init()
    robot = Robot()
    try:
        robot.until(lambda: "wall" in robot.touched, vx=1.0)
        assert "/scan" not in robot.last
        assert robot.last["/odom"].pose.pose.position.x < 0.01
    finally:
        robot.node.destroy_node()
        rclpy.try_shutdown()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20.0)
    assert "faults of processes are not played here: kill" in errors


def test_a_fault_that_does_not_exist_ends_the_node_with_its_reason(world: Path) -> None:
    faults = world.with_name("faults.yaml")
    faults.write_text("faults: [{kind: gremlins, target: scan}]\n")
    process = start(world, "-p", f"faults:={faults}")
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "gremlins" in errors
    assert "Traceback" not in errors


def test_a_world_that_is_not_there_ends_the_node_with_its_reason(world: Path) -> None:
    process = start(world.with_name("no.sdf"))
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "no such world file; give a path or one of: field, office," in errors
    assert "Traceback" not in errors
