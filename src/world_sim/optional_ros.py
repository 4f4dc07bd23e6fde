"""Images, satellite fixes and joint states on ROS topics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, JointState, NavSatStatus
from sensor_msgs.msg import NavSatFix as NavSatFixMsg

from autonomy_interfaces.ros import SENSOR_QOS, time_of
from world_sim.measurement import CameraImage, JointStates, Measurement, NavSatFix


class OptionalPublishers:
    """Publishes what not every robot measures; a topic appears with its first message.

    Topics below `prefix`: camera/image and camera/depth, each with its camera_info (of further
    cameras: below their own name), navsat, navsat/velocity, joint_states.
    """

    def __init__(self, node: Node, prefix: str) -> None:
        self._node = node
        self._prefix = prefix
        self._publishers: dict[str, Any] = {}
        self._cameras: list[str] = []

    def publish(self, measurement: Measurement) -> None:
        """Publish a measurement of one of these sensors."""
        match measurement.message:
            case CameraImage() as image:
                self._publish_image(image)
            case NavSatFix() as fix:
                self._send("navsat", NavSatFixMsg, navsat_to_ros(fix))
                self._send("navsat/velocity", TwistStamped, velocity_to_ros(fix))
            case JointStates() as states:
                self._send("joint_states", JointState, joints_to_ros(states))

    def _publish_image(self, image: CameraImage) -> None:
        if image.camera not in self._cameras:
            self._cameras.append(image.camera)
        name = "camera" if image.camera == self._cameras[0] else image.camera
        kind = "image" if image.encoding == "rgb8" else "depth"
        info = "camera_info" if kind == "image" else "depth/camera_info"
        self._send(f"{name}/{kind}", Image, image_to_ros(image))
        self._send(f"{name}/{info}", CameraInfo, camera_info_to_ros(image))

    def _send(self, topic: str, kind: type, message: Any) -> None:
        if topic not in self._publishers:
            name = f"{self._prefix}{topic}"
            self._publishers[topic] = self._node.create_publisher(kind, name, SENSOR_QOS)
        self._publishers[topic].publish(message)


def image_to_ros(image: CameraImage) -> Image:
    """A sensor_msgs/Image."""
    height, width = image.pixels.shape[:2]
    pixels = np.ascontiguousarray(image.pixels)
    message = Image(height=height, width=width, encoding=image.encoding, step=pixels.strides[0])
    message.header.stamp = time_of(image.stamp_ns)
    message.header.frame_id = image.frame_id
    message.data.frombytes(pixels.tobytes())
    return message


def camera_info_to_ros(image: CameraImage) -> CameraInfo:
    """The sensor_msgs/CameraInfo of an ideal pinhole camera."""
    height, width = image.pixels.shape[:2]
    focal = width / 2.0 / math.tan(image.horizontal_fov / 2.0)
    middle_x, middle_y = width / 2.0, height / 2.0
    message = CameraInfo(height=height, width=width, distortion_model="plumb_bob", d=[0.0] * 5)
    message.header.stamp = time_of(image.stamp_ns)
    message.header.frame_id = image.frame_id
    message.k = [focal, 0.0, middle_x, 0.0, focal, middle_y, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal, 0.0, middle_x, 0.0, 0.0, focal, middle_y, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def navsat_to_ros(fix: NavSatFix) -> NavSatFixMsg:
    """A sensor_msgs/NavSatFix."""
    message = NavSatFixMsg(latitude=fix.latitude, longitude=fix.longitude, altitude=fix.altitude)
    message.header.stamp = time_of(fix.stamp_ns)
    message.header.frame_id = fix.frame_id
    message.status.status = NavSatStatus.STATUS_FIX
    message.status.service = NavSatStatus.SERVICE_GPS
    east, north, up = fix.position_variance
    message.position_covariance = [east, 0.0, 0.0, 0.0, north, 0.0, 0.0, 0.0, up]
    message.position_covariance_type = NavSatFixMsg.COVARIANCE_TYPE_DIAGONAL_KNOWN
    return message


def velocity_to_ros(fix: NavSatFix) -> TwistStamped:
    """The velocity of a fix: east, north, up."""
    message = TwistStamped()
    message.header.stamp = time_of(fix.stamp_ns)
    message.header.frame_id = fix.frame_id
    linear = message.twist.linear
    linear.x, linear.y, linear.z = fix.velocity
    return message


def joints_to_ros(states: JointStates) -> JointState:
    """A sensor_msgs/JointState."""
    message = JointState(
        name=list(states.names),
        position=list(states.positions),
        velocity=list(states.velocities),
    )
    message.header.stamp = time_of(states.stamp_ns)
    return message
