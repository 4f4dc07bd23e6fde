"""The motion envelope: how much of a command is safe, given what the scanners see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from safety_monitor.config import MonitorConfig
from safety_monitor.kernels import Body, Floats, largest_scale, signed_distance, turning_point

_FIELD_CELL = 0.004
_FIELD_BEYOND = 0.1
_STRAIGHT = 0.01
"""rad/s: in a tenth of a second it moves a point that is 0.3 m away by 0.3 mm."""
_FIELD_ERROR = 0.0005
"""The most by which interpolation between the field's points exceeds the distance, metres."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How the robot moves now and what it has been told.

    v, w: m/s and rad/s measured `age` seconds ago; v may have been less or more by `slip`.
    sent: (n, 2) the commands that may still act on the wheels since then.
    """

    v: float
    w: float
    age: float
    sent: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    slip: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """scale: of the command, 0 … 1; clearance: metres now, inf where nothing is near."""

    scale: float
    clearance: float


def body_of(config: MonitorConfig) -> Body:
    """What the kernels need to know of a robot."""
    c = config
    corners = np.reshape(np.array(c.footprint, dtype=np.float64), (-1, 2))
    radius = float(np.hypot(*corners.T).max())
    side = np.arange(2 * round((radius + _FIELD_BEYOND) / _FIELD_CELL) + 1) * _FIELD_CELL
    half = float(side[-1]) / 2
    grid = np.stack(np.meshgrid(side - half, side - half, indexing="ij"), axis=-1)
    distances = signed_distance(grid.reshape(-1, 2), corners)
    return Body(
        field=distances.reshape(len(side), len(side)) - _FIELD_ERROR,
        cell=_FIELD_CELL,
        half=half,
        radius=radius,
        rates=np.array(c.rates),
        turning_point=(float(c.turning_point), float(c.turning_point_per_curve)),
        margin=np.array([c.margin, c.margin_per_speed, c.clearance_floor], dtype=np.float64),
        escape=np.array([c.escape_speed, c.escape_rate], dtype=np.float64),
    )


class MotionEnvelope:
    """Finds the largest safe scale of a command along its own arc. Holds no state."""

    def __init__(self, config: MonitorConfig) -> None:
        self._config, self.body = config, body_of(config)
        self._delay = config.actuation_delay

    def evaluate(
        self,
        points: Floats,
        motion: Motion,
        command: tuple[float, float],
        reaction: float,
        reach: float,
    ) -> Verdict:
        """Judge one command.

        Args:
            points: (N, 2) float64, metres, base frame at the time of `motion`'s measurement.
            motion: measured velocity and commands on their way.
            command: v m/s, w rad/s.
            reaction: seconds until another command can take this one's place.
            reach: as below.
        """
        v, w = zip(*motion.sent, strict=True)
        phases = np.zeros((3, 5))
        phases[0] = motion.age + self._delay, min(v), max(v), min(w), max(w)
        phases[1, 0] = reaction
        # Of a base that is told to go straight, so little turning is noise.
        turning = motion.w if abs(motion.w) > _STRAIGHT or any(w) else 0.0
        start = np.array([motion.v - motion.slip, motion.v + motion.slip, turning, turning])
        wish = np.array(command, dtype=np.float64)
        scale, present = largest_scale(points, start, phases, wish, self.body, reach)
        return Verdict(float(scale), float(present))

    def reach(self, motion: Motion, command: tuple[float, float], reaction: float) -> float:
        """Distance from base_link beyond which no obstacle matters to a command."""
        told = (abs(motion.v) + motion.slip, motion.w), command, *motion.sent
        v, w = (max(abs(each[k]) for each in told) for k in (0, 1))
        before, c = motion.age + self._delay + reaction, self._config
        travel = v * (before + 0.5 * v / c.rates[0][0])
        travel += (
            turning_point(v, w, *self.body.turning_point) * w * (before + 0.5 * w / c.rates[1][0])
        )
        margin = c.margin + c.margin_per_speed * (v + w * self.body.radius)
        return float(travel + self.body.radius + margin)
