from __future__ import annotations

import math

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import body_of
from safety_monitor.memory import SeenSpace
from safety_monitor.monitor import SafetyMonitor
from safety_monitor.scanner import Scanner
from safety_monitor.surroundings import Surroundings
from safety_monitor.whereabouts import Whereabouts

MS = 1_000_000
BEAMS = 720
ANGLE_MIN, ANGLE_STEP = -2.35619, 4.71238 / (BEAMS - 1)
ANGLES = ANGLE_MIN + ANGLE_STEP * np.arange(BEAMS)


class Seen:
    """A memory and its scanner, both in the first pose's frame."""

    def __init__(self, vouched: bool = False, **changes: float) -> None:
        config = MonitorConfig(**changes)
        self.scanner = Scanner(config, "scan", config.lidar_pose)
        self.space = SeenSpace(config, body_of(config))
        self.space.start((0.0, 0.0, 0.0), vouched)
        self.now = 0

    def look(self, pose=(0.0, 0.0, 0.0), ranges: np.ndarray | None = None, times: int = 8) -> None:
        values = np.full(BEAMS, 5.0, np.float32) if ranges is None else ranges.astype(np.float32)
        for _ in range(times):
            self.now += 20 * MS
            layout = ANGLE_MIN, ANGLE_STEP, 0.1, 30.0
            self.scanner.take(values, layout, self.now, self.now)
            self.space.age(self.now)
            self.space.remember("scan", self.scanner.scan, pose)

    def unknown(self, pose=(0.0, 0.0, 0.0), reach: float = 0.6) -> np.ndarray:
        return self.space.unknown(pose, reach, [self.scanner.scan])

    def nearest(self, x: float, y: float, pose=(0.0, 0.0, 0.0)) -> float:
        """Distance from a point, in the frame of `pose`, to the nearest unknown one."""
        points = self.unknown(pose)
        return float(np.hypot(points[:, 0] - x, points[:, 1] - y).min(initial=math.inf))


def test_behind_a_robot_that_has_seen_nothing_all_is_unknown() -> None:
    seen = Seen()
    seen.look()
    assert seen.nearest(-0.40, 0.0) < 0.03
    bearings = np.arctan2(seen.unknown()[:, 1], seen.unknown()[:, 0] - 0.055)
    assert (np.abs(bearings) > 2.35).all()


def test_a_person_vouches_for_the_circle_that_the_robot_turns_in() -> None:
    seen = Seen(vouched=True)
    seen.look()
    assert seen.nearest(0.0, 0.0) > 0.41


def test_what_was_seen_is_remembered_when_it_is_behind() -> None:
    seen = Seen()
    for k in range(60):
        seen.look((0.02 * k, 0.0, 0.0), times=1)
    pose = (1.18, 0.0, 0.0)
    assert seen.nearest(-0.45, 0.0, pose) > 0.15
    assert seen.nearest(-0.45, 0.3, pose) > 0.15


def test_an_obstacle_is_remembered_when_it_is_behind() -> None:
    """A post at (0.5, 0.4): the beams towards it end there, and later it is behind the robot."""
    seen = Seen()
    for k in range(70):
        x = 0.02 * k
        dx, dy = 0.5 - x - 0.055, 0.4
        distance = math.hypot(dx, dy)
        ranges = np.full(BEAMS, 5.0)
        ranges[np.abs(ANGLES - math.atan2(dy, dx)) < 0.05 / distance] = distance - 0.05
        seen.look((x, 0.0, 0.0), ranges, times=1)
    pose = (1.38 - 0.5, 0.0, 0.0)
    assert seen.nearest(0.5 - pose[0], 0.35, pose) < 0.03
    assert seen.nearest(0.5 - pose[0], 0.15, pose) > 0.15


