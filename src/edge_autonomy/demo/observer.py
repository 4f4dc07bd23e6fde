"""Listens to a running stack: every message to the recording, what matters to the run log."""

from __future__ import annotations

import time
from collections.abc import Callable

import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context

from autonomy_interfaces.mailbox import TELL_PERIOD_S
from autonomy_interfaces.messages import MILLISECOND, SECOND, Odometry, Pose2D
from autonomy_interfaces.ros import odometry_from_ros, pose_to_ros
from autonomy_interfaces.wire import WireError
from edge_autonomy.demo import transforms
from edge_autonomy.demo.feed import DECODE_PERIODS_NS, Feed
from edge_autonomy.demo.listener import RawListener, RawMessage
from edge_autonomy.demo.message_definitions import DefinitionError
from edge_autonomy.demo.recorder import Recorder

RECORDED_TOPICS = {
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
    "/decision/bodies": SECOND // 10,
    "/decision/path": SECOND // 4,
    "/safety/state": 0,
    "/safety/events": 0,
    "/gate/request": 0,
    "/gate/decision": 0,
    "/audit/status": 0,
    "/sim/contacts": 0,
}
"""Topics that are recorded where they exist, each with the least time between two messages kept."""

POLL_PERIOD_S = 0.01
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
        self._goal_publisher = self._node.create_publisher(PoseStamped, "/goal_pose", 1)
        self._listener = RawListener(self._node, RECORDED_TOPICS)
        self._unrecorded: set[str] = set()
        self._decoded_ns: dict[str, int] = {}
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
        self, condition: Callable[[], bool], timeout_s: float, on_poll: Callable[[], None]
    ) -> bool:
        """Take in messages until `condition()` or the time is up; says whether it holds.

        Args:
            condition: tried after every poll.
            timeout_s: by the steady clock.
            on_poll: called after every poll.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_PERIOD_S)
            for message in self._listener.poll():
                self._take(message)
            on_poll()
        return True

    def close(self) -> None:
        """Leave the graph."""
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _take(self, message: RawMessage) -> None:
        topic = message.topic
        self.heard[topic] = self.heard.get(topic, 0) + 1
        self._record(message)
        handler = self._feed.handlers.get(topic)
        if handler is None or not self._decodes(message):
            return
        try:
            content = message.decode()
        except WireError as error:
            logger = self._node.get_logger()
            logger.warning(f"{topic}: passed over: {error}", throttle_duration_sec=TELL_PERIOD_S)
            return
        handler(content)
        if topic == "/cmd_vel":
            twist = content.twist
            for listener in self.command_listeners:
                listener(twist.linear.x, twist.angular.z, message.published_ns)
        elif topic == "/odom":
            self._record_transforms(odometry_from_ros(content), message.received_ns)

    def _decodes(self, message: RawMessage) -> bool:
        """Whether the run log needs this message."""
        topic = message.topic
        if message.published_ns < self.ignored_before_ns.get(topic, 0):
            return False
        since_ns = message.received_ns - self._decoded_ns.get(topic, 0)
        if since_ns < DECODE_PERIODS_NS.get(topic, 0):
            return False
        self._decoded_ns[topic] = message.received_ns
        return True

    def _record(self, message: RawMessage) -> None:
        try:
            self._recorder.write(
                message.topic,
                message.type_name,
                message.data,
                message.received_ns,
                message.published_ns,
                period_ns=RECORDED_TOPICS[message.topic],
            )
        except DefinitionError as error:
            if message.topic not in self._unrecorded:
                self._unrecorded.add(message.topic)
                self._node.get_logger().warning(f"{message.topic} is not recorded: {error}")

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
