"""A monitor that stops where it need not is switched off by its users."""

from __future__ import annotations

import numpy as np
import pytest

FOOTPRINT_WIDTH = 0.43


def walls(half_width: float, length: float = 6.0, step: float = 0.01) -> np.ndarray:
    """Two rows of thin posts whose near sides are `half_width` from the x axis."""
    x = np.arange(-1.0, length, step)
    side = np.full_like(x, half_width + 0.01)
    thin = np.full_like(x, 0.01)
    return np.vstack([np.column_stack([x, side, thin]), np.column_stack([x, -side, thin])])


def run(rig, ticks: int, vx: float, wz: float = 0.0) -> list[float]:
    """Scales of a steady command."""
    rig.settle()
    return [rig.tick(vx, wz).scale for _ in range(ticks)]


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.5, 2.0])
def test_a_corridor_ten_centimetres_wider_than_the_robot_slows_nothing(make_rig, speed) -> None:
    rig = make_rig(circles=walls(0.5 * (FOOTPRINT_WIDTH + 0.10)))
    assert min(run(rig, int(4.0 / speed / 0.02), speed)) == 1.0
    assert rig.x > 3.5


def test_a_corridor_five_centimetres_wider_is_passed_slowly(make_rig) -> None:
    rig = make_rig(circles=walls(0.5 * (FOOTPRINT_WIDTH + 0.05)))
    scales = run(rig, 250, 1.0)
    assert min(scales) > 0.2
    assert rig.x > 2.0


@pytest.mark.parametrize("gap", [0.10, 0.15, 0.20])
def test_a_gap_between_two_posts_is_passed_at_speed(make_rig, gap: float) -> None:
    y = 0.5 * (FOOTPRINT_WIDTH + gap) + 0.075
    rig = make_rig(circles=np.array([(2.0, y, 0.075), (2.0, -y, 0.075)]))
    assert min(run(rig, 150, 1.5)) == 1.0
    assert rig.x > 3.5


def test_turning_on_the_spot_beside_a_wall_is_free(make_rig) -> None:
    wall = np.array([(x, 0.40, 0.01) for x in np.arange(-2.0, 2.0, 0.02)])
    assert min(run(make_rig(circles=wall), 100, 0.0, 4.0)) == 1.0


def test_an_arc_round_a_post_is_not_braked_by_what_is_straight_ahead(make_rig) -> None:
    rig = make_rig(circles=np.array([(1.1, 0.0, 0.075)]))
    rig.settle()
    scales = [rig.tick(1.0, 1.6).scale for _ in range(50)]
    assert min(scales) == 1.0


def test_following_a_wall_at_five_centimetres_is_free(make_rig) -> None:
    wall = np.array([(x, 0.215 + 0.05 + 0.01, 0.01) for x in np.arange(-1.0, 6.0, 0.02)])
    rig = make_rig(circles=wall)
    assert min(run(rig, 120, 2.0)) == 1.0


def test_the_open_field_slows_nothing(make_rig) -> None:
    rig = make_rig()
    assert min(run(rig, 100, 2.0, 1.0)) == 1.0


def test_backing_out_of_where_one_came_from_is_free(make_rig) -> None:
    rig = make_rig(circles=walls(0.5 * (FOOTPRINT_WIDTH + 0.14), length=3.0))
    run(rig, 100, 1.0)
    start = rig.x
    scales = [rig.tick(-0.5, 0.0).scale for _ in range(100)]
    assert min(scales) == 1.0
    assert rig.x < start - 0.8


@pytest.mark.parametrize("distance", [0.002, 0.004, 0.008, 0.012])
def test_a_robot_inside_the_margin_can_always_leave(make_rig, distance: float) -> None:
    wall = np.array([(0.254 + distance + 0.01, y, 0.01) for y in np.arange(-1.0, 1.0, 0.01)])
    rig = make_rig(circles=wall)
    rig.settle()
    for _ in range(50):
        rig.tick(0.5, 0.0)
    assert rig.clearance > min(distance, 0.005) - 0.002
    for _ in range(100):
        rig.tick(-0.5, 0.0)
    assert rig.x < -0.08


def test_a_robot_along_a_wall_inside_the_margin_can_drive_on(make_rig) -> None:
    wall = np.array([(x, 0.215 + 0.010 + 0.01, 0.01) for x in np.arange(-2.0, 3.0, 0.01)])
    rig = make_rig(circles=wall)
    rig.settle()
    for _ in range(500):
        rig.tick(0.5, 0.0)
    assert rig.clearance > 0.0
    assert rig.x > 0.5
