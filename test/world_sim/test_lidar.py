from __future__ import annotations

import math

import numpy as np
import pytest
import sdf_text
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from world_sim.lidar import beam_directions, cast, report
from world_sim.rays import RayCaster
from world_sim.sdf.pose import Pose3, Vector3, from_euler
from world_sim.sdf.types import Box, Capsule, Cylinder, Ellipsoid, Mesh, Plane, Sphere
from world_sim.slices import cut_shape, slice_models
from world_sim.world import load_world

COUNT, RANGE_MAX = 180, 30.0
FULL_TURN = (-math.pi, 2 * math.pi / COUNT, COUNT, RANGE_MAX)

coordinates = st.floats(-8, 8)
circles = st.lists(st.tuples(coordinates, coordinates, st.floats(0.05, 2)), max_size=5)
segments = st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=5)


def circle_range(x, y, angle, circle) -> float:
    """Solve |p + t u - c|² = r² for the smallest t >= 0."""
    cx, cy, radius = circle
    b = (x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)
    c = (x - cx) ** 2 + (y - cy) ** 2 - radius**2
    if b * b - c < 0:
        return math.inf
    roots = [-b - math.sqrt(b * b - c), -b + math.sqrt(b * b - c)]
    return min((root for root in roots if root >= 0), default=math.inf)


def segment_range(x, y, angle, segment) -> float:
    """Solve p + t u = a + s (b - a) for t >= 0 and 0 <= s <= 1."""
    ax, ay, bx, by = segment
    matrix = np.array([[math.cos(angle), ax - bx], [math.sin(angle), ay - by]])
    if abs(np.linalg.det(matrix)) < 1e-12:
        return math.inf
    t, s = np.linalg.solve(matrix, [ax - x, ay - y])
    return float(t) if t >= 0 and 0 <= s <= 1 else math.inf


def as_arrays(round_ones, straight_ones):
    return (
        np.array(round_ones, dtype=float).reshape(-1, 3),
        np.array(straight_ones, dtype=float).reshape(-1, 4),
    )


def grazes(x, y, angle, round_ones, straight_ones) -> bool:
    """Whether the beam passes so near an edge that rounding decides whether it hits."""
    ux, uy = math.cos(angle), math.sin(angle)
    offsets = [abs((cx - x) * uy - (cy - y) * ux) - r for cx, cy, r in round_ones]
    ends = [(a, b) for s in straight_ones for a, b in (s[:2], s[2:])]
    offsets += [(a - x) * uy - (b - y) * ux for a, b in ends]
    return any(abs(offset) < 1e-6 for offset in offsets)


def stands_on(x, y, round_ones, straight_ones) -> bool:
    """Whether the sensor is on the very edge of something, where rounding decides what it sees."""
    if any(abs(math.hypot(cx - x, cy - y) - r) < 1e-6 for cx, cy, r in round_ones):
        return True
    for ax, ay, bx, by in straight_ones:
        length_squared = (bx - ax) ** 2 + (by - ay) ** 2 or 1.0
        place = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length_squared
        place = min(1.0, max(0.0, place))
        if math.hypot(ax + place * (bx - ax) - x, ay + place * (by - ay) - y) < 1e-6:
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(circles, segments, coordinates, coordinates, st.floats(-3, 3))
def test_every_beam_is_the_analytic_distance(round_ones, straight_ones, x, y, yaw):
    assume(not stands_on(x, y, round_ones, straight_ones))
    ranges = cast(*as_arrays(round_ones, straight_ones), x, y, yaw, *FULL_TURN)
    angle_min, increment, _, range_max = FULL_TURN
    for beam in range(COUNT):
        angle = yaw + angle_min + beam * increment
        if grazes(x, y, angle, round_ones, straight_ones):
            continue
        distances = [circle_range(x, y, angle, circle) for circle in round_ones]
        distances += [segment_range(x, y, angle, segment) for segment in straight_ones]
        nearest = min(distances, default=math.inf)
        expected = nearest if nearest <= range_max else math.inf
        assert ranges[beam] == pytest.approx(expected, abs=1e-6)


def test_a_fan_that_crosses_the_turn_sees_on_both_sides_of_it():
    ranges = cast(*as_arrays([(-5, 0, 1)], []), 0, 0, 0, math.pi - 0.3, 0.01, 61, RANGE_MAX)
    assert ranges[30] == pytest.approx(4.0, abs=1e-3)
    assert np.isfinite(ranges[[12, 48]]).all()


