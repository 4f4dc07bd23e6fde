"""The ROS edge of a node: message conversions, QoS profiles and parameter declaration.

Messages that are read and written without their objects are in `wire`.
"""

from __future__ import annotations

import array
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, Quaternion, TwistStamped
from nav_msgs.msg import OccupancyGrid
from nav_msgs.msg import Odometry as OdometryMsg
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSProfile,
    ReliabilityPolicy,
)
from sensor_msgs.msg import Imu as ImuMsg
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces.gate import GateDecision, GateQuestion
from autonomy_interfaces.geometry import quaternion_of_yaw, yaw_of_quaternion
from autonomy_interfaces.messages import (
    SECOND,
    Costmap,
    Imu,
    LaserScan,
    Odometry,
    Pose2D,
    VelocityCommand,
)
from autonomy_interfaces.parameters import ParameterError, build_config

ConfigT = TypeVar("ConfigT")

SENSOR_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=5,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
"""Sensor data: best effort, the newest few."""

COSTMAP_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
"""A costmap: the next one comes at once, so none is sent again. A reliable writer of large messages
may stop delivering to everybody once one of its readers was killed (Fast DDS 2.14)."""

STATE_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""A state that a late joiner must learn: reliable, transient local, the newest only."""


def command_qos(deadline_s: float, lease_s: float) -> QoSProfile:
    """QoS of a velocity command: reliable, depth 1, with a deadline and a liveliness lease."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
        deadline=Duration(nanoseconds=round(deadline_s * SECOND)),
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=Duration(nanoseconds=round(lease_s * SECOND)),
    )


def declare_config(node: Node, config_type: type[ConfigT]) -> ConfigT:
    """Declare one ROS parameter per field of `config_type` and build it from their values.

    A parameter that another configuration of the node has declared is shared with it.

    Raises:
        ParameterError: a field without default got no value, or a value has the wrong type.
    """
    values: dict[str, Any] = {}
    for field in fields(config_type):  # type: ignore[arg-type]
        default = field.default
        if default is MISSING and field.default_factory is not MISSING:
            default = field.default_factory()
        if default is MISSING:
            raise ParameterError(f"{config_type.__name__}.{field.name} has no default value")
        if isinstance(default, tuple):
            default = list(default)
        if node.has_parameter(field.name):
            value = node.get_parameter(field.name).value
        else:
            value = node.declare_parameter(field.name, default).value
        values[field.name] = list(value) if isinstance(value, array.array) else value
    return build_config(config_type, values)


def stamp_of(time: Time) -> int:
    """Nanoseconds of a message stamp."""
    return int(time.sec) * SECOND + int(time.nanosec)


def time_of(stamp_ns: int) -> Time:
    """Message stamp of nanoseconds."""
    return Time(sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND)


def scan_from_ros(message: LaserScanMsg) -> LaserScan:
    """sensor_msgs/LaserScan to data."""
    return LaserScan(
        stamp_ns=stamp_of(message.header.stamp),
        ranges=np.array(message.ranges, dtype=np.float32),
        angle_min=message.angle_min,
        angle_increment=message.angle_increment,
        range_min=message.range_min,
        range_max=message.range_max,
        frame_id=message.header.frame_id,
    )


def scan_to_ros(scan: LaserScan) -> LaserScanMsg:
    """Data to sensor_msgs/LaserScan."""
    message = LaserScanMsg()
    message.header.stamp = time_of(scan.stamp_ns)
    message.header.frame_id = scan.frame_id
    message.angle_min = scan.angle_min
    message.angle_max = scan.angle_min + scan.angle_increment * (len(scan.ranges) - 1)
    message.angle_increment = scan.angle_increment
    message.range_min = scan.range_min
    message.range_max = scan.range_max
    message.ranges = array.array("f", scan.ranges.astype(np.float32, copy=False).tobytes())
    return message


def imu_from_ros(message: ImuMsg) -> Imu:
    """sensor_msgs/Imu to data; a covariance of -1 marks an absent orientation."""
    rate, acceleration = message.angular_velocity, message.linear_acceleration
    orientation = message.orientation
    has_orientation = message.orientation_covariance[0] != -1.0
    return Imu(
        stamp_ns=stamp_of(message.header.stamp),
        angular_velocity=(rate.x, rate.y, rate.z),
        linear_acceleration=(acceleration.x, acceleration.y, acceleration.z),
        orientation=(orientation.x, orientation.y, orientation.z, orientation.w)
        if has_orientation
        else None,
        frame_id=message.header.frame_id,
    )


def imu_to_ros(imu: Imu) -> ImuMsg:
    """Data to sensor_msgs/Imu."""
    message = ImuMsg()
    message.header.stamp = time_of(imu.stamp_ns)
    message.header.frame_id = imu.frame_id
    rate, acceleration = message.angular_velocity, message.linear_acceleration
    rate.x, rate.y, rate.z = imu.angular_velocity
    acceleration.x, acceleration.y, acceleration.z = imu.linear_acceleration
    if imu.orientation is None:
        message.orientation_covariance[0] = -1.0
    else:
        x, y, z, w = imu.orientation
        message.orientation = Quaternion(x=x, y=y, z=z, w=w)
    return message


