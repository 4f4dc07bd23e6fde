from __future__ import annotations

import math

import numpy as np
import pytest
import sdf_text

from autonomy_interfaces.messages import MILLISECOND, SECOND, Pose2D, VelocityCommand
from world_sim.simulator import RobotSpawn, Simulator, SimulatorConfig
from world_sim.world import load_world

TICK = 20 * MILLISECOND
POST = sdf_text.cylinder(0.1, 1.0)


def rover(tmp_path, *content: str, pose: Pose2D = Pose2D(0, 0, 0), seed: int = 0, **config):
    world = load_world(sdf_text.write(tmp_path, sdf_text.world(*content)))
    return Simulator(world, [RobotSpawn(pose=pose)], seed, config=SimulatorConfig(**config))


def cart(tmp_path, *content: str, **config):
    world = load_world(sdf_text.write(tmp_path, sdf_text.world(sdf_text.two_wheeler(), *content)))
    return Simulator(world, config=SimulatorConfig(**config))


def drive(simulator: Simulator, seconds: float, vx: float, wz: float = 0.0):
    """Command every tick; returns everything measured."""
    measured = []
    for _ in range(round(seconds * SECOND / TICK)):
        simulator.command(VelocityCommand(simulator.now_ns, vx, wz))
        measured += simulator.advance(TICK)
    return measured


def last(measured, topic: str):
    return [m.message for m in measured if m.topic == topic][-1]


def test_sensors_measure_at_their_rates_in_order_of_stamps(tmp_path):
    simulator = rover(tmp_path)
    measured = simulator.advance(SECOND)
    counts = {topic: sum(m.topic == topic for m in measured) for topic in ("scan", "imu", "odom")}
    assert counts == {"scan": 50, "imu": 100, "odom": 50}
    stamps = [m.message.stamp_ns for m in measured]
    assert stamps == sorted(stamps)
    assert stamps[-1] == SECOND == simulator.now_ns


def test_how_time_is_divided_does_not_change_what_is_measured(tmp_path):
    one, many = rover(tmp_path), rover(tmp_path)
    for simulator in (one, many):
        simulator.command(VelocityCommand(0, 1.0, 0.5))
    at_once = one.advance(200 * MILLISECOND)
    in_pieces = [m for _ in range(50) for m in many.advance(4 * MILLISECOND)]
    assert repr(at_once) == repr(in_pieces)


def test_time_advances_by_whole_steps_only(tmp_path):
    simulator = rover(tmp_path)
    with pytest.raises(ValueError, match="whole steps of 2 ms"):
        simulator.advance(3 * MILLISECOND)


def test_speed_follows_the_ramp_of_the_drive(tmp_path):
    simulator = cart(tmp_path)
    speeds = []
    for _ in range(10):
        simulator.command(VelocityCommand(simulator.now_ns, 2.0, 0.0))
        speeds.append(last(simulator.advance(TICK), "odom").vx)
    # 20 m/s² from the step after the command, 2 ms late.
    np.testing.assert_allclose(speeds[:5], [0.36, 0.76, 1.16, 1.56, 1.96], atol=1e-9)
    assert speeds[5:] == pytest.approx([2.0] * 5)


def test_commands_are_held_to_the_velocity_limits(tmp_path):
    simulator = cart(tmp_path)
    assert last(drive(simulator, 0.5, 50.0), "odom").vx == pytest.approx(2.0)
    assert last(drive(simulator, 1.0, -50.0), "odom").vx == pytest.approx(-2.0)
    simulator = cart(tmp_path, odometry="wheel")
    assert last(drive(simulator, 0.5, 0.0, 50.0), "odom").wz == pytest.approx(4.0)


def test_the_base_stops_when_its_commands_stop(tmp_path):
    simulator = cart(tmp_path)
    drive(simulator, 0.5, 1.0)
    last_command_ns = simulator.now_ns - TICK
    stopped_ns = None
    while stopped_ns is None and simulator.now_ns < 2 * SECOND:
        if last(simulator.advance(TICK), "odom").vx < 1.0:
            stopped_ns = simulator.now_ns
    # The timeout, and at most the tick in which it is seen.
    assert 250 * MILLISECOND <= stopped_ns - last_command_ns <= 250 * MILLISECOND + 2 * TICK
    assert last(simulator.advance(SECOND), "odom").vx == 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_command_that_is_no_number_is_a_stop(tmp_path, value):
    simulator = cart(tmp_path)
    drive(simulator, 0.5, 1.0)
    drive(simulator, 1.0, value)
    assert abs(simulator.ground_truth().vx) < 1e-3


