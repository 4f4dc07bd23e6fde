"""Scans against odometry: whether they tell of the same motion, and of the same world."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from safety_monitor.beams import Scan, misfit
from safety_monitor.kernels import Floats
from safety_monitor.reckoning import Pose, between
from safety_monitor.watchdog import Fault, Finding

_SECOND = 1_000_000_000
_BEAMS = 180
_FEWEST = 40
_MOST = 0.3
_JUMP = 0.08
_JUMP_SHARE = 0.8
_SECTORS, _FEWEST_SECTORS = 12, 5
"""What one body near by may cover of the whole round is no world to compare with: it walks off."""
_APART = 0.12
_MISFIT, _BETTER = 0.04, 0.4
_HOLD_NS = _SECOND
_REFERENCE_NS, _REFERENCE_WAY, _REFERENCE_TURN = 2 * _SECOND, 0.25, 0.3

STANDSTILL: Pose = (0.0, 0.0, 0.0)


class Plausibility:
    """Compares each scan of a scanner with one that was taken a little earlier.

    Odometry says where the robot was then, so that each return of the earlier scan should be met
    by a beam. If next to none of many all around is, the scan has jumped: a range bias, a mirrored
    or turned scanner.
    If instead some other motion (none, or the one that was commanded) fits far better than
    odometry's, odometry is wrong: wheels that slip or spin, an encoder that is dead. Where the
    world looks the same whichever way the robot moves (a corridor, an open field), nothing is said.
    """

    def __init__(self) -> None:
        self._reference: tuple[Scan, Pose, Pose] | None = None
        self._jumped = ""
        self._slip: tuple[int, str] | None = None

    def look(self, scan: Scan, odometry: Pose, commanded: Pose) -> float:
        """Take a new scan, and where odometry and the commands say that it was taken.

        Returns:
            By how many metres odometry was wrong.
        """
        if self._reference is None:
            self._reference = scan, odometry, commanded
            return 0.0
        wrong_by = 0.0
        earlier, then, then_commanded = self._reference
        by_odometry = between(odometry, then)
        met, off, share = _compare(earlier, scan, by_odometry)
        if met >= _FEWEST:
            jumped = share >= _JUMP_SHARE and _is_all_around(earlier.points)
            self._jumped = f"{share:.0%} of the beams" if jumped else ""
            for name, other in (
                ("standing still", STANDSTILL),
                ("what was commanded", between(commanded, then_commanded)),
            ):
                apart = math.hypot(other[0] - by_odometry[0], other[1] - by_odometry[1])
                if apart > _APART and off > _MISFIT:
                    met, fit, _ = _compare(earlier, scan, other)
                    if met >= _FEWEST and fit < _BETTER * off:
                        self._slip = scan.stamp_ns, f"{name} fits the scan better by {apart:.2f} m"
                        self._jumped, wrong_by = "", apart
        old = scan.stamp_ns - earlier.stamp_ns > _REFERENCE_NS or wrong_by > 0.0
        moved = math.hypot(by_odometry[0], by_odometry[1]) > _REFERENCE_WAY
        if not self._jumped and (old or moved or abs(by_odometry[2]) > _REFERENCE_TURN):
            self._reference = scan, odometry, commanded
        return wrong_by

    def forget(self) -> None:
        """Compare with nothing earlier: a person has looked, or odometry had a gap."""
        self._reference, self._jumped = None, ""

    def findings(self, now_ns: int) -> Iterator[Finding]:
        """What is wrong now; a slip is kept for a while, a jump until the scans agree again."""
        if self._jumped:
            yield Finding(Fault.SCAN_JUMPED, f"{self._jumped} contradict earlier ones")
        if self._slip is not None and now_ns - self._slip[0] <= _HOLD_NS:
            yield Finding(Fault.ODOMETRY_CONTRADICTED, self._slip[1])


def _compare(earlier: Scan, scan: Scan, pose: Pose) -> tuple[int, float, float]:
    """As `misfit`, of so many returns of the earlier scan as tell enough."""
    every = max(1, len(earlier.points) // _BEAMS)
    found: tuple[int, float, float] = misfit(earlier.points, every, pose, scan, _MOST, _JUMP)
    return found


def _is_all_around(points: Floats) -> bool:
    """Whether returns (N, 2) come from more sides than one thing can stand on."""
    bearings = np.arctan2(points[:, 1], points[:, 0])
    sectors = np.unique(np.floor(bearings * (_SECTORS / math.tau)))
    return len(sectors) >= _FEWEST_SECTORS
