"""Fills a run log from the messages of a running stack."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import compose, wrap_angle
from autonomy_interfaces.messages import MILLISECOND, Pose2D
from autonomy_interfaces.ros import odometry_from_ros, scan_from_ros, stamp_of
from edge_autonomy.demo.clearance import clearance, scan_points
from edge_autonomy.demo.run_log import (
    Clearance,
    Contact,
    Mission,
    Motion,
    RunLog,
    Safety,
    Tick,
    Velocity,
)

SCAN_PERIOD_NS = 100 * MILLISECOND
DECODE_PERIODS_NS = {"/scan": 90 * MILLISECOND}
"""Least time between two messages of a topic that are worth decoding for the log."""

SEEN_CELL_M = 0.05
ODOMETRY_PERIOD_NS = 20 * MILLISECOND
"""A scan is placed by the odometry that follows it within this time, or not at all."""

DRIFT_SAMPLES = 10


@dataclass(frozen=True)
class RobotShape:
    """What the log needs of the robot; the names of config/robot.yaml."""

    footprint: tuple[float, ...] = (0.254, 0.215, -0.254, 0.215, -0.254, -0.215, 0.254, -0.215)
    lidar_pose: tuple[float, ...] = (0.055, 0.0, 0.0)
    max_linear_velocity: float = 2.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """Points of a scan, (N, 2) metres in base_link, that wait for where the robot was."""

    stamp_ns: int
    points: NDArray[np.float64]


class _Drift:
    """By how much odometry is off. Averaged, for the two poses are of slightly different times."""

    def __init__(self) -> None:
        self._offsets: deque[tuple[float, float, float]] = deque(maxlen=DRIFT_SAMPLES)

    def observe(self, truth: Pose2D, odometry: Pose2D) -> None:
        """Take in two poses of about the same time, world frame."""
        turn = wrap_angle(truth.yaw - odometry.yaw)
        self._offsets.append((truth.x - odometry.x, truth.y - odometry.y, turn))

    def correct(self, odometry: Pose2D) -> Pose2D:
        """Where the robot was when odometry said so; as it said where the truth is unknown."""
        if not self._offsets:
            return odometry
        x, y, yaw = np.mean(self._offsets, axis=0)
        return Pose2D(odometry.x + float(x), odometry.y + float(y), odometry.yaw + float(yaw))


class Feed:
    """One handler per topic; messages without a stamp get the newest that was seen.

    Args:
        start: where `odom` begins, in the world frame.
        robot: of config/robot.yaml.
    """

    def __init__(self, start: Pose2D, robot: RobotShape) -> None:
        self.log = RunLog()
        self._start = start
        self._robot = robot
        self._now_ns = 0
        self._scan_ns = -SCAN_PERIOD_NS
        self._truth_known = False
        self._pending: _Seen | None = None
        self._odometry: Pose2D | None = None
        self._drift = _Drift()
        self.handlers: Mapping[str, Any] = {
            "/odom": self._on_odometry,
            "/scan": self._on_scan,
            "/cmd_vel": self._on_command,
            "/decision/cmd_vel": self._on_wish,
            "/decision/status": self._on_decision,
            "/safety/state": self._on_safety,
            "/mission/status": self._on_mission,
            "/sim/contacts": self._on_contacts,
        }

    def _at(self, stamp_ns: int) -> int:
        self._now_ns = max(self._now_ns, stamp_ns)
        return stamp_ns

    def _on_odometry(self, message: Any) -> None:
        odometry = odometry_from_ros(message)
        stamp_ns = self._at(odometry.stamp_ns)
        pose = self._odometry = compose(self._start, odometry.pose)
        if self._pending is not None and stamp_ns >= self._pending.stamp_ns:
            if stamp_ns - self._pending.stamp_ns <= ODOMETRY_PERIOD_NS:
                self._mark_seen(self._pending, self._drift.correct(pose))
            self._pending = None
        if not self._truth_known:
            self.log.motions.append(
                Motion(stamp_ns, pose.x, pose.y, pose.yaw, odometry.vx, odometry.wz)
            )

    def _on_scan(self, message: Any) -> None:
        stamp_ns = self._at(stamp_of(message.header.stamp))
        if stamp_ns - self._scan_ns < SCAN_PERIOD_NS:
            return
        self._scan_ns = stamp_ns
        points = scan_points(scan_from_ros(message), self._robot.lidar_pose)
        self.log.clearances.append(Clearance(stamp_ns, clearance(points, self._robot.footprint)))
        self._pending = _Seen(stamp_ns, points)

    def _mark_seen(self, seen: _Seen, pose: Pose2D) -> None:
        """Put points that the lidar saw from `pose` (world frame) on the map."""
        cosine, sine = math.cos(pose.yaw), math.sin(pose.yaw)
        turned = seen.points @ np.array([[cosine, sine], [-sine, cosine]])
        cells = np.unique(np.floor((turned + np.array([pose.x, pose.y])) / SEEN_CELL_M), axis=0)
        self.log.seen.update((int(column), int(row)) for column, row in cells)

    def _on_command(self, message: Any) -> None:
        stamp_ns = self._at(stamp_of(message.header.stamp))
        twist = message.twist
        self.log.commands.append(Velocity(stamp_ns, twist.linear.x, twist.angular.z))

    def _on_wish(self, message: Any) -> None:
        twist = message.twist
        stamp_ns = stamp_of(message.header.stamp)
        self.log.wishes.append(Velocity(stamp_ns, twist.linear.x, twist.angular.z))

    def _on_decision(self, message: Any) -> None:
        values = _values(message)
        tick = Tick(self._now_ns, values.get("driver", "none"), values.get("reason", ""))
        self.log.ticks.append(tick)

    def _on_safety(self, message: Any) -> None:
        if not message.status:
            return
        status = message.status[0]
        values = _values(status)
        self.log.safety.append(
            Safety(
                self._now_ns,
                status.message,
                values.get("cause", ""),
                _number(values.get("scale")),
                values.get("intervention", "none"),
            )
        )

    def _on_mission(self, message: Any) -> None:
        values = _values(message)
        self.log.missions.append(
            Mission(
                self._now_ns,
                values.get("state", ""),
                values.get("reason", ""),
                _number(values.get("distance_m")),
            )
        )

    def _on_contacts(self, message: Any) -> None:
        values = _values(message)
        contact = values.get("contact", "")
        before = self.log.contacts[-1].model if self.log.contacts else ""
        if contact != before:
            self.log.contacts.append(Contact(self._now_ns, contact))
        x, y, yaw, vx, wz = (_number(values.get(key)) for key in ("x", "y", "yaw", "vx", "wz"))
        if all(math.isfinite(number) for number in (x, y, yaw, vx, wz)):
            if not self._truth_known:
                self.log.motions.clear()
                self._truth_known = True
            self.log.motions.append(Motion(self._now_ns, x, y, yaw, vx, wz))
            if self._odometry is not None:
                self._drift.observe(Pose2D(x, y, yaw), self._odometry)


def _values(status: Any) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


def _number(text: str | None) -> float:
    try:
        return float(text) if text is not None else math.nan
    except ValueError:
        return math.nan