def test_traction_limits_a_light_wheeled_cart_but_not_its_odometry(tmp_path):
    """Wheels carry what casters leave: friction 1 gives at most g, and wheels spin ahead."""
    simulator = cart(tmp_path)
    odometry = last(drive(simulator, 0.1, 2.0), "odom")
    truth = simulator.ground_truth()
    assert odometry.vx > 1.9
    assert 0.7 < truth.vx < 1.0
    assert odometry.x > truth.x + 0.03


def test_braking_at_full_speed_ends_without_a_bounce(tmp_path):
    simulator = cart(tmp_path)
    drive(simulator, 1.0, 2.0)
    x = simulator.ground_truth().x
    drive(simulator, 1.0, 0.0)
    # v² / 2 g
    assert simulator.ground_truth().x - x == pytest.approx(0.204, abs=0.03)


@pytest.mark.parametrize(("vx", "wz"), [(0.0, 1.0), (0.0, 3.0), (0.5, 1.0), (1.0, 1.0), (2.0, 0.5)])
def test_the_rover_turns_about_as_commanded(tmp_path, vx, wz):
    simulator = rover(tmp_path)
    drive(simulator, 1.0, vx, wz)
    before = simulator.ground_truth()
    drive(simulator, 0.5, vx, wz)
    after = simulator.ground_truth()
    turn = math.remainder(after.yaw - before.yaw, math.tau)
    assert turn == pytest.approx(0.5 * wz, rel=0.08)
    assert after.vx == pytest.approx(vx, abs=0.06)


def test_fused_odometry_knows_the_heading_that_the_wheels_do_not(tmp_path):
    fused, wheel = rover(tmp_path), rover(tmp_path, odometry="wheel")
    errors = []
    for simulator in (fused, wheel):
        odometry = last(drive(simulator, 6.0, 0.6, 1.2), "odom")
        truth = simulator.ground_truth()
        errors.append(abs(math.remainder(odometry.yaw - truth.yaw, math.tau)))
    assert errors[0] < 0.03
    assert errors[1] > 2 * errors[0]


