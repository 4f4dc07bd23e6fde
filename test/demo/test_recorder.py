"""A recording holds what was received, in a form that others read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, TwistStamped
from mcap.reader import DecodedMessageTuple, make_reader
from mcap_ros2.decoder import DecoderFactory
from nav_msgs.msg import OccupancyGrid, Odometry
from nav_msgs.msg import Path as PathMsg
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Imu, LaserScan

from autonomy_interfaces.messages import MILLISECOND, SECOND, Pose2D
from edge_autonomy.demo import transforms
from edge_autonomy.demo.message_definitions import DefinitionError, message_definition
from edge_autonomy.demo.recorder import Recorder


def read(file: Path) -> list[DecodedMessageTuple]:
    with file.open("rb") as stream:
        return list(
            make_reader(stream, decoder_factories=[DecoderFactory()]).iter_decoded_messages()
        )


def scan() -> LaserScan:
    message = LaserScan(angle_min=-2.0, angle_increment=0.5, range_max=30.0)
    message.header.stamp.sec, message.header.frame_id = 7, "lidar_link"
    message.ranges = [1.0, math.inf, 2.5]
    return message


def test_a_scan_is_read_back_as_it_was_received(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run.mcap") as recorder:
        data = serialize_message(scan())
        recorder.write("/scan", "sensor_msgs/msg/LaserScan", data, 5 * SECOND, 4 * SECOND)
    [entry] = read(tmp_path / "run.mcap")
    assert (entry.channel.topic, entry.schema.name) == ("/scan", "sensor_msgs/msg/LaserScan")
    assert (entry.channel.message_encoding, entry.schema.encoding) == ("cdr", "ros2msg")
    assert (entry.message.log_time, entry.message.publish_time) == (5 * SECOND, 4 * SECOND)
    assert entry.message.data == data
    assert entry.decoded_message.header.stamp.sec == 7
    assert entry.decoded_message.header.frame_id == "lidar_link"
    assert list(entry.decoded_message.ranges) == [1.0, math.inf, 2.5]


@pytest.mark.parametrize(
    "message_type",
    [LaserScan, Imu, Odometry, TwistStamped, PoseStamped, OccupancyGrid, PathMsg, DiagnosticArray],
)
def test_a_reader_finds_the_fields_that_the_message_class_has(
    tmp_path: Path, message_type: type
) -> None:
    name = f"{message_type.__module__.split('.')[0]}/msg/{message_type.__name__}"
    with Recorder(tmp_path / "run.mcap") as recorder:
        recorder.write("/topic", name, serialize_message(message_type()), 1)
    [entry] = read(tmp_path / "run.mcap")
    assert set(message_type.get_fields_and_field_types()) == set(entry.decoded_message.__slots__)


def test_nested_diagnostics_survive(tmp_path: Path) -> None:
    status = DiagnosticStatus(name="safety_monitor", message="nominal", level=b"\x01")
    status.values = [KeyValue(key="cause", value="näher als erlaubt")]
    with Recorder(tmp_path / "run.mcap") as recorder:
        data = serialize_message(DiagnosticArray(status=[status]))
        recorder.write("/safety/state", "diagnostic_msgs/msg/DiagnosticArray", data, 1)
    [entry] = read(tmp_path / "run.mcap")
    [value] = entry.decoded_message.status[0].values
    assert (value.key, value.value) == ("cause", "näher als erlaubt")


def test_a_definition_names_every_type_once() -> None:
    text = message_definition("nav_msgs/msg/Odometry")
    named = [line for line in text.splitlines() if line.startswith("MSG: ")]
    assert len(named) == len(set(named))
    assert {"MSG: std_msgs/Header", "MSG: geometry_msgs/Quaternion"} <= set(named)
    assert "MSG: builtin_interfaces/Time" in named


@pytest.mark.parametrize("name", ["LaserScan", "no_such_msgs/msg/Thing", "sensor_msgs/msg/Nothing"])
def test_an_unknown_type_is_named(name: str) -> None:
    with pytest.raises(DefinitionError, match=name):
        message_definition(name)


def test_keeps_a_topic_to_its_rate(tmp_path: Path) -> None:
    data = serialize_message(TwistStamped())
    with Recorder(tmp_path / "run.mcap") as recorder:
        for tick in range(100):
            stamp_ns = tick * 20 * MILLISECOND
            recorder.write(
                "/slow", "geometry_msgs/msg/TwistStamped", data, stamp_ns, period_ns=SECOND // 2
            )
            recorder.write("/all", "geometry_msgs/msg/TwistStamped", data, stamp_ns)
    topics = [entry.channel.topic for entry in read(tmp_path / "run.mcap")]
    assert (topics.count("/slow"), topics.count("/all")) == (4, 100)


def test_a_full_disk_is_reported_and_ends_nothing_else() -> None:
    recorder = Recorder(Path("/dev/full"))
    noise = np.random.default_rng(0)
    for stamp_ns in range(200):
        message = LaserScan(ranges=noise.random(5000, dtype=np.float32).tolist())
        data = serialize_message(message)
        recorder.write("/scan", "sensor_msgs/msg/LaserScan", data, stamp_ns)
    recorder.close()
    assert recorder.error is not None
    assert "No space left on device" in recorder.error
    assert recorder.messages < 200


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        Recorder(tmp_path / "missing" / "run.mcap")


def test_messages_after_the_end_are_dropped(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.mcap")
    recorder.close()
    recorder.write("/scan", "sensor_msgs/msg/LaserScan", serialize_message(scan()), 1)
    recorder.close()
    assert read(tmp_path / "run.mcap") == []


@pytest.mark.parametrize("frames", [("odom", "base_link"), ("a", "bc"), ("", "lidar_link")])
def test_a_transform_is_read_back(tmp_path: Path, frames: tuple[str, str]) -> None:
    transform = transforms.Transform(*frames, Pose2D(1.5, -2.0, math.pi / 2), z=0.3)
    with Recorder(tmp_path / "run.mcap") as recorder:
        recorder.write(
            "/tf",
            transforms.TYPE_NAME,
            transforms.encode(transform, 3 * SECOND + 14),
            1,
            definition=transforms.definition(),
        )
    [entry] = read(tmp_path / "run.mcap")
    [read_back] = entry.decoded_message.transforms
    assert (read_back.header.frame_id, read_back.child_frame_id) == frames
    assert (read_back.header.stamp.sec, read_back.header.stamp.nanosec) == (3, 14)
    translation, rotation = read_back.transform.translation, read_back.transform.rotation
    assert (translation.x, translation.y, translation.z) == (1.5, -2.0, 0.3)
    assert (rotation.x, rotation.y) == (0.0, 0.0)
    assert (rotation.z, rotation.w) == pytest.approx((math.sqrt(0.5),) * 2)
