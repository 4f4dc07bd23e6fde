"""The live page over a running node: what the topics say, where it truly is."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Path as PathMsg

from autonomy_interfaces.messages import Odometry, Pose2D
from autonomy_interfaces.ros import odometry_to_ros, pose_to_ros
from edge_autonomy.demo.domain import RosDomain
from world_sim.watch.ros_view import StackView, Topics, show_stack
from world_sim.watch.scene import Frame, Scene
from world_sim.watch.server import LiveServer

WORLD = """<?xml version="1.0"?><sdf version="1.9"><world name="wall">
<model name="ground"><static>true</static><link name="link"><collision name="c">
<geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
</collision></link></model>
<model name="wall"><static>true</static><pose>7 0 0.5 0 0 0</pose><link name="link">
<visual name="v"><geometry><box><size>0.2 4 1</size></box></geometry></visual>
</link></model></world></sdf>
"""


class Recorder:
    """Stands in for a node: keeps the callbacks, so that messages can be handed in."""

    def __init__(self) -> None:
        self.callbacks: dict[str, Any] = {}

    def create_subscription(self, kind: type, topic: str, callback: Any, qos: Any) -> None:
        self.callbacks[topic] = callback


def view_of(messages: dict[str, Any], topics: Topics | None = None) -> Frame | None:
    recorder = Recorder()
    view = StackView(recorder, topics or Topics())  # type: ignore[arg-type]
    for topic, message in messages.items():
        recorder.callbacks[topic](message)
    return view.frame()


def status(message: str = "", **values: object) -> DiagnosticStatus:
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(message=message, values=pairs)


def odometry(x: float, y: float, yaw: float) -> Any:
    return odometry_to_ros(Odometry(2_000_000_000, x, y, yaw, vx=0.4))


def test_nothing_is_shown_before_the_first_odometry() -> None:
    assert view_of({}) is None


def test_a_robot_without_ground_truth_is_shown_in_its_odometry() -> None:
    frame = view_of({"/odom": odometry(1.0, 2.0, 0.5)})
    assert frame is not None
    robot = frame.robots[0]
    assert (frame.time_s, robot.x, robot.y, robot.vx) == (2.0, 1.0, 2.0, 0.4)
    assert robot.yaw == pytest.approx(0.5)


def test_goal_and_path_are_placed_by_the_ground_truth() -> None:
    # The robot believes (1, 0) facing x; in truth it is at (5, 5) facing y.
    path = PathMsg(poses=[pose_to_ros(Pose2D(1.0, 0.0), "odom", 0)])
    frame = view_of(
        {
            "/odom": odometry(1.0, 0.0, 0.0),
            "/sim/contacts": status(contact="crate", x=5.0, y=5.0, yaw=1.5707963),
            "/mission/goal": pose_to_ros(Pose2D(3.0, 0.0), "odom", 0),
            "/decision/path": path,
        }
    )
    assert frame is not None
    assert (frame.robots[0].x, frame.robots[0].contact) == (5.0, "crate")
    assert frame.goal == pytest.approx((5.0, 7.0), abs=1e-5)
    assert frame.path[0] == pytest.approx((5.0, 5.0), abs=1e-5)


def test_states_of_the_stack_become_facts() -> None:
    safety = DiagnosticArray(status=[status("safe_stop", cause="scan silent", scale=0.0)])
    frame = view_of(
        {
            "/odom": odometry(0.0, 0.0, 0.0),
            "/safety/state": safety,
            "/decision/status": status(driver="policy", reason=""),
            "/mission/status": status(state="active", distance_m=4.2),
        }
    )
    assert frame is not None
    assert frame.facts == {
        "safety": "safe_stop",
        "cause": "scan silent",
        "decision driver": "policy",
        "mission state": "active",
        "mission distance_m": "4.2",
    }


def test_odometry_that_is_not_a_number_shows_nothing() -> None:
    assert view_of({"/odom": odometry(float("nan"), 0.0, 0.0)}) is None


def test_a_goal_that_is_not_a_number_is_left_out() -> None:
    goal: PoseStamped = pose_to_ros(Pose2D(float("inf"), 0.0), "odom", 0)
    frame = view_of({"/odom": odometry(0.0, 0.0, 0.0), "/mission/goal": goal})
    assert frame is not None
    assert frame.goal is None


def test_a_namespace_chooses_the_robot() -> None:
    topics = Topics(namespace="ann")
    frame = view_of({"/ann/odom": odometry(1.0, 0.0, 0.0)}, topics)
    assert frame is not None
    assert frame.robots[0].name == "ann"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The simulator's node in a ROS domain of its own, its robot put at (4, 0)."""
    (tmp_path / "wall.sdf").write_text(WORLD)
    domain = RosDomain({})
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain.id))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    parameters = {"world": tmp_path / "wall.sdf", "spawn_x": 4.0, "spawn_y": 0.0, "spawn_yaw": 0.0}
    options = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    run = "from world_sim.node import main; main()"
    process = subprocess.Popen([sys.executable, "-c", run, "--ros-args", *options], env=os.environ)
    yield
    process.terminate()
    process.wait(timeout=20.0)
    domain.release()


@pytest.mark.dds
def test_a_running_node_is_shown_where_it_is(node: None) -> None:
    ended = threading.Event()
    with LiveServer(Scene("wall"), port=0) as server:
        topics = Topics(lidar=Pose2D(0.055, 0.0))
        thread = threading.Thread(target=show_stack, args=(server, topics, ended))
        thread.start()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60.0)
            connection.request("GET", "/frames")
            response = connection.getresponse()
            robot: dict[str, Any] = {}
            while not (robot.get("scan") and robot["x"] > 3.9):
                line = response.readline()
                if line.startswith(b"data: "):
                    robot = json.loads(line[6:])["robots"][0]
        finally:
            ended.set()
            thread.join()
    scan = robot["scan"]
    middle = scan["centimetres"][len(scan["centimetres"]) // 2]
    assert scan["x"] + middle / 100.0 == pytest.approx(6.9, abs=0.03)
