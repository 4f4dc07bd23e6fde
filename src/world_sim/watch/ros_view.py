"""A running stack for the page: what its topics say, as frames."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry as OdometryMsg
from nav_msgs.msg import Path as PathMsg
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces.geometry import compose, relative
from autonomy_interfaces.messages import Pose2D, seconds
from autonomy_interfaces.ros import (
    SENSOR_QOS,
    STATE_QOS,
    odometry_from_ros,
    pose_from_ros,
    scan_from_ros,
)
from world_sim.watch.scene import Frame, RobotView, scan_view, thinned
from world_sim.watch.server import LiveServer

FRAME_PERIOD_S = 0.1
SHOWN_VALUES = {
    "/decision/status": ("driver", "reason", "planner_status"),
    "/mission/status": ("state", "distance_m"),
}


@dataclass(frozen=True, slots=True)
class Topics:
    """Where the robot's topics are, and its lidar on it.

    namespace: "" or the robot's name; lidar: pose in base_link.
    """

    namespace: str = ""
    lidar: Pose2D = field(default_factory=lambda: Pose2D(0.0, 0.0))

    def name(self, topic: str) -> str:
        """The full name of `topic`."""
        return f"/{self.namespace}/{topic}" if self.namespace else f"/{topic}"


class StackView:
    """The latest of each topic, and the frame that they make.

    The scene is the simulated world where `/sim/contacts` tells where the robot truly is, and
    the odometry frame elsewhere.
    """

    def __init__(self, node: Node, topics: Topics) -> None:
        self._topics = topics
        self._latest: dict[str, Any] = {}
        for topic, kind, qos in (
            ("odom", OdometryMsg, SENSOR_QOS),
            ("scan", LaserScanMsg, SENSOR_QOS),
            ("sim/contacts", DiagnosticStatus, 10),
            ("safety/state", DiagnosticArray, STATE_QOS),
            ("decision/status", DiagnosticStatus, 10),
            ("decision/path", PathMsg, 1),
            ("mission/status", DiagnosticStatus, STATE_QOS),
            ("mission/goal", PoseStamped, 1),
        ):
            node.create_subscription(kind, topics.name(topic), self._keep(f"/{topic}"), qos)

    def _keep(self, topic: str) -> Callable[[Any], None]:
        def on_message(message: Any) -> None:
            self._latest[topic] = message

        return on_message

    def frame(self) -> Frame | None:
        """What is known now, or None before the first odometry."""
        if "/odom" not in self._latest:
            return None
        odometry = odometry_from_ros(self._latest["/odom"])
        truth = _values(self._latest.get("/sim/contacts"))
        base, contact = odometry.pose, truth.get("contact", "")
        if "x" in truth:
            base = Pose2D(*(float(truth[name]) for name in ("x", "y", "yaw")))
        # The origin of the odometry frame in the scene: base * odometry⁻¹.
        origin = compose(base, relative(odometry.pose, Pose2D(0.0, 0.0)))
        values = (base.x, base.y, base.yaw, odometry.vx, odometry.wz)
        if not all(math.isfinite(value) for value in values):
            return None
        scan = None
        if "/scan" in self._latest:
            lidar = compose(base, self._topics.lidar)
            scan = scan_view(scan_from_ros(self._latest["/scan"]), lidar)
        robot = RobotView(self._topics.namespace or "robot", *values, contact, scan)
        return Frame(
            seconds(odometry.stamp_ns),
            (robot,),
            self._facts(),
            self._path(origin),
            self._goal(origin),
        )

    def _facts(self) -> dict[str, str]:
        facts = {}
        if "/safety/state" in self._latest and self._latest["/safety/state"].status:
            status = self._latest["/safety/state"].status[0]
            facts["safety"] = status.message
            facts |= {key: value for key, value in _values(status).items() if key == "cause"}
        for topic, names in SHOWN_VALUES.items():
            values = _values(self._latest.get(topic))
            prefix = topic.split("/")[1]
            facts |= {f"{prefix} {name}": values[name] for name in names if values.get(name)}
        return facts

    def _path(self, origin: Pose2D) -> tuple[tuple[float, float], ...]:
        message = self._latest.get("/decision/path")
        poses = [] if message is None else message.poses
        placed = [compose(origin, pose_from_ros(pose)) for pose in poses]
        return thinned([(pose.x, pose.y) for pose in placed if math.isfinite(pose.x + pose.y)])

    def _goal(self, origin: Pose2D) -> tuple[float, float] | None:
        message = self._latest.get("/mission/goal")
        if message is None:
            return None
        goal = compose(origin, pose_from_ros(message))
        return (goal.x, goal.y) if math.isfinite(goal.x + goal.y) else None


def _values(status: DiagnosticStatus | None) -> dict[str, str]:
    return {} if status is None else {pair.key: pair.value for pair in status.values}


def show_stack(server: LiveServer, topics: Topics, ended: threading.Event) -> None:
    """Publish frames of the running stack until `ended`."""
    context = rclpy.Context()
    rclpy.init(context=context, args=[])
    node = Node("live_view", context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    view = StackView(node, topics)
    due = time.monotonic()
    try:
        while not ended.is_set() and context.ok():
            executor.spin_once(timeout_sec=FRAME_PERIOD_S / 2.0)
            if time.monotonic() >= due:
                due = time.monotonic() + FRAME_PERIOD_S
                frame = view.frame()
                if frame is not None:
                    server.publish(frame)
    except ExternalShutdownException:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)
