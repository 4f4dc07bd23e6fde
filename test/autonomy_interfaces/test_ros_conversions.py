import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import OccupancyGrid
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces import ros, wire
from autonomy_interfaces.messages import Costmap, Imu, LaserScan, Odometry, Pose2D, VelocityCommand

STAMP = 12_345_678_901


def test_scan_survives_the_round_trip_with_nan_and_inf() -> None:
    ranges = np.array([1.0, np.inf, np.nan, 0.05], dtype=np.float32)
    scan = LaserScan(STAMP, ranges, -1.5, 0.5, 0.125, 30.0, "lidar_link")
    back = ros.scan_from_ros(ros.scan_to_ros(scan))
    np.testing.assert_array_equal(back.ranges, ranges)
    assert (back.stamp_ns, back.angle_min, back.angle_increment) == (STAMP, -1.5, 0.5)
    assert (back.range_min, back.range_max, back.frame_id) == (0.125, 30.0, "lidar_link")
    assert ros.scan_to_ros(scan).angle_max == 0.0


@pytest.mark.parametrize("frame", ["lidar_link", "", "ab", "längs"])
def test_a_scan_off_the_wire_is_what_its_message_says(frame: str) -> None:
    ranges = np.array([1.0, np.inf, np.nan, 0.05], dtype=np.float32)
    message = ros.scan_to_ros(LaserScan(STAMP, ranges, -1.5, 0.1, 0.125, 30.0, frame))
    message.intensities = [1.0, 2.0, 3.0, 4.0]
    data = serialize_message(message)
    expected = ros.scan_from_ros(deserialize_message(data, LaserScanMsg))
    for raw in (data, _words_swapped(data)):
        found = wire.scan_from_raw(raw)
        np.testing.assert_array_equal(found.ranges, ranges)
        assert found.ranges.flags.writeable and found.ranges.dtype == np.float32
        same = ("stamp_ns", "angle_min", "angle_increment", "range_min", "range_max", "frame_id")
        assert all(getattr(found, name) == getattr(expected, name) for name in same)


def _words_swapped(data: bytes) -> bytes:
    """A message that is a header and then four-byte words, in the other byte order."""
    length = int.from_bytes(data[12:16], "little")
    rest = 16 + length + -length % 4
    swapped = [
        np.frombuffer(part, "<u4").astype(">u4").tobytes() for part in (data[4:16], data[rest:])
    ]
    return b"\0\0\0\0" + swapped[0] + data[16:rest] + swapped[1]


def test_odometry_survives_the_round_trip() -> None:
    odometry = Odometry(STAMP, 1.0, -2.0, 3.0, 0.5, 0.1, -0.25)
    back = ros.odometry_from_ros(ros.odometry_to_ros(odometry))
    assert abs(back.yaw - odometry.yaw) < 1e-12
    assert (back.stamp_ns, back.x, back.y) == (STAMP, 1.0, -2.0)
    assert (back.vx, back.vy, back.wz) == (0.5, 0.1, -0.25)
    assert (back.frame_id, back.child_frame_id) == ("odom", "base_link")


@pytest.mark.parametrize("frames", [("odom", "base_link"), ("", "b"), ("längs", "robot/base")])
def test_odometry_off_the_wire_is_what_its_message_says(frames: tuple[str, str]) -> None:
    message = ros.odometry_to_ros(Odometry(STAMP, 1.0, -2.0, 3.0, 0.5, 0.1, -0.25, *frames))
    message.pose.covariance[35] = message.twist.covariance[0] = 7.0
    message.pose.pose.position.z, message.twist.twist.linear.z = 8.0, 9.0
    data = serialize_message(message)
    assert wire.odometry_from_raw(data) == ros.odometry_from_ros(message)
    assert wire.odometry_from_raw(_big_endian(data)) == ros.odometry_from_ros(message)