def test_odometry_starts_where_the_robot_is_put(tmp_path):
    simulator = rover(tmp_path, pose=Pose2D(-2.25, 3.0, 1.57))
    odometry = last(simulator.advance(SECOND // 10), "odom")
    assert (odometry.x, odometry.y) == pytest.approx((0.0, 0.0), abs=1e-3)
    truth = simulator.ground_truth()
    assert (truth.x, truth.y, truth.yaw) == pytest.approx((-2.25, 3.0, 1.57), abs=1e-3)


def test_imu_feels_gravity_and_its_own_noise(tmp_path):
    measured = rover(tmp_path, seed=3).advance(2 * SECOND)
    samples = [m.message for m in measured if m.topic == "imu"][20:]
    force = np.array([s.linear_acceleration for s in samples])
    rate = np.array([s.angular_velocity for s in samples])
    np.testing.assert_allclose(force.mean(axis=0), (0, 0, 9.8), atol=0.1)
    assert 0.02 < force[:, 2].std() < 0.05
    assert 0.002 < rate[:, 2].std() < 0.004


def test_the_lidar_sees_the_world_from_where_it_is_mounted(tmp_path):
    simulator = rover(tmp_path, sdf_text.shape("wall", sdf_text.box(0.2, 4, 1), "3 0 0.5 0 0 0"))
    scan = last(simulator.advance(SECOND // 10), "scan")
    ahead = scan.ranges[len(scan.ranges) // 2]
    assert ahead == pytest.approx(3 - 0.1 - 0.055, abs=0.01)
    assert scan.angle_min == pytest.approx(-2.35619)
    assert np.isinf(scan.ranges[0])


def test_a_collision_names_the_model_and_the_ground_is_none(tmp_path):
    simulator = rover(tmp_path, sdf_text.shape("post", POST, "1.5 0 0.5 0 0 0"))
    drive(simulator, 0.5, 1.0)
    assert simulator.ground_truth().contact == ""
    assert simulator.contacts_since_start == []
    drive(simulator, 2.0, 1.0)
    assert simulator.ground_truth().contact == "post"
    (stamp_ns, model), *_ = simulator.contacts_since_start
    assert model == "post"
    # The front of the robot needs 1.5 - 0.1 - 0.254 m at 1 m/s.
    assert stamp_ns / SECOND == pytest.approx(1.146, abs=0.15)
    drive(simulator, 1.0, -1.0)
    assert simulator.ground_truth().contact == ""


def test_a_contact_that_lasts_is_one_event(tmp_path):
    simulator = rover(tmp_path, sdf_text.shape("wall", sdf_text.box(0.2, 6, 1), "1 0 0.5 0 0 0"))
    drive(simulator, 3.0, 0.5)
    assert [model for _, model in simulator.contacts_since_start] == ["wall"]


def test_an_obstacle_far_from_the_start_among_hundreds_is_hit(tmp_path):
    rng = np.random.default_rng(0)
    places = [(x, y) for x, y in rng.uniform(-15, 15, (400, 2)) if abs(y) > 0.6]
    posts = [
        sdf_text.shape(f"post{index}", POST, f"{x} {y} 0.5 0 0 0")
        for index, (x, y) in enumerate(places)
    ]
    target = sdf_text.shape("target", POST, "12 0 0.5 0 0 0")
    simulator = rover(tmp_path, *posts, target, pose=Pose2D(-12, 0, 0))
    assert simulator.model.ngeom < 100 < simulator.shapes
    while not simulator.contacts_since_start and simulator.now_ns < 20 * SECOND:
        drive(simulator, 0.1, 2.0)
    assert simulator.contacts_since_start[0][1] == "target"
    assert simulator.ground_truth().x == pytest.approx(12 - 0.1 - 0.254, abs=0.1)


def test_a_low_sill_that_wheels_roll_over_is_no_collision(tmp_path):
    plate = sdf_text.shape("plate", sdf_text.box(2, 2, 0.01), "1.5 0 0.005 0 0 0")
    simulator = rover(tmp_path, plate)
    drive(simulator, 2.0, 0.8)
    assert simulator.contacts_since_start == []
    assert simulator.ground_truth().x > 1.4


def test_a_robot_pushes_a_box_that_is_not_fixed(tmp_path):
    crate = sdf_text.shape("crate", sdf_text.box(0.3, 0.3, 0.3), "0.8 0 0.15 0 0 0", static=False)
    simulator = rover(tmp_path, crate)
    drive(simulator, 2.0, 0.5)
    assert simulator.ground_truth().x > 0.8
    assert simulator.ground_truth().contact == "crate"
    body = simulator.model.body("crate::link").id
    assert simulator.data.xpos[body, 0] > 1.0


def test_a_spawn_replaces_the_robot_of_its_name(tmp_path):
    world = load_world(
        sdf_text.write(
            tmp_path,
            sdf_text.world("<include><uri>model://rover</uri><name>robot</name></include>"),
        )
    )
    assert Simulator(world).ground_truth().x == pytest.approx(0.0)
    moved = Simulator(world, [RobotSpawn(pose=Pose2D(3, 1, 0))])
    assert list(moved.robots) == ["robot"]
    assert moved.ground_truth().x == pytest.approx(3.0)


def test_the_only_robot_answers_to_any_name_and_of_several_only_to_its_own(tmp_path):
    simulator = cart(tmp_path)
    assert simulator.ground_truth("whatever") == simulator.ground_truth("cart")
    world = load_world(sdf_text.write(tmp_path, sdf_text.world()))
    both = Simulator(world, [RobotSpawn(name="a"), RobotSpawn(name="b", pose=Pose2D(2, 0, 0))])
    with pytest.raises(KeyError, match="there are: a, b"):
        both.ground_truth("c")
