"""Faults of a lidar: what dirt, glass, dust, fog and a knock do to a scan."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from autonomy_interfaces.messages import LaserScan
from world_sim.faults.model import (
    Message,
    Release,
    Share,
    Stream,
    StreamFault,
    register,
)


class LidarFault(StreamFault):
    """A fault in the ranges of a scan."""

    FAMILY: ClassVar[str] = "lidar"
    target: Literal["scan"] = "scan"

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Pass on the scan with its ranges changed."""
        if not isinstance(message, LaserScan):
            return [(now_ns, message)]
        ranges = self.change(message, stream).astype(np.float32, copy=False)
        return [(now_ns, replace(message, ranges=ranges))]

    @abstractmethod
    def change(self, scan: LaserScan, stream: Stream) -> NDArray[np.float32]:
        """The faulty ranges: (N,) float32, metres."""


class SectorFault(LidarFault):
    """A fault in the beams of one sector, in the lidar's frame."""

    center_rad: float = Field(0.0, description="middle of the sector; 0 is straight ahead")
    width_rad: float = Field(1.0, gt=0.0, description="width of the sector")

    def sector(self, scan: LaserScan) -> NDArray[np.bool_]:
        """Which beams lie in the sector: (N,) bool."""
        angles = scan.angle_min + scan.angle_increment * np.arange(len(scan.ranges))
        distance = np.remainder(angles - self.center_rad + math.pi, math.tau) - math.pi
        return np.asarray(np.abs(distance) <= self.width_rad / 2.0)


@register
class StuckSector(SectorFault):
    """A sector keeps the ranges it had at the onset, while the rest stays fresh."""

    kind: Literal["stuck_sector"] = "stuck_sector"

    def change(self, scan: LaserScan, stream: Stream) -> NDArray[np.float32]:
        """Keep the sector's old ranges."""
        old = stream.before or stream.first
        if not isinstance(old, LaserScan) or len(old.ranges) != len(scan.ranges):
            return scan.ranges
        return np.where(self.sector(scan), old.ranges, scan.ranges)


@register
class CoveredSector(SectorFault):
    """A sector is covered, as by mud: it returns one short distance."""

    kind: Literal["covered_sector"] = "covered_sector"
    distance_m: float = Field(0.15, ge=0.0)

    def change(self, scan: LaserScan, stream: Stream) -> NDArray[np.float32]:
        """Return the cover's distance in the sector."""
        return np.where(self.sector(scan), np.float32(self.distance_m), scan.ranges)


@register
class MissingReturns(SectorFault):
    """Beams of a sector come back empty (+inf), as from glass, mirrors and black surfaces."""

    kind: Literal["missing_returns"] = "missing_returns"
    share: Share = Field(1.0, description="share of the sector's beams, drawn for each scan")

    def change(self, scan: LaserScan, stream: Stream) -> NDArray[np.float32]:
        """Empty the share of the sector's beams."""
        missing = self.sector(scan) & (stream.rng.random(len(scan.ranges)) < self.share)
        return np.where(missing, np.float32(np.inf), scan.ranges)


@register
class DeadBeams(LidarFault):
    """Some beams, always the same, give NaN."""

    kind: Literal["dead_beams"] = "dead_beams"
    share: Share = Field(0.3, description="share of the beams")

    def change(self, scan: LaserScan, stream: Stream) -> NDArray[np.float32]:
        """Invalidate the dead beams."""
        dead = stream.same_draws().random(len(scan.ranges)) < self.share
        return np.where(dead, np.float32(np.nan), scan.ranges)


@register
class GhostReturns(LidarFault):
    """Some beams of each scan return from nothing, nearer than what is there: dust, rain."""

    kind: Literal["ghost_returns"] = "ghost_returns"
    share: Share = Field(0.02, description="share of the beams, drawn for each scan")
    min_m: float = Field(0.3, ge=0.0, description="nearest ghost")
    max_m: float = Field(3.0, gt=0.0, description="farthest ghost")

    def change(self, scan: LaserScan, stream: Stream) -> NDArray[np.float32]:
        """Put ghosts in front of what the beams see."""
        count = len(scan.ranges)
        low, high = sorted((self.min_m, self.max_m))
        chosen = stream.rng.random(count) < self.share
        distance = stream.rng.uniform(low, high, count).astype(np.float32)
        return np.where(chosen, np.fmin(distance, scan.ranges), scan.ranges)


@register
class ShortSight(LidarFault):
    """Nothing farther than a distance comes back, as in fog."""

    kind: Literal["short_sight"] = "short_sight"
    distance_m: float = Field(1.0, gt=0.0)

    def change(self, scan: LaserScan, stream: Stream) -> NDArray[np.float32]:
        """Empty the beams that see farther."""
        return np.where(scan.ranges > self.distance_m, np.float32(np.inf), scan.ranges)


@register
class TurnedMount(LidarFault):
    """The lidar was knocked: it looks to another side than the stack believes."""

    kind: Literal["turned_mount"] = "turned_mount"
    angle_rad: float = Field(0.2, description="counter-clockwise turn of the mount")

    def change(self, scan: LaserScan, stream: Stream) -> NDArray[np.float32]:
        """Report at each angle what lies at that angle plus the turn."""
        shift = round(self.angle_rad / scan.angle_increment)
        source = np.arange(len(scan.ranges)) + shift
        inside = (source >= 0) & (source < len(scan.ranges))
        seen = scan.ranges[np.clip(source, 0, len(scan.ranges) - 1)]
        return np.where(inside, seen, np.float32(np.inf))


@register
class ShortenedScan(LidarFault):
    """Scans break off early: they hold fewer beams than they should."""

    kind: Literal["shortened_scan"] = "shortened_scan"
    kept_share: float = Field(0.5, ge=0.0, lt=1.0, description="share of the beams that remain")

    def change(self, scan: LaserScan, stream: Stream) -> NDArray[np.float32]:
        """Keep the first beams."""
        return scan.ranges[: int(len(scan.ranges) * self.kept_share)]
