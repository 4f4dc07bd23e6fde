"""One scanner: its newest scan as points in the robot's frame, and whether to believe it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import between
from safety_monitor.kernels import Floats, in_view, project_scan
from safety_monitor.watchdog import Fault, Finding, ScanContent, Stream, is_finite

MAX_BEAMS = 20_000


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan as the monitor keeps it.

    points: (N, 2) returns in the base frame at the time of the scan. ranges: (B,) metres.
    usable: (B,) beams that say something: not masked, not NaN. layout: (3,) first angle,
    increment, least range. complete: every beam is usable.
    """

    stamp_ns: int
    points: Floats
    ranges: NDArray[np.float32]
    usable: NDArray[np.bool_]
    layout: Floats
    complete: bool


class Scanner:
    """Takes the scans of one source."""

    def __init__(self, config: MonitorConfig, name: str, pose: tuple[float, ...]) -> None:
        self.pose = np.array(pose, dtype=np.float64)
        self._mask = config.scan_mask
        self._stream = Stream(name, Fault.SCAN_SILENT, config.scan_timeout, config.command_future)
        self.content = ScanContent(config, name)
        self._beam_key: tuple[int, float, float] | None = None
        self._directions: Floats = np.empty((0, 2))
        self._scan: Scan | None = None

    @property
    def scan(self) -> Scan:
        """The newest scan.

        Raises:
            LookupError: there is none yet.
        """
        if self._scan is None:
            raise LookupError("no scan yet")
        return self._scan

    @property
    def stamp_ns(self) -> int | None:
        """Stamp of the newest scan."""
        return self._stream.stamp_ns

    def take(
        self,
        stamp_ns: int,
        ranges: NDArray[np.float32],
        angle_min: float,
        angle_increment: float,
        range_min: float,
        range_max: float,
        now_ns: int,
    ) -> None:
        """Take a scan; one that cannot be read is a finding and replaces nothing."""
        why = _malformation(ranges, angle_min, angle_increment, range_min, range_max)
        if why:
            self.content.malformed(why)
            return
        if self._stream.accept(stamp_ns, now_ns):
            return
        directions = self._beams(len(ranges), angle_min, angle_increment)
        points, usable, invalid, empty = project_scan(
            ranges, directions, self.pose, range_min, range_max
        )
        layout = np.array([angle_min, angle_increment, range_min])
        self._scan = Scan(stamp_ns, points, ranges, usable, layout, bool(usable.all()))
        self.content.look(stamp_ns, ranges, len(points), invalid, empty)

    def points_from(
        self, base: tuple[float, float, float], then: tuple[float, float, float]
    ) -> Floats:
        """(N, 2) points in the frame of pose `base`, the scan having been taken at `then`."""
        x, y, yaw = between(base, then)
        c, s = math.cos(yaw), math.sin(yaw)
        points: Floats = self.scan.points @ np.array([[c, s], [-s, c]])
        points += (x, y)
        return points

    def looks_at(self, points: Floats) -> NDArray[np.bool_]:
        """(N,) whether a beam that says something goes towards each of (N, 2) points."""
        seen: NDArray[np.bool_] = in_view(
            points, self.pose, self.scan.layout, self.scan.usable, self.scan.complete
        )
        return seen

    def findings(self, now_ns: int) -> Iterator[Finding]:
        """What is wrong with this scanner now."""
        silent = self._stream.finding(now_ns)
        if silent is not None:
            yield silent
        yield from self.content.findings

    def forget(self) -> None:
        """Start afresh, as after a jump of the clock."""
        self._stream.forget()
        self.content.reset()
        self._scan = None

    def _beams(self, count: int, angle_min: float, angle_increment: float) -> Floats:
        """(count, 2) unit vectors of the beams, (0, 0) where the mask hides one."""
        key = (count, angle_min, angle_increment)
        if key != self._beam_key:
            angles = angle_min + angle_increment * np.arange(count)
            directions = np.column_stack([np.cos(angles), np.sin(angles)])
            for start, end in zip(self._mask[::2], self._mask[1::2], strict=True):
                directions[(angles >= start) & (angles <= end)] = 0.0
            self._beam_key, self._directions = key, directions
        return self._directions


def _malformation(
    ranges: NDArray[np.float32],
    angle_min: float,
    angle_increment: float,
    range_min: float,
    range_max: float,
) -> str:
    """Why a scan cannot be read, or ''."""
    if ranges.ndim != 1 or ranges.dtype != np.float32 or not ranges.flags.c_contiguous:
        return "ranges are not a contiguous float32 vector"
    if not 0 < len(ranges) <= MAX_BEAMS:
        return f"{len(ranges)} beams"
    if not is_finite(angle_min, angle_increment, range_min, range_max) or angle_increment == 0.0:
        return "angles or range limits are not usable numbers"
    if not 0.0 <= range_min < range_max:
        return f"range limits {range_min}, {range_max}"
    if abs(angle_min) > 10.0 or abs(angle_increment) * len(ranges) > 10.0:
        return "beams go around more than once"
    return ""
