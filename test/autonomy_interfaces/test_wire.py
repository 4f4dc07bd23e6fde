"""Bytes that are no message: each is refused with one kind of error, and a node goes on."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces import ros, wire
from autonomy_interfaces.messages import SECOND, Costmap, LaserScan, Odometry, VelocityCommand
from autonomy_interfaces.wire import WireError

STAMP = 12_345_678_901
SCAN = serialize_message(
    ros.scan_to_ros(LaserScan(STAMP, np.full(9, 2.0, np.float32), -1.0, 0.25, 0.1, 30.0))
)
ODOMETRY = serialize_message(ros.odometry_to_ros(Odometry(STAMP, 1.0, -2.0, 3.0, 0.5)))
COSTMAP = wire.costmap_to_raw(Costmap(STAMP, 0.05, -1.0, 2.0, np.zeros((3, 4), np.int8)))
COMMAND = wire.command_to_raw(VelocityCommand(STAMP, 1.0, 0.5))
READERS: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
    "stamp": (SCAN, wire.stamp_of_raw),
    "scan": (SCAN, wire.scan_from_raw),
    "odometry": (ODOMETRY, wire.odometry_from_raw),
    "costmap": (COSTMAP, wire.costmap_from_raw),
    "object": (COMMAND, lambda data: wire.decode(data, TwistStamped)),
}


@st.composite
def damaged(draw: st.DrawFn, message: bytes) -> bytes:
    """The message with a few bytes replaced, put in or left out, or cut off."""
    data = bytearray(message)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        # Lengths, counts and the byte order stand in front.
        at = min(at, draw(st.sampled_from([len(data), 4, 16, 64])))
        gone = draw(st.sampled_from([0, 1, 4, len(data)]))
        data[at : at + gone] = draw(st.sampled_from([b"", b"\xff" * 4, b"\0" * 4])) or draw(
            st.binary(max_size=8)
        )
    return bytes(data)


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_of_damaged_bytes_comes_a_message_or_one_kind_of_error(
    kind: str, data: st.DataObject
) -> None:
    message, read = READERS[kind]
    try:
        content = read(data.draw(damaged(message)))
    except WireError as error:
        assert str(error)
        return
    if kind == "object":
        return
    # Whatever was read can be answered under its stamp.
    stamp_ns = content if kind == "stamp" else content.stamp_ns
    wire.command_to_raw(VelocityCommand(stamp_ns, 0.0, 0.0))
    if kind == "scan":
        assert content.ranges.ndim == 1 and content.ranges.dtype == np.float32
    if kind == "costmap":
        assert content.data.ndim == 2 and content.data.dtype == np.int8


@pytest.mark.parametrize("kind", READERS)
def test_every_message_that_is_cut_off_is_refused(kind: str) -> None:
    message, read = READERS[kind]
    needed = 12 if kind == "stamp" else len(message)
    # A scan's intensities are not read.
    needed -= 4 if kind == "scan" else 0
    # Behind the velocities of a planar base stand covariances, which are not read either.
    needed -= 8 * 36 if kind == "odometry" else 0
    read(message[:needed])
    for length in range(needed):
        with pytest.raises(WireError):
            read(message[:length])


def test_an_error_says_what_is_wrong() -> None:
    cells = bytearray(COSTMAP)
    cells[-16:-12] = struct.pack("<I", 11)
    with pytest.raises(WireError, match="11 cells for a grid of 4 x 3"):
        wire.costmap_from_raw(bytes(cells))
    with pytest.raises(WireError, match="breaks off after 40 bytes"):
        wire.odometry_from_raw(ODOMETRY[:40])
    with pytest.raises(WireError, match="no text in UTF-8"):
        wire.scan_from_raw(SCAN.replace(b"lidar", b"\xff\xfeiar"))
    with pytest.raises(WireError, match="20 bytes are no LaserScan"):
        wire.decode(SCAN[:20], LaserScanMsg)
    late = SCAN[:8] + struct.pack("<I", SECOND) + SCAN[12:]
    for another_representation in (b"", b"\0\7"):
        with pytest.raises(WireError, match="stamp has 1000000000 nanoseconds"):
            wire.scan_from_raw(another_representation + late[len(another_representation) :])