def test_beams_that_say_nothing_leave_their_direction_unknown() -> None:
    seen = Seen()
    ranges = np.full(BEAMS, 5.0)
    ranges[300:340] = math.nan
    seen.look(ranges=ranges)
    bearing = ANGLES[320]
    x, y = 0.055 + 0.5 * math.cos(bearing), 0.5 * math.sin(bearing)
    assert seen.nearest(x, y) < 0.03
    seen.look()
    assert seen.nearest(x, y) > 0.2


def test_a_return_takes_back_what_was_free() -> None:
    seen = Seen()
    seen.look()
    ranges = np.full(BEAMS, 5.0)
    ranges[:60] = 0.4
    seen.look(ranges=ranges, times=1)
    x, y = 0.055 + 0.4 * math.cos(ANGLES[30]), 0.4 * math.sin(ANGLES[30])
    turned = 1.0
    c, s = math.cos(turned), math.sin(turned)
    assert seen.nearest(c * x + s * y, c * y - s * x, (0.0, 0.0, turned)) < 0.03


def test_memory_fades() -> None:
    seen = Seen(memory_time=2.0)
    seen.look()
    turned = (0.0, 0.0, math.pi)
    blocked = np.full(BEAMS, 0.11)
    ahead = len(seen.unknown(turned))
    seen.look(turned, blocked, times=150)
    assert len(seen.unknown(turned)) > ahead + 50


def test_beyond_what_is_looked_at_a_ring_is_unknown_where_no_beam_goes() -> None:
    seen = Seen()
    seen.look()
    points = seen.unknown(reach=1.5)
    distances = np.hypot(points[:, 0], points[:, 1])
    assert distances.max() == pytest.approx(0.62, abs=0.01)
    assert (np.abs(np.arctan2(points[:, 1], points[:, 0] - 0.055)) > 2.35).all()


def test_the_window_goes_with_the_robot_and_forgets_what_it_leaves() -> None:
    seen = Seen()
    seen.look()
    seen.look((10.0, 0.0, 0.0))
    seen.look((0.0, 0.0, math.pi), np.full(BEAMS, math.nan), times=1)
    assert seen.nearest(-0.5, 0.0, (0.0, 0.0, math.pi)) < 0.05


def grown(seen: Seen, offset: float, turn: float = 0.0, base=(0.0, 0.0, 0.0)) -> None:
    seen.space.doubt(base, offset, 0.0, turn)


def beside_a_post() -> Seen:
    """A post was seen 0.5 m ahead; the robot has then turned its back on it."""
    seen = Seen()
    ranges = np.full(BEAMS, 5.0)
    ranges[np.abs(ANGLES) < 0.2] = 0.445
    seen.look(ranges=ranges)
    return seen


def nearest_behind(seen: Seen) -> float:
    points = seen.unknown((0.0, 0.0, math.pi))
    ahead = np.abs(points[:, 1]) < 0.05
    return float(-points[ahead & (points[:, 0] < -0.3), 0].max())


@pytest.mark.parametrize("offset", [0.03, 0.06])
def test_doubt_brings_what_is_unknown_nearer(offset: float) -> None:
    seen = beside_a_post()
    before = nearest_behind(seen)
    grown(seen, offset)
    assert before - nearest_behind(seen) == pytest.approx(offset, abs=0.011)


@pytest.mark.parametrize(("yaw", "nearer"), [(0.0, 0.05), (math.pi / 2, 0.0), (-math.pi, 0.05)])
def test_doubt_of_how_far_it_drove_brings_nearer_what_is_ahead_or_behind(yaw, nearer) -> None:
    seen = beside_a_post()
    before = nearest_behind(seen)
    seen.space.doubt((0.0, 0.0, yaw), 0.0, 0.05, 0.0)
    assert before - nearest_behind(seen) == pytest.approx(nearer, abs=0.011)


def test_small_doubts_add_up() -> None:
    seen = beside_a_post()
    before = nearest_behind(seen)
    for _ in range(100):
        grown(seen, 0.0006)
    assert before - nearest_behind(seen) == pytest.approx(0.06, abs=0.011)


