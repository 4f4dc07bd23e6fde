"""The motion envelope: how much of a command is safe, given what the scanners see."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from safety_monitor.config import MonitorConfig
from safety_monitor.kernels import SPACING, Floats, footprint_edges, hull_lines, largest_scale

_SECOND = 1e9


@dataclass(frozen=True, slots=True)
class Motion:
    """How the robot moves now and what it has been told.

    v, w: m/s and rad/s measured `age` seconds ago.
    sent: (n, 2) the commands that may still act on the wheels since then, the newest last.
    """

    v: float
    w: float
    age: float
    sent: tuple[tuple[float, float], ...] = ((0.0, 0.0),)


@dataclass(frozen=True, slots=True)
class Verdict:
    """scale: of the command, 0 … 1; clearance: metres now, inf where nothing is near."""

    scale: float
    clearance: float


class MotionEnvelope:
    """Finds the largest safe scale of a command along its own arc. Holds no state."""

    def __init__(self, config: MonitorConfig) -> None:
        self.edges = footprint_edges(config.footprint)
        self._hull = hull_lines(self.edges)
        self.radius = float(np.hypot(self.edges[:, 0], self.edges[:, 1]).max())
        self._rates = np.array(
            [
                [
                    min(config.linear_deceleration, config.linear_acceleration),
                    config.peak_linear_acceleration,
                ],
                [
                    min(config.angular_deceleration, config.angular_acceleration),
                    config.peak_angular_acceleration,
                ],
            ]
        )
        self._margin = np.array([config.margin, config.margin_per_speed, config.clearance_floor])
        self._escape = np.array([config.escape_speed, config.escape_rate])
        self._delay = config.actuation_delay
        self._warm_up()

    def evaluate(
        self, points: Floats, motion: Motion, command: tuple[float, float], reaction: float
    ) -> Verdict:
        """Judge one command.

        Args:
            points: (N, 2) float64, metres, base frame at the time of `motion`'s measurement.
            motion: measured velocity and commands on their way.
            command: v m/s, w rad/s.
            reaction: seconds until another command can take this one's place.
        """
        sent = np.asarray(motion.sent, dtype=np.float64)
        low, high = sent.min(axis=0), sent.max(axis=0)
        phases = np.zeros((3, 5))
        phases[0] = motion.age + self._delay, low[0], high[0], low[1], high[1]
        phases[1, 0] = reaction
        scale, present = largest_scale(
            points,
            self.edges,
            self._hull,
            self.radius,
            np.array([motion.v, motion.w]),
            phases,
            np.array(command, dtype=np.float64),
            self._rates,
            self._margin,
            self._escape,
        )
        return Verdict(float(scale), float(present))

    def reach(self, motion: Motion, command: tuple[float, float], reaction: float) -> float:
        """Distance from base_link beyond which no obstacle matters to a command."""
        sent = np.abs(np.asarray(motion.sent, dtype=np.float64)).max(axis=0)
        duration = motion.age + self._delay + reaction
        v = max(abs(motion.v), sent[0], abs(command[0]))
        w = max(abs(motion.w), sent[1], abs(command[1]))
        travel = v * (duration + 0.5 * v / self._rates[0, 0])
        margin = self._margin[0] + self._margin[1] * (v + w * self.radius)
        return float(travel + self.radius + margin + SPACING)

    def _warm_up(self) -> None:
        """Compile before the first real cycle."""
        points = np.array([[1.0, 0.0], [0.3, 0.3]])
        self.evaluate(points, Motion(0.0, 0.0, 0.0), (0.5, 0.1), 0.02)


class DeadReckoning:
    """Planar motion from odometry's twist alone, so that no jump of a pose estimate can hurt.

    Poses are in a frame of its own that starts where the first measurement was.
    """

    HISTORY = 64

    def __init__(self) -> None:
        self._track: list[tuple[int, float, float, float, float, float]] = []

    @property
    def latest(self) -> tuple[int, float, float] | None:
        """Stamp, v and w of the newest measurement."""
        if not self._track:
            return None
        stamp, _, _, _, v, w = self._track[-1]
        return stamp, v, w

    def add(self, stamp_ns: int, v: float, w: float) -> None:
        """Append a measurement that follows closely on the one before; stamps must rise."""
        x, y, yaw = 0.0, 0.0, 0.0
        if self._track:
            last = self._track[-1]
            dt = (stamp_ns - last[0]) / _SECOND
            x, y, yaw = _advance(last[1:4], 0.5 * (last[4] + v), 0.5 * (last[5] + w), dt)
        self._track.append((stamp_ns, x, y, yaw, v, w))
        del self._track[: -self.HISTORY]

    def bridge(
        self, stamp_ns: int, v: float, w: float, velocities: Floats, spans: tuple[float, float]
    ) -> tuple[float, float]:
        """Append a measurement after a gap; returns how wrong the pose may now be, m and rad.

        Args:
            stamp_ns: of the measurement, later than the one before.
            v: m/s.
            w: rad/s.
            velocities: (n, 2) v, w between whose extremes the robot stayed.
            spans: seconds that the gap lasted at least and at most.
        """
        extremes = np.array([velocities.min(axis=0), velocities.max(axis=0)])
        moved = np.concatenate([extremes * span for span in spans])
        low, high = moved.min(axis=0), moved.max(axis=0)
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        pose = _advance(self._track[-1][1:4], middle[0], middle[1], 1.0)
        # Nothing can be said of poses within the gap.
        self._track = [(stamp_ns, *pose, v, w)]
        turned = float(np.abs(moved[:, 1]).max())
        return float(half[0]) + float(np.abs(moved[:, 0]).max()) * turned, float(half[1])

    def pose_at(self, stamp_ns: int) -> tuple[float, float, float] | None:
        """x, y, yaw at a time, between measurements or carried on at constant twist."""
        if not self._track or stamp_ns < self._track[0][0] - int(0.1 * _SECOND):
            return None
        index = len(self._track) - 1
        while index > 0 and self._track[index][0] > stamp_ns:
            index -= 1
        stamp, x, y, yaw, v, w = self._track[index]
        if index + 1 < len(self._track):
            following = self._track[index + 1]
            v, w = 0.5 * (v + following[4]), 0.5 * (w + following[5])
        return _advance((x, y, yaw), v, w, (stamp_ns - stamp) / _SECOND)


def _advance(
    pose: tuple[float, float, float], v: float, w: float, dt: float
) -> tuple[float, float, float]:
    """Pose after `dt` at constant twist, by the midpoint rule."""
    heading = pose[2] + 0.5 * w * dt
    return (
        pose[0] + v * dt * math.cos(heading),
        pose[1] + v * dt * math.sin(heading),
        pose[2] + w * dt,
    )


def between(
    target: tuple[float, float, float], source: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The pose `source` seen from the pose `target`, both given in one frame."""
    dx, dy = source[0] - target[0], source[1] - target[1]
    c, s = math.cos(target[2]), math.sin(target[2])
    return c * dx + s * dy, c * dy - s * dx, source[2] - target[2]
