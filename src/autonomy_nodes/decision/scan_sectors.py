"""Min-pooling of a scan into sectors: the compiled part of the feature encoder."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def pool_sectors(
    ranges: NDArray[np.float32],
    angle_min: float,
    angle_increment: float,
    range_min: float,
    range_max: float,
    field_of_view: float,
    out: NDArray[np.float32],
) -> None:
    """Write the nearest return of each sector to `out`; NaN where no beam was usable.

    Args:
        ranges: (N,) float32, metres; +inf and returns at or past `range_max` are free beams,
            NaN, -inf and returns below `range_min` are not usable.
        angle_min: bearing of beam 0 from the base's x axis, radians.
        angle_increment: radians between beams, of either sign.
        range_min: metres.
        range_max: metres.
        field_of_view: radians, centred on the base's x axis.
        out: (sectors,) float32, metres; a free sector holds `range_max`.
    """
    sectors = out.shape[0]
    out[:] = np.nan
    for i in range(ranges.shape[0]):
        distance = ranges[i]
        if math.isnan(distance) or distance < range_min:
            continue
        bearing = (angle_min + i * angle_increment + math.pi) % (2.0 * math.pi) - math.pi
        sector = math.floor((bearing / field_of_view + 0.5) * sectors)
        if sector < 0 or sector >= sectors:
            if abs(bearing) > 0.5 * field_of_view + 1e-4:
                continue
            sector = min(max(sector, 0), sectors - 1)
        distance = min(distance, np.float32(range_max))
        if math.isnan(out[sector]) or distance < out[sector]:
            out[sector] = distance