def test_doubt_of_everything_leaves_only_the_ground_that_the_robot_stands_on() -> None:
    seen = Seen()
    seen.look()
    grown(seen, 1000.0)
    turned = (0.0, 0.0, math.pi)
    assert seen.nearest(0.0, 0.0, turned) > 0.2
    assert seen.nearest(-0.3, 0.0, turned) < 0.02


def test_doubt_does_not_come_from_the_edge_of_what_is_looked_at() -> None:
    """All around is free as far as the window goes: half a metre of doubt reaches nothing."""
    seen = Seen()
    for yaw in (0.0, 2.0, 4.0):
        seen.look((0.0, 0.0, yaw))
    for x in np.arange(0.0, 3.0, 0.1):
        seen.look((x, 0.0, 0.0))
    here = (2.9, 0.0, 0.0)
    grown(seen, 0.3, 0.1, here)
    assert seen.nearest(-0.3, 0.0, here) > 0.25


class AtOnce(list):
    """Scans that are remembered as they are believed, before the verdict of their cycle."""

    def __init__(self, space: SeenSpace) -> None:
        self.space = space

    def append(self, entry) -> None:
        self.space.remember(*entry)


@pytest.mark.parametrize("seed", range(6))
def test_remembering_a_scan_after_its_verdict_lets_nothing_more_through(make_rig, seed):
    """Back and round between posts, by what was seen before and is soon forgotten."""
    rng = np.random.default_rng(seed)
    bearings, off = rng.uniform(0.0, math.tau, 6), rng.uniform(0.7, 1.6, 6)
    posts = np.column_stack([off * np.cos(bearings), off * np.sin(bearings), np.full(6, 0.08)])
    rig = make_rig(MonitorConfig(memory_time=1.0), posts, seed=seed)
    other = SafetyMonitor(rig.config)
    other._around._believed = AtOnce(other._around._seen)
    verdicts = []
    for number in range(300):
        if number % 40 == 20:
            wish = rng.uniform(-0.8, 0.8), rng.uniform(-3.0, 3.0)
        now, scan = rig.now, rig.scan()
        layout = ANGLE_MIN, ANGLE_STEP, 0.1, 30.0
        for monitor in (rig.monitor, other):
            monitor.on_odometry(now, rig.v, rig.w, now)
            monitor.on_imu(now, rig.w, now)
            monitor.on_scan("scan", now, scan, layout, now)
            monitor.on_command(now, *(wish if number >= 60 else (0.0, 0.0)), now)
        after, before = rig.monitor.step(now, now), other.step(now, now)
        rig.monitor.remember()
        verdicts.append((after.scale, before.scale))
        rig.coming.append((now, (before.vx, before.wz)))
        rig.move(20 * MS)
    scales = np.array(verdicts)
    assert (scales[:, 0] <= scales[:, 1]).all()
    assert (scales[60:] < 1.0).any() and (scales[60:] > 0.0).any()


def test_doubt_of_a_second_scanner_is_of_what_the_first_has_just_seen_too() -> None:
    """What was believed is entered before the doubt: what that takes back stays taken back."""
    config = MonitorConfig(scan_sources=("front", "rear"), lidar_pose=(0.0, 0.0, 0.0) * 2)
    where = Whereabouts(config)
    around = Surroundings(config, body_of(config), where)
    ranges = np.full(BEAMS, 5.0, np.float32)
    for now in (20 * MS, 40 * MS):
        where.begin(now, now, False)
        where.take_odometry(0.0, 0.0, now, now)
        for source in config.scan_sources:
            around.take(source, ranges, (ANGLE_MIN, ANGLE_STEP, 0.1, 30.0), now, now)
        if now == 40 * MS:
            around._scanners["rear"].compare = lambda *_: 0.2
        assert around.look(now)
    around.remember()
    seen = around._seen
    doubted = {name: entry[2] for name, entry in seen._newest.items()}
    assert doubted == {"front": 0.0, "rear": 0.2} and seen._doubted == 0.2
