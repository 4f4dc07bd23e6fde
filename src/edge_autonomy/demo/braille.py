"""A small map in braille characters, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

_DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
_BLANK = 0x2800


class BrailleMap:
    """Layers of dots over one another, each with its style; a character shows its top layer.

    Args:
        bounds: x_min, y_min, x_max, y_max that the map must hold, metres.
        columns: width in characters; the height follows from the bounds.
    """

    def __init__(self, bounds: tuple[float, float, float, float], columns: int) -> None:
        self._x_min, self._y_min, x_max, self._y_max = bounds
        self._metres_per_dot = (x_max - self._x_min) / (2 * columns)
        self.columns = columns
        self.rows = max(1, -int(-(self._y_max - self._y_min) / self._metres_per_dot // 4))
        self._layers: dict[str, NDArray[np.uint8]] = {}
        self._marks: dict[tuple[int, int], tuple[str, str]] = {}

    def dots(self, points: Iterable[tuple[float, float]], style: str) -> None:
        """Add dots at `points` (metres) to the layer of `style`, later layers over earlier."""
        layer = self._layers.setdefault(style, np.zeros((self.rows, self.columns), np.uint8))
        for x, y in points:
            column, row = self._dot(x, y)
            if 0 <= column < 2 * self.columns and 0 <= row < 4 * self.rows:
                layer[row // 4, column // 2] |= _DOT_BITS[row % 4, column % 2]

    def outline(self, polygon: NDArray[np.float64], style: str) -> None:
        """Add a closed polygon's edges; polygon: (N, 2) metres."""
        for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            count = max(2, int(np.hypot(*(end - start)) / self._metres_per_dot) + 1)
            line = np.linspace(start, end, count)
            self.dots(((float(x), float(y)) for x, y in line), style)

    def mark(self, x: float, y: float, character: str, style: str) -> None:
        """Put one character at a place, over everything."""
        column, row = self._dot(x, y)
        self._marks[row // 4, column // 2] = (character, style)

    def clear_marks(self) -> None:
        """Take all marks away."""
        self._marks.clear()

    def render(self) -> Text:
        """The map as text."""
        text = Text(no_wrap=True)
        for row in range(self.rows):
            for column in range(self.columns):
                text.append(*self._cell(row, column))
            text.append("\n")
        text.right_crop(1)
        return text

    def _cell(self, row: int, column: int) -> tuple[str, str]:
        if (row, column) in self._marks:
            return self._marks[row, column]
        bits, style = 0, ""
        for name, layer in self._layers.items():
            if layer[row, column]:
                bits |= int(layer[row, column])
                style = name
        return chr(_BLANK | bits) if bits else " ", style

    def _dot(self, x: float, y: float) -> tuple[int, int]:
        return (
            int((x - self._x_min) / self._metres_per_dot),
            int((self._y_max - y) / self._metres_per_dot),
        )
