"""What is published for people alone: the way, and who is seen to move."""

from __future__ import annotations

import math

import numpy as np
from builtin_interfaces.msg import Duration
from nav_msgs.msg import Path as PathMsg
from numpy.typing import NDArray
from rclpy.node import Node
from visualization_msgs.msg import Marker, MarkerArray

from autonomy_interfaces.messages import Pose2D, nanoseconds
from autonomy_interfaces.ros import pose_to_ros
from autonomy_nodes.decision.tick import DecisionOutput
from autonomy_nodes.tracking.moving_bodies import RADIUS, VX, VY, X, Y

FRAME = "odom"
PATH_PERIOD_S = 0.5
PATH_STRIDE = 5
HEIGHT = 1.0
"""Metres: a lidar in one plane knows none."""
SHAFT = 0.06
LIFETIME = Duration(nanosec=300_000_000)
"""What is not seen any more is drawn no longer than this."""
AMBER = (0.98, 0.55, 0.0, 0.8)


class Views:
    """`/decision/path` and `/decision/bodies`, made only while somebody listens."""

    def __init__(self, node: Node) -> None:
        """Create the publishers."""
        self._paths = node.create_publisher(PathMsg, "/decision/path", 1)
        self._bodies = node.create_publisher(MarkerArray, "/decision/bodies", 1)
        self._path_shown_ns = 0

    def show(self, output: DecisionOutput, now_ns: int) -> None:
        """Publish what a tick went by: the path now and then, the bodies each time."""
        late = abs(now_ns - self._path_shown_ns) >= nanoseconds(PATH_PERIOD_S)
        if late and self._paths.get_subscription_count():
            self._path_shown_ns = now_ns
            self._paths.publish(path_to_ros(output.path, now_ns))
        if self._bodies.get_subscription_count():
            self._bodies.publish(bodies_to_ros(output.bodies, now_ns))


def path_to_ros(path: NDArray[np.float64], now_ns: int) -> PathMsg:
    """A path (M, 2), metres in the odom frame; some of its points are enough to look at."""
    message = PathMsg(header=pose_to_ros(Pose2D(0.0, 0.0), FRAME, now_ns).header)
    for x, y in path[::PATH_STRIDE]:
        message.poses.append(pose_to_ros(Pose2D(float(x), float(y)), FRAME, now_ns))
    return message


def bodies_to_ros(bodies: NDArray[np.float64], now_ns: int) -> MarkerArray:
    """A table of bodies (M, 5) as cylinders, and arrows as long as their way in a second."""
    message = MarkerArray(markers=[Marker(action=Marker.DELETEALL)])
    for number, body in enumerate(bodies):
        cylinder = _marker("bodies", number, Marker.CYLINDER, body, now_ns)
        cylinder.pose.position.z = 0.5 * HEIGHT
        cylinder.scale.x = cylinder.scale.y = 2.0 * float(body[RADIUS])
        cylinder.scale.z = HEIGHT
        arrow = _marker("velocities", number, Marker.ARROW, body, now_ns)
        yaw = math.atan2(body[VY], body[VX])
        arrow.pose.orientation.z, arrow.pose.orientation.w = math.sin(yaw / 2), math.cos(yaw / 2)
        arrow.scale.x, arrow.scale.y = float(math.hypot(body[VX], body[VY])), SHAFT
        arrow.scale.z = SHAFT
        message.markers += [cylinder, arrow]
    return message


def _marker(name: str, number: int, shape: int, body: NDArray[np.float64], now_ns: int) -> Marker:
    """A shape where a body is."""
    pose = pose_to_ros(Pose2D(float(body[X]), float(body[Y])), FRAME, now_ns)
    marker = Marker(header=pose.header, ns=name, id=number, type=shape, action=Marker.ADD)
    marker.pose, marker.lifetime = pose.pose, LIFETIME
    marker.color.r, marker.color.g, marker.color.b, marker.color.a = AMBER
    return marker
