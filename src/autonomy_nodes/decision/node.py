"""The `decision` node: sensors, costmap and goal in, one wish for a velocity out.

Decisions are made when a costmap arrives, and by a timer where none does. The command of the
last decision is repeated in between by the same thread, so that a decision that hangs silences
the topic and the safety monitor sees it.
"""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import OccupancyGrid
from nav_msgs.msg import Odometry as OdometryMsg
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces.lifeline import hold_lifeline
from autonomy_interfaces.mailbox import LazyClock, Mailbox
from autonomy_interfaces.messages import (
    MILLISECOND,
    Costmap,
    LaserScan,
    Odometry,
    VelocityCommand,
    nanoseconds,
)
from autonomy_interfaces.ros import (
    COSTMAP_QOS,
    command_qos,
    declare_config,
    pose_from_ros,
)
from autonomy_interfaces.wake_latency import WakeLatency
from autonomy_interfaces.wire import (
    command_to_raw,
    costmap_from_raw,
    odometry_from_raw,
    scan_from_raw,
)
from autonomy_interfaces.writing import writing
from autonomy_nodes.decision.decision import (
    Decision,
    DecisionConfig,
    DecisionInputs,
    DecisionOutput,
)
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.goal_lease import GoalLease
from autonomy_nodes.decision.loading import PolicyLoader, share_loader
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.node_config import DecisionNodeConfig
from autonomy_nodes.decision.providers import Execution
from autonomy_nodes.decision.record import TickContext, decision_record, status_values
from autonomy_nodes.decision.record_file import RecordFile
from autonomy_nodes.decision.rehearsal import warm_up
from autonomy_nodes.decision.runtime import PolicyRunner, close
from autonomy_nodes.decision.slow_ticks import SlowTicks
from autonomy_nodes.decision.switch import PolicySwitch
from autonomy_nodes.decision.views import Views
from autonomy_nodes.planning.planner import Planner, PlannerConfig
from autonomy_nodes.running import drive

GOAL_FRAME = "odom"
NEWEST_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
CONFIGS: tuple[type[Any], ...] = (DecisionNodeConfig, DecisionConfig, PlannerConfig)
CHANGEABLE = ("policy", "shadow_policy")
"""Parameters that a running node takes."""
LATE_PERIODS = 2
"""Without a costmap for so long, a decision is made on what there is."""
REPEAT_SHARE = 0.9
"""Of the repetition's period: what was published that lately is not repeated yet."""


