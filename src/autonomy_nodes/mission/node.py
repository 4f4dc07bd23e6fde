"""The `mission` node: `/goal_pose` in, the goal's lease and the outcome out."""

from __future__ import annotations

import math
import sys
import time
import uuid
from dataclasses import dataclass

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry as OdometryMsg
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_srvs.srv import Trigger

from autonomy_interfaces.executor import LeanExecutor
from autonomy_interfaces.mailbox import LazyClock, Mailbox
from autonomy_interfaces.messages import Odometry, Pose2D, seconds
from autonomy_interfaces.ros import (
    STATE_QOS,
    declare_config,
    gate_decision_from_ros,
    gate_question_to_ros,
    pose_from_ros,
    pose_to_ros,
)
from autonomy_interfaces.wire import odometry_from_raw
from autonomy_nodes.mission.mission import GoalError, Mission, MissionConfig, MissionStatus
from autonomy_nodes.mission.permission import GoalPermission
from autonomy_nodes.mission.state import MissionState

NEWEST_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
GOAL_FRAMES = ("odom", "map")
"""Frames that a goal may be given in. The stack has no localisation of its own, so `map` is
`odom` here, as for every robot whose odometry starts at the map's origin."""

CLOCK_PERIOD_S = 0.04
"""Between two looks at ROS time, seconds of steady time."""

DECISION_STATUS_LIFETIME_S = 1.0
"""A planner status older than this says nothing of the present."""

_LEVELS = {
    MissionState.UNREACHABLE: DiagnosticStatus.ERROR,
    MissionState.TIMED_OUT: DiagnosticStatus.ERROR,
    MissionState.CANCELLED: DiagnosticStatus.WARN,
}


@dataclass(frozen=True, slots=True)
class MissionNodeConfig:
    """Parameters of the node around the core; rates in hertz."""

    ask_gate: bool = False
    """A goal becomes active only once the safety gate allows it (`docs/gate.md`)."""
    goal_rate: float = 5.0
    """Of steady time. A goal is a lease: silence on `/mission/goal` for 1 s means stop, an empty
    frame at once."""
    judge_rate: float = 10.0
    status_rate: float = 2.0


