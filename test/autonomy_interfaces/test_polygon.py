"""What is inside a footprint, and how it grows."""

from __future__ import annotations

import numpy as np
import pytest

from autonomy_interfaces.polygon import grown, inside

SQUARE = np.array([[0.2, 0.1], [-0.2, 0.1], [-0.2, -0.1], [0.2, -0.1]])
BOOMERANG = np.array([[1.0, 0.0], [-1.0, 1.0], [-0.5, 0.0], [-1.0, -1.0]])


@pytest.mark.parametrize(
    ("polygon", "x", "y", "within"),
    [
        (SQUARE, 0.0, 0.0, True),
        (SQUARE, 0.19, -0.09, True),
        (SQUARE, 0.21, 0.0, False),
        (SQUARE, 0.0, 0.11, False),
        (SQUARE[::-1].copy(), 0.0, 0.0, True),
        (BOOMERANG, 0.0, 0.0, True),
        (BOOMERANG, -0.6, 0.0, False),
        (BOOMERANG, -0.8, 0.8, True),
        (np.empty((0, 2)), 0.0, 0.0, False),
        (SQUARE, np.nan, 0.0, False),
    ],
)
def test_a_point_is_inside_or_not(polygon, x, y, within):
    assert inside(polygon, x, y) == within


def test_each_corner_moves_outwards():
    np.testing.assert_allclose(np.abs(grown(SQUARE, 0.05)), [[0.25, 0.15]] * 4)
