"""The `decision` node: sensors, costmap and goal in, one wish for a velocity out.

Decisions are made when a costmap arrives, and by a timer where none does. The command of the
last decision is repeated in between by the same thread, so that a decision that hangs silences
the topic and the safety monitor sees it.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import OccupancyGrid
from nav_msgs.msg import Odometry as OdometryMsg
from nav_msgs.msg import Path as PathMsg
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces.messages import (
    Costmap,
    LaserScan,
    Odometry,
    Pose2D,
    VelocityCommand,
    nanoseconds,
    seconds,
)
from autonomy_interfaces.parameters import ParameterError
from autonomy_interfaces.ros import (
    SENSOR_QOS,
    command_qos,
    command_to_ros,
    costmap_from_ros,
    declare_config,
    odometry_from_ros,
    pose_from_ros,
    pose_to_ros,
    scan_from_ros,
)
from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.contract import Policy, PolicyError, load_policy
from autonomy_nodes.decision.decision import (
    Decision,
    DecisionConfig,
    DecisionInputs,
    DecisionOutput,
)
from autonomy_nodes.decision.goal_lease import GoalLease
from autonomy_nodes.decision.runtime import BoundedPolicy, PolicyRunner
from autonomy_nodes.planning.planner import Planner, PlannerConfig

GOAL_FRAME = "odom"
PATH_PERIOD_S = 0.5
PATH_STRIDE = 5


@dataclass(frozen=True)
class DecisionNodeConfig:
    """Parameters of the node around the core.

    Attributes:
        policy: directory of the policy; empty for the one that is shipped.
        decision_rate: decisions per second where no costmap triggers them sooner.
        command_rate: repetitions of the held command per second.
        command_deadline: DDS deadline offered on /decision/cmd_vel, seconds.
        command_lease: DDS liveliness lease offered, seconds.
        goal_lease: silence on /mission/goal after which there is no goal, seconds.
        hold_limit: age past which a held command is replaced by zero, seconds of ROS time.
        inference_deadline: longest wait for the policy in a tick, seconds; 0 for the manifest's
            latency budget.
    """

    policy: str = ""
    decision_rate: float = 20.0
    command_rate: float = 50.0
    command_deadline: float = 0.06
    command_lease: float = 0.08
    goal_lease: float = 1.0
    hold_limit: float = 0.2
    inference_deadline: float = 0.0


class DecisionNode(Node):
    """Adapter between ROS and the decision core."""

    def __init__(self) -> None:
        super().__init__("decision")
        self._config = declare_config(self, DecisionNodeConfig)
        core_config = declare_config(self, DecisionConfig)
        planner_config = declare_config(self, PlannerConfig)
        self._lease = GoalLease(self._config.goal_lease)
        self._scan: LaserScan | None = None
        self._odometry: Odometry | None = None
        self._costmap: Costmap | None = None
        self._command = VelocityCommand(0, 0.0, 0.0)
        self._decided_ns = 0
        self._path_published_ns = 0
        self._handovers = 0
        policy = self._load_policy(core_config.driver)
        warm_up(core_config, planner_config, policy)
        self._decision = Decision(core_config, policy, Planner(planner_config))
        self._policy_name = "none"
        if policy is not None:
            self._policy_name = f"{policy.manifest.name} {policy.manifest.version}"
        self._connect()

    def _load_policy(self, driver: str) -> PolicyRunner | None:
        """Load the policy that the parameters name.

        Raises:
            PolicyError: it is refused and it alone may drive.
        """
        if driver == "fallback":
            return None
        named = self._config.policy
        path = Path(named) if named else share_directory() / "models" / "default"
        try:
            policy: Policy = load_policy(path)
        except PolicyError as error:
            if driver == "policy":
                raise
            self.get_logger().error(f"{error}; the classical planner drives")
            return None
        deadline_s = self._config.inference_deadline or 1e-3 * policy.manifest.latency_budget_ms
        return BoundedPolicy(policy, deadline_s)

    def _connect(self) -> None:
        """Create publishers, subscriptions and timers; nothing is published before this."""
        config = self._config
        self._command_publisher = self.create_publisher(
            TwistStamped,
            "/decision/cmd_vel",
            command_qos(config.command_deadline, config.command_lease),
        )
        self._status_publisher = self.create_publisher(DiagnosticStatus, "/decision/status", 10)
        self._path_publisher = self.create_publisher(PathMsg, "/decision/path", 1)
        self.create_subscription(LaserScanMsg, "/scan", self._on_scan, SENSOR_QOS)
        self.create_subscription(OdometryMsg, "/odom", self._on_odometry, SENSOR_QOS)
        self.create_subscription(OccupancyGrid, "/perception/costmap", self._on_costmap, 1)
        self.create_subscription(PoseStamped, "/mission/goal", self._on_goal, 1)
        self._period_ns = nanoseconds(1.0 / config.decision_rate)
        self.create_timer(0.5 / config.decision_rate, self._decide_if_due)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0 / config.command_rate, self._publish_command, clock=steady)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_scan(self, message: LaserScanMsg) -> None:
        self._scan = scan_from_ros(message)

    def _on_odometry(self, message: OdometryMsg) -> None:
        self._odometry = odometry_from_ros(message)

    def _on_goal(self, message: PoseStamped) -> None:
        frame = message.header.frame_id
        if frame != GOAL_FRAME:
            self.get_logger().error(f"goal in frame '{frame}': expected '{GOAL_FRAME}'", once=True)
            return
        self._lease.hear(pose_from_ros(message), self._now_ns())

    def _on_costmap(self, message: OccupancyGrid) -> None:
        self._costmap = costmap_from_ros(message)
        if abs(self._now_ns() - self._decided_ns) >= self._period_ns // 2:
            self._decide()

    def _decide_if_due(self) -> None:
        if abs(self._now_ns() - self._decided_ns) >= self._period_ns * 3 // 2:
            self._decide()

    def _decide(self) -> None:
        now_ns = self._now_ns()
        goal = self._lease.current(now_ns)
        inputs = DecisionInputs(self._scan, self._odometry, self._costmap, goal)
        started = time.perf_counter()
        output = self._decision.step(inputs, now_ns)
        duration_ms = 1e3 * (time.perf_counter() - started)
        self._decided_ns = now_ns
        self._command = output.command
        self._publish_command()
        if output.event is not None:
            self._handovers += 1
            self.get_logger().info(json.dumps({"event": "hand_over", **asdict(output.event)}))
        self._status_publisher.publish(
            status_to_ros(output, self._policy_name, duration_ms, self._handovers)
        )
        self._publish_path(output, now_ns)

    def _publish_command(self) -> None:
        """Repeat the held command, or zero where it is too old to hold."""
        now_ns = self._now_ns()
        held_s = abs(seconds(now_ns - self._decided_ns))
        command = VelocityCommand(now_ns, self._command.vx, self._command.wz)
        if held_s > self._config.hold_limit:
            command = VelocityCommand(now_ns, 0.0, 0.0)
        self._command_publisher.publish(command_to_ros(command))

    def _publish_path(self, output: DecisionOutput, now_ns: int) -> None:
        if abs(now_ns - self._path_published_ns) < nanoseconds(PATH_PERIOD_S):
            return
        if self._path_publisher.get_subscription_count() == 0:
            return
        self._path_published_ns = now_ns
        message = PathMsg()
        for x, y in output.path[::PATH_STRIDE]:
            message.poses.append(pose_to_ros(Pose2D(float(x), float(y)), GOAL_FRAME, now_ns))
        message.header = pose_to_ros(Pose2D(0.0, 0.0), GOAL_FRAME, now_ns).header
        self._path_publisher.publish(message)


def status_to_ros(
    output: DecisionOutput, policy: str, duration_ms: float, handovers: int
) -> DiagnosticStatus:
    """`/decision/status` of a tick; `duration_ms` is the wall time of the whole decision."""
    event = output.event
    values = {
        "driver": output.driver,
        "reason": output.reason,
        "latency_ms": f"{output.latency_ms:.3f}",
        "familiarity": f"{output.familiarity:.3f}",
        "policy": policy,
        "planner_status": output.planner_status.value if output.planner_status else "",
        "vx": f"{output.command.vx:.4f}",
        "wz": f"{output.command.wz:.4f}",
        "decision_ms": f"{duration_ms:.3f}",
        "handovers": str(handovers),
        "event": f"{event.previous} -> {event.driver}: {event.reason}" if event else "",
    }
    return DiagnosticStatus(
        level=DiagnosticStatus.WARN if output.driver == "fallback" else DiagnosticStatus.OK,
        name="decision",
        message=f"{output.driver}: {output.reason}" if output.reason else output.driver,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def warm_up(
    config: DecisionConfig, planner_config: PlannerConfig, policy: PolicyRunner | None
) -> None:
    """Compile and touch everything that a decision runs, on a small made-up room.

    Both drivers are run, so that neither the first tick nor the first hand-over is slow.
    """
    grid = np.zeros((160, 160), np.int8)
    grid[:, 140] = 100
    costmap = Costmap(0, 0.05, -4.0, -4.0, grid)
    ranges = np.full(720, 3.0, np.float32)
    scan = LaserScan(0, ranges, -2.35619, 4.71238 / 719, 0.1, 30.0)
    inputs = DecisionInputs(scan, Odometry(0, 0.0, 0.0, 0.0), costmap, Pose2D(2.0, 1.0))
    drivers = {"fallback"} if policy is None else {"fallback", "default"}
    for driver in sorted(drivers):
        trial = Decision(replace(config, driver=driver), policy, Planner(planner_config))
        for _ in range(3):
            trial.step(inputs, 0)
    gc.collect()
    gc.freeze()


def main() -> None:
    """Run the node until it is told to stop."""
    rclpy.init()
    try:
        rclpy.spin(DecisionNode())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (ParameterError, PolicyError, ValueError) as error:
        sys.exit(f"decision: {error}")
    finally:
        rclpy.try_shutdown()
