"""The distance field against a reference transform."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from autonomy_nodes.planning.distance_field import distance_field, distance_kernel

CELL = 0.05
BOUND = 0.4


def field_of(cost, first_row, first_col, shape):
    out = np.empty(shape, dtype=np.float32)
    distance_field(cost, first_row, first_col, distance_kernel(BOUND, CELL), BOUND, out)
    return out


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.6), st.integers(-10, 10), st.integers(-10, 10))
def test_equals_the_exact_transform_up_to_the_bound(seed, share, first_row, first_col):
    generator = np.random.default_rng(seed)
    cost = np.where(generator.random((40, 50)) < share, 100, 0).astype(np.int8)
    field = field_of(cost, first_row, first_col, (30, 35))
    padded = np.zeros((80, 90), dtype=bool)
    padded[20:60, 20:70] = cost == 100
    exact = np.full(padded.shape, BOUND)
    if padded.any():
        exact = np.minimum(ndimage.distance_transform_edt(~padded, sampling=CELL), BOUND)
    rows, cols = 20 + first_row, 20 + first_col
    expected = exact[rows : rows + 30, cols : cols + 35]
    np.testing.assert_allclose(field, expected, atol=1e-5)


def test_unknown_and_inflated_cells_are_no_obstacles():
    cost = np.full((20, 20), -1, dtype=np.int8)
    cost[5:10] = 99
    assert (field_of(cost, 0, 0, (20, 20)) == np.float32(BOUND)).all()
