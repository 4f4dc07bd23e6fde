"""Where the robot is and how it moves: odometry, the gyroscope, and what it was told to do."""

from __future__ import annotations

from collections.abc import Iterator

from safety_monitor.config import MonitorConfig
from safety_monitor.reckoning import Commanded, Commands, DeadReckoning, Pose, Reckoned
from safety_monitor.watchdog import Fault, Finding, Stream, YawRateAgreement, not_finite

_SECOND = 1_000_000_000
_STANDSTILL = (0.02, 0.05)
GAP_NS = 50_000_000
"""Between two measurements of odometry: what is longer is not interpolated."""
_INCREDIBLE = 2.0
"""Times the limits of velocity: odometry that tells of more is wrong."""


class Whereabouts:
    """Believes odometry as far as it can be believed, and else goes by what was commanded.

    odometry: its messages. reckoning: the way that was believed. dictated: the way, in a frame of
    its own, of a robot that does at once as it is told.
    doubts: what nobody has read yet of how far the robot may be from where it is believed to be:
    its pose, by how many metres it may be farther off any way and along its heading, by how many
    radians, and whether there was a gap.
    """

    def __init__(self, config: MonitorConfig) -> None:
        self._config = c = config
        self.odometry = Stream("odometry", c, c.odometry_timeout, slowest=c.odometry_max_period)
        self._imu = Stream("imu", c, c.imu_timeout, slowest=c.imu_max_period)
        self._yaw_rates = YawRateAgreement(c)
        turning_point = c.turning_point, c.turning_point_per_curve
        self.reckoning = DeadReckoning(turning_point, c.rates[0][0])
        self.dictated = DeadReckoning(turning_point)
        self._commanded = Commanded(c)
        self._fastest = _INCREDIBLE * max(c.max_linear_velocity, -c.min_linear_velocity)
        self._now_ns = self._steady_ns = 0
        self._gap = False
        # The newest velocity that odometry has told, believed or not.
        self._told: tuple[float, float] | None = None
        # What it had told, and when by the steady clock, when the gyroscope last agreed.
        self._agreed: tuple[Reckoned | None, int] = None, 0
        self.doubts: list[tuple[Pose, float, float, float, bool]] = []

    @property
    def latest(self) -> Reckoned | None:
        """The newest measurement that was believed."""
        return self.reckoning.latest

    @property
    def stands(self) -> bool:
        """Whether the newest odometry, if there is any, measured no motion."""
        latest = self.latest
        if latest is None:
            return True
        return abs(latest.v) + latest.slip <= _STANDSTILL[0] and abs(latest.w) <= _STANDSTILL[1]

    @property
    def contradicted(self) -> bool:
        """Whether odometry and gyroscope differ now."""
        return self._config.use_imu and self._yaw_rates.apart

    def begin(self, now_ns: int, steady_ns: int, jumped: bool) -> None:
        """A cycle begins; the clock may have jumped before it."""
        self._now_ns, self._steady_ns = now_ns, steady_ns
        self._commanded.wait(steady_ns)
        self._gap |= jumped
        if any(finding.fault is Fault.IMU_SILENT for finding in self._imu.findings(now_ns)):
            self._yaw_rates.forget()

    def tell(self, vx: float, wz: float) -> None:
        """A command goes to the base."""
        self._commanded.tell(self._steady_ns, vx, wz)
        self.dictated.add(self._now_ns, vx, wz)

    def acting(self, age: float) -> Commands:
        """The commands that may have acted on the wheels in the last `age` seconds."""
        return self._commanded.acting(self._steady_ns - round(age * _SECOND))

    def is_known(self, now_ns: int) -> bool:
        """Whether odometry tells, here and now, how the robot moves."""
        return not (self._gap or any(self.odometry.findings(now_ns)))

    def take_imu(self, wz: float, stamp_ns: int, now_ns: int) -> None:
        """Take a yaw rate of the gyroscope, rad/s."""
        if self._imu.take(stamp_ns, now_ns, not_finite(wz)) and self._told:
            self._yaw_rates.compare(stamp_ns, self._told[1], float(wz))

    def take_odometry(self, vx: float, wz: float, stamp_ns: int, now_ns: int) -> None:
        """Move the robot on; after a gap the doubt grows by what may have gone unnoticed."""
        flaw, latest = not_finite(vx, wz), self.latest
        if abs(vx) > self._fastest or abs(wz) > _INCREDIBLE * self._config.max_angular_velocity:
            flaw = flaw or f"({vx}, {wz}) is faster than the base can be"
        if not self.odometry.take(stamp_ns, now_ns, flaw):
            # A copy, or one that a later one has overtaken, leaves nothing unknown; but where only
            # such ones come, stamps have stopped telling of time.
            lately = self._steady_ns - self._commanded.measured_ns <= 2 * GAP_NS
            overtaken = lately and latest is not None and stamp_ns <= latest.stamp_ns
            self._gap |= bool(flaw) or not overtaken
            return
        self._told = v, w = float(vx), float(wz)
        if self._config.use_imu and any(self._yaw_rates.findings(now_ns)):
            self._disbelieve()
            return
        at_ns = self._steady_ns - max(0, self._now_ns - stamp_ns)
        passed_ns = 0 if latest is None else stamp_ns - latest.stamp_ns
        if latest is None or (passed_ns <= GAP_NS and not self._gap):
            (offset, along), turn, bridged = self.reckoning.add(stamp_ns, v, w), 0.0, False
        else:
            ends = self._commanded.moved(at_ns, (v, w), passed_ns / _SECOND)
            speeds, bridged = self._commanded.speeds, True
            offset, along, turn = self.reckoning.bridge(stamp_ns, v, w, ends, speeds)
        self.doubts.append((self.reckoning.pose, offset, along, turn, bridged))
        self._measured(at_ns)
        self._gap = False
        if not self._yaw_rates.apart:
            self._agreed = self.latest, at_ns

    def _disbelieve(self) -> None:
        """Odometry and gyroscope contradict one another: go by what was commanded since."""
        latest, at_ns = self._agreed
        if latest is not None and not self._gap:
            self.reckoning.go_back(latest)
            self._measured(at_ns)
        self._gap = True

    def _measured(self, at_ns: int) -> None:
        """What may follow the newest measurement until the next."""
        latest = self.latest
        if latest is not None:
            self._commanded.measured(at_ns, (latest.v, latest.w), latest.slip)

    def findings(self, now_ns: int) -> Iterator[Finding]:
        """What is wrong with odometry and gyroscope now."""
        yield from self.odometry.findings(now_ns)
        if self._config.use_imu:
            yield from self._imu.findings(now_ns)
            yield from self._yaw_rates.findings(now_ns)
