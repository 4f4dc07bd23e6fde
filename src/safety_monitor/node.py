"""The `safety_monitor` node: the only publisher of /cmd_vel."""

from __future__ import annotations

import gc
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import Imu, LaserScan
from std_srvs.srv import Trigger

from safety_monitor import transport
from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import MonitorOutput, SafetyMonitor
from safety_monitor.rehearsal import rehearse
from safety_monitor.transport import stamp_of, twist
from safety_monitor.watchdog import Fault

_KEPT = partial(QoSProfile, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_BEST_EFFORT = partial(QoSProfile, reliability=ReliabilityPolicy.BEST_EFFORT)
_NAMELESS, _LOOKS_FOR_A_NAME = "_NODE_NAME_UNKNOWN_", 4
_SECOND = 1_000_000_000
# Before all that drives, where the system permits it: while it starts, and then in real time. A
# monitor that computes for so many microseconds on end is lost, and ended for another to begin.
_NICENESS, _PRIORITY, _LOST_US = -10, 40, 500_000
# Seconds: between repetitions of the state, between looks at the DDS graph, at least between a
# cycle and one that a command brings forward, for an input that is about to be too old to come yet,
# and at most for the recorder to have the last event.
_STATE_PERIOD, _LOOK_PERIOD, _SOONEST_CYCLE, _GRACE, _LAST_WORD = 0.2, 0.05, 0.002, 0.001, 0.2


@dataclass(frozen=True)
class NodeConfig:
    """Parameters of the node around the core, seconds.

    Attributes:
        command_deadline: DDS deadline asked of /decision/cmd_vel; 0 asks for none.
        command_lease: DDS liveliness lease asked of it; 0 asks for none.
        command_publishers: names of the nodes that may publish it; [""] for any.
        reset_callers: names of the nodes that may call /safety/reset; [""] for any.
        recorder_timeout: silence of /audit/status that degrades the robot, as a problem told
            there does; 0 where nobody records.
    """

    command_deadline: float = 0.06
    command_lease: float = 0.08
    command_publishers: tuple[str, ...] = ("decision",)
    reset_callers: tuple[str, ...] = ("operator",)
    recorder_timeout: float = 0.0


class SafetyMonitorNode(Node):
    """Adapter between ROS and the monitor's core."""

    def __init__(self) -> None:
        super().__init__("safety_monitor")
        self._config = transport.declare(self, NodeConfig)
        config = transport.declare(self, MonitorConfig)
        rehearse(config)
        self._monitor = SafetyMonitor(config)
        self._period_ns = round(config.cycle_period * _SECOND)
        self._due_ns = self._cycle_started = time.monotonic_ns()
        self._state_published = self._looked = 0.0
        self._shown = ("start", "", "none")
        self._run, self._events_told = time.time_ns(), 0
        self._newest: dict[str, Any] = {}
        self._wish = (0.0, 0.0)
        self._looks: dict[bytes, int] = {}
        self._strangers: dict[str, str] = {}
        self._recorder_heard, self._recorder_problem = -math.inf, ""
        # A process's first line of log takes up to a tenth of a second: no cycle may be the first.
        self.get_logger().info("ready")
        self._lifelines = transport.Lifelines(self, self._config.command_publishers)
        self._commands = self._connect(config)
        self._waiter = transport.Waiter(self, self._commands)

    def _connect(self, config: MonitorConfig) -> Subscription:
        """Create publishers, subscriptions and services; returns the subscription to commands."""
        self._velocities = self.create_publisher(TwistStamped, "/cmd_vel", 1)
        self._states = self.create_publisher(DiagnosticArray, "/safety/state", _KEPT(depth=1))
        self._events = self.create_publisher(DiagnosticStatus, "/safety/events", _KEPT(depth=256))
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Of the gyroscope, the newest of a cycle will do; odometry is a way made of all its parts.
        hear, sensor = self.create_subscription, _BEST_EFFORT(depth=10)
        for source in config.scan_sources:
            hear(LaserScan, f"/{source}", partial(self._on_scan, source), sensor)
        hear(Odometry, "/odom", self._on_odometry, sensor)
        hear(Imu, "/imu", self._on_imu, _BEST_EFFORT(depth=1))
        hear(DiagnosticStatus, "/audit/status", self._on_recorder, _KEPT(depth=1))
        qos = QoSProfile(depth=1, deadline=Duration(seconds=self._config.command_deadline))
        qos.liveliness_lease_duration = Duration(seconds=self._config.command_lease)
        events = SubscriptionEventCallbacks(
            deadline=lambda status: self._on_lost("deadline missed"),
            liveliness=self._on_liveliness,
        )
        topic = "/decision/cmd_vel"
        commands = hear(TwistStamped, topic, self._on_command, qos, event_callbacks=events)
        self.create_service(Trigger, "/safety/estop", self._on_estop)
        reset = self.create_service(Trigger, "/safety/reset", self._on_reset)
        # By their names in DDS: a service's requests are a topic there.
        guarded = [
            (f"rq{reset.service_name}Request", self._config.reset_callers),
            ("rt" + commands.topic_name, self._config.command_publishers),
        ]
        ours = (self._velocities, self._states, self._events)
        guarded += [("rt" + publisher.topic_name, (self.get_name(),)) for publisher in ours]
        self._guarded = cycle(guarded)
        return commands

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _note(self, name: str, message: Any) -> tuple[int, int]:
        """Keep a message for the digest; returns its stamp and the time of now."""
        self._newest[name] = message
        return stamp_of(message.header.stamp), self._now_ns()

    def _on_scan(self, source: str, message: LaserScan) -> None:
        stamp_ns, now_ns = self._note(source, message)
        layout = (message.angle_min, message.angle_increment, message.range_min, message.range_max)
        ranges = np.frombuffer(message.ranges, dtype=np.float32)
        self._monitor.on_scan(source, stamp_ns, ranges, layout, now_ns)

    def _on_odometry(self, message: Odometry) -> None:
        (stamp_ns, now_ns), velocity = self._note("odom", message), message.twist.twist
        self._monitor.on_odometry(stamp_ns, velocity.linear.x, velocity.angular.z, now_ns)

    def _on_imu(self, message: Imu) -> None:
        stamp_ns, now_ns = self._note("imu", message)
        self._monitor.on_imu(stamp_ns, message.angular_velocity.z, now_ns)

    def _on_command(self, message: TwistStamped) -> None:
        (stamp_ns, now_ns), velocity = self._note("command", message), message.twist
        before, self._wish = self._wish, (velocity.linear.x, velocity.angular.z)
        self._monitor.on_command(stamp_ns, *self._wish, now_ns)
        if self._wish != before:
            self._hasten(_SOONEST_CYCLE)

    def _on_liveliness(self, status: Any) -> None:
        """Who is alive: nobody, or more than may be (of a name that is known, so no stranger)."""
        if status.alive_count == 0:
            self._on_lost("publisher gone")
        many = status.alive_count > len(self._config.command_publishers) > 0
        self._strangers["alive"] = f"{status.alive_count} decisions at once" * many

    def _on_lost(self, reason: str) -> None:
        self._monitor.on_command_lost(reason)
        self._hasten(0.0)

    def _on_recorder(self, message: DiagnosticStatus) -> None:
        self._recorder_heard = time.monotonic()
        self._recorder_problem = "" if message.level == DiagnosticStatus.OK else message.message

    def _on_estop(self, request: Trigger.Request, response: Trigger.Response) -> Any:
        self._monitor.estop(self._now_ns(), "operator")
        self._cycle()
        response.success, response.message = True, self._monitor.state.value
        self._tell("operator", "estop", "operator", {})
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Any:
        response.success, response.message = self._monitor.reset(self._now_ns(), "operator")
        self._cycle()
        self._tell("operator", f"reset: {response.message}", "operator", {})
        return response

    def _cycle(self) -> None:
        """Read what has arrived, judge and publish."""
        for subscription in self.subscriptions:
            self._attempt(partial(transport.deliver, subscription))
        self._cycle_started = started = time.monotonic_ns()
        # At the period's pace, wherever that stood; what was missed is not made up for.
        self._due_ns = max(min(self._due_ns, started), started - self._period_ns // 2)
        self._due_ns += self._period_ns
        if self._lifelines.broken():
            self._monitor.on_command_lost("process gone")
        now_ns = self._now_ns()
        output = self._monitor.step(now_ns, started)
        if (patience_ns := self._monitor.patience_ns(now_ns)) < self._period_ns:
            # What falls silent before the next cycle's time is noticed as it does.
            self._hasten(patience_ns / _SECOND + _GRACE)
        self._velocities.publish(twist(now_ns, output.vx, output.wz))
        self._show(output, now_ns, (time.monotonic_ns() - started) * 1e-6)
        self._monitor.remember()

    def _show(self, output: MonitorOutput, now_ns: int, cycle_ms: float) -> None:
        """Publish the state when it changed, and now and then; changes are events as well."""
        before = self._shown
        self._shown = shown = (output.state, output.cause.partition(":")[0], output.intervention)
        due = time.monotonic() - self._state_published >= _STATE_PERIOD
        if not due and shown == before:
            return
        self._state_published = time.monotonic()
        message = transport.state_array(now_ns, output, cycle_ms)
        self._states.publish(message)
        if due or shown[:2] != before[:2]:
            self._diagnostics.publish(message)
            transport.notify_service_manager(f"WATCHDOG=1\nSTATUS={output.state}")
        if shown[:2] != before[:2]:
            text = f"{output.state} {output.cause}".rstrip()
            if output.state == "nominal":
                self.get_logger().info(text)
            else:
                self.get_logger().warning(text)
        for kind, i in (("transition", 0), ("intervention", 2)):
            if shown[i] != before[i]:
                details = {"from": before[i], "to": shown[i], "scale": f"{output.scale:.3f}"}
                self._tell(kind, output.cause, "safety_monitor", details)

    def _tell(self, kind: str, cause: str, who: str, details: dict[str, str]) -> None:
        """Publish a numbered event for the recorder, with a digest of what has last arrived."""
        self._events_told += 1
        digest = blake2b(digest_size=16)
        for name in sorted(self._newest):
            digest.update(serialize_message(self._newest[name]))
        values = {"who": who, "stamp_ns": self._now_ns(), "digest": digest.hexdigest(), **details}
        identity = f"safety_monitor/{self._run}/{self._events_told}"
        event = transport.diagnostic(DiagnosticStatus.OK, kind, cause, identity, values)
        self._events.publish(event)

    def _look_around(self) -> None:
        """Who speaks where nobody should, a topic a look; and whether what we tell is recorded."""
        topic, allowed = next(self._guarded)
        names = self._names(topic)
        strangers = {name for name in names if allowed and name not in allowed}
        if names.count(self.get_name()) > 1:
            strangers.add(f"another {self.get_name()}")
        self._strangers[topic] = f"{', '.join(sorted(strangers))} on {topic[2:]}" * bool(strangers)
        self._monitor.on_report(Fault.INTRUSION, "; ".join(filter(None, self._strangers.values())))
        timeout = self._config.recorder_timeout
        silent = time.monotonic() - self._recorder_heard > timeout
        problem = "no word from the recorder" if silent else self._recorder_problem
        self._monitor.on_report(Fault.UNRECORDED, problem if timeout else "")

    def _names(self, topic: str) -> list[str]:
        """Who publishes a DDS topic; the nameless too, if a name does not follow soon."""
        names = []
        for info in self.get_publishers_info_by_topic(topic, no_mangle=True):
            gid = bytes(info.endpoint_gid)
            self._looks[gid] = self._looks.get(gid, 0) + 1
            if info.node_name != _NAMELESS or self._looks[gid] > _LOOKS_FOR_A_NAME:
                names.append(info.node_name)
        return names

    def _hasten(self, soonest: float) -> None:
        """Bring the next cycle forward, to so many seconds after the newest at the earliest."""
        self._due_ns = min(self._due_ns, self._cycle_started + round(soonest * _SECOND))

    def spin_once(self) -> None:
        """Wait for the next cycle or for what cannot wait, and act."""
        for act in self._waiter.wait(self._due_ns - time.monotonic_ns()):
            self._attempt(act)
        self._attempt(partial(transport.deliver, self._commands))
        if time.monotonic_ns() >= self._due_ns:
            self._attempt(self._cycle)
        if time.monotonic() - self._looked >= _LOOK_PERIOD:
            self._looked = time.monotonic()
            self._attempt(self._look_around)

    def _attempt(self, act: Callable[[], object]) -> None:
        """Run it; a defect in it is an emergency stop, and not the end of the node."""
        try:
            act()
        except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
            self._monitor.on_failure(error)
            self.get_logger().error(f"{type(error).__name__}: {error}", throttle_duration_sec=1.0)

    def stop(self) -> None:
        """The last word before the process ends: zero."""
        self._velocities.publish(twist(self._now_ns(), 0.0, 0.0))
        self._tell("stop", "stop", "safety_monitor", {})
        self._events.wait_for_all_acked(Duration(seconds=_LAST_WORD))


def run_in_real_time() -> None:
    """Let all threads that there are run before everything that is not real-time."""
    policy, priority = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_RTTIME, (_LOST_US, _LOST_US))
    for thread in Path("/proc/self/task").iterdir():
        with suppress(PermissionError, ProcessLookupError):
            os.sched_setscheduler(int(thread.name), policy, priority)


def main() -> None:
    """Run the node until SIGINT or SIGTERM."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    # numba imports it for functions that no kernel here calls: 16 MB, and 0.3 s of the start.
    sys.modules.setdefault("scipy.linalg", None)  # type: ignore[arg-type]
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    stopping = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.append(True))
    try:
        node = SafetyMonitorNode()
    except (ValueError, InvalidParameterTypeException) as error:
        sys.stderr.write(f"safety_monitor: {error}\n")
        raise SystemExit(2) from error
    # What start-up left on the heap is never garbage; a full collection would be a pause.
    gc.collect()
    gc.freeze()
    run_in_real_time()
    transport.notify_service_manager("READY=1")
    try:
        while not stopping:
            node.spin_once()
    finally:
        node.stop()
        transport.notify_service_manager("STOPPING=1")
        node.destroy_node()
        rclpy.try_shutdown()
