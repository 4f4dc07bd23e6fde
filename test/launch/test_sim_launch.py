"""The launch files under ROS 2's own launch, by launch_pytest; collected on ROS machines alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import launch_pytest
import pytest
import rclpy
import yaml
from ament_index_python.packages import get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessExit, OnProcessStart
from launch.events.process import ProcessExited, ProcessStarted
from launch.launch_description_sources import AnyLaunchDescriptionSource
from rclpy.node import Node

import launch
from autonomy_interfaces.ros import STATE_QOS
from edge_autonomy.launch.evaluate import evaluate_file
from edge_autonomy.launch.process_spec import ParameterValues

pytestmark = pytest.mark.dds

START_S = 180.0


@dataclass
class Record:
    """What became of the processes of a launch, by label: command lines and exit codes."""

    commands: dict[str, list[str]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)


Launched = tuple[launch.LaunchDescription, Record]


def include(name: str, **arguments: str) -> Launched:
    """One of the package's launch files, and the record of its processes."""
    file = Path(get_package_share_directory("edge_autonomy")) / "launch" / name
    source = AnyLaunchDescriptionSource(str(file))
    record = Record()

    def note_start(event: ProcessStarted, context: launch.LaunchContext) -> None:
        record.commands[event.process_name] = list(event.cmd)

    def note_exit(event: ProcessExited, context: launch.LaunchContext) -> None:
        record.codes[event.process_name] = event.returncode

    description = launch.LaunchDescription(
        [
            RegisterEventHandler(OnProcessStart(on_start=note_start)),
            RegisterEventHandler(OnProcessExit(on_exit=note_exit)),
            IncludeLaunchDescription(source, launch_arguments=arguments.items()),
            launch_pytest.actions.ReadyToTest(),
        ]
    )
    return description, record


@launch_pytest.fixture
def simulation() -> Launched:
    """The stack with the embedded simulator."""
    return include("sim.launch.yaml", world="warehouse")


@launch_pytest.fixture
def robot() -> Launched:
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


def spelled_out(command: Iterable[str | ParameterValues]) -> list[object]:
    """A command with the content of parameter files that were written for it in their place."""
    words: list[object] = []
    for word in command:
        if isinstance(word, ParameterValues):
            words.append({word.section: {"ros__parameters": dict(word.values)}})
        elif Path(word).name.startswith("launch_params_"):
            words.append(yaml.safe_load(Path(word).read_text()))
        else:
            words.append(word)
    return words


@pytest.mark.timeout(400)
@pytest.mark.launch(fixture=simulation)
def test_the_simulated_stack_becomes_nominal_and_ends_cleanly(
    simulation: Launched, node: Node
) -> Iterator[None]:
    _, record = simulation
    assert hears_state(node, "nominal")
    file = Path(get_package_share_directory("edge_autonomy")) / "launch" / "sim.launch.yaml"
    for spec in evaluate_file(file, {"world": "warehouse"}):
        started = spelled_out(record.commands[spec.label])
        assert Path(str(started[0])).name == Path(str(spec.command[0])).name
        assert started[1:] == spelled_out(spec.command[1:])
    yield
    assert len(record.codes) == 6
    assert set(record.codes.values()) == {0}


@pytest.mark.timeout(400)
@pytest.mark.launch(fixture=robot)
def test_a_robot_without_sensors_is_held_still(node: Node) -> None:
    assert hears_state(node, "safe_stop")
    assert hears(node, TwistStamped, "/cmd_vel", 10, lambda m: m.twist.linear.x == 0.0)
