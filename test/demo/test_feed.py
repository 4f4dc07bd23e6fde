"""From messages of a running stack to a run log."""

from __future__ import annotations

import math

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.messages import (
    MILLISECOND,
    SECOND,
    LaserScan,
    Odometry,
    Pose2D,
    VelocityCommand,
)
from autonomy_interfaces.ros import command_to_ros, odometry_to_ros, scan_to_ros
from edge_autonomy.demo.clearance import clearance, scan_points
from edge_autonomy.demo.feed import SEEN_CELL_M, Feed, RobotShape
from edge_autonomy.demo.places import PlacesError, find_places, read_places

START = Pose2D(2.0, 3.0, math.pi / 2)
SQUARE = (0.5, 0.5, -0.5, 0.5, -0.5, -0.5, 0.5, -0.5)


def status(**values: object) -> DiagnosticStatus:
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(message=str(values.get("state", "")), values=pairs)


def scan(stamp_ns: int, ranges: list[float]) -> LaserScan:
    return LaserScan(stamp_ns, np.array(ranges, dtype=np.float32), 0.0, 0.1, 0.1, 30.0)


def test_without_ground_truth_odometry_tells_where_the_robot_is() -> None:
    feed = Feed(START, RobotShape())
    feed.handlers["/odom"](odometry_to_ros(Odometry(SECOND, 1.0, 0.0, 0.0, vx=0.7)))
    [motion] = feed.log.motions
    assert (motion.x, motion.y, motion.yaw) == pytest.approx((2.0, 4.0, math.pi / 2))
    assert (motion.stamp_ns, motion.vx) == (SECOND, 0.7)


def test_ground_truth_replaces_odometry() -> None:
    feed = Feed(START, RobotShape())
    feed.handlers["/odom"](odometry_to_ros(Odometry(SECOND, 1.0, 0.0, 0.0)))
    feed.handlers["/sim/contacts"](status(contact="", x=9.0, y=8.0, yaw=0.5, vx=1.0, wz=0.0))
    feed.handlers["/odom"](odometry_to_ros(Odometry(2 * SECOND, 1.5, 0.0, 0.0)))
    [motion] = feed.log.motions
    assert (motion.x, motion.y, motion.stamp_ns) == (9.0, 8.0, SECOND)


def test_contacts_are_kept_when_they_change() -> None:
    feed = Feed(START, RobotShape())
    for contact in ("", "", "rack", "rack", "", "tree"):
        feed.handlers["/sim/contacts"](status(contact=contact, x="?", y=0, yaw=0, vx=0, wz=0))
    assert [contact.model for contact in feed.log.contacts] == ["rack", "", "tree"]
    assert feed.log.motions == []


def test_messages_without_a_stamp_get_the_newest_that_was_seen() -> None:
    feed = Feed(START, RobotShape())
    feed.handlers["/cmd_vel"](command_to_ros(VelocityCommand(3 * SECOND, 0.5, 0.1)))
    feed.handlers["/decision/status"](status(driver="policy", reason=""))
    feed.handlers["/mission/status"](status(state="active", reason="ok", distance_m="nan"))
    safety = DiagnosticArray(status=[status(state="nominal", scale=0.5, intervention="slowed")])
    feed.handlers["/safety/state"](safety)
    log = feed.log
    stamps = {log.ticks[0].stamp_ns, log.missions[0].stamp_ns, log.safety[0].stamp_ns}
    assert stamps == {3 * SECOND}
    assert log.start_ns == 3 * SECOND
    assert (log.safety[0].state, log.safety[0].scale) == ("nominal", 0.5)
    assert math.isnan(log.missions[0].distance_m)


def test_statuses_without_values_do_no_harm() -> None:
    feed = Feed(START, RobotShape())
    feed.handlers["/safety/state"](DiagnosticArray())
    for topic in ("/decision/status", "/mission/status", "/sim/contacts"):
        feed.handlers[topic](DiagnosticStatus())
    assert feed.log.safety == []
    assert feed.log.ticks[0].driver == "none"
    assert feed.log.start_ns is None


