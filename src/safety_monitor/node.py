"""The `safety_monitor` node: the only publisher of /cmd_vel."""

from __future__ import annotations

import gc
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Imu, LaserScan
from std_srvs.srv import Trigger

from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import MonitorOutput, SafetyMonitor
from safety_monitor.rehearsal import rehearse
from safety_monitor.transport import (
    declare,
    float32,
    notify_service_manager,
    profile,
    stamp_of,
    state_array,
    twist,
)


@dataclass(frozen=True)
class NodeConfig:
    """Parameters of the node around the core, seconds.

    Attributes:
        command_deadline: DDS deadline asked of /decision/cmd_vel; 0 asks for none.
        command_lease: DDS liveliness lease asked of it; 0 asks for none.
        command_publishers: names of the nodes that may publish it; empty for any one node.
        state_period: /safety/state is repeated this often, besides every change.
        graph_period: how often the publishers of the command topics are looked up.
        soonest_cycle: a command that comes this soon after a cycle waits for the next one.
    """

    command_deadline: float = 0.06
    command_lease: float = 0.08
    command_publishers: tuple[str, ...] = ("decision",)
    state_period: float = 0.2
    graph_period: float = 0.25
    soonest_cycle: float = 0.005


class SafetyMonitorNode(Node):
    """Adapter between ROS and the monitor's core."""

    def __init__(self) -> None:
        super().__init__("safety_monitor")
        self._config = declare(self, NodeConfig)
        config = declare(self, MonitorConfig)
        rehearse(config)
        self._monitor = SafetyMonitor(config)
        self._cycle_started = 0
        self._cycle_ms = 0.0
        self._state_published = 0.0
        self._shown: tuple[str, ...] = ()
        self._command_publisher = self.create_publisher(TwistStamped, "/cmd_vel", profile(1))
        self._state_publisher = self.create_publisher(
            DiagnosticArray, "/safety/state", profile(1, keep_last_for_late_joiners=True)
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", profile(10))
        self._connect(config)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(config.cycle_period, self._cycle, clock=steady)
        self.create_timer(self._config.graph_period, self._look_for_intruders, clock=steady)

    def _connect(self, config: MonitorConfig) -> None:
        sensor = profile(5, reliable=False)
        for source in config.scan_sources:
            self.create_subscription(
                LaserScan, f"/{source}", partial(self._on_scan, source), sensor
            )
        self.create_subscription(Odometry, "/odom", self._on_odometry, sensor)
        self.create_subscription(Imu, "/imu", self._on_imu, sensor)
        self._command_subscription = self.create_subscription(
            TwistStamped,
            "/decision/cmd_vel",
            self._on_command,
            profile(
                1, deadline_s=self._config.command_deadline, lease_s=self._config.command_lease
            ),
            event_callbacks=SubscriptionEventCallbacks(
                deadline=self._on_deadline,
                liveliness=self._on_liveliness,
                incompatible_qos=self._on_incompatible,
            ),
        )
        self.create_service(Trigger, "/safety/estop", self._on_estop)
        self.create_service(Trigger, "/safety/reset", self._on_reset)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_scan(self, source: str, message: LaserScan) -> None:
        self._monitor.on_scan(
            source,
            stamp_of(message.header.stamp),
            float32(message.ranges),
            message.angle_min,
            message.angle_increment,
            message.range_min,
            message.range_max,
            self._now_ns(),
        )

    def _on_odometry(self, message: Odometry) -> None:
        velocity = message.twist.twist
        stamp_ns = stamp_of(message.header.stamp)
        self._monitor.on_odometry(stamp_ns, velocity.linear.x, velocity.angular.z, self._now_ns())

    def _on_imu(self, message: Imu) -> None:
        stamp_ns = stamp_of(message.header.stamp)
        self._monitor.on_imu(stamp_ns, message.angular_velocity.z, self._now_ns())

    def _on_command(self, message: TwistStamped) -> None:
        stamp_ns, velocity = stamp_of(message.header.stamp), message.twist
        self._monitor.on_command(stamp_ns, velocity.linear.x, velocity.angular.z, self._now_ns())
        if time.monotonic_ns() - self._cycle_started >= self._config.soonest_cycle * 1e9:
            self._cycle()

    def _on_deadline(self, status: Any) -> None:
        self._monitor.on_command_lost("deadline missed")
        self._cycle()

    def _on_liveliness(self, status: Any) -> None:
        if status.alive_count == 0:
            self._monitor.on_command_lost("publisher gone")
            self._cycle()

    def _on_incompatible(self, status: Any) -> None:
        self.get_logger().error(
            "a publisher of /decision/cmd_vel is not heard: it must be reliable and offer a "
            f"deadline of {self._config.command_deadline} s and a liveliness lease of "
            f"{self._config.command_lease} s, or set command_deadline and command_lease to 0",
            throttle_duration_sec=10.0,
        )

    def _on_estop(self, request: Trigger.Request, response: Trigger.Response) -> Any:
        self._monitor.estop(self._now_ns(), "operator")
        self._cycle()
        response.success, response.message = True, self._monitor.state.value
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Any:
        response.success, response.message = self._monitor.reset(self._now_ns(), "operator")
        self._cycle()
        return response

    def _cycle(self) -> None:
        """Judge and publish; the timer calls it, and what cannot wait for the timer."""
        started = time.monotonic_ns()
        self._cycle_started = started
        now_ns = self._now_ns()
        output = self._monitor.step(now_ns, started)
        self._command_publisher.publish(twist(now_ns, output.vx, output.wz))
        self._cycle_ms = (time.monotonic_ns() - started) * 1e-6
        self._tell(output, now_ns)

    def _tell(self, output: MonitorOutput, now_ns: int) -> None:
        """Publish the state when it changed, and now and then."""
        shown = (output.state, output.cause.partition(":")[0], output.intervention)
        changed = shown[:2] != self._shown[:2]
        due = time.monotonic() - self._state_published >= self._config.state_period
        if not due and shown == self._shown:
            return
        self._shown = shown
        self._state_published = time.monotonic()
        message = state_array(now_ns, output, self._cycle_ms)
        self._state_publisher.publish(message)
        if due or changed:
            self._diagnostics.publish(message)
            notify_service_manager(f"WATCHDOG=1\nSTATUS={output.state}")
        text = f"{output.state} {output.cause}".rstrip()
        if changed and output.state == "nominal":
            self.get_logger().info(text)
        elif changed:
            self.get_logger().warning(text)

    def _look_for_intruders(self) -> None:
        """Whoever publishes velocities beside us, or wishes beside the decision node."""
        found = []
        own = self.get_publishers_info_by_topic(self._command_publisher.topic_name)
        if len(own) > 1:
            names = sorted({info.node_name for info in own if info.node_name != self.get_name()})
            found.append(f"{len(own) - 1} other publisher(s) of /cmd_vel {names}")
        allowed = self._config.command_publishers
        wishes = self.get_publishers_info_by_topic(self._command_subscription.topic_name)
        strangers = {info.node_name for info in wishes} - set(allowed)
        # A publisher that was discovered before its node has no name yet.
        strangers = {name for name in strangers if not name.startswith("_")}
        if allowed and strangers:
            found.append(
                f"{sorted(strangers)} publish(es) /decision/cmd_vel; command_publishers names "
                f"{list(allowed)}"
            )
        self._monitor.on_intrusion("; ".join(found))

    def fail(self, error: Exception) -> None:
        """A defect of this node: stop for good, until a person looks."""
        self._monitor.on_failure(error)
        self.get_logger().error(f"{type(error).__name__}: {error}", throttle_duration_sec=1.0)

    def stop(self) -> None:
        """The last word before the process ends: zero."""
        self._command_publisher.publish(twist(self._now_ns(), 0.0, 0.0))


def _spin_once(executor: SingleThreadedExecutor, node: SafetyMonitorNode) -> None:
    """Run one callback; an error in it is an emergency stop and not the end of the node."""
    try:
        executor.spin_once(timeout_sec=0.1)
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        node.fail(error)


def main() -> None:
    """Run the node until SIGINT or SIGTERM."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    stopping = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.append(True))
    try:
        node = SafetyMonitorNode()
    except ValueError as error:
        sys.stderr.write(f"safety_monitor: {error}\n")
        raise SystemExit(2) from error
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    # What start-up left on the heap is never garbage; a full collection would be a pause.
    gc.collect()
    gc.freeze()
    notify_service_manager("READY=1")
    try:
        while not stopping:
            _spin_once(executor, node)
    except ExternalShutdownException:
        pass
    finally:
        node.stop()
        notify_service_manager("STOPPING=1")
        node.destroy_node()
        rclpy.try_shutdown()
