"""Several robots in one world: they see, meet and obey each for itself."""

from __future__ import annotations

import math
from pathlib import Path

import mujoco
import numpy as np
import pytest

from autonomy_interfaces.messages import (
    MILLISECOND,
    SECOND,
    LaserScan,
    Pose2D,
    VelocityCommand,
)
from world_sim.faults import parse_faults
from world_sim.simulator import RobotSpawn, Simulator
from world_sim.world import load_world

EMPTY = """<?xml version="1.0"?><sdf version="1.9"><world name="empty">
<model name="ground"><static>true</static><link name="link"><collision name="c">
<geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
</collision></link></model>{models}</world></sdf>
"""
CRATE = """<model name="crate"><pose>2 0 0.5 0 0 0</pose><link name="link">
<inertial><mass>1000</mass><inertia><ixx>100</ixx><iyy>100</iyy><izz>100</izz></inertia></inertial>
<collision name="c"><geometry><box><size>0.4 0.4 1</size></box></geometry></collision>
<visual name="v"><geometry><box><size>0.4 0.4 1</size></box></geometry></visual>
</link></model>
"""
TICK_NS = 20 * MILLISECOND


def simulator(
    directory: Path, *poses: Pose2D, models: str = "", faults: tuple[dict[str, object], ...] = ()
) -> Simulator:
    """Robots a, b, c … at the given poses in an empty world."""
    file = directory / "empty.sdf"
    file.write_text(EMPTY.format(models=models))
    spawns = [RobotSpawn(name=name, pose=pose) for name, pose in zip("abc", poses, strict=False)]
    return Simulator(load_world(file), spawns, seed=1, faults=parse_faults(faults))


def last_scan(sim: Simulator, robot: str) -> LaserScan:
    scans = [
        m.message
        for m in sim.advance(100 * MILLISECOND)
        if m.robot == robot and isinstance(m.message, LaserScan)
    ]
    return scans[-1]


def ahead(scan: LaserScan) -> float:
    return float(scan.ranges[len(scan.ranges) // 2])


def nearest_bearing(scan: LaserScan) -> float:
    return scan.angle_min + scan.angle_increment * int(np.argmin(scan.ranges))


def test_every_robot_reports_under_its_own_name(tmp_path: Path) -> None:
    sim = simulator(tmp_path, Pose2D(0, 0), Pose2D(3, 0), Pose2D(0, 3))
    topics = {(m.robot, m.topic) for m in sim.advance(SECOND)}
    assert topics == {(name, topic) for name in "abc" for topic in ("scan", "imu", "odom")}


def test_a_command_moves_the_robot_it_is_for(tmp_path: Path) -> None:
    sim = simulator(tmp_path, Pose2D(0, 0), Pose2D(0, 3))
    for _ in range(25):
        sim.command(VelocityCommand(sim.now_ns, 0.5, 0.0), "b")
        sim.advance(TICK_NS)
    assert abs(sim.ground_truth("a").vx) < 0.01
    assert sim.ground_truth("b").vx == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("bearing", [0.0, 1.0, -2.0])
def test_a_lidar_sees_the_other_robot_where_it_is(tmp_path: Path, bearing: float) -> None:
    other = Pose2D(3.0 * math.cos(bearing), 3.0 * math.sin(bearing), 0.7)
    scan = last_scan(simulator(tmp_path, Pose2D(0, 0), other), "a")
    seen = np.isfinite(scan.ranges)
    assert 2.6 < scan.ranges.min() < 3.3
    assert nearest_bearing(scan) == pytest.approx(bearing, abs=0.1)
    assert seen.sum() < len(seen) / 10


def test_a_robot_alone_sees_nothing_of_itself(tmp_path: Path) -> None:
    assert np.isposinf(last_scan(simulator(tmp_path, Pose2D(0, 0)), "a").ranges).all()


def test_the_other_robot_is_seen_to_move(tmp_path: Path) -> None:
    sim = simulator(tmp_path, Pose2D(0, 0), Pose2D(4, 0))
    before = last_scan(sim, "a").ranges.min()
    for _ in range(100):
        sim.command(VelocityCommand(sim.now_ns, -0.5, 0.0), "b")
        sim.advance(TICK_NS)
    after = last_scan(sim, "a").ranges.min()
    moved = 4.0 - sim.ground_truth("b").x
    assert moved == pytest.approx(1.0, abs=0.1)
    assert before - after == pytest.approx(moved, abs=0.01)


def test_robots_that_meet_touch_one_another(tmp_path: Path) -> None:
    sim = simulator(tmp_path, Pose2D(0, 0), Pose2D(1.5, 0))
    for _ in range(150):
        sim.command(VelocityCommand(sim.now_ns, 0.5, 0.0), "a")
        sim.advance(TICK_NS)
    assert {model for _, model in sim.contacts_since_start} == {"a", "b"}
    assert sim.ground_truth("a").x < sim.ground_truth("b").x


def test_a_fault_strikes_only_its_robot(tmp_path: Path) -> None:
    fault = {"kind": "silence", "target": "scan", "robot": "b"}
    sim = simulator(tmp_path, Pose2D(0, 0), Pose2D(3, 0), faults=(fault,))
    scans = {m.robot for m in sim.advance(SECOND) if m.topic == "scan"}
    assert scans == {"a"}


def turn_crate(sim: Simulator, angle: float, axis: tuple[float, float, float], z: float) -> None:
    """Put the crate at (2, 0, z), turned about `axis`."""
    joint = sim.model.joint("crate::link::free")
    address = int(joint.qposadr[0])
    rotation = np.empty(4)
    mujoco.mju_axisAngle2Quat(rotation, np.array(axis), angle)
    sim.data.qpos[address : address + 7] = [2.0, 0.0, z, *rotation]
    mujoco.mj_kinematics(sim.model, sim.data)


@pytest.mark.parametrize(
    ("angle", "axis", "z", "distance"),
    [
        (0.0, (0, 0, 1), 0.5, 1.8),
        (math.pi / 4, (0, 0, 1), 0.5, 2.0 - 0.2 * math.sqrt(2.0)),
        # Lying on its side, the metre of its height lies along the beam.
        (math.pi / 2, (0, 1, 0), 0.2, 1.5),
        # Lifted above the beam, it is not there.
        (0.0, (0, 0, 1), 2.0, math.inf),
    ],
)
def test_a_moving_body_is_cut_as_it_now_lies(
    tmp_path: Path, angle: float, axis: tuple[float, float, float], z: float, distance: float
) -> None:
    sim = simulator(tmp_path, Pose2D(0, 0), models=CRATE)
    (lidar,) = (clock for clock in sim.robots["a"].clocked if hasattr(clock, "lidar"))
    lidar.measure()
    turn_crate(sim, angle, axis, z)
    scan = lidar.measure().message
    assert isinstance(scan, LaserScan)
    assert ahead(scan) == pytest.approx(distance - 0.055, abs=0.01)
