"""One scanner: its newest scan as points in the robot's frame, and whether to believe it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from safety_monitor.beams import Ranges, Scan, project_scan
from safety_monitor.config import MonitorConfig
from safety_monitor.kernels import Floats
from safety_monitor.plausibility import Plausibility
from safety_monitor.reckoning import Pose, between
from safety_monitor.state_machine import Severity
from safety_monitor.watchdog import Fault, Finding, Stream, not_finite

MAX_BEAMS = 20_000
Layout = tuple[float, float, float, float]
"""Of a message: first angle and increment, rad, least and largest range, metres."""
_RICH = 0.2
"""Share of beams with a return that makes a scan with next to none, right after it, incredible."""
_POOR = 0.01


class Scanner:
    """Takes the scans of one source and judges them one by one, and against earlier ones.

    stream: of its messages. is_new: whether the newest scan has not been looked at yet.
    """

    def __init__(self, config: MonitorConfig, name: str, pose: tuple[float, ...]) -> None:
        self._pose = np.array(pose, dtype=np.float64)
        self._config, self._name = config, name
        self.stream = Stream(
            "scan", config, config.scan_timeout, slowest=config.scan_max_period, name=name
        )
        self._beam_key: tuple[int, float, float] | None = None
        self._directions: Floats = np.empty((0, 2))
        self._scan: Scan | None = None
        self._bytes, self._repeats = b"", 0
        self._was_rich = self._blinded = False
        self._content: tuple[Finding, ...] = ()
        self._plausible = Plausibility()
        self.is_new = False

    @property
    def scan(self) -> Scan:
        """The newest scan.

        Raises:
            LookupError: there is none yet.
        """
        if self._scan is None:
            raise LookupError("no scan yet")
        return self._scan

    def take(self, ranges: Ranges, layout: Layout, stamp_ns: int, now_ns: int) -> None:
        """Take a scan; one that cannot be read is a finding and replaces nothing."""
        if not self.stream.take(stamp_ns, now_ns, _malformation(ranges, layout)):
            return
        angle_min, angle_increment, range_min, range_max = layout
        directions = self._beams(len(ranges), angle_min, angle_increment)
        points, free, invalid, empty = project_scan(
            ranges, directions, self._pose, range_min, range_max
        )
        before, self._bytes = self._bytes, ranges.tobytes()
        self._repeats = self._repeats + 1 if len(points) and self._bytes == before else 0
        middle = angle_min + 0.5 * angle_increment * (len(ranges) - 1)
        kept = np.array([middle, angle_increment, range_min, range_max])
        self._scan = Scan(stamp_ns, points, free, kept, self._pose)
        self._content = tuple(self._judge(len(points), invalid, empty))
        self.is_new = True

    def _judge(self, hits: int, invalid: int, empty: int) -> Iterator[Finding]:
        """Whether a scan can be believed: so many beams return, are NaN, see nothing."""
        c, beams = self._config, max(1, hits + invalid + empty)
        if invalid > c.scan_max_invalid * beams or hits + empty == 0:
            yield Finding(Fault.SCAN_INVALID, f"{self._name}: {invalid} of {beams} beams invalid")
        if hits > _POOR * beams:
            self._blinded = False
        elif empty and self._was_rich:
            self._blinded = True
        if self._blinded:
            yield Finding(Fault.SCAN_BLINDED, f"{self._name}: returns vanished, {hits} are left")
        if hits or empty:
            self._was_rich = hits >= _RICH * beams
        if c.scan_noise and self._repeats >= c.frozen_scans:
            yield Finding(Fault.SCAN_FROZEN, f"{self._name}: {self._repeats} scans bitwise equal")

    def points_from(self, base: Pose, then: Pose) -> Floats:
        """(N, 2) points in the frame of pose `base`, the scan having been taken at `then`."""
        if base == then:
            return self.scan.points
        x, y, yaw = between(base, then)
        c, s = math.cos(yaw), math.sin(yaw)
        points: Floats = self.scan.points @ np.array([[c, s], [-s, c]])
        points += (x, y)
        return points

    def compare(self, odometry: Pose, commanded: Pose, now_ns: int) -> float:
        """Set the newest scan against the motion that odometry and the commands tell of.

        Returns:
            By how many metres odometry was wrong, as far as this scan can tell.
        """
        wrong = {f.fault for f in self._flaws(now_ns) if f.severity is Severity.STOP}
        if Fault.SCAN_FROZEN in wrong:
            # So were those before, that nobody knew of.
            self._plausible.forget()
        return 0.0 if wrong else self._plausible.look(self.scan, odometry, commanded)

    def forget(self) -> None:
        """Odometry had a gap: earlier scans are no reference any more."""
        self._plausible.forget()

    def _flaws(self, now_ns: int) -> Iterator[Finding]:
        """What is wrong with the newest scan by itself."""
        yield from self.stream.findings(now_ns)
        yield from self._content

    def findings(self, now_ns: int) -> Iterator[Finding]:
        """What is wrong with this scanner now."""
        yield from self._flaws(now_ns)
        yield from self._plausible.findings(now_ns)

    def trust(self) -> None:
        """A person has looked: believe that nothing is there."""
        self._plausible.forget()
        self._blinded = self._was_rich = False
        self._content = tuple(f for f in self._content if f.fault is not Fault.SCAN_BLINDED)

    def _beams(self, count: int, angle_min: float, angle_increment: float) -> Floats:
        """(count, 2) unit vectors of the beams, (0, 0) where the mask hides one."""
        key = (count, angle_min, angle_increment)
        if key != self._beam_key:
            angles = angle_min + angle_increment * np.arange(count)
            directions = np.column_stack([np.cos(angles), np.sin(angles)])
            mask = self._config.scan_mask
            for start, end in zip(mask[::2], mask[1::2], strict=True):
                # Angles that differ by whole turns are the same.
                directions[(angles - start) % math.tau <= (end - start) % math.tau] = 0.0
            self._beam_key, self._directions = key, directions
        return self._directions


def _malformation(ranges: Ranges, layout: Layout) -> str:
    """Why a scan cannot be read, or ''."""
    angle_min, angle_increment, range_min, range_max = layout
    if ranges.ndim != 1 or ranges.dtype != np.float32 or not ranges.flags.c_contiguous:
        return "ranges are not a contiguous float32 vector"
    if not 0 < len(ranges) <= MAX_BEAMS:
        return f"{len(ranges)} beams"
    if not_finite(*layout) or angle_increment == 0.0:
        return "angles or range limits are not usable numbers"
    if not 0.0 <= range_min < range_max:
        return f"range limits {range_min}, {range_max}"
    if abs(angle_min) > 10.0 or abs(angle_increment) * len(ranges) > 10.0:
        return "beams go around more than once"
    return ""
