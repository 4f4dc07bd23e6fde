"""A polygon covered with discs, so that one distance per disc gives its clearance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.polygon import inside


def cover_with_discs(
    polygon: NDArray[np.float64], tolerance: float = 0.01, spacing: float = 0.01
) -> NDArray[np.float64]:
    """Discs inside the polygon whose union comes within `tolerance` of its whole boundary.

    Greedy set cover: candidates are interior points, each with the largest disc that stays
    inside; the boundary is sampled every `spacing`. Clearance of the polygon is then
    `min_i(distance(centre_i) - radius_i)`, at most `tolerance` too large for a point obstacle
    beside an edge.

    Args:
        polygon: (N, 2) float64, metres, base_link.
        tolerance: metres.
        spacing: metres between candidates and between boundary samples.

    Returns:
        (D, 3) float64: x, y, radius; largest discs first.
    """
    boundary = _sample_boundary(polygon, spacing)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    axes = [
        np.linspace(a, b, max(2, round((b - a) / spacing) + 1))
        for a, b in zip(low, high, strict=True)
    ]
    grid_x, grid_y = np.meshgrid(axes[0], axes[1])
    candidates = np.column_stack([grid_x.ravel(), grid_y.ravel()])
    candidates = np.array([c for c in candidates if inside(polygon, *c)]).reshape(-1, 2)
    distance = np.hypot(
        candidates[:, None, 0] - boundary[None, :, 0], candidates[:, None, 1] - boundary[None, :, 1]
    )
    radius = np.maximum(distance.min(axis=1), 1e-3)
    covers = distance - radius[:, None] <= tolerance
    uncovered = np.ones(len(boundary), dtype=bool)
    chosen: list[int] = []
    while uncovered.any():
        gain = covers[:, uncovered].sum(axis=1)
        best = int(np.argmax(gain + 1e-3 * radius))
        if gain[best] == 0:
            break
        chosen.append(best)
        uncovered &= ~covers[best]
    order = sorted(chosen, key=lambda i: (-radius[i], i))
    return np.column_stack([candidates[order], radius[order]])


def circumscribed_radius(polygon: NDArray[np.float64]) -> float:
    """Distance from the base's origin to the farthest corner, metres."""
    return float(np.hypot(polygon[:, 0], polygon[:, 1]).max())


def _sample_boundary(polygon: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    pieces = []
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        count = max(2, int(np.ceil(np.hypot(*(end - start)) / spacing)) + 1)
        share = np.linspace(0.0, 1.0, count)[:, None]
        pieces.append(start + share * (end - start))
    return np.concatenate(pieces)
