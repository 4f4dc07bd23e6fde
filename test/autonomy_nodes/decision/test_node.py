"""The decision node over DDS: driving, the held command, and silence when it hangs."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from autonomy_interfaces.wake_latency import CPU_LATENCY
from edge_autonomy.demo.domain import RosDomain

pytestmark = pytest.mark.dds

TIMEOUT_S = 60.0
GARBAGE = b"\0\1\0\0no message"


class Client:
    """Feeds the node with a still robot in an open room and listens to what it says."""

    def __init__(self, node, qos):
        from diagnostic_msgs.msg import DiagnosticStatus
        from geometry_msgs.msg import PoseStamped, TwistStamped
        from nav_msgs.msg import OccupancyGrid, Odometry
        from sensor_msgs.msg import LaserScan

        self.node = node
        self.scan = node.create_publisher(LaserScan, "/scan", qos)
        self.odometry = node.create_publisher(Odometry, "/odom", qos)
        self.costmap = node.create_publisher(OccupancyGrid, "/perception/costmap", 1)
        self.goal = node.create_publisher(PoseStamped, "/mission/goal", 1)
        self.commands: list[TwistStamped] = []
        self.statuses: list[dict[str, str]] = []
        node.create_subscription(TwistStamped, "/decision/cmd_vel", self.commands.append, 10)
        node.create_subscription(DiagnosticStatus, "/decision/status", self._on_status, 10)
        self.with_goal = True
        self.with_costmap = True
        self.garbled = False
        node.create_timer(0.05, self._feed)

    def _on_status(self, message):
        self.statuses.append({pair.key: pair.value for pair in message.values})

    def _feed(self):
        from autonomy_interfaces import ros
        from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D

        if self.garbled:
            for publisher in (self.scan, self.odometry, self.costmap, self.goal):
                publisher.publish(GARBAGE)
            return
        now_ns = self.node.get_clock().now().nanoseconds
        ranges = np.full(720, 6.0, np.float32)
        scan = LaserScan(now_ns, ranges, -2.35619, 4.71238 / 719, 0.1, 30.0)
        self.scan.publish(ros.scan_to_ros(scan))
        self.odometry.publish(ros.odometry_to_ros(Odometry(now_ns, 0.0, 0.0, 0.0)))
        if self.with_costmap:
            grid = np.zeros((200, 200), np.int8)
            self.costmap.publish(ros.costmap_to_ros(Costmap(now_ns, 0.05, -5.0, -5.0, grid)))
        if self.with_goal:
            self.goal.publish(ros.pose_to_ros(Pose2D(4.0, 0.0), "odom", now_ns))

    def until(self, condition) -> None:
        """Spin until `condition()`; fails the test after a while."""
        import rclpy

        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"last status: {self.statuses[-1:]}"
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def moving(self) -> bool:
        return bool(self.commands) and abs(self.commands[-1].twist.linear.x) > 0.01

    def standing(self) -> bool:
        if not self.commands:
            return False
        twist = self.commands[-1].twist
        return twist.linear.x == 0.0 and twist.angular.z == 0.0


@contextlib.contextmanager
def _running(*parameters: str, name: str = ""):
    """The node as a process of its own, `name` by a rule such as `__ns:=/x`; yields the process."""
    start = "from autonomy_nodes.decision.node import main; main()"
    command = [sys.executable, "-c", start, "--ros-args"]
    for parameter in ("allow_unsigned:=true", *parameters):
        command += ["-p", parameter]
    command += ["-r", name] if name else []
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture
def client(monkeypatch):
    domain = RosDomain({})
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain.id))
    rclpy = pytest.importorskip("rclpy", reason="needs ROS 2 (extra 'ros' or a ROS installation)")
    from autonomy_interfaces.ros import SENSOR_QOS

    rclpy.init()
    node = rclpy.create_node("decision_test")
    yield Client(node, SENSOR_QOS)
    node.destroy_node()
    rclpy.try_shutdown()
    domain.release()


def test_drives_under_the_policy_stops_without_a_goal_and_ends_cleanly(client, write_policy):
    with _running(f"policy:={write_policy()}") as process:
        client.until(client.moving)
        client.until(lambda: client.statuses and client.statuses[-1]["driver"] == "policy")
        command = client.commands[-1].twist
        assert command.linear.x == pytest.approx(0.5, abs=1e-5)
        assert client.statuses[-1]["policy"] == "linear 1.0.0"
        stamps = [c.header.stamp.sec * 10**9 + c.header.stamp.nanosec for c in client.commands]
        apart = [later - earlier for earlier, later in itertools.pairwise(stamps)]
        # Two decisions may follow closely on one another, but none takes less than a microsecond.
        assert set(apart) & {1} and all(ns == 1 or ns > 1_000 for ns in apart), (
            "a repetition has the stamp of its decision but for a nanosecond"
        )
        client.with_goal = False
        client.until(client.standing)
        client.until(lambda: client.statuses[-1]["reason"] == "no_goal")
    assert process.returncode == 0


def test_cores_are_to_stay_awake_while_there_is_a_goal_where_that_is_permitted(client):
    def held():
        files = set()
        for file in Path(f"/proc/{process.pid}/fd").iterdir():
            # Others come and go meanwhile.
            with contextlib.suppress(FileNotFoundError):
                files.add(file.readlink())
        return CPU_LATENCY in files

    with _running("driver:=fallback") as process:
        client.with_goal = False
        client.until(lambda: client.statuses and client.statuses[-1]["reason"] == "no_goal")
        assert not held()
        client.with_goal = True
        client.until(client.moving)
        assert held() == os.access(CPU_LATENCY, os.W_OK)
        client.with_goal = False
        client.until(client.standing)
        client.until(lambda: client.statuses[-1]["reason"] == "no_goal")
        assert not held()


def test_stops_when_the_costmap_stops(client, write_policy):
    with _running(f"policy:={write_policy()}"):
        client.until(client.moving)
        client.with_costmap = False
        client.until(client.standing)
        client.until(lambda: client.statuses[-1]["reason"] == "stale_costmap")


def test_bytes_that_are_no_message_count_as_none_and_the_node_goes_on(client, write_policy):
    with _running(f"policy:={write_policy()}") as process:
        client.until(client.moving)
        client.garbled = True
        client.until(client.standing)
        decided = len(client.statuses)
        client.until(lambda: len(client.statuses) > decided + 10)
        client.garbled = False
        client.until(client.moving)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT_S)
    assert "/perception/costmap: 1 dropped that cannot be read" in said
    assert process.returncode == 0


def test_a_suspended_node_falls_silent(client, write_policy):
    with _running(f"policy:={write_policy()}") as process:
        client.until(client.moving)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        published = len(client.commands)
        silent_until = time.monotonic() + 0.5
        client.until(lambda: time.monotonic() > silent_until)
        assert len(client.commands) - published <= 2
        process.send_signal(signal.SIGCONT)
        client.until(lambda: len(client.commands) > published + 10)


def _set_parameter(client, name, value):
    """Set a parameter of the running node; returns what it answers."""
    from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
    from rcl_interfaces.srv import SetParameters

    calls = client.node.create_client(SetParameters, "/decision/set_parameters")
    client.until(calls.service_is_ready)
    text = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=str(value))
    future = calls.call_async(SetParameters.Request(parameters=[Parameter(name=name, value=text)]))
    client.until(future.done)
    client.node.destroy_client(calls)
    return future.result().results[0]


def test_policy_is_changed_while_driving_and_the_topic_never_falls_silent(
    client, write_policy, graph
):
    other = write_policy(graph(bias=(0.7, 0.0)), lambda manifest: manifest.update(version="2.0.0"))
    # The robot of this test stands still, whatever it is told.
    patient = ("stall_time:=100.0", "guide_progress_time:=100.0")
    change = ("ask_gate:=false", "swap_shadow_ticks:=5")
    with _running(f"policy:={write_policy()}", *change, *patient):
        client.until(client.moving)
        first = len(client.statuses)
        assert _set_parameter(client, "policy", other).successful
        assert not _set_parameter(client, "decision_rate", "10").successful
        client.until(lambda: client.statuses[-1]["policy"] == "linear 2.0.0")
        client.until(lambda: client.commands[-1].twist.linear.x == pytest.approx(0.7, abs=1e-5))
        assert client.statuses[-1]["swap"].startswith("took_over: linear 2.0.0")
        told = client.statuses[first:]
        # On a busy machine a tick may find its inputs late, and halt: that is nobody's driving.
        drove = [(s["policy"], s["vx"]) for s in told if s["driver"] == "policy"]
        assert [key for key, _ in itertools.groupby(drove)] == [
            ("linear 1.0.0", "0.5000"),
            ("linear 2.0.0", "0.7000"),
        ]
        # The thread that publishes does not wait for the check, which takes longer than many ticks.
        checking = [s["policy"] for s in told if s["swap"].startswith("checking")]
        assert len(checking) >= 3 and set(checking) == {"linear 1.0.0"}
        shadow = _set_parameter(client, "shadow_policy", write_policy())
        assert shadow.successful
        client.until(lambda: int(client.statuses[-1].get("shadow_ticks", 0)) > 3)
        assert client.statuses[-1]["shadow_policy"] == "linear 1.0.0"
        assert int(client.statuses[-1]["shadow_answered"]) > 0


def test_change_that_the_gate_does_not_answer_for_is_refused(client, write_policy):
    with _running(f"policy:={write_policy()}"):
        client.until(client.moving)
        _set_parameter(client, "policy", write_policy())
        client.until(lambda: client.statuses[-1]["swap"].startswith("refused: the gate"))
        client.until(client.moving)


def test_unsigned_policy_needs_a_parameter_that_allows_it(client, write_policy):
    with _running(f"policy:={write_policy()}", "allow_unsigned:=false"):
        client.until(lambda: client.statuses and client.statuses[-1]["driver"] == "fallback")
        assert client.statuses[-1]["reason"] == "no_policy"


def test_nodes_with_the_same_policy_are_told_apart(client, write_policy):
    from autonomy_nodes.registry_cli import _running as running

    policy = f"policy:={write_policy()}"
    with _running(policy), _running(policy, name="__ns:=/second"):
        client.until(client.moving)
        host = socket.gethostname()
        wanted = {f"{host}/decision", f"{host}/second/decision"}
        heard: list[dict[str, str]] = []

        def both() -> bool:
            heard[:] = running(0.5)
            return {node["node"] for node in heard} == wanted

        client.until(both)
        assert [node["policy"] for node in heard] == ["linear 1.0.0"] * 2


def test_broken_registry_leaves_the_planner_driving(client, tmp_path):
    (tmp_path / "registry.yaml").write_text("[" * 3000)
    with _running(f"models:={tmp_path}"):
        client.until(lambda: client.statuses and client.statuses[-1]["driver"] == "fallback")
        assert client.statuses[-1]["reason"] == "no_policy"


def test_refused_policy_leaves_the_planner_driving_or_ends_the_node(client, write_policy):
    def lie(manifest):
        manifest["model"]["sha256"] = "0" * 64

    directory = write_policy(edit=lie)
    with _running(f"policy:={directory}"):
        client.until(lambda: client.statuses and client.statuses[-1]["driver"] == "fallback")
        assert client.statuses[-1]["reason"] == "no_policy"
        assert math.isfinite(client.commands[-1].twist.linear.x)
    with _running(f"policy:={directory}", "driver:=policy") as process:
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert "model.sha256" in errors
