"""Messages as they are on the wire, to data and back, without building their objects.

Plain CDR: four bytes of encapsulation, whose second is 1 for little endian, and behind them every
value aligned to its size. Any other representation is left to the message's own support.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from nav_msgs.msg import OccupancyGrid
from nav_msgs.msg import Odometry as OdometryMsg
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces.geometry import yaw_of_quaternion
from autonomy_interfaces.messages import SECOND, Costmap, LaserScan, Odometry, VelocityCommand
from autonomy_interfaces.ros import costmap_from_ros, odometry_from_ros, scan_from_ros

DataT = TypeVar("DataT")


class WireError(ValueError):
    """Bytes that came as a message and are none; says what is wrong with them."""


def _checked(read: Callable[[bytes], DataT]) -> Callable[[bytes], DataT]:
    """Whatever bytes it is given, `read` raises nothing but `WireError`."""

    @wraps(read)
    def checked(data: bytes) -> DataT:
        try:
            return read(data)
        except WireError:
            raise
        except (struct.error, IndexError) as error:
            raise WireError(f"the message breaks off after {len(data)} bytes") from error
        except UnicodeDecodeError as error:
            raise WireError("its frame is no text in UTF-8") from error
        except ValueError as error:
            raise WireError(str(error)) from error

    return checked


@_checked
def stamp_of_raw(data: bytes) -> int:
    """Nanoseconds of the stamp of a serialized message that begins with a header, or of a clock's.

    Both begin with a time: int32 seconds, uint32 nanoseconds.

    Raises:
        WireError: there is no stamp, or its nanoseconds make a second or more.
    """
    return _stamp(*struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4))


def decode(data: bytes, message_type: Any) -> Any:
    """The message as an object of its class.

    Raises:
        WireError: the bytes are none of this type.
    """
    try:
        return deserialize_message(data, message_type)
    except _rclpy.RMWError as error:
        raise WireError(f"the {len(data)} bytes are no {message_type.__name__}") from error


@_checked
def scan_from_raw(data: bytes) -> LaserScan:
    """A serialized sensor_msgs/LaserScan to data, without its object and its intensities.

    Raises:
        WireError: the bytes are no scan.
    """
    if not (head := _plain_header(data)):
        return scan_from_ros(_of_another_representation(data, LaserScanMsg))
    order, stamp_ns, frame_id, end = head
    at = end + -end % 4
    angle_min, _, angle_increment, _, _, range_min, range_max, count = struct.unpack_from(
        order + "7fI", data, at
    )
    return LaserScan(
        stamp_ns,
        np.frombuffer(data, order + "f4", count, at + 32).astype(np.float32),
        angle_min,
        angle_increment,
        range_min,
        range_max,
        frame_id,
    )


@_checked
def odometry_from_raw(data: bytes) -> Odometry:
    """A serialized nav_msgs/Odometry to planar data, at a hundredth of the cost of its object.

    Most of the message are covariances; they are passed over. Plain CDR is read here, any other
    representation by the message's own support.

    Raises:
        WireError: the bytes are no odometry.
    """
    if not (head := _plain_header(data)):
        return odometry_from_ros(_of_another_representation(data, OdometryMsg))
    order, stamp_ns, frame_id, end = head
    child_frame_id, end = _cdr_string(data, order, end)
    # Doubles are aligned to 8 bytes, counted from behind the encapsulation.
    pose = end + (4 - end) % 8
    twist = pose + 8 * (7 + 36)
    x, y, _, *quaternion = struct.unpack_from(order + "7d", data, pose)
    vx, vy, _, _, _, wz = struct.unpack_from(order + "6d", data, twist)
    yaw = yaw_of_quaternion(*quaternion)
    return Odometry(stamp_ns, x, y, yaw, vx, vy, wz, frame_id, child_frame_id)


def command_to_raw(command: VelocityCommand, frame_id: str = "base_link") -> bytes:
    """Data to a serialized geometry_msgs/TwistStamped, without its eight nested objects."""
    head = _cdr_header(command.stamp_ns, frame_id)
    head += bytes((4 - len(head)) % 8)
    return head + struct.pack("<6d", command.vx, 0.0, 0.0, 0.0, 0.0, command.wz)


def costmap_to_raw(costmap: Costmap) -> bytes:
    """A costmap as a serialized nav_msgs/OccupancyGrid: the cells are copied once.

    Plain CDR: after four bytes of encapsulation, everything is aligned to its size, at most 8.
    """
    head = _cdr_header(costmap.stamp_ns, costmap.frame_id)
    height, width = costmap.data.shape
    stamp = divmod(costmap.stamp_ns, SECOND)
    info = struct.pack("<iIfII", *stamp, costmap.resolution, width, height)
    head += bytes(-len(head) % 4) + info
    head += bytes((4 - len(head)) % 8)
    origin = struct.pack("<7d", costmap.origin_x, costmap.origin_y, 0.0, 0.0, 0.0, 0.0, 1.0)
    cells = np.ascontiguousarray(costmap.data)
    return b"".join((head, origin, struct.pack("<I", cells.size), cells.data))


@_checked
def costmap_from_raw(data: bytes) -> Costmap:
    """A serialized nav_msgs/OccupancyGrid to data: the cells are copied once.

    Raises:
        WireError: the bytes are no grid, or its cells are not as many as width times height.
    """
    if not (head := _plain_header(data)):
        return costmap_from_ros(_of_another_representation(data, OccupancyGrid))
    order, stamp_ns, frame_id, end = head
    # Past the time at which the map was loaded.
    at = end + -end % 4 + 8
    resolution, width, height = struct.unpack_from(order + "fII", data, at)
    at += 12
    at += (4 - at) % 8
    origin_x, origin_y = struct.unpack_from(order + "2d", data, at)
    at += 8 * 7
    (count,) = struct.unpack_from(order + "I", data, at)
    if count != width * height:
        raise WireError(f"it has {count} cells for a grid of {width} x {height}")
    cells = np.frombuffer(data, np.int8, count, at + 4).reshape(height, width).copy()
    return Costmap(stamp_ns, resolution, origin_x, origin_y, cells, frame_id)


def _plain_header(data: bytes) -> tuple[str, int, str, int] | None:
    """Of a message with a std_msgs/Header in plain CDR: byte order as of `struct`, stamp in
    nanoseconds, frame and the header's end; None where it is represented otherwise.
    """
    if data[0] or data[1] > 1:
        return None
    order = "<" if data[1] else ">"
    frame_id, end = _cdr_string(data, order, 12)
    return order, stamp_of_raw(data), frame_id, end


def _of_another_representation(data: bytes, message_type: Any) -> Any:
    """A message with a header as an object, its stamp checked."""
    message = decode(data, message_type)
    _stamp(message.header.stamp.sec, message.header.stamp.nanosec)
    return message


def _stamp(whole: int, rest: int) -> int:
    """Nanoseconds of a time's two parts."""
    if rest >= SECOND:
        raise WireError(f"its stamp has {rest} nanoseconds, which is a second or more")
    return int(whole) * SECOND + int(rest)


def _cdr_string(data: bytes, order: str, at: int) -> tuple[str, int]:
    """The string at or next to the offset `at`, and the offset of its end."""
    at += -at % 4
    (length,) = struct.unpack_from(order + "I", data, at)
    end = at + 4 + length
    return bytes(data[at + 4 : end - 1]).decode(), end


def _cdr_header(stamp_ns: int, frame_id: str) -> bytes:
    """A little endian message's encapsulation and std_msgs/Header."""
    name = frame_id.encode() + b"\0"
    return struct.pack("<4BiII", 0, 1, 0, 0, *divmod(stamp_ns, SECOND), len(name)) + name
