"""The mission node on the wire."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry as OdometryMsg
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from autonomy_interfaces.messages import Odometry, Pose2D
from autonomy_interfaces.ros import SENSOR_QOS, STATE_QOS, odometry_to_ros, pose_to_ros
from autonomy_nodes.mission.node import MissionNode
from edge_autonomy.demo.domain import RosDomain

pytestmark = pytest.mark.dds

WAIT_S = 20.0
RESEND_S = 1.0


class Rig:
    """A mission node, and a client that hears it, in one executor."""

    def __init__(self) -> None:
        self.mission = MissionNode()
        self._goal_sent = 0.0
        self.client = rclpy.create_node("client")
        self.goals: list[PoseStamped] = []
        self.statuses: list[dict[str, str]] = []
        self.client.create_subscription(PoseStamped, "/mission/goal", self.goals.append, 10)
        self.client.create_subscription(
            DiagnosticStatus, "/mission/status", self._on_status, STATE_QOS
        )
        self._goal = self.client.create_publisher(PoseStamped, "/goal_pose", 1)
        self._odometry = self.client.create_publisher(OdometryMsg, "/odom", SENSOR_QOS)
        self._decision = self.client.create_publisher(DiagnosticStatus, "/decision/status", 10)
        self._cancel = self.client.create_client(Trigger, "/mission/cancel")
        self.questions: list[DiagnosticStatus] = []
        self.client.create_subscription(
            DiagnosticStatus, "/gate/request", self.questions.append, 20
        )
        self._gate = self.client.create_publisher(DiagnosticStatus, "/gate/decision", 20)
        self._executor = SingleThreadedExecutor()
        for node in (self.mission, self.client):
            self._executor.add_node(node)
        self.until(lambda: bool(self.statuses) and self._goal.get_subscription_count() > 0)
        self.until(self._cancel.service_is_ready)

    def until(self, condition: Callable[[], bool], act: Callable[[], None] = lambda: None) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; last: {self.statuses[-1:]}"
            act()
            self._executor.spin_once(timeout_sec=0.05)

    def until_state(self, state: str, act: Callable[[], None] = lambda: None) -> dict[str, str]:
        self.until(lambda: self.statuses[-1]["state"] == state, act)
        return self.statuses[-1]

    def send_goal(self, goal: Pose2D, frame: str = "odom") -> None:
        """Publish a goal until the mission has answered: the first may find no reader yet."""
        before = self.statuses[-1]
        answer = ("goal_number", "refused")

        def answered() -> bool:
            return any(self.statuses[-1][key] != before[key] for key in answer)

        def publish() -> None:
            if time.monotonic() - self._goal_sent >= RESEND_S:
                self._goal_sent = time.monotonic()
                self._goal.publish(pose_to_ros(goal, frame, self.now_ns()))

        self.until(answered, publish)

    def odometry_at(self, x: float) -> Callable[[], None]:
        return lambda: self._odometry.publish(odometry_to_ros(Odometry(self.now_ns(), x, 0.0, 0.0)))

    def garble(self) -> None:
        """Publish what is no message, wherever the mission listens."""
        for publisher in (self._odometry, self._goal, self._decision, self._gate):
            publisher.publish(b"\0\1\0\0no message")

    def decision_says(self, planner_status: str) -> None:
        value = KeyValue(key="planner_status", value=planner_status)
        self._decision.publish(DiagnosticStatus(values=[value]))

    def ask_for(self, goal: Pose2D) -> DiagnosticStatus:
        """Publish a goal once; returns the question that the gate is asked."""
        asked = {question.hardware_id for question in self.questions}
        self._goal.publish(pose_to_ros(goal, "odom", self.now_ns()))
        self.until(lambda: any(q.hardware_id not in asked for q in self.questions))
        return self.questions[-1]

    def gate_says(self, outcome: str, reason: str) -> None:
        """Answer the newest question."""
        value = KeyValue(key="outcome", value=outcome)
        identity = self.questions[-1].hardware_id
        self._gate.publish(DiagnosticStatus(hardware_id=identity, message=reason, values=[value]))

    def cancel(self) -> Trigger.Response:
        future = self._cancel.call_async(Trigger.Request())
        self.until(future.done)
        return future.result()

    def now_ns(self) -> int:
        return int(self.client.get_clock().now().nanoseconds)

    def close(self) -> None:
        self._executor.shutdown()
        for node in (self.mission, self.client):
            node.destroy_node()

    def _on_status(self, message: DiagnosticStatus) -> None:
        self.statuses.append({pair.key: pair.value for pair in message.values})


@pytest.fixture
def make_rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    domain = RosDomain({})
    rigs: list[Rig] = []
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain.id))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

    def make(**parameters: float | str) -> Rig:
        arguments = [f"{name}:={value}" for name, value in parameters.items()]
        options = [part for argument in arguments for part in ("-p", argument)]
        rclpy.init(args=["--ros-args", *options] if options else None)
        rigs.append(Rig())
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()
    rclpy.try_shutdown()
    domain.release()


def test_repeats_the_goal_as_a_lease_until_it_is_reached(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    assert rig.statuses[-1]["state"] == "idle"
    rig.send_goal(Pose2D(3.0, 4.0, 0.5), "map")
    status = rig.until_state("active", rig.odometry_at(0.0))
    assert (status["goal_x"], status["goal_y"]) == ("3.000", "4.000")
    rig.until(lambda: len(rig.goals) >= 4, rig.odometry_at(0.0))
    assert {goal.header.frame_id for goal in rig.goals} == {"odom"}
    assert rig.goals[-1].pose.position.x == 3.0
    rig.until(lambda: rig.statuses[-1]["distance_m"] == "5.000", rig.odometry_at(0.0))
    rig.send_goal(Pose2D(0.2, 0.0))
    rig.until_state("reached", rig.odometry_at(0.0))
    rig.until(lambda: rig.goals[-1].header.frame_id == "")
    heard = len(rig.goals)
    seen = len(rig.statuses)
    rig.until(lambda: len(rig.statuses) >= seen + 3)
    assert len(rig.goals) == heard


def test_a_lease_does_not_wait_for_the_simulators_clock(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(use_sim_time="true")
    rig.send_goal(Pose2D(3.0, 4.0))
    rig.until(lambda: len(rig.goals) >= 4)
    assert rig.now_ns() == 0
    assert {goal.header.frame_id for goal in rig.goals} == {"odom"}


@pytest.mark.parametrize(
    ("goal", "frame", "reason"),
    [
        (Pose2D(1.0, 1.0), "base_link", "goal in frame 'base_link': expected one of odom, map"),
        (Pose2D(1.0, 1.0), "", "goal in frame ''"),
        (Pose2D(float("nan"), 1.0), "odom", "not finite"),
    ],
)
def test_says_why_a_goal_is_refused(
    make_rig: Callable[..., Rig], goal: Pose2D, frame: str, reason: str
) -> None:
    rig = make_rig()
    rig.send_goal(goal, frame)
    assert reason in rig.statuses[-1]["refused"]
    assert rig.statuses[-1]["state"] == "idle"
    assert rig.goals == []


def test_cancels_once(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    assert not rig.cancel().success
    rig.send_goal(Pose2D(5.0, 0.0))
    rig.until_state("active")
    assert rig.cancel().success
    rig.until_state("cancelled")
    rig.until(lambda: rig.goals[-1].header.frame_id == "")
    answer = rig.cancel()
    assert not answer.success
    assert "the mission is cancelled" in answer.message


def test_is_unreachable_when_the_decision_reports_no_path(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(no_path_timeout=0.3)
    rig.send_goal(Pose2D(5.0, 0.0))

    def act() -> None:
        rig.odometry_at(0.0)()
        rig.decision_says("no_path")

    assert "no path" in rig.until_state("unreachable", act)["reason"]


def test_parameters_reach_the_core(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(goal_timeout=0.3)
    assert rig.mission.get_parameter("goal_timeout").value == 0.3
    rig.send_goal(Pose2D(5.0, 0.0))
    rig.until_state("timed_out")


def test_with_a_gate_a_goal_is_active_once_it_is_allowed(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(ask_gate="true")
    question = rig.ask_for(Pose2D(5.0, -1.0))
    values = {pair.key: pair.value for pair in question.values}
    assert (question.name, question.message) == ("drive_to", "mission")
    assert values == {"x": "5.0", "y": "-1.0", "frame": "odom"}
    rig.gate_says("escalate", "the goal touches loading_bay")
    rig.until(lambda: rig.statuses[-1]["gate"] == "escalated: the goal touches loading_bay")
    assert rig.statuses[-1]["state"] == "idle" and rig.goals == []
    rig.gate_says("allow", "approved")
    status = rig.until_state("active")
    assert (status["goal_x"], status["gate"], status["refused"]) == ("5.000", "", "")


def test_a_denied_goal_is_refused_with_the_reason_and_the_active_one_goes_on(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(ask_gate="true")
    rig.ask_for(Pose2D(5.0, 0.0))
    rig.gate_says("allow", "open")
    rig.until_state("active")
    rig.ask_for(Pose2D(6.0, 0.0))
    rig.gate_says("deny", "the goal touches stairwell")
    rig.until(lambda: rig.statuses[-1]["refused"] != "")
    assert rig.statuses[-1]["refused"] == "denied by the safety gate: the goal touches stairwell"
    assert (rig.statuses[-1]["state"], rig.statuses[-1]["goal_x"]) == ("active", "5.000")


def test_a_gate_that_is_silent_is_a_no(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(ask_gate="true")
    rig.ask_for(Pose2D(5.0, 0.0))
    rig.until(lambda: "the gate does not answer" in rig.statuses[-1]["refused"])
    assert rig.statuses[-1]["state"] == "idle"


def test_a_goal_that_awaits_its_answer_can_be_cancelled(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(ask_gate="true")
    rig.ask_for(Pose2D(5.0, 0.0))
    assert rig.cancel().success
    rig.gate_says("allow", "too late")
    rig.ask_for(Pose2D(7.0, 0.0))
    rig.gate_says("allow", "open")
    assert rig.until_state("active")["goal_x"] == "7.000"


def test_bytes_that_are_no_message_are_dropped_and_the_next_odometry_is_taken(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig()
    rig.send_goal(Pose2D(3.0, 4.0))
    rig.until(lambda: rig.statuses[-1]["distance_m"] == "5.000", rig.odometry_at(0.0))
    seen = len(rig.statuses)
    rig.until(lambda: len(rig.statuses) >= seen + 2, rig.garble)
    assert rig.statuses[-1]["state"] == "active"
    rig.until(lambda: rig.statuses[-1]["distance_m"] == "4.000", rig.odometry_at(3.0))
