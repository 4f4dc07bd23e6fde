"""The node as a process, over DDS: what the cores cannot show."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.dds

PATIENCE_S = 60.0
NODE = "from safety_monitor.node import main; main()"
PUBLISHER = """
import sys
import rclpy
from geometry_msgs.msg import TwistStamped
from autonomy_interfaces.ros import command_qos
rclpy.init()
node = rclpy.create_node(sys.argv[1])
publisher = node.create_publisher(TwistStamped, sys.argv[2], command_qos(0.06, 0.08))
def publish():
    message = TwistStamped()
    message.header.stamp = node.get_clock().now().to_msg()
    message.twist.linear.x = 0.7
    publisher.publish(message)
node.create_timer(0.02, publish)
rclpy.spin(node)
"""
RESETTER = """
import rclpy
from std_srvs.srv import Trigger
rclpy.init()
node = rclpy.create_node("stranger")
client = node.create_client(Trigger, "/safety/reset")
rclpy.spin(node)
"""
IMPOSTOR = """
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
rclpy.init()
node = rclpy.create_node("impostor")
node.create_publisher(DiagnosticArray, "/safety/state", 1)
node.create_publisher(DiagnosticStatus, "/safety/events", 1)
rclpy.spin(node)
"""
MAY_RESET = ["--ros-args", "-p", "reset_callers:=[operator,robot]"]


class Robot:
    """Sensors in an open field, and ears for what the monitor says."""

    def __init__(self) -> None:
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray
        from geometry_msgs.msg import TwistStamped
        from nav_msgs.msg import Odometry
        from rclpy.executors import SingleThreadedExecutor
        from sensor_msgs.msg import Imu, LaserScan
        from std_srvs.srv import Trigger

        from autonomy_interfaces import ros
        from autonomy_interfaces.messages import LaserScan as Scan

        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("robot", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.velocities: list[float] = []
        self.states: list[tuple[str, str]] = []
        self.processes: list[subprocess.Popen[str]] = []
        rng = np.random.default_rng(0)
        scan = self.node.create_publisher(LaserScan, "/scan", ros.SENSOR_QOS)
        odometry = self.node.create_publisher(Odometry, "/odom", ros.SENSOR_QOS)
        imu = self.node.create_publisher(Imu, "/imu", ros.SENSOR_QOS)
        self.sensors = scan, odometry, imu

        def sense() -> None:
            stamp = self.node.get_clock().now().nanoseconds
            ranges = rng.normal(5.0, 0.001, 720).astype(np.float32)
            scan.publish(ros.scan_to_ros(Scan(stamp, ranges, -2.35, 4.7 / 719, 0.1, 30.0)))
            for publisher, message in ((odometry, Odometry()), (imu, Imu())):
                message.header.stamp = ros.time_of(stamp)
                publisher.publish(message)

        self.resetter = self.node.create_client(Trigger, "/safety/reset")
        self.sense = self.node.create_timer(0.02, sense)
        self.node.create_subscription(
            TwistStamped, "/cmd_vel", lambda m: self.velocities.append(m.twist.linear.x), 10
        )
        self.node.create_subscription(
            DiagnosticArray, "/safety/state", self._on_state, ros.STATE_QOS
        )

    def _on_state(self, message) -> None:
        status = message.status[0]
        cause = next(item.value for item in status.values if item.key == "cause")
        self.states.append((status.message, cause))

    def spin(self, until: Callable[[], bool], what: str) -> float:
        """Spin until a condition holds; returns how long it took, seconds."""
        started = time.monotonic()
        while not until():
            assert time.monotonic() - started < PATIENCE_S, f"waited in vain for {what}"
            self.executor.spin_once(timeout_sec=0.02)
        return time.monotonic() - started

    def wait_for_velocity(self, wanted: float) -> float:
        """Until the newest velocity is the one wanted."""
        self.velocities.clear()
        return self.spin(
            lambda: self.velocities[-1:] == [wanted], f"{wanted} m/s; states {self.states[-3:]}"
        )

    def wait_for_state(self, wanted: str) -> str:
        """Until the newest state is the one wanted; returns its cause."""
        self.spin(lambda: bool(self.states) and self.states[-1][0] == wanted, wanted)
        return self.states[-1][1]

    def wait_for_cause(self, wanted: str) -> None:
        """Until the newest state has this cause."""
        self.spin(lambda: bool(self.states) and self.states[-1][1] == wanted, wanted)

    def reset(self) -> bool:
        """Ask for a reset, with sensors alive meanwhile; returns whether it was accepted."""
        self.spin(self.resetter.service_is_ready, "/safety/reset")
        future = self.resetter.call_async(self.resetter.srv_type.Request())
        self.spin(future.done, "an answer of /safety/reset")
        return bool(future.result().success)

    def start(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python process that ends with the test."""
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        import rclpy

        for process in self.processes:
            process.kill()
            process.communicate()
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def robot() -> Iterator[Robot]:
    robot = Robot()
    yield robot
    robot.close()


