"""The node with two robots in its world and faults in its run, over DDS."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_autonomy.demo.domain import RosDomain

rclpy = pytest.importorskip("rclpy")

from geometry_msgs.msg import TwistStamped  # noqa: E402
from nav_msgs.msg import Odometry  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import LaserScan  # noqa: E402

from autonomy_interfaces.messages import VelocityCommand  # noqa: E402
from autonomy_interfaces.ros import SENSOR_QOS, command_to_ros, stamp_of  # noqa: E402

pytestmark = pytest.mark.dds

WORLD = """<?xml version="1.0"?><sdf version="1.9"><world name="pair">
<model name="ground"><static>true</static><link name="link"><collision name="c">
<geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
</collision></link></model>
<include><uri>model://rover</uri><name>ann</name><pose>0 0 0 0 0 0</pose></include>
<include><uri>model://rover</uri><name>ben</name><pose>0 3 0 0 0 0</pose></include>
</world></sdf>
"""
FAULTS = """
- {kind: silence, target: odom, robot: ben}
- {kind: clock_jump, target: clock, offset_s: 1000.0}
"""


class Listener:
    """What arrives on the topics of both robots."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("listener")
        self.heard: dict[str, Any] = {}
        for robot in ("ann", "ben"):
            for topic, kind in (("scan", LaserScan), ("odom", Odometry)):
                self._listen(kind, f"/{robot}/{topic}")
        self._listen(Clock, "/clock")
        self.ben = self.node.create_publisher(TwistStamped, "/ben/cmd_vel", 1)

    def _listen(self, kind: type, topic: str) -> None:
        def on_message(message: Any) -> None:
            self.heard[topic] = message

        self.node.create_subscription(kind, topic, on_message, SENSOR_QOS)

    def until(self, condition: Callable[[], bool], each: Callable[[], None] = lambda: None) -> None:
        deadline = time.monotonic() + 60.0
        while not condition():
            assert time.monotonic() < deadline, f"heard only {sorted(self.heard)}"
            each()
            rclpy.spin_once(self.node, timeout_sec=0.02)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with the world, in a ROS domain of its own."""
    (tmp_path / "pair.sdf").write_text(WORLD)
    domain = RosDomain({})
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain.id))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    yield tmp_path
    domain.release()


@pytest.fixture
def listener(directory: Path) -> Iterator[Listener]:
    (directory / "faults.yaml").write_text(FAULTS)
    process = subprocess.Popen(start_command(directory, "faults.yaml"), env=os.environ)
    rclpy.init()
    listener = Listener()
    yield listener
    listener.node.destroy_node()
    rclpy.try_shutdown()
    process.terminate()
    assert process.wait(timeout=20.0) == 0


def start_command(directory: Path, faults: str) -> list[str]:
    parameters = {"world": directory / "pair.sdf", "faults": directory / faults}
    options = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    run = "from world_sim.node import main; main()"
    return [sys.executable, "-c", run, "--ros-args", *options]


def test_each_robot_has_its_namespace_and_its_faults(listener: Listener) -> None:
    listener.until(lambda: {"/ann/scan", "/ann/odom", "/ben/scan", "/clock"} <= set(listener.heard))
    stamp_ns = stamp_of(listener.heard["/ann/scan"].header.stamp)
    assert stamp_of(listener.heard["/clock"].clock) - stamp_ns > 900e9
    assert "/ben/odom" not in listener.heard

    # Ann sees ben, who stands three metres to her left, move away as he reverses.
    def nearest() -> float:
        return float(min(listener.heard["/ann/scan"].ranges))

    start = nearest()
    assert 2.5 < start < 3.3
    command = VelocityCommand(0, -0.5, 0.0)
    listener.until(
        lambda: nearest() > start + 0.1,
        lambda: listener.ben.publish(command_to_ros(command)),
    )
    assert abs(listener.heard["/ann/odom"].twist.twist.linear.x) < 0.05


def test_a_wrong_fault_ends_the_node_with_its_reason(directory: Path) -> None:
    (directory / "wrong.yaml").write_text("- {kind: silnce, target: scan}")
    result = subprocess.run(start_command(directory, "wrong.yaml"), capture_output=True, text=True)
    assert result.returncode == 2
    assert "did you mean 'silence'" in result.stderr
    assert "Traceback" not in result.stderr