def _big_endian(data: bytes) -> bytes:
    """The same message as a machine of the other byte order writes it."""
    out = bytearray(b"\0\0\0\0") + data[4:12][3::-1] + data[4:12][:3:-1]
    at = 12
    for _ in range(2):
        at += -at % 4
        length = int.from_bytes(data[at : at + 4], "little")
        out += bytes(at - len(out)) + data[at : at + 4][::-1] + data[at + 4 : at + 4 + length]
        at += 4 + length
    at += (4 - at) % 8
    out += bytes(at - len(out))
    for place in range(at, len(data), 8):
        out += data[place : place + 8][::-1]
    return bytes(out)


def test_imu_survives_the_round_trip_with_and_without_orientation() -> None:
    for orientation in (None, (0.0, 0.0, 1.0, 0.0)):
        imu = Imu(STAMP, (0.1, 0.2, 0.3), (0.0, 0.0, 9.8), orientation)
        assert ros.imu_from_ros(ros.imu_to_ros(imu)) == imu


def test_command_and_pose_survive_the_round_trip() -> None:
    command = VelocityCommand(STAMP, 1.25, -0.5)
    assert ros.command_from_ros(ros.command_to_ros(command)) == command
    for frame in ("base_link", "", "längs"):
        raw = wire.command_to_raw(command, frame)
        assert deserialize_message(raw, TwistStamped) == ros.command_to_ros(command, frame)
    pose = ros.pose_from_ros(ros.pose_to_ros(Pose2D(1.0, 2.0, -1.0), "odom", STAMP))
    assert (pose.x, pose.y) == (1.0, 2.0)
    assert abs(pose.yaw + 1.0) < 1e-12


def test_costmap_keeps_rows_as_y_and_unknown_cells() -> None:
    data = np.array([[0, 100, -1], [99, 1, 50]], dtype=np.int8)
    costmap = Costmap(STAMP, 0.05, -1.0, 2.0, data)
    message = ros.costmap_to_ros(costmap)
    assert (message.info.width, message.info.height) == (3, 2)
    back = ros.costmap_from_ros(message)
    np.testing.assert_array_equal(back.data, data)
    assert (back.origin_x, back.origin_y, back.stamp_ns) == (-1.0, 2.0, STAMP)


@pytest.mark.parametrize("frame", ["odom", "", "robot/odom", "längs"])
@pytest.mark.parametrize("shape", [(2, 3), (4, 4), (7, 5)])
def test_a_costmap_on_the_wire_is_the_message_s_own(frame: str, shape: tuple[int, int]) -> None:
    cells = np.arange(shape[0] * shape[1], dtype=np.int8).reshape(shape)[:, ::-1] - 1
    costmap = Costmap(STAMP, 0.05, -1.0, 2.0, cells, frame)
    message = deserialize_message(serialize_message(ros.costmap_to_ros(costmap)), OccupancyGrid)
    assert deserialize_message(wire.costmap_to_raw(costmap), OccupancyGrid) == message
    found, expected = (
        wire.costmap_from_raw(serialize_message(message)),
        ros.costmap_from_ros(message),
    )
    np.testing.assert_array_equal(found.data, cells)
    assert found.data.flags.writeable
    same = ("stamp_ns", "resolution", "origin_x", "origin_y", "frame_id")
    assert all(getattr(found, name) == getattr(expected, name) for name in same)


def test_a_costmap_of_the_other_byte_order_is_read() -> None:
    cells = np.array([[0, 100, -1], [99, 1, 50]], dtype=np.int8)
    data = wire.costmap_to_raw(Costmap(STAMP, 0.5, -1.0, 2.0, cells))
    at = 4 + 8 + 4 + 8 + 8 + 12
    at += (4 - at) % 8
    swapped = bytearray(_words_swapped(data[:at]))
    swapped += np.frombuffer(data, "<f8", 7, at).astype(">f8").tobytes()
    swapped += len(cells.tobytes()).to_bytes(4, "big") + cells.tobytes()
    found = wire.costmap_from_raw(bytes(swapped))
    np.testing.assert_array_equal(found.data, cells)
    assert (found.resolution, found.origin_x, found.origin_y) == (0.5, -1.0, 2.0)
    assert (found.stamp_ns, found.frame_id) == (STAMP, "odom")
