"""Discs that stand for a polygon."""

import numpy as np
import pytest

from autonomy_nodes.planning.footprint import circumscribed_radius, cover_with_discs

ROVER = np.array([[0.254, 0.215], [-0.254, 0.215], [-0.254, -0.215], [0.254, -0.215]])
WEDGE = np.array([[0.5, 0.0], [-0.3, 0.3], [-0.3, -0.3]])
ELL = np.array([[0.4, 0.2], [-0.4, 0.2], [-0.4, -0.4], [0.0, -0.4], [0.0, -0.1], [0.4, -0.1]])


def distance_to_boundary(polygon, points):
    start, end = polygon, np.roll(polygon, -1, axis=0)
    edge = end - start
    share = np.einsum("pek,ek->pe", points[:, None] - start, edge) / (edge**2).sum(axis=1)
    nearest = start + np.clip(share, 0, 1)[..., None] * edge
    return np.linalg.norm(points[:, None] - nearest, axis=2).min(axis=1)


@pytest.mark.parametrize("polygon", [ROVER, WEDGE, ELL], ids=["rover", "wedge", "ell"])
def test_discs_come_within_tolerance_of_every_edge_and_stay_inside(polygon):
    discs = cover_with_discs(polygon, tolerance=0.01)
    assert (distance_to_boundary(polygon, discs[:, :2]) >= discs[:, 2] - 1e-3).all()
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        for share in np.linspace(0, 1, 97):
            point = start + share * (end - start)
            gap = (np.linalg.norm(discs[:, :2] - point, axis=1) - discs[:, 2]).min()
            assert gap <= 0.0175


def test_the_rover_needs_few_discs():
    assert len(cover_with_discs(ROVER)) <= 24


def test_circumscribed_radius_reaches_the_farthest_corner():
    assert circumscribed_radius(ROVER) == pytest.approx(np.hypot(0.254, 0.215))
