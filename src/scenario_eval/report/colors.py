"""Colours of speeds, told apart in grey and by the colour-blind too."""

from __future__ import annotations

SPEED_COLORS = ("#30356e", "#2f6aa8", "#1f9e9a", "#6cc35a", "#f2cf3b")
"""From standing to full speed."""


def speed_color(share: float) -> str:
    """Colour of a share of full speed."""
    at = min(max(share, 0.0), 1.0) * (len(SPEED_COLORS) - 1)
    index = min(int(at), len(SPEED_COLORS) - 2)
    low, high = (
        [int(SPEED_COLORS[i][offset : offset + 2], 16) for offset in (1, 3, 5)]
        for i in (index, index + 1)
    )
    mixed = (round(a + (at - index) * (b - a)) for a, b in zip(low, high, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)
