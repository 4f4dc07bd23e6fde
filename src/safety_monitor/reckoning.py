"""Where the robot is, from how fast it says that it goes, or else from what it was told."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np

from safety_monitor.config import MonitorConfig
from safety_monitor.kernels import Floats, TurningPoint, arc, go_on, turning_point

_SECOND = 1e9
_STEP_NS = 10_000_000
_EARLIEST = 0.8
"""The share of its timeout after which a base that hears nothing may stop already."""
_OBEYS = 0.1
"""The share by which a base's velocity may be off what it was told."""
_IN_TIME, _IN_STEP = 0.01, 0.05
"""Two clocks agree on a span if they differ by so many seconds, or by such a share of it."""
Pose = tuple[float, float, float]
Commands = tuple[tuple[float, float], ...]
STAND = (0.0, 0.0)
AT_ONCE = 1e9


class Reckoned(NamedTuple):
    """Where the robot was and how it moved: at the least and at the most m/s, and w rad/s."""

    stamp_ns: int
    pose: Pose
    least: float
    most: float
    w: float

    @property
    def v(self) -> float:
        """The middle of what its velocity may have been, m/s."""
        return 0.5 * (self.least + self.most)

    @property
    def slip(self) -> float:
        """By how much its velocity may have been less or more than that, m/s."""
        return 0.5 * (self.most - self.least)


class DeadReckoning:
    """Planar motion from odometry's twist alone, so that no jump of a pose estimate can hurt.

    Poses (x m, y m, yaw rad) are in a frame of its own that starts where the first measurement was.
    Wheels can change their speed faster than tyres let the body follow: it goes towards what they
    say at the rate that is sure, or faster. So it was no faster than a body that follows upwards
    at once and downwards at that rate, and no slower than one that does the reverse. In a curve
    the base drifts outwards: it turns about a point between its middle and the farthest
    `turning_point`. Of either the middle is taken.
    """

    HISTORY = 64

    def __init__(self, turning_point: TurningPoint = (0.0, 0.0), sure: float = AT_ONCE) -> None:
        """turning_point: as in `kernels.Body`; sure: m/s² by which v surely changes."""
        self._turning_point, self._sure = turning_point, sure
        self._track: list[Reckoned] = []
        self._wheels = 0.0

    @property
    def latest(self) -> Reckoned | None:
        """The newest measurement."""
        return self._track[-1] if self._track else None

    @property
    def pose(self) -> Pose:
        """The newest pose."""
        return self._track[-1].pose if self._track else (0.0, 0.0, 0.0)

    def go_back(self, latest: Reckoned) -> None:
        """Forget everything after an earlier `latest`."""
        self._track = [latest]

    def add(self, stamp_ns: int, v: float, w: float) -> tuple[float, float]:
        """Append a measurement that follows closely on the one before; stamps must rise.

        Returns:
            By how many metres the pose may now be farther off than it was: any way, and forwards
            or backwards.
        """
        then, self._wheels, wheels = self.latest, v, self._wheels
        if then is None:
            self._track = [Reckoned(stamp_ns, self.pose, v, v, w)]
            return 0.0, 0.0
        dt = (stamp_ns - then.stamp_ns) / _SECOND
        change, low, high = self._sure * dt, min(v, wheels), max(v, wheels)
        # Wheels that have jumped did it just now, for all that is known.
        if high - low <= change:
            low = high = v
        least, most = min(low, then.least + change), max(high, then.most - change)
        mean_v, mean_w = 0.5 * (then.v + 0.5 * (least + most)), 0.5 * (then.w + w)
        pose = self._advance(then.pose, mean_v, mean_w, dt)
        self._track.append(Reckoned(stamp_ns, pose, least, most, w))
        del self._track[: -self.HISTORY]
        fastest, turn = max(-then.least, then.most, -least, most), max(abs(then.w), abs(w))
        drift = 0.5 * turning_point(fastest, turn, *self._turning_point) * turn
        return float(drift * dt), float(max(then.slip, 0.5 * (most - least)) * dt)

    def bridge(
        self, stamp_ns: int, v: float, w: float, ends: Floats, speeds: tuple[float, float]
    ) -> tuple[float, float, float]:
        """Append a measurement after a gap.

        Returns:
            How wrong the pose may now be: metres to any side, metres along its heading, and rad.

        Args:
            stamp_ns: of the measurement, later than the one before.
            v: m/s.
            w: rad/s.
            ends: (N, 4) between which the pose is by then, as seen from that before the gap: x, y,
                yaw, and how far it may have drifted off that.
            speeds: the least and the most m/s that it may have by then, whatever its wheels say.
        """
        low, high = ends.min(axis=0), ends.max(axis=0)
        x, y, yaw, _ = 0.5 * (low + high)
        turn, dx, dy = 0.5 * (high[2] - low[2]), ends[:, 0] - x, ends[:, 1] - y
        c, s = math.cos(yaw), math.sin(yaw)
        # Ways between those that end farthest left and right bulge beyond the line between them.
        bulge = np.hypot(dx, dy).max() * turn
        along, across = np.abs(c * dx + s * dy).max(), np.abs(c * dy - s * dx).max()
        x0, y0, yaw0 = self.pose
        c, s = math.cos(yaw0), math.sin(yaw0)
        # Nothing can be said of poses within the gap.
        pose = x0 + float(c * x - s * y), y0 + float(s * x + c * y), yaw0 + float(yaw)
        self._track = [Reckoned(stamp_ns, pose, min(v, speeds[0]), max(v, speeds[1]), w)]
        self._wheels = v
        return float(across + bulge + high[3]), float(along), float(turn)

    def pose_at(self, stamp_ns: int) -> Pose | None:
        """The pose at a time, between measurements or carried on at constant twist."""
        if not self._track or stamp_ns < self._track[0].stamp_ns - int(0.1 * _SECOND):
            return None
        index = len(self._track) - 1
        while index > 0 and self._track[index].stamp_ns > stamp_ns:
            index -= 1
        then, after = self._track[index], self._track[min(index + 1, len(self._track) - 1)]
        v, w = 0.5 * (then.v + after.v), 0.5 * (then.w + after.w)
        return self._advance(then.pose, v, w, (stamp_ns - then.stamp_ns) / _SECOND)

    def _advance(self, pose: Pose, v: float, w: float, dt: float) -> Pose:
        x, y, yaw, _ = arc(*pose, v, w, dt, self._turning_point)
        return x, y, yaw


