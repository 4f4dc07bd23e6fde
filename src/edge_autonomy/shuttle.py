"""A robot that drives to and fro under the launched stack, and what is said meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context

from autonomy_interfaces.geometry import relative
from autonomy_interfaces.messages import Pose2D
from autonomy_interfaces.ros import pose_to_ros
from autonomy_interfaces.wire import WireError
from edge_autonomy.demo.listener import RawListener, RawMessage
from edge_autonomy.demo.places import find_places
from edge_autonomy.demo.stack import DemoError, check_alive, last_words
from edge_autonomy.judged_run import running_stack
from edge_autonomy.launch import RunningLaunch

MOVING_MPS = 0.2
SETTLED_COMMANDS = 25
START_TIMEOUT_S = 120.0
POLL_S = 0.02
GOAL_PERIOD_S = 1.0


class ShuttleError(RuntimeError):
    """The robot does not drive; the message holds the last words of who knows why."""


class Shuttle:
    """Gives the robot two goals in turn, and hears the topics that are asked for."""

    def __init__(
        self, launch: RunningLaunch, goals: tuple[Pose2D, Pose2D], topics: frozenset[str]
    ) -> None:
        """Join the graph as the node `shuttle`; `goals` are in the odometry frame."""
        self.launch = launch
        self._goals = goals
        self._next = 0
        self._given = 0.0
        self._active = False
        self._moving = 0
        self._topics = topics
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("shuttle", context=self._context)
        self._publisher = self._node.create_publisher(PoseStamped, "/goal_pose", 1)
        self._listener = RawListener(self._node, {"/cmd_vel", "/mission/status", *topics})

    def close(self) -> None:
        """Leave the graph."""
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def wait_until_driving(self) -> None:
        """Return once the robot has moved for a while.

        Raises:
            ShuttleError: it does not in `START_TIMEOUT_S`, or the stack cannot run.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._moving < SETTLED_COMMANDS:
            try:
                check_alive(self.launch)
            except DemoError as error:
                raise ShuttleError(str(error)) from error
            if time.monotonic() > deadline:
                words = last_words(self.launch, "safety_monitor")
                raise ShuttleError(f"the robot does not drive; the monitor said:\n{words}")
            self._step(lambda _: None)

    def drive(self, duration_s: float, hear: Callable[[RawMessage], None]) -> None:
        """Go on for a while; `hear` gets every message of the topics asked for."""
        deadline = time.monotonic() + duration_s
        while time.monotonic() < deadline:
            self._step(hear)

    def _step(self, hear: Callable[[RawMessage], None]) -> None:
        self._give_goal()
        for message in self._listener.poll():
            # A message that cannot be read is none; no figure is made of it.
            with suppress(WireError):
                self._take(message, hear)
        time.sleep(POLL_S)

    def _take(self, message: RawMessage, hear: Callable[[RawMessage], None]) -> None:
        if message.topic == "/mission/status":
            self._on_mission(message.decode())
        elif message.topic == "/cmd_vel" and self._moving < SETTLED_COMMANDS:
            moving = abs(message.decode().twist.linear.x) >= MOVING_MPS
            self._moving = self._moving + 1 if moving else 0
        if message.topic in self._topics:
            hear(message)

    def _give_goal(self) -> None:
        if self._active or time.monotonic() - self._given < GOAL_PERIOD_S:
            return
        self._given = time.monotonic()
        self._publisher.publish(pose_to_ros(self._goals[self._next], "odom", 0))

    def _on_mission(self, status: DiagnosticStatus) -> None:
        state = next((pair.value for pair in status.values if pair.key == "state"), "")
        if self._active and state != "active":
            self._next = 1 - self._next
        self._active = state == "active"


@contextmanager
def driving(world: str, topics: frozenset[str], arguments: dict[str, str]) -> Iterator[Shuttle]:
    """The launched stack in a world that ships, in a ROS domain of its own, once it drives.

    Raises:
        ShuttleError: the robot does not drive.
        PlacesError: there is no such world.
    """
    places = find_places(world)
    with running_stack({"world": str(places.file), **arguments}) as launch:
        goals = (relative(places.start, places.goal), Pose2D(0.0, 0.0))
        shuttle = Shuttle(launch, goals, topics)
        try:
            shuttle.wait_until_driving()
            yield shuttle
        finally:
            shuttle.close()
