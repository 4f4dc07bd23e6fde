"""The launch files under ROS 2's own launch, by launch_pytest; collected on ROS machines alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import launch_pytest
import pytest
import rclpy
from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_description_sources import AnyLaunchDescriptionSource
from rclpy.node import Node

import launch
from autonomy_interfaces.ros import STATE_QOS

pytestmark = pytest.mark.dds

START_S = 180.0


def include(name: str, **arguments: str) -> tuple[launch.LaunchDescription, dict[str, int]]:
    """One of the package's launch files, and the exit codes of its processes as they end."""
    file = Path(get_package_share_directory("edge_autonomy")) / "launch" / name
    source = AnyLaunchDescriptionSource(str(file))
    codes: dict[str, int] = {}

    def note(event: ProcessExited, context: launch.LaunchContext) -> None:
        codes[event.process_name] = event.returncode

    description = launch.LaunchDescription(
        [
            RegisterEventHandler(OnProcessExit(on_exit=note)),
            IncludeLaunchDescription(source, launch_arguments=arguments.items()),
            launch_pytest.actions.ReadyToTest(),
        ]
    )
    return description, codes


@launch_pytest.fixture
def simulation() -> tuple[launch.LaunchDescription, dict[str, int]]:
    """The stack with the embedded simulator."""
    return include("sim.launch.yaml", world="warehouse")


@launch_pytest.fixture
def robot() -> tuple[launch.LaunchDescription, dict[str, int]]:
    """The stack on a robot whose drivers are silent."""
    return include("robot.launch.yaml")


@pytest.fixture
def node() -> Iterator[Node]:
    """A node of the test's own."""
    rclpy.init()
    watch = rclpy.create_node("test_launch")
    yield watch
    watch.destroy_node()
    rclpy.shutdown()


def hears_state(node: Node, state: str) -> bool:
    """Wait until the safety monitor is in a state."""
    return hears(
        node, DiagnosticArray, "/safety/state", STATE_QOS, lambda m: m.status[0].message == state
    )


def hears(node: Node, kind: type, topic: str, qos: object, wanted: object) -> bool:
    """Wait for a message for which `wanted(message)` holds."""
    heard = threading.Event()
    node.create_subscription(kind, topic, lambda m: wanted(m) and heard.set(), qos)
    deadline = node.get_clock().now().nanoseconds + START_S * 1e9
    while not heard.is_set() and node.get_clock().now().nanoseconds < deadline:
        rclpy.spin_once(node, timeout_sec=0.1)
    return heard.is_set()


@pytest.mark.timeout(400)
@pytest.mark.launch(fixture=simulation)
def test_the_simulated_stack_becomes_nominal_and_ends_cleanly(
    simulation: tuple[launch.LaunchDescription, dict[str, int]], node: Node
) -> Iterator[None]:
    assert hears_state(node, "nominal")
    yield
    _, codes = simulation
    assert len(codes) == 5
    assert set(codes.values()) == {0}


@pytest.mark.timeout(400)
@pytest.mark.launch(fixture=robot)
def test_a_robot_without_sensors_is_held_still(node: Node) -> None:
    assert hears_state(node, "safe_stop")
    assert hears(node, TwistStamped, "/cmd_vel", 10, lambda m: m.twist.linear.x == 0.0)
