"""What velocities a base can drive, and how a wish is brought within them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VelocityLimits:
    """The base's velocity limits.

    Attributes:
        lowest_vx: m/s, negative for reverse.
        highest_vx: m/s.
        highest_wz: rad/s, to either side.
    """

    lowest_vx: float
    highest_vx: float
    highest_wz: float

    def along_arc(self, vx: float, wz: float) -> tuple[float, float]:
        """The fastest that the base can go on the arc of (vx m/s, wz rad/s), no faster than that.

        Both finite. A velocity within the limits comes back as it is. Of one in a direction that
        the base does not go in, the turn is left.
        """
        lowest, highest = min(self.lowest_vx, 0.0), max(self.highest_vx, 0.0)
        if (vx > 0.0 and highest == 0.0) or (vx < 0.0 and lowest == 0.0):
            vx = 0.0
        share = 1.0
        if vx > highest:
            share = highest / vx
        elif vx < lowest:
            share = lowest / vx
        if abs(wz) > self.highest_wz:
            share = min(share, self.highest_wz / abs(wz))
        if share == 1.0:
            return vx, wz
        # The product may round to just beyond the limit that it stands for.
        vx = min(max(share * vx, self.lowest_vx), self.highest_vx)
        return vx, min(max(share * wz, -self.highest_wz), self.highest_wz)
