"""What moves is found and foreseen; what stands never is, however the robot drives past it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.messages import (
    MILLISECOND,
    LaserScan,
    Odometry,
    Pose2D,
    nanoseconds,
    seconds,
)
from autonomy_nodes.tracking.moving_bodies import (
    AGE_SLACK_S,
    AGES_S,
    LOST_S,
    MOST,
    MovingBodies,
    moved,
)
from autonomy_nodes.tracking.track import LEAST_SIGHTINGS
from policy_training.ray_casting import cast

BEAMS = 720
FIELD_OF_VIEW = 1.5 * math.pi
INCREMENT = FIELD_OF_VIEW / (BEAMS - 1)
PERIOD_NS = 50 * MILLISECOND
HERE = Pose2D(0.0, 0.0)

Circles = Callable[[float], list[tuple[float, float, float]]]
"""x, y, radius of all that there is, by seconds."""


def scan_of(circles, sensor: Pose2D, stamp_ns: int, noise=None) -> LaserScan:
    ranges = np.empty(BEAMS, np.float32)
    around = np.array(circles, float).reshape(-1, 3)
    first = -FIELD_OF_VIEW / 2
    cast(around, sensor.x, sensor.y, sensor.yaw, first, INCREMENT, 30.0, ranges)
    if noise is not None:
        ranges += noise.normal(0.0, 0.02, BEAMS).astype(np.float32)
    return LaserScan(stamp_ns, ranges, first, INCREMENT, 0.1, 30.0)


def watch(
    bodies,
    circles: Circles,
    duration_s,
    sensor=lambda t: HERE,
    noise=None,
    odometry=None,
    start_s=0.0,
):
    """Show a world for a while; yields each instant, seconds, and the bodies then.

    The sensor is at `sensor`, and is believed to be at `odometry`, if that is given.
    """
    first, last = nanoseconds(start_s), nanoseconds(start_s + duration_s)
    for stamp_ns in range(first, last, PERIOD_NS):
        now_s = seconds(stamp_ns)
        believed = (odometry or sensor)(now_s)
        bodies.update(
            scan_of(circles(now_s), sensor(now_s), stamp_ns, noise), placed(believed, stamp_ns)
        )
        yield now_s, bodies.at(stamp_ns)


def placed(pose: Pose2D, stamp_ns: int) -> Odometry:
    return Odometry(stamp_ns, pose.x, pose.y, pose.yaw)


def wall(x: float, half: float) -> list[tuple[float, float, float]]:
    return [(x, y, 0.05) for y in np.arange(-half, half, 0.08)]


def crossing(speed: float, x: float = 3.0) -> Circles:
    """Somebody who crosses the view in front of a wall, from the right to the left."""
    return lambda t: [*wall(6.0, 5.0), (x, -1.5 + speed * t, 0.22)]


@pytest.mark.parametrize("speed", [0.6, 0.9, 1.2, 2.0])
def test_somebody_who_crosses_is_seen_where_he_is_and_as_fast_as_he_is(speed):
    noise = np.random.default_rng(1)
    seen = list(watch(MovingBodies(), crossing(speed), 1.5, noise=noise))
    now_s, bodies = seen[-1]
    assert len(bodies) == 1
    x, y, vx, vy, radius = bodies[0]
    assert math.hypot(x - 3.0, y - (-1.5 + speed * now_s)) < 0.2
    assert math.hypot(vx, vy - speed) < 0.1 + 0.1 * speed
    assert 0.2 <= radius < 0.3


@pytest.mark.parametrize("angle_min", [0.0, -math.pi, 1.0])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_lidar_that_looks_all_around_has_no_seam(angle_min, turn):
    increment = turn * 2.0 * math.pi / BEAMS
    bodies = MovingBodies()
    for stamp_ns in range(0, nanoseconds(1.8), PERIOD_NS):
        now_s = seconds(stamp_ns)
        walker = (2.5 * math.cos(angle_min), 2.5 * math.sin(angle_min))
        along = (now_s - 1.3) * 0.8
        x = walker[0] - math.sin(angle_min) * along
        y = walker[1] + math.cos(angle_min) * along
        ranges = np.empty(BEAMS, np.float32)
        circles = np.array([(x, y, 0.22)])
        cast(circles, 0.0, 0.0, 0.0, 0.0, abs(increment), 30.0, ranges)
        # What lies in the direction of each beam, for a lidar that begins elsewhere.
        directions = (angle_min + increment * np.arange(BEAMS)) % (2.0 * math.pi)
        ranges = ranges[np.round(directions / abs(increment)).astype(int) % BEAMS]
        bodies.update(
            LaserScan(stamp_ns, ranges, angle_min, increment, 0.1, 30.0), placed(HERE, stamp_ns)
        )
        found = bodies.at(stamp_ns)
        if now_s > 1.0:
            assert len(found) == 1
            assert math.dist(found[0, :2], (x, y)) < 0.2


def test_somebody_is_seen_within_half_a_second():
    first = next(t for t, found in watch(MovingBodies(), crossing(1.0), 2.0) if len(found))
    assert first <= AGES_S[0] + 0.05 * LEAST_SIGHTINGS + 0.05


def test_from_a_robot_that_drives_and_turns_somebody_is_seen_in_the_frame_that_stands():
    def sensor(t):
        return Pose2D(0.8 * t, 0.2 * t, 0.3 * t)

    now_s, bodies = list(watch(MovingBodies(), crossing(1.0, 4.0), 2.0, sensor))[-1]
    nearest = min(bodies, key=lambda body: abs(body[3] - 1.0))
    assert math.hypot(nearest[0] - 4.0, nearest[1] - (-1.5 + now_s)) < 0.2
    assert math.hypot(nearest[2], nearest[3] - 1.0) < 0.2


@pytest.mark.parametrize("drift", [0.0, 0.03])
@pytest.mark.parametrize("seed", range(4))
def test_among_posts_that_stand_nothing_moves_however_the_robot_drives(seed, drift):
    """`drift`: of the odometry, as a share of the way and in rad/s."""
    generator = np.random.default_rng(seed)
    posts = [
        (x, y, radius)
        for x, y, radius in zip(
            generator.uniform(-1.0, 9.0, 60),
            generator.uniform(-3.0, 3.0, 60),
            generator.uniform(0.05, 0.3, 60),
            strict=True,
        )
        if abs(y) > radius + 0.4
    ]
    rate = generator.uniform(0.5, 2.0)

    def sensor(t):
        return Pose2D(1.5 * t, 0.1 * math.sin(t), 0.6 * math.sin(rate * t))

    def odometry(t):
        true = sensor(t)
        return Pose2D(true.x * (1.0 + drift), true.y, true.yaw + drift * t)

    for _, bodies in watch(MovingBodies(), lambda t: posts, 4.0, sensor, generator, odometry):
        assert len(bodies) == 0


def test_returns_that_come_and_go_in_one_place_are_no_body():
    def flickers(t):
        return [*wall(6.0, 5.0), *([(3.0, 0.0, 0.2)] if int(5 * t) % 2 else [])]

    for _, bodies in watch(MovingBodies(), flickers, 4.0):
        assert len(bodies) == 0


def test_two_who_pass_each_other_are_two():
    def both(t):
        return [*wall(6.0, 5.0), (3.0, -1.5 + t, 0.22), (4.2, 1.5 - t, 0.22)]

    _, bodies = list(watch(MovingBodies(), both, 1.0))[-1]
    assert sorted(np.round(bodies[:, 3])) == [-1.0, 1.0]


def test_who_stands_still_is_no_longer_foreseen_to_walk():
    def stops(t):
        return [*wall(6.0, 5.0), (3.0, -1.5 + min(t, 1.0), 0.22)]

    seen = dict(watch(MovingBodies(), stops, 1.2 + AGES_S[-1] + AGE_SLACK_S + LOST_S))
    times = sorted(seen)
    assert any(len(seen[t]) for t in times if t < 1.0)
    assert len(seen[times[-1]]) == 0


def test_who_is_hidden_is_foreseen_for_a_moment_and_then_forgotten():
    bodies = MovingBodies()
    list(watch(bodies, crossing(1.0), 1.0))
    seen = dict(watch(bodies, lambda t: wall(6.0, 5.0), 1.0, start_s=1.0))
    times = sorted(seen)
    assert len(seen[times[1]]) == 1
    assert seen[times[1]][0, 1] == pytest.approx(-1.5 + times[1], abs=0.2)
    assert len(seen[times[-1]]) == 0


def test_a_body_is_where_it_will_be_at_the_instant_asked_for():
    bodies = MovingBodies()
    now_s, now = list(watch(bodies, crossing(1.0), 1.0))[-1]
    later = bodies.at(nanoseconds(now_s + 0.1))
    assert later[0, 1] - now[0, 1] == pytest.approx(0.1 * now[0, 3])
    np.testing.assert_allclose(moved(now, 0.1), later)


def test_a_scan_that_comes_twice_or_late_changes_nothing():
    once, twice = MovingBodies(), MovingBodies()
    for stamp_ns in range(0, nanoseconds(1.0), PERIOD_NS):
        scan = scan_of(crossing(1.0)(seconds(stamp_ns)), HERE, stamp_ns)
        once.update(scan, placed(HERE, stamp_ns))
        twice.update(scan, placed(HERE, stamp_ns))
        twice.update(scan, placed(HERE, stamp_ns))
        late_ns = stamp_ns - 10 * MILLISECOND
        if late_ns > 0:
            twice.update(scan_of([], HERE, late_ns), placed(HERE, late_ns))
    np.testing.assert_array_equal(once.at(nanoseconds(1.0)), twice.at(nanoseconds(1.0)))


def test_a_clock_that_goes_back_is_followed_after_a_reset():
    bodies = MovingBodies()
    assert len(list(watch(bodies, crossing(1.0), 1.0, start_s=5.0))[-1][1]) == 1
    bodies.reset()
    assert len(bodies.at(0)) == 0
    assert len(list(watch(bodies, crossing(1.0), 1.0))[-1][1]) == 1


def test_a_lidar_whose_beams_are_not_always_the_same_is_followed():
    bodies = MovingBodies()
    for stamp_ns in range(0, nanoseconds(1.0), PERIOD_NS):
        scan = scan_of(crossing(1.0)(seconds(stamp_ns)), HERE, stamp_ns)
        fewer = stamp_ns // PERIOD_NS % 2
        bodies.update(replace(scan, ranges=scan.ranges[: BEAMS - fewer]), placed(HERE, stamp_ns))
    assert len(bodies.at(nanoseconds(1.0))) == 1


def test_a_lidar_of_five_scans_a_second_is_enough_for_who_walks():
    bodies = MovingBodies()
    for stamp_ns in range(0, nanoseconds(2.0), 4 * PERIOD_NS):
        bodies.update(
            scan_of(crossing(1.0)(seconds(stamp_ns)), HERE, stamp_ns), placed(HERE, stamp_ns)
        )
    assert bodies.at(stamp_ns)[0, 3] == pytest.approx(1.0, abs=0.15)


def test_who_sets_out_or_steps_from_behind_a_corner_is_soon_known_to_be_as_fast_as_he_is():
    def sets_out(t):
        return [*wall(6.0, 5.0), (3.0, max(0.0, t - 1.0), 0.22)]

    def steps_out(t):
        return [*wall(6.0, 5.0), (1.5, -0.5, 0.3), (3.0, -1.5 + t, 0.22)]

    for circles, knows_s in ((sets_out, 1.4), (steps_out, 1.6)):
        seen = dict(watch(MovingBodies(), circles, 2.5, noise=np.random.default_rng(2)))
        known = [t for t in seen if t > knows_s]
        assert all(abs(seen[t][0, 3] - 1.0) < 0.35 for t in known)


def test_parts_of_the_robot_are_no_bodies():
    footprint = (0.25, 0.2, -0.25, 0.2, -0.25, -0.2, 0.25, -0.2)
    bodies = MovingBodies(footprint)
    strangers = MovingBodies()
    found = 0
    for stamp_ns in range(0, nanoseconds(3.0), PERIOD_NS):
        now_s = seconds(stamp_ns)
        base = Pose2D(0.5 * now_s, 0.0, 0.4 * math.sin(2.0 * now_s))
        cosine, sine = math.cos(base.yaw), math.sin(base.yaw)
        mast = (base.x + 0.22 * cosine - 0.17 * sine, base.y + 0.22 * sine + 0.17 * cosine, 0.03)
        scan = scan_of([*wall(6.0, 5.0), mast], base, stamp_ns)
        bodies.update(scan, placed(base, stamp_ns))
        strangers.update(scan, placed(base, stamp_ns))
        assert len(bodies.at(stamp_ns)) == 0
        found += len(strangers.at(stamp_ns))
    assert found > 0


def test_nobody_is_foreseen_for_long_without_a_scan():
    bodies = MovingBodies()
    list(watch(bodies, crossing(1.0), 1.0))
    assert len(bodies.at(nanoseconds(1.1))) == 1
    assert len(bodies.at(nanoseconds(1.0 + LOST_S))) == 0


def test_a_scan_that_odometry_cannot_place_is_left_out():
    bodies = MovingBodies(odometry_timeout=0.1)
    list(watch(bodies, crossing(1.0), 1.0))
    late = scan_of([], HERE, nanoseconds(1.2))
    bodies.update(late, placed(HERE, nanoseconds(1.0)))
    assert len(bodies.at(nanoseconds(1.05))) == 1


def test_of_a_crowd_the_nearest_are_followed():
    def crowd(t):
        places = [(1.5 + 0.7 * row, 0.9 * column) for row in range(7) for column in range(-3, 4)]
        return [(x, y + 0.8 * (t - 0.6), 0.1) for x, y in places]

    for _, bodies in watch(MovingBodies(), crowd, 1.2):
        assert len(bodies) <= MOST


values = st.floats(width=32) | st.sampled_from([0.0, math.inf, -math.inf, math.nan, 1.0, 2.0])


@given(
    scans=st.lists(st.lists(values, min_size=8, max_size=8), min_size=6, max_size=16),
    pose=st.tuples(*[st.floats(-100.0, 100.0)] * 3),
    increment=st.sampled_from([-0.2, 0.01, 0.05, 0.7]),
)
def test_of_any_ranges_come_finite_bodies(scans, pose, increment):
    bodies = MovingBodies()
    for k, ranges in enumerate(scans):
        scan = LaserScan(k * PERIOD_NS, np.array(ranges, np.float32), -1.0, increment, 0.1, 30.0)
        bodies.update(scan, placed(Pose2D(*pose), k * PERIOD_NS))
        found = bodies.at((k + 1) * PERIOD_NS)
        assert found.shape[1:] == (5,)
        assert np.isfinite(found).all()