def odometry_from_ros(message: OdometryMsg) -> Odometry:
    """nav_msgs/Odometry to planar data."""
    pose, twist = message.pose.pose, message.twist.twist
    quaternion = pose.orientation
    return Odometry(
        stamp_ns=stamp_of(message.header.stamp),
        x=pose.position.x,
        y=pose.position.y,
        yaw=yaw_of_quaternion(quaternion.x, quaternion.y, quaternion.z, quaternion.w),
        vx=twist.linear.x,
        vy=twist.linear.y,
        wz=twist.angular.z,
        frame_id=message.header.frame_id,
        child_frame_id=message.child_frame_id,
    )


def odometry_to_ros(odometry: Odometry) -> OdometryMsg:
    """Planar data to nav_msgs/Odometry."""
    message = OdometryMsg()
    message.header.stamp = time_of(odometry.stamp_ns)
    message.header.frame_id = odometry.frame_id
    message.child_frame_id = odometry.child_frame_id
    message.pose.pose.position.x = odometry.x
    message.pose.pose.position.y = odometry.y
    x, y, z, w = quaternion_of_yaw(odometry.yaw)
    message.pose.pose.orientation = Quaternion(x=x, y=y, z=z, w=w)
    message.twist.twist.linear.x = odometry.vx
    message.twist.twist.linear.y = odometry.vy
    message.twist.twist.angular.z = odometry.wz
    return message


def command_from_ros(message: TwistStamped) -> VelocityCommand:
    """geometry_msgs/TwistStamped to data."""
    return VelocityCommand(
        stamp_of(message.header.stamp), message.twist.linear.x, message.twist.angular.z
    )


def command_to_ros(command: VelocityCommand, frame_id: str = "base_link") -> TwistStamped:
    """Data to geometry_msgs/TwistStamped."""
    message = TwistStamped()
    message.header.stamp = time_of(command.stamp_ns)
    message.header.frame_id = frame_id
    message.twist.linear.x = command.vx
    message.twist.angular.z = command.wz
    return message


def pose_from_ros(message: PoseStamped) -> Pose2D:
    """geometry_msgs/PoseStamped to a planar pose in its frame."""
    position, quaternion = message.pose.position, message.pose.orientation
    yaw = yaw_of_quaternion(quaternion.x, quaternion.y, quaternion.z, quaternion.w)
    return Pose2D(position.x, position.y, yaw)


def pose_to_ros(pose: Pose2D, frame_id: str, stamp_ns: int) -> PoseStamped:
    """Planar pose to geometry_msgs/PoseStamped."""
    message = PoseStamped()
    message.header.stamp = time_of(stamp_ns)
    message.header.frame_id = frame_id
    message.pose.position.x = pose.x
    message.pose.position.y = pose.y
    x, y, z, w = quaternion_of_yaw(pose.yaw)
    message.pose.orientation = Quaternion(x=x, y=y, z=z, w=w)
    return message


def costmap_from_ros(message: OccupancyGrid) -> Costmap:
    """nav_msgs/OccupancyGrid to data."""
    info = message.info
    data: Sequence[int] = message.data
    return Costmap(
        stamp_ns=stamp_of(message.header.stamp),
        resolution=info.resolution,
        origin_x=info.origin.position.x,
        origin_y=info.origin.position.y,
        data=np.array(data, dtype=np.int8).reshape(info.height, info.width),
        frame_id=message.header.frame_id,
    )


def costmap_to_ros(costmap: Costmap) -> OccupancyGrid:
    """Data to nav_msgs/OccupancyGrid."""
    message = OccupancyGrid()
    message.header.stamp = time_of(costmap.stamp_ns)
    message.header.frame_id = costmap.frame_id
    message.info.map_load_time = message.header.stamp
    message.info.resolution = costmap.resolution
    message.info.height, message.info.width = costmap.data.shape
    message.info.origin.position.x = costmap.origin_x
    message.info.origin.position.y = costmap.origin_y
    message.info.origin.orientation.w = 1.0
    message.data = array.array("b", np.ascontiguousarray(costmap.data).tobytes())
    return message


def gate_question_to_ros(question: GateQuestion) -> DiagnosticStatus:
    """Data to a message of /gate/request."""
    return DiagnosticStatus(
        name=question.action,
        message=question.who,
        hardware_id=question.request_id,
        values=[KeyValue(key=k, value=str(v)) for k, v in question.parameters.items()],
    )


def gate_decision_from_ros(message: DiagnosticStatus) -> GateDecision:
    """A message of /gate/decision to data."""
    values = {pair.key: pair.value for pair in message.values}
    return GateDecision(
        request_id=message.hardware_id,
        outcome=values.get("outcome", "deny"),
        reason=message.message,
        tier=values.get("tier", ""),
        policy_version=values.get("policy_version", ""),
        by=values.get("by", ""),
    )