class DecisionNode(Node):
    """Adapter between ROS and the decision core."""

    def __init__(self) -> None:
        super().__init__("decision")
        self._config = declare_config(self, DecisionNodeConfig)
        core_config = declare_config(self, DecisionConfig)
        planner_config = declare_config(self, PlannerConfig)
        self._lease = GoalLease(self._config.goal_lease)
        self._wake_latency = WakeLatency(self._config.wake_latency)
        self._time = LazyClock(self)
        self._scan: LaserScan | None = None
        self._odometry: Odometry | None = None
        self._costmap: Costmap | None = None
        self._command = VelocityCommand(0, 0.0, 0.0)
        self._decided_ns = 0
        self._planned_ns = 0
        self._stamp_ns = 0
        self._published_s = 0.0
        self._handovers = 0
        self._ticks = 0
        self._last_swap = ""
        self._identity = f"{socket.gethostname()}{self.get_fully_qualified_name()}"
        self._loader = _loader(self._config)
        with ThreadPoolExecutor(1) as beside:
            loading = beside.submit(self._load_policy, core_config.driver)
            warm_up(core_config, planner_config, None)
            policy = loading.result()
        warm_up(core_config, planner_config, policy)
        self._decision = Decision(core_config, policy, Planner(planner_config), close)
        ask_gate = self._config.ask_gate
        self._switch = PolicySwitch(self, self._loader, self._note_swap, ask_gate)
        self._records = self._open_records()
        if self._config.shadow_policy:
            self._switch.begin(self._config.shadow_policy, self._decision.roster.watch, False)
        self.add_on_set_parameters_callback(self._on_parameters)
        self._lifeline = hold_lifeline(self.get_name(), self.get_namespace())
        if self._lifeline is None:
            self.get_logger().warning(
                "no lock in /dev/shm tells of the end of this process: it is another's, or cannot "
                "be written to; the safety monitor will notice by its silence, which takes longer"
            )
        # A process's first line of log takes up to a tenth of a second, the later ones half a
        # millisecond: no hand-over may be the first.
        name = policy.manifest.name if policy else "none"
        self.get_logger().info(
            json.dumps({"event": "ready", "driver": core_config.driver, "policy": name})
        )
        self._connect()

    def _load_policy(self, driver: str) -> PolicyRunner | None:
        """Load the policy that the parameters name.

        Raises:
            PolicyError: it is refused and it alone may drive.
        """
        if driver == "fallback":
            return None
        try:
            return self._loader.load(self._config.policy)
        except PolicyError as error:
            if driver == "policy":
                raise
            self.get_logger().error(f"{error}; the classical planner drives")
            return None

    def _open_records(self) -> RecordFile | None:
        if not self._config.record_file:
            return None
        file = Path(self._config.record_file)
        with writing(file):
            return RecordFile(file, self._config.record_size, self.get_logger().error)

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        """Begin a change of the policy or of its shadow; the rest is read at the start alone."""
        fixed = {field.name for kind in CONFIGS for field in fields(kind)} - set(CHANGEABLE)
        changed = {parameter.name: parameter.value for parameter in parameters}
        refused = sorted(fixed & changed.keys())
        wanted = [name for name in CHANGEABLE if name in changed]
        reason = ""
        if refused:
            reason = f"{refused[0]} is read when the node starts"
        elif len(wanted) > 1 or (wanted and self._switch.busy):
            reason = "one policy is changed at a time"
        elif "shadow_policy" in changed and not changed["shadow_policy"]:
            self._decision.roster.watch(None)
        elif wanted:
            roster = self._decision.roster
            drives = wanted[0] == "policy"
            accept = roster.swap_to if drives else roster.watch
            self._switch.begin(changed[wanted[0]], accept, drives)
        return SetParametersResult(successful=not reason, reason=reason)

    def _note_swap(self, words: str) -> None:
        if words != self._last_swap:
            self._last_swap = words
            self.get_logger().info(json.dumps({"event": "policy_change", "what": words}))

    def _connect(self) -> None:
        """Create publishers, subscriptions and timers; nothing is published before this."""
        config = self._config
        self._command_publisher = self.create_publisher(
            TwistStamped,
            "/decision/cmd_vel",
            command_qos(config.command_deadline, config.command_lease),
        )
        self._status_publisher = self.create_publisher(DiagnosticStatus, "/decision/status", 10)
        self._views = Views(self)
        self._scans = Mailbox(self, LaserScanMsg, "/scan", NEWEST_QOS, scan_from_raw)
        self._odometries = Mailbox(self, OdometryMsg, "/odom", NEWEST_QOS, odometry_from_raw)
        self.create_subscription(
            OccupancyGrid, "/perception/costmap", self._on_costmap, COSTMAP_QOS, raw=True
        )
        self.create_subscription(PoseStamped, "/mission/goal", self._on_goal, 1)
        self._period_ns = nanoseconds(1.0 / config.decision_rate)
        self._stages = SlowTicks(1.0 / config.decision_rate, self.get_logger().warning)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0 / config.command_rate, self._on_timer, clock=steady)

    def _look(self) -> None:
        """Take the newest measurements; they wait where the middleware put them."""
        if (scan := self._scans.newest()) is not None:
            self._scan = scan
        if (odometry := self._odometries.newest()) is not None:
            self._odometry = odometry

    def _on_goal(self, message: PoseStamped) -> None:
        frame = message.header.frame_id
        if not frame:
            self._lease.withdraw()
            self._decide()
            return
        if frame != GOAL_FRAME:
            self.get_logger().error(f"goal in frame '{frame}': expected '{GOAL_FRAME}'", once=True)
            return
        self._lease.hear(pose_from_ros(message), self._time.now_ns())

    def _on_costmap(self, data: bytes) -> None:
        """Decide at once, unless costmaps come much faster than decisions are wanted."""
        self._costmap = costmap_from_raw(data)
        stamp_ns = self._costmap.stamp_ns
        if abs(stamp_ns - self._planned_ns) >= self._period_ns // 2:
            self._planned_ns = stamp_ns
            self._decide()

    def _on_timer(self) -> None:
        """Decide where no costmap comes, and repeat the held command where one does."""
        if abs(self._time.now_ns() - self._decided_ns) >= LATE_PERIODS * self._period_ns:
            self._decide()
        else:
            self._repeat_if_due()

    def _repeat_if_due(self) -> None:
        """Repeat the held command, unless it went out lately."""
        if time.monotonic() - self._published_s >= REPEAT_SHARE / self._config.command_rate:
            self._publish_command()

    def _decide(self) -> None:
        stages = self._stages
        stages.begin()
        self._look()
        now_ns = self._time.now_ns()
        goal = self._lease.current(now_ns)
        self._wake_latency.hold(goal is not None)
        inputs = DecisionInputs(self._scan, self._odometry, self._costmap, goal)
        started = stages.done("inputs")
        output = self._decision.step(inputs, now_ns)
        duration_ms = 1e3 * (stages.done("decision") - started)
        self._decided_ns = now_ns
        self._command = output.command
        self._publish_command()
        stages.done("command")
        policy = self._decision.roster.active
        self._decision.observe_shadows()
        self._repeat_if_due()
        stages.done("shadows")
        self._explain(output, policy, duration_ms)
        self._views.show(output, now_ns)
        stages.done("explanation")
        self._decision.look_ahead()
        stages.end("look_ahead")

    def _explain(self, output: DecisionOutput, policy: Manifest | None, duration_ms: float) -> None:
        """Say who drives and why: the status, a line of the record, and the log of hand-overs."""
        self._ticks += 1
        if output.event is not None:
            self._handovers += 1
            self.get_logger().info(json.dumps({"event": "hand_over", **asdict(output.event)}))
        roster = self._decision.roster
        swaps = roster.take_events()
        for swap in swaps:
            self._note_swap(f"{swap.action}: {swap.policy} {swap.reason}".rstrip())
        scan_stamp_ns = self._costmap.stamp_ns if self._costmap else 0
        context = TickContext(self._ticks, duration_ms, self._handovers, scan_stamp_ns, policy)
        record = decision_record(output, roster, context, swaps)
        if self._records is not None:
            self._records.write(record)
        self._status_publisher.publish(status_to_ros(record, self._last_swap, self._identity))

    def _publish_command(self) -> None:
        """Publish the held command with the stamp of its decision, a nanosecond later each time.

        So the listener sees the age of the decision, and takes no repetition for an old message.
        """
        stamp_ns = self._decided_ns
        if 0 <= self._stamp_ns - stamp_ns < MILLISECOND:
            stamp_ns = self._stamp_ns + 1
        self._stamp_ns = stamp_ns
        self._published_s = time.monotonic()
        command = VelocityCommand(stamp_ns, self._command.vx, self._command.wz)
        self._command_publisher.publish(command_to_raw(command))


def status_to_ros(record: dict[str, Any], last_swap: str, identity: str) -> DiagnosticStatus:
    """`/decision/status` of a decision's record; `identity`: which node of which host it is."""
    driver, reason = record["driver"], record["reason"]
    values = status_values(record, last_swap)
    return DiagnosticStatus(
        level=DiagnosticStatus.WARN if driver == "fallback" else DiagnosticStatus.OK,
        name="decision",
        message=f"{driver}: {reason}" if reason else driver,
        hardware_id=identity,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def _loader(config: DecisionNodeConfig) -> PolicyLoader:
    """What finds and checks the policies that the parameters name."""
    execution = Execution(config.execution_provider, config.inference_core)
    loader = share_loader(
        config.models, config.trusted_keys, config.allow_unsigned, config.decision_rate, execution
    )
    return replace(loader, deadline_s=config.inference_deadline)


def main() -> None:
    """Run the node until it is told to stop."""
    drive("decision", DecisionNode)