class MissionNode(Node):
    """Adapter between ROS and the mission core."""

    def __init__(self) -> None:
        super().__init__("mission")
        config = declare_config(self, MissionNodeConfig)
        self._mission = Mission(declare_config(self, MissionConfig))
        self._time = LazyClock(self, timers=True)
        self._odometry: Odometry | None = None
        self._planner_status = ""
        self._planner_status_ns = 0
        self._refusal = ""
        self._permission = GoalPermission(lambda: uuid.uuid4().hex)
        self._published: MissionStatus | None = None
        self._goal_publisher = self.create_publisher(PoseStamped, "/mission/goal", 1)
        self._status_publisher = self.create_publisher(
            DiagnosticStatus, "/mission/status", STATE_QOS
        )
        self.create_subscription(PoseStamped, "/goal_pose", self._on_goal, 10)
        self._odometries = Mailbox(self, OdometryMsg, "/odom", NEWEST_QOS, odometry_from_raw)
        self._decisions = Mailbox(self, DiagnosticStatus, "/decision/status", NEWEST_QOS)
        self.create_service(Trigger, "/mission/cancel", self._on_cancel)
        # Timers on ROS time fire when that is looked up: often enough for them, and not for every
        # message of /clock.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(CLOCK_PERIOD_S, self._time.now_ns, clock=steady)
        # A lease must not run out because its owner has not found the simulator's clock yet.
        self.create_timer(1.0 / config.goal_rate, self._publish_goal, clock=steady)
        self.create_timer(1.0 / config.judge_rate, self._judge)
        self.create_timer(1.0 / config.status_rate, self._publish_status)
        self._asks_gate = config.ask_gate
        if config.ask_gate:
            self._connect_gate()
        self._publish_status()

    def _connect_gate(self) -> None:
        self._questions = self.create_publisher(DiagnosticStatus, "/gate/request", 20)
        self.create_subscription(DiagnosticStatus, "/gate/decision", self._on_gate_decision, 20)
        self.create_timer(0.1, self._ask_gate, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _now_ns(self) -> int:
        return self._time.now_ns()

    def _on_decision_status(self, message: DiagnosticStatus) -> None:
        self._planner_status = next(
            (pair.value for pair in message.values if pair.key == "planner_status"), ""
        )
        self._planner_status_ns = self._now_ns()

    def _on_goal(self, message: PoseStamped) -> None:
        try:
            frame = message.header.frame_id
            if frame not in GOAL_FRAMES:
                raise GoalError(
                    f"goal in frame '{frame}': expected one of {', '.join(GOAL_FRAMES)}"
                )
            goal = pose_from_ros(message)
            if not all(math.isfinite(value) for value in (goal.x, goal.y, goal.yaw)):
                raise GoalError(f"goal ({goal.x}, {goal.y}, {goal.yaw}) is not finite")
        except GoalError as error:
            self._refuse(str(error))
        else:
            if self._asks_gate:
                self._permission.ask(goal, time.monotonic_ns())
                self._ask_gate()
            else:
                self._activate(goal)

    def _activate(self, goal: Pose2D) -> None:
        self._refusal = ""
        self._mission.set_goal(goal, self._now_ns())
        self._publish_goal()
        self._publish_status()

    def _refuse(self, reason: str) -> None:
        self._refusal = reason
        self.get_logger().error(f"goal refused: {reason}")
        self._publish_status()

    def _ask_gate(self) -> None:
        """Repeat the question that is open, and act on its answer."""
        question = self._permission.due(time.monotonic_ns())
        if question is not None:
            self._questions.publish(gate_question_to_ros(question))
        goal, refusal = self._permission.settled()
        if goal is not None:
            self._activate(goal)
        elif refusal:
            self._refuse(refusal)

    def _on_gate_decision(self, message: DiagnosticStatus) -> None:
        before = self._permission.state
        self._permission.hear(gate_decision_from_ros(message), time.monotonic_ns())
        if self._permission.state != before:
            self._ask_gate()
            self._publish_status()

    def _on_cancel(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        asked = self._permission.pending
        self._permission.withdraw()
        try:
            self._mission.cancel(self._now_ns())
        except GoalError as error:
            response.success = asked
            response.message = "the goal is no longer asked for" if asked else str(error)
        else:
            response.success, response.message = True, "cancelled"
        self._publish_status()
        return response

    def _judge(self) -> None:
        if (decision := self._decisions.newest()) is not None:
            self._on_decision_status(decision)
        if (odometry := self._odometries.newest()) is not None:
            self._odometry = odometry
        now_ns = self._now_ns()
        age_s = abs(seconds(now_ns - self._planner_status_ns))
        planner_status = self._planner_status if age_s <= DECISION_STATUS_LIFETIME_S else ""
        status = self._mission.step(self._odometry, planner_status, now_ns)
        if self._published is None or status.state is not self._published.state:
            self._publish_status()

    def _publish_goal(self) -> None:
        goal = self._mission.active_goal
        if goal is not None:
            self._goal_publisher.publish(pose_to_ros(goal, "odom", self._now_ns()))

    def _publish_status(self) -> None:
        status = self._mission.status
        previous = self._published
        ended = status.state is not MissionState.ACTIVE
        if ended and previous is not None and previous.state is MissionState.ACTIVE:
            # A goal without a frame: the lease is over now, and not when it runs out.
            self._goal_publisher.publish(PoseStamped())
        if previous is None or (previous.state, previous.goal_number) != (
            status.state,
            status.goal_number,
        ):
            self.get_logger().info(f"{status.state.value}: {status.reason}")
        self._published = status
        self._status_publisher.publish(status_to_ros(status, self._refusal, self._permission.state))


def status_to_ros(status: MissionStatus, refusal: str = "", gate: str = "") -> DiagnosticStatus:
    """`/mission/status` of a mission status.

    `refusal` is why the last goal was not taken, `gate` how it stands with one that awaits leave.
    """
    goal = status.goal
    values = {
        "state": status.state.value,
        "goal_x": f"{goal.x:.3f}" if goal else "",
        "goal_y": f"{goal.y:.3f}" if goal else "",
        "distance_m": f"{status.distance_m:.3f}",
        "elapsed_s": f"{status.elapsed_s:.3f}",
        "goal_number": str(status.goal_number),
        "reason": status.reason,
        "refused": refusal,
        "gate": gate,
    }
    return DiagnosticStatus(
        level=_LEVELS.get(status.state, DiagnosticStatus.OK),
        name="mission",
        message=f"{status.state.value}: {status.reason}",
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def main() -> None:
    """Run the node until it is told to stop; exit with 2 where its parameters make no sense."""
    rclpy.init()
    try:
        try:
            node = MissionNode()
        except (ValueError, InvalidParameterTypeException) as error:
            sys.stderr.write(f"mission: {error}\n")
            sys.exit(2)
        rclpy.spin(node, LeanExecutor())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
