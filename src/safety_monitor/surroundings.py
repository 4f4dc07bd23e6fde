"""What is around the robot: what its scanners hit, and what they have not seen to be free."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from safety_monitor.beams import Ranges, Scan, unseen
from safety_monitor.config import MonitorConfig
from safety_monitor.kernels import Body, Floats
from safety_monitor.memory import SeenSpace
from safety_monitor.reckoning import Pose
from safety_monitor.scanner import Layout, Scanner
from safety_monitor.state_machine import Severity
from safety_monitor.watchdog import Finding, Stream
from safety_monitor.whereabouts import GAP_NS, Whereabouts

_BEHIND = np.array([[-10.0, 0.0]])


class Surroundings:
    """Judges scans, remembers what the believable ones see, and says where obstacles may be."""

    def __init__(self, config: MonitorConfig, body: Body, where: Whereabouts) -> None:
        """where: tells where the robot was, and of its doubts."""
        self._scanners = {
            name: Scanner(config, name, config.lidar_pose[3 * i : 3 * i + 3])
            for i, name in enumerate(config.scan_sources)
        }
        self._seen = SeenSpace(config, body)
        self._believed: list[tuple[str, Scan, Pose]] = []
        self._where = where
        # A person has put the robot where it can turn, and answers for it until it moves.
        self._begin_anew = self._unmoved = True
        self._vouched_ns, self._began_ns = round(0.5e9 * config.memory_time), 0

    @property
    def looks_back(self) -> bool:
        """Whether a scanner looks straight back."""
        return any(len(unseen(_BEHIND, s.scan)) == 0 for s in self._scanners.values())

    def take(self, source: str, ranges: Ranges, layout: Layout, stamp_ns: int, now_ns: int) -> None:
        """Take a scan."""
        self._scanners[source].take(ranges, layout, stamp_ns, now_ns)

    def trust(self, vouched: bool) -> None:
        """A person has looked; vouched: and put the robot where it can turn."""
        for scanner in self._scanners.values():
            scanner.trust()
        if vouched:
            self._begin_anew = self._unmoved = True

    def leave(self) -> None:
        """The robot moves."""
        self._unmoved = False

    def remember(self) -> None:
        """Enter the believed scans, which can wait: what is in view is not asked of the memory."""
        while self._believed:
            self._seen.remember(*self._believed.pop(0))

    def look(self, now_ns: int) -> bool:
        """Judge new scans; returns whether motion can be judged."""
        self.remember()
        latest = self._where.latest
        if latest is None:
            return False
        self._seen.age(now_ns)
        for pose, offset, along, turn, bridged in self._where.doubts:
            if bridged:
                self._seen.complete()
            self._doubt(pose, offset, along, turn, anew=bridged)
        self._where.doubts.clear()
        if self._begin_anew or (self._unmoved and self._began_ns < now_ns - self._vouched_ns):
            self._seen.start(latest.pose, self._unmoved)
            self._begin_anew, self._began_ns = False, now_ns
        for name, scanner in self._scanners.items():
            stamp_ns = scanner.stream.stamp_ns
            if stamp_ns is None or (then := self._where.reckoning.pose_at(stamp_ns)) is None:
                return False
            # Where the robot was is measured, not guessed from what it did before.
            if scanner.is_new and stamp_ns - latest.stamp_ns <= GAP_NS:
                scanner.is_new = False
                commanded = self._where.dictated.pose_at(stamp_ns) or then
                wrong_by = scanner.compare(then, commanded, now_ns)
                if wrong_by > 0.0:
                    self.remember()
                    self._doubt(latest.pose, wrong_by, 0.0, 0.0, True)
                wrong = any(f.severity >= Severity.STOP for f in scanner.findings(now_ns))
                if not (wrong or self._where.contradicted):
                    self._believed.append((name, scanner.scan, then))
        return True

    def _doubt(self, pose: Pose, offset: float, along: float, turn: float, anew: bool) -> None:
        """As `SeenSpace.doubt`; anew: earlier scans are no reference any more."""
        self._seen.doubt(pose, offset, along, turn)
        for scanner in self._scanners.values() if anew else ():
            scanner.forget()

    def returns(self, base: Pose) -> Floats:
        """(N, 2) returns of all scanners' newest scans in the frame of `base`, after a `look`."""
        found = []
        for scanner in self._scanners.values():
            then = self._where.reckoning.pose_at(scanner.scan.stamp_ns)
            assert then is not None, "only asked for after looking around"
            found.append(scanner.points_from(base, then))
        return np.concatenate(found)

    def unknown(self, base: Pose, reach: float) -> Floats:
        """(N, 2) cells in reach that are neither in view nor remembered as free, base frame."""
        return self._seen.unknown(base, reach, [s.scan for s in self._scanners.values()])

    @property
    def streams(self) -> list[Stream]:
        """Of the scanners' messages."""
        return [scanner.stream for scanner in self._scanners.values()]

    def findings(self, now_ns: int) -> Iterator[Finding]:
        """What is wrong with the scanners now."""
        for scanner in self._scanners.values():
            yield from scanner.findings(now_ns)
