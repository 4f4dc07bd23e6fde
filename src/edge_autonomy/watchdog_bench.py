"""From the failure of a process to zero on `/cmd_vel`: `edge-autonomy bench watchdog`.

A robot drives to and fro under the launched stack. In each trial, while it moves, one process is
killed (SIGKILL) or hung (SIGSTOP); measured is the time until the safety monitor publishes the
first zero, by the publisher's own time stamps. Then the launcher brings the process back, and the
next trial waits until the robot drives again.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context

from autonomy_interfaces.geometry import relative
from autonomy_interfaces.messages import MILLISECOND, Pose2D
from autonomy_interfaces.ros import pose_to_ros
from autonomy_interfaces.share import share_directory
from edge_autonomy.demo.domain import RosDomain
from edge_autonomy.demo.listener import RawListener
from edge_autonomy.demo.places import find_places
from edge_autonomy.demo.stack import last_words
from edge_autonomy.launch import RunningLaunch, start

MOVING_MPS = 0.4
SETTLED_COMMANDS = 25
"""Moving commands in a row, half a second of them, before a trial may begin."""
DRIVING_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.005
GOAL_PERIOD_S = 1.0


class WatchdogBenchError(RuntimeError):
    """A trial could not take place; the message says what did not happen."""


@dataclass(frozen=True, slots=True)
class Case:
    """What fails, and how."""

    name: str
    node: str
    signal: signal.Signals


CASES = (
    Case("decision_killed", "decision", signal.SIGKILL),
    Case("decision_hung", "decision", signal.SIGSTOP),
    Case("perception_killed", "perception", signal.SIGKILL),
    Case("perception_hung", "perception", signal.SIGSTOP),
)


class Trials:
    """Keeps the robot driving, and listens to `/cmd_vel`."""

    def __init__(self, launch: RunningLaunch, goals: tuple[Pose2D, Pose2D]) -> None:
        """Join the graph; `goals` in the odometry frame are driven to in turn."""
        self._launch = launch
        self._goals = goals
        self._next = 0
        self._given = 0.0
        self._active = False
        self._moving = 0
        self._first_zero_ns: int | None = None
        self._failed_ns: int | None = None
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("watchdog_bench", context=self._context)
        self._publisher = self._node.create_publisher(PoseStamped, "/goal_pose", 1)
        self._listener = RawListener(self._node, {"/cmd_vel", "/mission/status"})

    def close(self) -> None:
        """Leave the graph."""
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def run(self, case: Case) -> float:
        """One trial; returns milliseconds from the failure to the first zero.

        Raises:
            WatchdogBenchError: the robot does not drive, or does not stop.
        """
        self._moving, self._first_zero_ns, self._failed_ns = 0, None, None
        self._poll_until(
            lambda: self._moving >= SETTLED_COMMANDS, DRIVING_TIMEOUT_S, "the robot does not drive"
        )
        self._failed_ns = time.time_ns()
        self._launch.signal(case.node, case.signal)
        try:
            self._poll_until(
                lambda: self._first_zero_ns is not None,
                STOP_TIMEOUT_S,
                f"no zero on /cmd_vel after {case.name}",
            )
        finally:
            if case.signal == signal.SIGSTOP:
                self._launch.signal(case.node, signal.SIGKILL)
        assert self._first_zero_ns is not None, "waited for"
        return (self._first_zero_ns - self._failed_ns) / MILLISECOND

    def _poll_until(self, condition: Callable[[], bool], timeout_s: float, failure: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                words = last_words(self._launch, "safety_monitor")
                raise WatchdogBenchError(
                    f"{failure} in {timeout_s:g} s; the monitor said:\n{words}"
                )
            self._give_goal()
            for message in self._listener.poll():
                if message.topic == "/mission/status":
                    self._on_mission(message.decode())
                else:
                    velocity = message.decode().twist
                    self._on_command(velocity.linear.x, velocity.angular.z, message.published_ns)
            time.sleep(POLL_S)

    def _give_goal(self) -> None:
        if self._active or time.monotonic() - self._given < GOAL_PERIOD_S:
            return
        self._given = time.monotonic()
        self._publisher.publish(pose_to_ros(self._goals[self._next], "odom", 0))

    def _on_mission(self, status: DiagnosticStatus) -> None:
        state = next(pair.value for pair in status.values if pair.key == "state")
        if self._active and state != "active":
            self._next = 1 - self._next
        self._active = state == "active"

    def _on_command(self, vx: float, wz: float, published_ns: int) -> None:
        self._moving = self._moving + 1 if abs(vx) >= MOVING_MPS else 0
        stopped = vx == 0.0 and wz == 0.0
        if self._failed_ns is not None and published_ns >= self._failed_ns and stopped:
            self._first_zero_ns = self._first_zero_ns or published_ns


def bench_watchdog(
    trials: int,
    cases: tuple[Case, ...] = CASES[:2],
    world: str = "field",
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run `trials` of each case in a world that ships.

    Returns:
        world, trials and cases: by name p50_ms, p99_ms, max_ms, trials, all_ms.

    Raises:
        WatchdogBenchError: a trial could not take place.
    """
    places = find_places(world)
    domain = RosDomain()
    os.environ["ROS_DOMAIN_ID"] = str(domain.id)
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    results: dict[str, Any] = {}
    try:
        file = share_directory() / "launch" / "sim.launch.yaml"
        with start(file, {"world": str(places.file)}) as launch:
            driver = Trials(launch, (relative(places.start, places.goal), Pose2D(0.0, 0.0)))
            try:
                for case in cases:
                    times = []
                    for number in range(trials):
                        times.append(driver.run(case))
                        progress(f"{case.name} {number + 1}/{trials}: {times[-1]:.1f} ms")
                    results[case.name] = _figures(times)
            finally:
                driver.close()
    finally:
        domain.release()
    return {"world": world, "trials": trials, "cases": results}


def _figures(times_ms: list[float]) -> dict[str, Any]:
    return {
        "p50_ms": round(statistics.median(times_ms), 2),
        "p99_ms": round(float(np.percentile(times_ms, 99)), 2),
        "max_ms": round(max(times_ms), 2),
        "trials": len(times_ms),
        "all_ms": [round(value, 2) for value in times_ms],
    }
