"""A running stack for tests: started from a launch file, watched over DDS, nodes known by name."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import psutil
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

from autonomy_governance.messages import KEPT_EVENTS_QOS, SAFETY_EVENTS
from autonomy_interfaces.geometry import relative
from autonomy_interfaces.messages import Pose2D
from autonomy_interfaces.ros import SENSOR_QOS, STATE_QOS, pose_to_ros
from autonomy_interfaces.share import share_directory
from edge_autonomy.doctor.software import has_ros_launch
from edge_autonomy.launch import RunningLaunch, start

START_S = 180.0
"""Longest wait for processes on a busy machine; no test measures it."""

# A driver of `ros2 launch`'s own library, for machines that have it.
ROS_LAUNCH = """
import json, sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource
file, arguments = sys.argv[1], json.loads(sys.argv[2])
service = LaunchService(noninteractive=True)
source = AnyLaunchDescriptionSource(file)
service.include_launch_description(
    LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments.items())])
)
sys.exit(service.run())
"""


class Launcher(Protocol):
    """What runs a launch file."""

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by node name."""

    def stop(self) -> int:
        """End it all; returns the launcher's exit code."""


class RosLauncher:
    """ROS 2's own launch, in a process; nodes are found among its children by their name."""

    def __init__(self, file: Path, arguments: Mapping[str, str], environment: Mapping[str, str]):
        self._process = subprocess.Popen(
            [sys.executable, "-c", ROS_LAUNCH, str(file), json.dumps(dict(arguments))],
            env=environment,
        )

    @property
    def pids(self) -> dict[str, int]:
        found = {}
        for child in psutil.Process(self._process.pid).children(recursive=True):
            try:
                words = child.cmdline()
            except psutil.NoSuchProcess:
                continue
            names = [word.removeprefix("__node:=") for word in words if word.startswith("__node:=")]
            # Without a name it is a container of several nodes, known by its executable.
            names += [
                name for word in words[:2] if (name := Path(word).name).endswith("_container")
            ]
            found.update(dict.fromkeys(names, child.pid))
        return found

    def stop(self) -> int:
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(30)


def launcher_for(
    file: Path, arguments: Mapping[str, str], environment: Mapping[str, str]
) -> RosLauncher | RunningLaunch:
    """Start a launch file: by ROS 2's launch where it is installed, else by our interpreter."""
    if has_ros_launch():
        return RosLauncher(file, arguments, environment)
    return start(file, arguments, environment=environment, stream=sys.stdout)