@pytest.fixture
def monitor(robot: Robot) -> subprocess.Popen[str]:
    return robot.start(NODE, *MAY_RESET)


def decide(robot: Robot) -> subprocess.Popen[str]:
    return robot.start(PUBLISHER, "decision", "/decision/cmd_vel")


def test_it_starts_in_a_safe_stop_and_publishes_zero_without_any_input(
    robot: Robot, monitor: subprocess.Popen[str]
) -> None:
    robot.sense.cancel()
    assert "scan_silent" in robot.wait_for_state("safe_stop")
    robot.spin(lambda: len(robot.velocities) > 25, "half a second of zeros")
    assert set(robot.velocities) == {0.0}


def test_messages_that_make_no_sense_are_refused_and_are_no_emergency(
    robot: Robot, monitor: subprocess.Popen[str]
) -> None:
    from sensor_msgs.msg import LaserScan

    decide(robot)
    robot.wait_for_velocity(0.7)
    robot.sense.cancel()

    def garble() -> None:
        for sensor in robot.sensors:
            sensor.publish(b"\0\1\0\0no message")

    garbling = robot.node.create_timer(0.02, garble)
    robot.spin(lambda: "_silent" in robot.states[-1][1], "a stop as if nothing came")
    robot.node.destroy_timer(garbling)
    robot.sense.reset()
    robot.wait_for_velocity(0.7)

    def lie() -> None:
        message = LaserScan(angle_increment=float("nan"), ranges=[float("nan")] * 7)
        message.header.stamp = robot.node.get_clock().now().to_msg()
        robot.sensors[0].publish(message)

    lying = robot.node.create_timer(0.02, lie)
    robot.spin(lambda: robot.states[-1][1].startswith("scan_invalid"), "a scan that is refused")
    robot.node.destroy_timer(lying)
    robot.wait_for_velocity(0.7)
    assert not any(state == "emergency_stop" for state, _ in robot.states)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_decision_that_dies_or_hangs_is_replaced_by_zero(
    robot: Robot, monitor: subprocess.Popen[str], how: signal.Signals, record_property
) -> None:
    decision = decide(robot)
    robot.wait_for_velocity(0.7)
    decision.send_signal(how)
    record_property("ms_to_zero", round(1e3 * robot.wait_for_velocity(0.0), 1))
    silent = ("safe_stop", "command_silent")
    robot.spin(lambda: (robot.states[-1][0], robot.states[-1][1][:14]) == silent, "its silence")
    decision.kill()
    decide(robot)
    robot.wait_for_velocity(0.7)


def test_a_second_publisher_of_velocities_is_an_emergency_until_it_is_gone_and_a_person_resets(
    robot: Robot, monitor: subprocess.Popen[str]
) -> None:
    decide(robot)
    robot.wait_for_velocity(0.7)
    intruder = robot.start(PUBLISHER, "teleop", "/cmd_vel")
    assert robot.wait_for_state("emergency_stop").startswith("intrusion")
    robot.spin(lambda: "teleop" in robot.states[-1][1], "the intruder's name")
    assert not robot.reset()
    intruder.send_signal(signal.SIGINT)
    intruder.wait(PATIENCE_S)
    robot.spin(robot.reset, "a reset that is accepted")
    robot.wait_for_velocity(0.7)


