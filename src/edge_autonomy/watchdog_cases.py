"""What fails in the trials of `edge-autonomy bench watchdog`, and how long a stop may take."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from edge_autonomy.held_thread import hold_main_thread
from edge_autonomy.launch import RunningLaunch

SENSOR_PERIOD_MS = 20.0
"""Of the shipped robot's lidar and odometry."""

Failure = Callable[[RunningLaunch, str], AbstractContextManager[int]]
"""Lets a node fail; gives the time of it (system time, nanoseconds), and undoes it at the end."""


@contextmanager
def killed(launch: RunningLaunch, node: str) -> Iterator[int]:
    """SIGKILL; the launcher starts it again."""
    failed_ns = time.time_ns()
    launch.signal(node, signal.SIGKILL)
    yield failed_ns


@contextmanager
def hung(launch: RunningLaunch, node: str) -> Iterator[int]:
    """SIGSTOP: the whole process stands still, the threads of its middleware too."""
    failed_ns = time.time_ns()
    launch.signal(node, signal.SIGSTOP)
    try:
        yield failed_ns
    finally:
        with suppress(ProcessLookupError):
            launch.signal(node, signal.SIGCONT)


@contextmanager
def silent(launch: RunningLaunch, node: str) -> Iterator[int]:
    """Its main thread stands still while its middleware goes on saying that the node is alive."""
    with hold_main_thread(launch.pids[node]) as failed_ns:
        yield failed_ns


@dataclass(frozen=True)
class Case:
    """What fails, and the longest time until the robot may be told to stop.

    limit_ms: on the 99th percentile. node, failure: the node that fails, and how. stream: the
    sensor topic that falls silent instead, by a fault of the simulator. standstill: measured is
    not the first zero on /cmd_vel but the standstill of the base.
    """

    name: str
    limit_ms: float
    node: str = ""
    failure: Failure | None = None
    stream: str = ""
    standstill: bool = False


SILENT_STREAM_MS = 3.0 * SENSOR_PERIOD_MS + 20.0
# The decision node stops for a costmap that is 0.25 s old at its next decision: one comes every
# 0.1 s where no costmap does.
PERCEPTION_MS = 250.0 + 100.0 + 20.0
# The base's own time-out, and braking from 2 m/s at 5 m/s².
BASE_MS = 250.0 + 400.0 + 20.0

CASES = (
    Case("decision_killed", 100.0, "decision", killed),
    Case("decision_hung", 100.0, "decision", hung),
    Case("decision_silent", 100.0, "decision", silent),
    Case("perception_killed", PERCEPTION_MS, "perception", killed),
    Case("perception_hung", PERCEPTION_MS, "perception", hung),
    Case("perception_silent", PERCEPTION_MS, "perception", silent),
    Case("lidar_silent", SILENT_STREAM_MS, stream="scan"),
    Case("odometry_silent", SILENT_STREAM_MS, stream="odom"),
    Case("monitor_killed", BASE_MS, "safety_monitor", killed, standstill=True),
)