class Stack:
    """The stack in simulation, in a ROS domain of its own, and one node that watches it."""

    def __init__(self, domain: int, arguments: Mapping[str, str]) -> None:
        environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        }
        self.world = arguments.get("world", "warehouse")
        self.launcher = launcher_for(
            share_directory() / "launch" / "sim.launch.yaml", arguments, environment
        )
        self._code = 0
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain, args=[])
        self._node = rclpy.create_node("test_watch", context=self._context)
        self._changed = threading.Condition()
        self.commands: list[tuple[float, float, float]] = []
        """Every /cmd_vel: when it was published (time.monotonic()), vx, wz."""
        self.states: list[tuple[float, str, dict[str, str]]] = []
        """Every /safety/state: when it was published, state, values."""
        self.events: list[tuple[float, dict[str, str]]] = []
        """Every /safety/event: when it was published, values; those from before we listened too."""
        self.truth: dict[str, str] = {}
        self.truth_time = 0.0
        """When the ground truth was published."""
        self._published = 0.0
        self.mission: dict[str, str] = {}
        self.decision: dict[str, str] = {}
        self.speed = 0.0
        self._subscribe()
        self._goal = self._node.create_publisher(PoseStamped, "/goal_pose", 1)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="test-watch", daemon=True)
        self._thread.start()

    def wait(self, condition: Callable[[], Any], what: str, timeout_s: float = START_S) -> None:
        """Wait until a message makes `condition()` true; fail saying `what` did not come."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                raise AssertionError(f"{what} did not come in {timeout_s} s; {self._situation()}")

    def drive(self, timeout_s: float = START_S) -> None:
        """Give the world's goal and wait until the robot drives."""
        self.give_goal(timeout_s)
        self.wait(lambda: self.speed > 0.3, "a driving robot", timeout_s)

    def give_goal(self, timeout_s: float = START_S) -> None:
        """Publish the goal that worlds.yaml names until mission has taken it."""
        self.wait(lambda: self.mission and self.decision and self.states, "the stack", timeout_s)
        self.wait(lambda: self.states[-1][1] == "nominal", "the nominal state", timeout_s)
        places = yaml.safe_load((share_directory() / "gazebo_worlds/worlds.yaml").read_text())
        start_pose, goal = (Pose2D(*places[self.world][key]) for key in ("start", "goal"))
        message = pose_to_ros(relative(start_pose, goal), "odom", 0)
        deadline = time.monotonic() + timeout_s
        while self.mission.get("state") != "active":
            assert time.monotonic() < deadline, f"mission took no goal; {self._situation()}"
            self._goal.publish(message)
            with self._changed:
                self._changed.wait_for(lambda: self.mission.get("state") == "active", 1.0)

    def signal(self, node: str, number: int) -> tuple[int, float]:
        """Send a signal to one node's process; returns its process id and the time."""
        pid = self.launcher.pids[node]
        os.kill(pid, number)
        return pid, time.monotonic()

    def state_after(self, moment: float, *states: str) -> bool:
        """True where /safety/state was one of `states` after a moment."""
        return any(state in states for published, state, _ in self.states if published > moment)

    def first_zero_after(self, moment: float) -> float | None:
        """When the first zero on /cmd_vel that is kept to until now was published."""
        first = None
        for published, vx, wz in self.commands:
            if published <= moment:
                continue
            first = first or published if vx == 0.0 and wz == 0.0 else None
        return first

    def stop(self) -> int:
        """End the stack; returns the launcher's exit code."""
        if self._context.ok():
            self._code = self.launcher.stop()
            self._executor.shutdown()
            self._thread.join(5.0)
            rclpy.shutdown(context=self._context)
        return self._code

    def _subscribe(self) -> None:
        def on(kind: type, topic: str, qos: Any, take: Callable[[Any], None]) -> None:
            def callback(message: Any, info: Mapping[str, int]) -> None:
                with self._changed:
                    self._published = _published(info)
                    take(message)
                    self._changed.notify_all()

            self._node.create_subscription(kind, topic, callback, qos)

        def keep(target: dict[str, str]) -> Callable[[DiagnosticStatus], None]:
            return lambda message: target.update(_values(message))

        on(TwistStamped, "/cmd_vel", 50, self._take_command)
        on(DiagnosticArray, "/safety/state", STATE_QOS, self._take_state)
        on(DiagnosticStatus, SAFETY_EVENTS, KEPT_EVENTS_QOS, self._take_event)
        on(Odometry, "/odom", SENSOR_QOS, self._take_odometry)
        on(DiagnosticStatus, "/mission/status", STATE_QOS, keep(self.mission))
        on(DiagnosticStatus, "/decision/status", 10, keep(self.decision))
        on(DiagnosticStatus, "/sim/contacts", 10, self._take_truth)

    def _take_command(self, message: TwistStamped) -> None:
        twist = message.twist
        self.commands.append((self._published, twist.linear.x, twist.angular.z))

    def _take_state(self, message: DiagnosticArray) -> None:
        status = message.status[0]
        self.states.append((self._published, status.message, _values(status)))

    def _take_event(self, message: DiagnosticStatus) -> None:
        self.events.append((self._published, _values(message)))

    def _take_truth(self, message: DiagnosticStatus) -> None:
        self.truth.update(_values(message))
        self.truth_time = self._published

    def _take_odometry(self, message: Odometry) -> None:
        self.speed = math.hypot(message.twist.twist.linear.x, message.twist.twist.linear.y)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def _situation(self) -> str:
        state = self.states[-1][1:] if self.states else "none"
        return (
            f"speed {self.speed:.2f}, safety {state}, mission {self.mission}, "
            f"decision {self.decision}, running {sorted(self.launcher.pids)}"
        )


def _values(status: DiagnosticStatus) -> dict[str, str]:
    return {item.key: item.value for item in status.values}


def _published(info: Mapping[str, int]) -> float:
    """The time of publication on the monotonic clock, however late this process takes it."""
    return time.monotonic() - (time.time_ns() - info["source_timestamp"]) * 1e-9