def test_an_unexpected_publisher_of_commands_is_an_emergency(
    robot: Robot, monitor: subprocess.Popen[str]
) -> None:
    robot.start(PUBLISHER, "stranger", "/decision/cmd_vel")
    assert "stranger" in robot.wait_for_state("emergency_stop")
    robot.wait_for_velocity(0.0)


def test_a_second_decision_of_the_same_name_is_an_emergency(
    robot: Robot, monitor: subprocess.Popen[str]
) -> None:
    decide(robot)
    robot.wait_for_velocity(0.7)
    decide(robot)
    assert "2 decisions at once" in robot.wait_for_state("emergency_stop")
    robot.wait_for_velocity(0.0)


def test_who_speaks_for_the_monitor_is_an_emergency(
    robot: Robot, monitor: subprocess.Popen[str]
) -> None:
    robot.wait_for_state("safe_stop")
    robot.start(IMPOSTOR)
    robot.wait_for_state("emergency_stop")
    topics = ("impostor on /safety/state", "impostor on /safety/events")
    robot.spin(lambda: all(topic in robot.states[-1][1] for topic in topics), "both topics")


def test_who_may_reset_without_being_named_is_an_emergency(
    robot: Robot, monitor: subprocess.Popen[str]
) -> None:
    robot.wait_for_state("safe_stop")
    robot.start(RESETTER)
    assert "stranger on /safety/resetRequest" in robot.wait_for_state("emergency_stop")


def test_who_has_no_name_counts_if_none_follows() -> None:
    from types import SimpleNamespace

    from safety_monitor.node import SafetyMonitorNode

    infos = [SimpleNamespace(node_name="_NODE_NAME_UNKNOWN_", endpoint_gid=[1, 2])]
    node: Any = SimpleNamespace(_looks={}, get_publishers_info_by_topic=lambda *_, **__: infos)
    looks = [SafetyMonitorNode._names(node, "rt/cmd_vel") for _ in range(6)]
    assert looks[0] == [] and looks[-1] == ["_NODE_NAME_UNKNOWN_"]