def test_a_sensor_inside_a_circle_sees_its_wall_all_around():
    ranges = cast(*as_arrays([(0.5, 0, 2)], []), 0, 0, 0, *FULL_TURN)
    assert ranges[COUNT // 2] == pytest.approx(2.5)
    assert ranges.max() <= 2.5 + 1e-9
    assert ranges.min() == pytest.approx(1.5)


def test_what_is_too_near_or_too_far_is_marked_as_rep_117_says():
    exact = np.array([0.05, 0.2, 29.9999, np.inf])
    ranges = report(exact, np.array([0.0, 1.0, 1.0, 0.0], dtype=np.float32), 0.001, 0.1, 30.0)
    assert ranges.dtype == np.float32
    assert ranges[0] == -np.inf
    assert ranges[1] == pytest.approx(0.201)
    assert ranges[2] == np.inf
    assert ranges[3] == np.inf


def random_world(rng: np.random.Generator) -> str:
    """Upright and tilted shapes of every kind around the origin."""
    kinds = [
        lambda: sdf_text.box(*rng.uniform(0.2, 1.5, 3)),
        lambda: sdf_text.cylinder(rng.uniform(0.1, 0.8), rng.uniform(0.5, 2)),
        lambda: sdf_text.sphere(rng.uniform(0.2, 0.8)),
        lambda: (
            f"<capsule><radius>{rng.uniform(0.1, 0.4)}</radius><length>{rng.uniform(0.3, 1)}"
            "</length></capsule>"
        ),
        lambda: "<ellipsoid><radii>{} {} {}</radii></ellipsoid>".format(*rng.uniform(0.2, 0.8, 3)),
    ]
    shapes = []
    for index in range(25):
        tilt = rng.uniform(-0.6, 0.6, 2) if rng.random() < 0.5 else (0.0, 0.0)
        x, y = rng.uniform(-8, 8, 2)
        pose = f"{x} {y} {rng.uniform(0, 0.6)} {tilt[0]} {tilt[1]} {rng.uniform(-3, 3)}"
        shapes.append(sdf_text.shape(f"s{index}", kinds[index % len(kinds)](), pose))
    return sdf_text.world(*shapes)


@pytest.mark.parametrize("seed", range(4))
def test_scans_of_any_shapes_agree_with_mujoco_rays(tmp_path, seed):
    rng = np.random.default_rng(seed)
    world = load_world(sdf_text.write(tmp_path, random_world(rng)))
    height = 0.3
    cut = slice_models(world.models, height)
    caster = RayCaster(world.models)
    fan = (-math.pi, 2 * math.pi / 720, 720, RANGE_MAX)
    compared = 0
    for x, y, yaw in rng.uniform((-9, -9, -3), (9, 9, 3), (60, 3)):
        ours = cast(cut.circles, cut.segments, x, y, yaw, *fan)
        theirs = caster.cast(x, y, height, yaw, *fan)
        both = np.isfinite(ours) & np.isfinite(theirs)
        compared += int(both.sum())
        # A beam along an edge may hit or miss: allow one in a thousand, and no more.
        off = np.abs(np.subtract(ours, theirs, where=both, out=np.zeros_like(ours))) > 1e-3
        missed = np.isfinite(ours) != np.isfinite(theirs)
        assert (off | missed).mean() <= 0.005
    assert compared > 5000


def cut(geometry, pose, height):
    round_ones, straight_ones = [], []
    cut_shape(geometry, pose, height, round_ones, straight_ones)
    return round_ones, np.concatenate(straight_ones) if straight_ones else np.empty((0, 4))


def test_upright_round_shapes_are_cut_to_exact_circles():
    pose = Pose3(Vector3(1, 2, 0.5))
    assert cut(Cylinder(0.3, 1.0), pose, 0.9)[0] == [(1, 2, 0.3)]
    assert cut(Cylinder(0.3, 1.0), pose, 1.1)[0] == []
    assert cut(Sphere(0.5), pose, 0.8)[0] == [(1, 2, pytest.approx(0.4))]
    assert cut(Capsule(0.5, 1.0), pose, 1.3)[0] == [(1, 2, pytest.approx(0.4))]


def test_a_tilted_cylinder_is_cut_to_an_ellipse():
    tilt = math.radians(60)
    pose = Pose3(Vector3(0, 0, 0), from_euler(0, tilt, 0))
    _, segments = cut(Cylinder(0.2, 4.0), pose, 0.0)
    radii = np.hypot(segments[:, 0] * math.cos(tilt), segments[:, 1])
    np.testing.assert_allclose(radii, 0.2, atol=2e-4)


def test_an_ellipsoid_is_cut_within_a_tenth_of_a_millimetre():
    _, segments = cut(Ellipsoid(Vector3(1.0, 0.5, 0.4)), Pose3(Vector3(0, 0, 0)), 0.2)
    scale = math.sqrt(1 - (0.2 / 0.4) ** 2)
    middle = (segments[:, :2] + segments[:, 2:]) / 2
    radius = np.hypot(middle[:, 0] / (1.0 * scale), middle[:, 1] / (0.5 * scale))
    assert (np.abs(radius - 1.0) * scale).max() < 1e-3


def test_a_wall_plane_is_seen_and_a_floor_plane_is_not():
    floor = Plane(Vector3(0, 0, 1), (10.0, 10.0))
    assert len(cut(floor, Pose3(), 0.3)[1]) == 0
    wall = Plane(Vector3(1, 0, 0), (10.0, 10.0))
    (ax, ay, bx, by) = cut(wall, Pose3(Vector3(3, 0, 0)), 0.3)[1][0]
    assert (ax, bx) == (3, 3)
    assert abs(ay - by) == 10


def test_a_mesh_is_cut_like_the_box_it_draws(tmp_path):
    corners = "".join(f"v {x} {y} {z}\n" for x in (0, 2) for y in (0, 1) for z in (0, 3))
    quads = [(1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4)]
    faces = "".join(f"f {a} {b} {c}\nf {a} {c} {d}\n" for a, b, c, d in quads)
    path = tmp_path / "block.obj"
    path.write_text(corners + faces)
    mesh = cut(Mesh(str(path)), Pose3(Vector3(-1, -0.5, -1)), 0.3)[1]
    block = cut(Box(Vector3(2, 1, 3)), Pose3(Vector3(0, 0, 0.5)), 0.3)[1]
    scans = [cast(*as_arrays([], cut_), -4, 0.2, 0.1, *FULL_TURN) for cut_ in (mesh, block)]
    np.testing.assert_allclose(scans[0], scans[1], atol=1e-6)


@given(st.floats(-10, 10), st.floats(-4, 0), st.floats(1e-4, 0.05))
def test_beams_point_where_their_angles_say(yaw, angle_min, increment):
    directions = beam_directions(yaw, angle_min, increment, 720)
    angles = yaw + angle_min + increment * np.arange(720)
    np.testing.assert_allclose(directions[:, 0], np.cos(angles), atol=1e-13)
    np.testing.assert_allclose(directions[:, 1], np.sin(angles), atol=1e-13)