class Commanded:
    """What the base was told when, and between which extremes it has therefore moved.

    Times are of a steady clock, in nanoseconds. Between its guaranteed and its peak rates the base
    does as it likes, takes a command up within its delay, and keeps to it up to a share; it stops
    by itself `base_timeout` after the last command, or a little sooner.
    """

    def __init__(self, config: MonitorConfig) -> None:
        self._rates = np.array(config.rates)
        self._turning_point = config.turning_point, config.turning_point_per_curve
        self._delay_ns = round(config.actuation_delay * _SECOND)
        self._timeout_ns = round(config.base_timeout * _SECOND)
        self._oldest_ns = round(config.odometry_timeout * _SECOND)
        self._told: deque[tuple[int, Commands]] = deque([(0, (STAND,))], maxlen=128)
        self.measured_ns = 0
        self.measured(0, STAND)

    def tell(self, now_ns: int, v: float, w: float) -> None:
        """A command goes to the base."""
        self._told.append((now_ns, ((v, w),)))

    def acting(self, since_ns: int, until_ns: float = math.inf) -> Commands:
        """The commands that may have acted on the wheels between two times."""
        acting: list[tuple[float, float]] = []
        for at_ns, told in reversed(self._told):
            if at_ns <= until_ns:
                acting += told
            if at_ns <= since_ns - self._delay_ns:
                break
        return tuple(acting)

    def wait(self, now_ns: int) -> None:
        """Note it, if it has been long since the last command, or since the last measurement."""
        last_ns, told = self._told[-1]
        early_ns = round(_EARLIEST * self._timeout_ns)
        if now_ns - last_ns > early_ns:
            self._told.append((last_ns + early_ns, (*told, STAND)))
        if now_ns - last_ns > self._timeout_ns:
            self._told.append((last_ns + self._timeout_ns, (STAND,)))
        # What is measured from now on is not older than that.
        self._carry_on(now_ns - self._oldest_ns)

    def measured(self, at_ns: int, velocity: tuple[float, float], slip: float = 0.0) -> None:
        """At some time the base had this velocity v, w; or v was less or more by `slip`."""
        self.measured_ns = self._until_ns = at_ns
        self._began = velocity
        self._velocities = np.array([velocity, velocity])
        self._velocities[:, 0] += -slip, slip
        self._ends = np.zeros((4, 4))

    @property
    def speeds(self) -> tuple[float, float]:
        """The least and the most m/s that the base may have had at the end of `moved`."""
        return float(self._velocities[0, 0]), float(self._velocities[1, 0])

    def moved(self, at_ns: int, velocity: tuple[float, float], passed: float) -> Floats:
        """(N, 4) between which poses the base is, as seen from where it was measured last.

        Columns as of `kernels.go_on`.

        Args:
            at_ns: when.
            velocity: v and w then.
            passed: seconds since the last measurement by the stamps. If the steady clock says
                otherwise, the base's own time may have stood, if its velocity has changed by no
                more than such a time allows.
        """
        self._carry_on(at_ns)
        really = (at_ns - self.measured_ns) / _SECOND
        differ = abs(passed - really) > _IN_TIME + _IN_STEP * really
        allowed = self._rates[:, 1] * (passed + _IN_TIME)
        if not differ or (np.abs(np.subtract(velocity, self._began)) > allowed).any():
            return self._ends
        straight = [
            (v * passed, 0.0, w * passed, 0.0)
            for v, w in (STAND, velocity, self._began, *self._velocities)
        ]
        return np.concatenate([self._ends, straight])

    def _carry_on(self, until_ns: int) -> None:
        """Let time pass in which nothing is measured."""
        while self._until_ns < until_ns:
            to_ns = min(until_ns, self._until_ns + _STEP_NS)
            told = np.array(self.acting(self._until_ns, to_ns))
            if not (told.any() or self._velocities.any()) and to_ns > self._told[-1][0]:
                to_ns = until_ns
            slack = _OBEYS * np.abs(told)
            told = np.array([(told - slack).min(axis=0), (told + slack).max(axis=0)])
            dt = (to_ns - self._until_ns) / _SECOND
            go_on(self._velocities, self._ends, told, dt, self._rates, self._turning_point)
            self._until_ns = to_ns


def between(target: Pose, source: Pose) -> Pose:
    """The pose `source` seen from the pose `target`, both given in one frame."""
    dx, dy = source[0] - target[0], source[1] - target[1]
    c, s = math.cos(target[2]), math.sin(target[2])
    return c * dx + s * dy, c * dy - s * dx, source[2] - target[2]