class Recorder:
    """What the monitor tells, and what it is told of the log."""

    def __init__(self, robot: Robot) -> None:
        from diagnostic_msgs.msg import DiagnosticStatus
        from rclpy.qos import DurabilityPolicy, QoSProfile

        kept = QoSProfile(depth=256, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.message = DiagnosticStatus()
        self.heard: list[DiagnosticStatus] = []
        robot.node.create_subscription(DiagnosticStatus, "/safety/events", self.heard.append, kept)
        publisher = robot.node.create_publisher(DiagnosticStatus, "/audit/status", kept)
        self.timer = robot.node.create_timer(0.1, lambda: publisher.publish(self.message))

    def told(self) -> list[tuple[str, dict[str, str]]]:
        return [(m.name, {v.key: v.value for v in m.values}) for m in self.heard]


def test_a_robot_whose_acts_are_not_recorded_goes_slowly(robot: Robot) -> None:
    robot.start(NODE, *MAY_RESET, "-p", "recorder_timeout:=0.5")
    decide(robot)
    robot.wait_for_velocity(0.5)
    robot.wait_for_cause("unrecorded: no word from the recorder")
    recorder = Recorder(robot)
    robot.wait_for_velocity(0.7)
    recorder.message.level, recorder.message.message = b"\x02", "No space left on device"
    robot.wait_for_velocity(0.5)
    robot.wait_for_cause("unrecorded: No space left on device")
    recorder.message.level = b"\x00"
    robot.wait_for_velocity(0.7)
    recorder.timer.cancel()
    robot.wait_for_velocity(0.5)
    robot.wait_for_cause("unrecorded: no word from the recorder")


def test_every_change_is_an_event_numbered_and_kept_for_a_recorder_that_comes_late(
    robot: Robot, monitor: subprocess.Popen[str]
) -> None:
    decision = decide(robot)
    robot.wait_for_velocity(0.7)
    decision.kill()
    robot.wait_for_velocity(0.0)
    recorder = Recorder(robot)

    def changes() -> list[tuple[str, str]]:
        return [(v["from"], v["to"]) for kind, v in recorder.told() if kind == "transition"]

    robot.spin(lambda: changes()[-1:] == [("nominal", "safe_stop")], "the newest event")
    assert changes()[0] == ("start", "safe_stop")
    assert all(before[1] == after[0] for before, after in itertools.pairwise(changes()))
    runs, numbers = zip(*(m.hardware_id.rsplit("/", 1) for m in recorder.heard), strict=True)
    assert len(set(runs)) == 1 and runs[0].startswith("safety_monitor/")
    assert [int(number) for number in numbers] == list(range(1, len(numbers) + 1))
    assert {v["who"] for _, v in recorder.told()} == {"safety_monitor"}
    assert len({v["digest"] for _, v in recorder.told()}) > 1
    monitor.send_signal(signal.SIGTERM)
    robot.spin(lambda: recorder.told()[-1][0] == "stop", "the last event")


def test_the_operator_commands_need_nothing_but_the_monitor(
    robot: Robot, monitor: subprocess.Popen[str]
) -> None:
    from typer.testing import CliRunner

    from autonomy_governance.cli import operator

    robot.sense.cancel()
    robot.wait_for_state("safe_stop")
    patience = ["--timeout", str(PATIENCE_S)]
    stopped = CliRunner().invoke(operator, ["estop", *patience])
    assert (stopped.exit_code, stopped.output.strip()) == (0, "emergency_stop")
    state = CliRunner().invoke(operator, ["status", *patience])
    assert "emergency_stop: operator_stop" in state.output
    refused = CliRunner().invoke(operator, ["reset", *patience])
    assert refused.exit_code == 1
    assert "odometry is silent" in refused.output


def test_the_operator_is_told_when_there_is_no_monitor() -> None:
    from typer.testing import CliRunner

    from autonomy_governance.cli import operator

    result = CliRunner().invoke(operator, ["estop", "--timeout", "0.5"])
    assert result.exit_code == 1
    assert "no safety monitor answers" in result.output


def test_it_ends_on_sigterm_with_a_last_zero(robot: Robot, monitor: subprocess.Popen[str]) -> None:
    robot.wait_for_velocity(0.0)
    monitor.send_signal(signal.SIGTERM)
    assert monitor.wait(PATIENCE_S) == 0


def test_a_parameter_that_cannot_be_used_is_named_and_ends_the_node(robot: Robot) -> None:
    process = robot.start(NODE, "--ros-args", "-p", "linear_deceleration:=-1.0")
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "linear_deceleration" in errors
    assert "Traceback" not in errors


def test_it_tells_the_service_manager_that_it_lives(
    robot: Robot, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        robot.start(NODE)
        heard = [manager.recv(1000).decode() for _ in range(3)]
    assert any("READY=1" in text for text in heard)
    assert any("WATCHDOG=1" in text for text in heard)


LOST = """
import os, time
from safety_monitor.node import run_in_real_time
run_in_real_time()
print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, flush=True)
deadline = time.monotonic() + 20.0
while os.sched_getscheduler(0) and time.monotonic() < deadline:
    pass
"""


def test_it_runs_in_real_time_where_it_may_and_is_ended_when_it_is_lost() -> None:
    """A process that computes on end would take a core from the drivers of the robot."""
    run = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True)
    in_real_time = run.stdout.strip() == str(os.SCHED_FIFO)
    assert run.returncode == (-signal.SIGKILL if in_real_time else 0), run.stderr