def test_what_the_lidar_saw_is_placed_by_the_odometry_that_follows() -> None:
    feed = Feed(Pose2D(1.0, 0.0, math.pi / 2), RobotShape(lidar_pose=(0.5, 0.0, 0.0)))
    feed.handlers["/scan"](scan_to_ros(scan(SECOND, [2.0, math.inf, math.nan])))
    assert feed.log.seen == set()
    feed.handlers["/odom"](odometry_to_ros(Odometry(SECOND + MILLISECOND, 0.0, 0.0, 0.0)))
    [(column, row)] = feed.log.seen
    assert (column * SEEN_CELL_M, row * SEEN_CELL_M) == pytest.approx((1.0, 2.5), abs=SEEN_CELL_M)


def test_a_scan_without_odometry_near_it_is_not_placed() -> None:
    feed = Feed(Pose2D(0.0, 0.0), RobotShape())
    feed.handlers["/scan"](scan_to_ros(scan(SECOND, [2.0])))
    feed.handlers["/odom"](odometry_to_ros(Odometry(2 * SECOND, 0.0, 0.0, 0.0)))
    assert feed.log.seen == set()


def test_clearance_is_measured_at_a_bounded_rate() -> None:
    feed = Feed(START, RobotShape())
    for tick in range(100):
        feed.handlers["/scan"](scan_to_ros(scan(tick * 20 * MILLISECOND, [2.0])))
    assert len(feed.log.clearances) == 20


def test_clearance_to_a_wall_a_corner_and_inside() -> None:
    assert clearance(np.array([(2.0, 0.1)]), SQUARE) == pytest.approx(1.5)
    assert clearance(np.array([(1.5, -1.5), (9.0, 9.0)]), SQUARE) == pytest.approx(math.sqrt(2.0))
    assert clearance(np.array([(0.4, -0.4)]), SQUARE) == 0.0
    assert clearance(np.empty((0, 2)), SQUARE) == math.inf


@given(st.floats(0.6, 20.0), st.floats(-math.pi, math.pi))
def test_clearance_is_within_the_bounds_of_inner_and_outer_circle(
    distance: float, angle: float
) -> None:
    point = np.array([(distance * math.cos(angle), distance * math.sin(angle))])
    outer, inner = distance - math.hypot(0.5, 0.5), distance - 0.5
    assert max(outer, 0.0) - 1e-9 <= clearance(point, SQUARE) <= inner + 1e-9


def test_beams_out_of_range_give_no_points() -> None:
    points = scan_points(scan(0, [0.05, 1.0, 31.0, math.inf, math.nan, -1.0]), (0.0, 0.0, 0.0))
    assert points == pytest.approx(np.array([[math.cos(0.1), math.sin(0.1)]]))


def test_an_unknown_world_is_refused_with_those_that_are() -> None:
    with pytest.raises(PlacesError, match=r"choose one of .*office.*warehouse"):
        find_places("moon")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- 1", "mapping of world names"),
        ("a: {start: [0, 0, 0], goal: [1, 1, 0]}", "no a.sdf beside it"),
        ("b: 3", "needs 'start' and 'goal'"),
        ("b: {start: [0, 0], goal: [1, 1, 0]}", r"b.start: expected \[x, y, yaw\]"),
        ("b: {start: [0, 0, 0], goal: [1, .nan, 0]}", "b.goal: expected"),
        ("b: [", "worlds.yaml"),
    ],
)
def test_malformed_places_are_refused_by_name(tmp_path, text: str, complaint: str) -> None:
    (tmp_path / "b.sdf").write_text("<sdf/>")
    (tmp_path / "worlds.yaml").write_text(text)
    with pytest.raises(PlacesError, match=complaint):
        read_places(tmp_path)


def test_what_the_lidar_saw_is_placed_without_the_drift_of_odometry() -> None:
    feed = Feed(Pose2D(0.0, 0.0), RobotShape(lidar_pose=(0.0, 0.0, 0.0)))
    odometry = odometry_to_ros(Odometry(SECOND, 4.0, 0.0, 0.0))
    feed.handlers["/odom"](odometry)
    feed.handlers["/sim/contacts"](status(contact="", x=4.2, y=1.0, yaw=0.0, vx=1.0, wz=0.0))
    feed.handlers["/scan"](scan_to_ros(scan(SECOND, [2.0])))
    feed.handlers["/odom"](odometry)
    [(column, row)] = feed.log.seen
    assert (column * SEEN_CELL_M, row * SEEN_CELL_M) == pytest.approx((6.2, 1.0), abs=SEEN_CELL_M)
