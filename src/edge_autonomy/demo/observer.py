"""Listens to a running stack: every message to the recording, what matters to the run log."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from autonomy_interfaces.messages import MILLISECOND, SECOND, Odometry, Pose2D
from autonomy_interfaces.ros import odometry_from_ros, pose_to_ros
from edge_autonomy.demo import transforms
from edge_autonomy.demo.feed import Feed
from edge_autonomy.demo.message_definitions import DefinitionError
from edge_autonomy.demo.recorder import Recorder

RECORDED_TOPICS = {
    "/clock": 100 * MILLISECOND,
    "/scan": 0,
    "/imu": 0,
    "/odom": 0,
    "/cmd_vel": 0,
    "/goal_pose": 0,
    "/mission/goal": SECOND,
    "/mission/status": 0,
    "/perception/costmap": SECOND // 2,
    "/decision/cmd_vel": 0,
    "/decision/status": 0,
    "/decision/path": SECOND // 4,
    "/safety/state": 0,
    "/sim/contacts": 0,
}
"""Topics that are recorded where they exist, each with the least time between two messages kept."""

DISCOVERY_PERIOD_S = 0.2
TRANSFORM_PERIOD_NS = 50 * MILLISECOND

CommandListener = Callable[[float, float, int], None]


class Observer:
    """One ROS node that listens, and gives the goal.

    Args:
        recorder: gets every message of `RECORDED_TOPICS` as it came off the wire.
        feed: gets the messages that it has handlers for.
        lidar: of the robot, for viewers of the recording.
    """

    def __init__(self, recorder: Recorder, feed: Feed, lidar: transforms.Transform) -> None:
        self._recorder = recorder
        self._feed = feed
        self._lidar = lidar
        self._transform_ns = 0
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("demo", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._goal_publisher = self._node.create_publisher(PoseStamped, "/goal_pose", 1)
        self._subscriptions: dict[str, Any] = {}
        self._skipped: set[str] = set()
        self._node.create_timer(DISCOVERY_PERIOD_S, self._discover)
        self.heard: dict[str, int] = {}
        """Messages heard by topic."""
        self.command_listeners: list[CommandListener] = []
        """Called with vx, wz and the system time of publication of every `/cmd_vel`."""
        self.ignored_before_ns: dict[str, int] = {}
        """Messages of a topic published before this system time do not reach the run log: what a
        process said before it was killed may arrive after."""
        self.now_ns = 0
        """Newest stamp of `/odom`."""

    def send_goal(self, goal: Pose2D, frame: str = "odom") -> None:
        """Publish a goal on `/goal_pose`."""
        self._goal_publisher.publish(pose_to_ros(goal, frame, self.now_ns))

    @property
    def mission_listens(self) -> bool:
        """Whether somebody would hear a goal now."""
        return bool(self._goal_publisher.get_subscription_count())

    def spin(
        self, condition: Callable[[], bool], timeout_s: float, on_idle: Callable[[], None]
    ) -> bool:
        """Take in messages until `condition()` or the time is up; says whether it holds.

        Args:
            condition: tried after every message.
            timeout_s: by the steady clock.
            on_idle: called after every message and at least every 20 ms.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() >= deadline:
                return False
            self._executor.spin_once(timeout_sec=0.02)
            on_idle()
        return True

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _discover(self) -> None:
        for topic, types in self._node.get_topic_names_and_types():
            wanted = topic in RECORDED_TOPICS and topic not in self._subscriptions
            if not wanted or topic in self._skipped:
                continue
            publishers = self._node.get_publishers_info_by_topic(topic)
            if not publishers:
                continue
            try:
                self._subscribe(topic, types[0], [info.qos_profile for info in publishers])
            except (ImportError, AttributeError, ValueError) as error:
                self._skipped.add(topic)
                self._node.get_logger().warning(f"{topic} is not recorded: {error}")

    def _subscribe(self, topic: str, type_name: str, offered: list[QoSProfile]) -> None:
        """Subscribe as strictly as every publisher offers, so that nothing is missed."""
        package, _, name = type_name.split("/")
        message_type = getattr(importlib.import_module(f"{package}.msg"), name)
        reliable = all(qos.reliability == ReliabilityPolicy.RELIABLE for qos in offered)
        kept = all(qos.durability == DurabilityPolicy.TRANSIENT_LOCAL for qos in offered)
        qos = QoSProfile(
            depth=50,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if kept else DurabilityPolicy.VOLATILE,
        )

        def take(data: bytes, info: dict[str, int]) -> None:
            self._take(topic, type_name, message_type, data, info)

        self._subscriptions[topic] = self._node.create_subscription(
            message_type, topic, take, qos, raw=True
        )

    def _take(
        self, topic: str, type_name: str, message_type: Any, data: bytes, info: dict[str, int]
    ) -> None:
        received_ns = time.time_ns()
        published_ns = info["source_timestamp"] or received_ns
        self.heard[topic] = self.heard.get(topic, 0) + 1
        try:
            self._recorder.write(
                topic,
                type_name,
                data,
                received_ns,
                published_ns,
                period_ns=RECORDED_TOPICS[topic],
            )
        except DefinitionError as error:
            if topic not in self._skipped:
                self._skipped.add(topic)
                self._node.get_logger().warning(f"{topic} is not recorded: {error}")
        handler = self._feed.handlers.get(topic)
        if handler is None or published_ns < self.ignored_before_ns.get(topic, 0):
            return
        message = deserialize_message(data, message_type)
        handler(message)
        if topic == "/cmd_vel":
            for listener in self.command_listeners:
                listener(message.twist.linear.x, message.twist.angular.z, published_ns)
        elif topic == "/odom":
            self._record_transforms(odometry_from_ros(message), received_ns)

    def _record_transforms(self, odometry: Odometry, received_ns: int) -> None:
        """Record what `/odom` says as transforms, and where the lidar is."""
        self.now_ns = odometry.stamp_ns
        if received_ns - self._transform_ns < TRANSFORM_PERIOD_NS:
            return
        first, self._transform_ns = self._transform_ns == 0, received_ns
        base = transforms.Transform(odometry.frame_id, odometry.child_frame_id, odometry.pose)
        topics = [("/tf", base)] + ([("/tf_static", self._lidar)] if first else [])
        for topic, transform in topics:
            self._recorder.write(
                topic,
                transforms.TYPE_NAME,
                transforms.encode(transform, self.now_ns),
                received_ns,
                definition=transforms.definition(),
            )
