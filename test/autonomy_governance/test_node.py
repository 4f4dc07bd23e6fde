"""The gate as a process: askers, operators and policy files while it runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from autonomy_governance.audit_chain import records, verify
from autonomy_interfaces.gate import Answer, GateInquiry, GateQuestion

pytestmark = pytest.mark.dds

DIRECTORY = Path(__file__).parents[2] / "config" / "gate"
GATE = "from autonomy_governance.node import main; main()"
CLI = "from autonomy_governance.cli import operator; operator()"
PATIENCE_S = 30.0


class Asker:
    """A node that asks the gate, plays the safety monitor and hears the gate's status."""

    def __init__(self, directory: Path) -> None:
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
        from nav_msgs.msg import Odometry

        from autonomy_governance import messages as protocol
        from autonomy_interfaces import ros

        self.directory = directory
        self.policy = directory / "policy"
        self.rclpy, self.ros = rclpy, ros
        self.node = rclpy.create_node("mission")
        self.questions = self.node.create_publisher(
            DiagnosticStatus, protocol.REQUEST, protocol.EVENTS_QOS
        )
        state = self.node.create_publisher(DiagnosticArray, "/safety/state", protocol.STATUS_QOS)
        nominal = DiagnosticArray(status=[DiagnosticStatus(message="nominal")])
        self.node.create_timer(0.2, lambda: state.publish(nominal))
        odometry = self.node.create_publisher(Odometry, "/odom", ros.SENSOR_QOS)
        self.place = Odometry()
        self.places_told = 0

        def tell_place() -> None:
            odometry.publish(self.place)
            self.places_told += 1

        self.node.create_timer(0.02, tell_place)
        self.node.create_subscription(
            DiagnosticStatus, protocol.DECISION, self.hear, protocol.EVENTS_QOS
        )
        self.node.create_subscription(
            DiagnosticArray, protocol.STATUS, self.note, protocol.STATUS_QOS
        )
        self.events = self.node.create_publisher(
            DiagnosticStatus, protocol.SAFETY_EVENTS, protocol.KEPT_EVENTS_QOS
        )
        self.publishers = (self.questions, state, odometry, self.events)
        self.audit = ""
        self.node.create_subscription(
            DiagnosticStatus, protocol.AUDIT_STATUS, self.note_audit, protocol.STATUS_QOS
        )
        self.inquiry: GateInquiry | None = None
        self.gate: Any = None
        self.count = 0

    def hear(self, message: Any) -> None:
        if self.inquiry is not None:
            self.inquiry.hear(self.ros.gate_decision_from_ros(message), time.monotonic_ns())

    def note(self, message: Any) -> None:
        self.gate = message.status[0]

    def note_audit(self, message: Any) -> None:
        self.audit = message.message

    def tell(self, number: int, kind: str = "transition") -> None:
        """Play the monitor that tells of an event."""
        from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

        told = {"who": "safety_monitor", "stamp_ns": "7", "digest": "d", "to": "nominal"}
        values = [KeyValue(key=key, value=value) for key, value in told.items()]
        identity = f"safety_monitor/1/{number}"
        self.events.publish(
            DiagnosticStatus(name=kind, message="calm", hardware_id=identity, values=values)
        )

    def log(self) -> list[dict[str, Any]]:
        return list(records(self.directory / "audit" / "safety_gate"))

    def recorded(self) -> list[str]:
        return [r["details"]["event"] for r in self.log() if "event" in r["details"]]

    def move_to(self, x: float) -> None:
        self.place.pose.pose.position.x = x
        enough = self.places_told + 10
        self.spin_until(lambda: self.places_told >= enough)

    def values(self) -> dict[str, str]:
        return {} if self.gate is None else {v.key: v.value for v in self.gate.values}

    def spin_until(self, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < end, "it did not happen in time"
            self.rclpy.spin_once(self.node, timeout_sec=0.05)
            if self.inquiry is not None and self.inquiry.due(time.monotonic_ns()):
                question = self.ros.gate_question_to_ros(self.inquiry.question)
                self.questions.publish(question)

    def ask(self, action: str, **parameters: str | float) -> GateInquiry:
        self.count += 1
        question = GateQuestion(f"q{self.count}", action, "mission", parameters)
        self.inquiry = GateInquiry(question, time.monotonic_ns(), timeout_s=PATIENCE_S)
        self.spin_until(lambda: self.inquiry is None or self.inquiry.answer is not Answer.ASKING)
        return self.inquiry

    def operate(self, *arguments: str) -> tuple[int, Any]:
        """Run the command line beside this node, which goes on asking."""
        command = [sys.executable, "-c", CLI, "approve", *arguments, "--json", "--timeout", "20"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            self.spin_until(lambda: process.poll() is not None)
            assert process.stdout is not None
            return process.returncode, json.loads(process.stdout.read())


def start_gate(directory: Path) -> subprocess.Popen[bytes]:
    parameters = (f"policy_directory:={directory}/policy", f"audit_directory:={directory}/audit")
    arguments = [word for parameter in parameters for word in ("-p", parameter)]
    return subprocess.Popen([sys.executable, "-c", GATE, "--ros-args", *arguments])


def end(gate: subprocess.Popen[bytes]) -> None:
    gate.send_signal(signal.SIGTERM)
    assert gate.wait(PATIENCE_S) == 0


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes of the gate, the newest last."""
    shutil.copytree(DIRECTORY, tmp_path / "policy")
    started = [start_gate(tmp_path)]
    yield started
    for gate in started:
        gate.kill()
        gate.wait()


@pytest.fixture
def asker(tmp_path: Path, gates: list[subprocess.Popen[bytes]]) -> Iterator[Asker]:
    import rclpy

    rclpy.init()
    asker = Asker(tmp_path)
    try:
        asker.spin_until(lambda: asker.values().get("safety_state") == "nominal")
        assert asker.gate.message == "ready"
        yield asker
        end(gates[-1])
    finally:
        asker.node.destroy_node()
        rclpy.try_shutdown()


def test_a_mission_asks_a_person_answers_and_all_of_it_is_recorded(asker: Asker) -> None:
    allowed = asker.ask("drive_to", x=3.0, y=-2.0, frame="odom")
    assert allowed.answer is Answer.ALLOWED
    denied = asker.ask("enter_area", zone="stairwell")
    assert denied.answer is Answer.DENIED and "stairwell" in denied.reason

    escalated = asker.ask("drive_to", x=112.0, y=2.0, frame="odom")
    assert escalated.answer is Answer.ESCALATED
    code, listed = asker.operate()
    (entry,) = listed["pending"]
    assert code == 0 and entry["request_id"] == "q3" and entry["tier"] == "high"
    assert asker.operate("q3", "--who", "operator")[0] == 1
    assert escalated.answer is Answer.ESCALATED
    code, decision = asker.operate("q3", "--who", "safety_officer")
    assert code == 0 and decision["by"] == "safety_officer"
    asker.spin_until(lambda: escalated.answer is Answer.ALLOWED)

    assert asker.ask("enter_area", zone="battery_room").answer is Answer.ESCALATED
    assert asker.operate("q4", "--who", "operator", "--reject")[0] == 0
    assert asker.operate("q4", "--who", "safety_officer")[0] == 1
    assert asker.operate()[1] == {"pending": []}

    log = asker.directory / "audit" / "safety_gate"

    def answered() -> list[str]:
        """Who has; an answer is repeated until it is heard of, and each time recorded."""
        return [
            who for who, _ in groupby(r["who"] for r in records(log) if r["kind"] == "operator")
        ]

    asker.spin_until(lambda: answered() == ["operator", "safety_officer"] * 2)
    assert verify(log).ok
    written = [(r["kind"], r["who"], r["details"].get("outcome")) for r in records(log)]
    assert ("gate", "mission", "escalate") in written


def test_a_robot_that_repeats_a_recovery_without_moving_is_stopped_by_a_question(
    asker: Asker,
) -> None:
    for step in range(6):
        asker.move_to(float(step))
        assert asker.ask("recover", behaviour="back_up").answer is Answer.ALLOWED
    answers = [asker.ask("recover", behaviour="back_up").answer for _ in range(5)]
    assert Answer.ESCALATED in answers


def test_a_policy_file_that_breaks_while_running_keeps_the_last_good_one(asker: Asker) -> None:
    version = asker.values()["policy_version"]
    rules = asker.policy / "actions.rego"
    good = rules.read_text()
    rules.write_text(good + "\nallow if {")
    asker.spin_until(lambda: asker.gate.message.startswith("actions.rego:"))
    assert asker.gate.level == b"\x02"
    assert asker.values()["policy_version"] == version
    assert asker.ask("drive_to", x=3.0, y=-2.0, frame="odom").answer is Answer.ALLOWED
    rules.write_text(good + "\n# sound again\n")
    asker.spin_until(lambda: asker.gate.message == "ready")
    assert asker.values()["policy_version"] != version


def test_without_a_gate_the_command_line_says_so() -> None:
    domain = os.environ["ROS_DOMAIN_ID"]
    for arguments in (["--timeout", "0.5"], ["q1", "--who", "me", "--timeout", "0.5"]):
        command = [sys.executable, "-c", CLI, "approve", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 2 and result.stdout == ""
        assert (
            f"no safety gate answers; is it running, with ROS_DOMAIN_ID {domain}?" in result.stderr
        )


def test_a_full_disk_is_told_and_nothing_is_lost(
    asker: Asker, gates: list[subprocess.Popen[bytes]]
) -> None:
    import resource

    asker.spin_until(lambda: asker.audit == "recording")
    resource.prlimit(gates[0].pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    for number in (1, 2, 5):
        asker.tell(number)
    asker.spin_until(lambda: "File too large" in asker.audit)
    assert asker.ask("drive_to", x=3.0, y=-2.0, frame="odom").answer is Answer.ALLOWED
    denied = asker.ask("set_speed_tier", speed_tier="crawl")
    assert denied.answer is Answer.DENIED and "audit log" in denied.reason
    assert asker.recorded() == []
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(gates[0].pid, resource.RLIMIT_FSIZE, unlimited)
    asker.spin_until(lambda: asker.audit == "recording")
    assert asker.recorded() == [f"safety_monitor/1/{number}" for number in (1, 2, 5)]
    (gap,) = (r["cause"] for r in asker.log() if r["kind"] == "gap")
    assert gap == "events 3 to 4 of safety_monitor were not heard"


def test_a_recorder_that_was_away_records_what_it_missed_and_nothing_twice(
    asker: Asker, gates: list[subprocess.Popen[bytes]]
) -> None:
    asker.tell(1)
    asker.spin_until(lambda: len(asker.recorded()) == 1)
    gates[0].kill()
    gates[0].wait()
    asker.tell(2)
    asker.tell(3, kind="stop")
    gates.append(start_gate(asker.directory))
    asker.spin_until(lambda: len(asker.recorded()) == 3)
    assert asker.recorded() == [f"safety_monitor/1/{number}" for number in (1, 2, 3)]
    assert verify(asker.directory / "audit" / "safety_gate").ok


def test_bytes_that_are_no_message_are_dropped_and_the_next_question_is_answered(
    asker: Asker,
) -> None:
    for _ in range(5):
        for publisher in asker.publishers:
            publisher.publish(b"\0\1\0\0no message")
    assert asker.ask("drive_to", x=3.0, y=-2.0, frame="odom").answer is Answer.ALLOWED
