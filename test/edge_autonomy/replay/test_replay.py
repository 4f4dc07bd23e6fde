"""Replays: exact where the outputs are the cores' own, and telling where they are not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from nav_msgs.msg import OccupancyGrid
from typer.testing import CliRunner

from autonomy_interfaces.messages import Imu, LaserScan, Odometry, Pose2D, VelocityCommand
from autonomy_interfaces.ros import (
    command_to_ros,
    imu_to_ros,
    odometry_to_ros,
    pose_to_ros,
    scan_to_ros,
)
from edge_autonomy.cli import app
from edge_autonomy.replay.agreement import Agreement
from edge_autonomy.replay.player import clip
from edge_autonomy.replay.reading import Heard, RecordingError, read_recording
from edge_autonomy.replay.writing import Rewriter

BEGIN_NS = 1_700_000_000_000_000_000


def room(seed: int) -> np.ndarray:
    """(720,) ranges in a square room of 6 m, with noise."""
    angles = np.linspace(-2.35619, 2.35619, 720)
    walls = 3.0 / np.maximum(np.abs(np.cos(angles)), np.abs(np.sin(angles)))
    return (walls + np.random.default_rng(seed).normal(0.0, 0.01, 720)).astype(np.float32)


def recorded(seconds: float = 1.0) -> list[Heard]:
    """A robot that stands in a room, is sent ahead, and is said to be given zero."""
    messages: list[Heard] = []

    def put(topic: str, stamp_ns: int, message: object) -> None:
        messages.append(Heard(topic, BEGIN_NS + stamp_ns + len(messages), message))

    for tick in range(1, round(50 * seconds)):
        now = tick * 20_000_000
        put("/odom", now, odometry_to_ros(Odometry(now, 0.0, 0.0, 0.0)))
        put("/imu", now, imu_to_ros(Imu(now, (0.0, 0.0, 1e-4 * tick), (0.0, 0.0, 9.8))))
        scan = LaserScan(now, room(tick), -2.35619, 4.71238 / 719, 0.1, 30.0)
        put("/scan", now, scan_to_ros(scan))
        if tick % 10 == 5:
            costmap = OccupancyGrid()
            costmap.header.stamp = scan_to_ros(scan).header.stamp
            costmap.info.resolution = 0.04
            costmap.info.width = costmap.info.height = 2
            costmap.data = [0, 0, 0, 0]
            put("/perception/costmap", now, costmap)
        put("/mission/goal", now, pose_to_ros(Pose2D(2.0, 0.0), "odom", now))
        put("/decision/cmd_vel", now, command_to_ros(VelocityCommand(now, 0.5, 0.0)))
        if tick % 3 == 0:
            values = {"driver": "none", "vx": "0.0000", "wz": "0.0000"}
            values_list = [KeyValue(key=key, value=value) for key, value in values.items()]
            put("/decision/status", now, DiagnosticStatus(values=values_list))
        put("/cmd_vel", now, command_to_ros(VelocityCommand(now, 0.0, 0.0)))
    return messages


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "run.mcap"
    Rewriter(recorded()).write(file)
    return file


def replay(*words: object):
    result = CliRunner().invoke(app, ["replay", *map(str, words), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_outputs_that_are_not_the_cores_own_are_told_apart(recording):
    code, found = replay(recording)
    assert code == 1
    assert not found["agrees"]
    apart = found["nodes"]["decision"]["decision velocity apart"]
    assert apart["worst"] > 0.1
    assert apart["first_apart_s"] is not None
    assert found["nodes"]["perception"]["costmap obstacles apart"]["worst"] == 1.0


def test_a_recording_with_outputs_computed_anew_agrees_exactly(recording, tmp_path):
    golden = tmp_path / "golden.mcap"
    replay(recording, "--write", golden)
    code, found = replay(golden)
    assert code == 0
    for node in found["nodes"].values():
        for output in node.values():
            assert output["messages"] == 0 or output["exact_share"] == 1.0
    assert found["nodes"]["decision"]["decision velocity apart"]["messages"] > 10
    assert found["nodes"]["monitor"]["command apart"]["messages"] > 40


def test_one_node_alone_can_be_replayed(recording):
    assert list(replay(recording, "--node", "monitor")[1]["nodes"]) == ["monitor"]


def test_an_agreement_names_its_worst_and_its_first(recording):
    agreement = Agreement("x", "m", 0.1)
    for at_s, value in ((0.0, 0.0), (1.0, 0.2), (2.0, 0.5), (3.0, 0.3)):
        agreement.add(at_s, value)
    figures = agreement.figures()
    assert (figures["within_share"], figures["worst"], figures["worst_s"]) == (0.25, 0.5, 2.0)
    assert figures["first_apart_s"] == 1.0


def test_nothing_to_compare_is_no_agreement():
    assert Agreement("x", "m", 0.1).share == 0.0
    assert Agreement("x", "m", 0.1).figures()["worst"] is None


def test_a_clip_is_cut_by_time_of_publication():
    messages = recorded()
    part = clip(messages, 0.2, 0.4)
    times = [(heard.published_ns - messages[0].published_ns) * 1e-9 for heard in part]
    assert min(times) >= 0.2
    assert max(times) <= 0.4
    assert clip([], 0.0, math.inf) == []


@pytest.mark.parametrize("content", [b"", b"not MCAP", None])
def test_what_is_no_recording_is_named(tmp_path, content):
    file = tmp_path / "run.mcap"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RecordingError, match=r"run\.mcap"):
        list(read_recording(file, ["/scan"]))


def test_a_recording_that_was_cut_off_is_named(recording):
    recording.write_bytes(recording.read_bytes()[:-2000])
    with pytest.raises(RecordingError, match="recover"):
        list(read_recording(recording, ["/scan"]))


GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("*.mcap"))


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda file: file.stem)
def test_the_cores_answer_golden_recordings_as_they_did(golden):
    code, found = replay(golden)
    assert code == 0, f"{found['nodes']}; if this is meant: docs/replay.md"
    for node in found["nodes"].values():
        assert sum(output["messages"] for output in node.values()) > 5
