"""What real hardware adds to odometry, lidar and IMU, by configuration or by SDF."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sdf_text

from autonomy_interfaces.messages import MILLISECOND, SECOND, VelocityCommand
from autonomy_interfaces.parameters import ParameterError
from world_sim.sdf.types import ImuSpec, Noise
from world_sim.sensors import InertialUnit, sensor_rng
from world_sim.simulator import RobotSpawn, Simulator, SimulatorConfig
from world_sim.world import load_world

TICK_NS = 20 * MILLISECOND
WHEEL_RADIUS, TRACK = 0.1, 0.4


def run(
    tmp_path: Path, seconds: float, vx: float, wz: float, *content: str, **config: Any
) -> dict[str, list[Any]]:
    """Messages by topic of a cart with two wheels, whose commands begin at once."""
    world = load_world(sdf_text.write(tmp_path, sdf_text.world(sdf_text.two_wheeler(), *content)))
    simulator = Simulator(world, config=SimulatorConfig(odometry="wheel", **config))
    return collect(simulator, seconds, vx, wz)


def collect(simulator: Simulator, seconds: float, vx: float, wz: float) -> dict[str, list[Any]]:
    messages: dict[str, list[Any]] = {"odom": [], "scan": [], "imu": []}
    for _ in range(round(seconds * SECOND / TICK_NS)):
        simulator.command(VelocityCommand(simulator.now_ns, vx, wz))
        for measurement in simulator.advance(TICK_NS):
            messages[measurement.topic].append(measurement.message)
    return messages


def test_odometry_of_encoders_moves_in_whole_counts(tmp_path: Path) -> None:
    ticks = 64
    step = math.tau / ticks * WHEEL_RADIUS
    exact, counted = (
        run(tmp_path, 1.0, 0.2, 0.0, encoder_ticks=count)["odom"] for count in (0, ticks)
    )
    counts = np.array([message.x for message in counted]) / step
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-6)
    assert len(set(np.round(counts))) < len(counts) / 2
    for fine, coarse in zip(exact, counted, strict=True):
        assert -1e-9 <= fine.x - coarse.x < step


def test_a_counted_speed_is_that_between_two_messages(tmp_path: Path) -> None:
    counted = run(tmp_path, 2.0, 0.2, 0.0, encoder_ticks=64)["odom"]
    ways = np.diff([message.x for message in counted], prepend=0.0)
    np.testing.assert_allclose([message.vx for message in counted], ways / 0.02, atol=1e-9)


def test_wheels_believed_larger_make_odometry_run_ahead(tmp_path: Path) -> None:
    true, believed = (
        run(tmp_path, 2.0, 0.5, 0.0, wheel_radius_error=error)["odom"][-1] for error in (0.0, 0.03)
    )
    assert believed.x == pytest.approx(1.03 * true.x)
    assert believed.vx == pytest.approx(1.03 * true.vx)


def test_unequal_wheels_bend_the_believed_path(tmp_path: Path) -> None:
    believed = run(tmp_path, 2.0, 0.5, 0.0, wheel_imbalance=0.02)["odom"][-1]
    assert believed.yaw == pytest.approx(0.02 * 0.98 / TRACK, rel=0.02)


def test_a_track_believed_wider_makes_turns_smaller(tmp_path: Path) -> None:
    true, believed = (
        run(tmp_path, 2.0, 0.0, 0.5, track_error=error)["odom"][-1] for error in (0.0, 0.1)
    )
    assert believed.yaw == pytest.approx(true.yaw / 1.1)


def rover(tmp_path: Path, **config: Any) -> Simulator:
    walls = sdf_text.shape("wall", sdf_text.box(0.2, 40, 1), "3 0 0.5 0 0 0")
    world = load_world(sdf_text.write(tmp_path, sdf_text.world(walls)))
    return Simulator(world, [RobotSpawn()], config=SimulatorConfig(**config))


def test_dropped_beams_return_nothing_in_their_share_and_change(tmp_path: Path) -> None:
    healthy, dropped = (
        collect(rover(tmp_path, lidar_dropout=share), 1.0, 0.0, 0.0)["scan"] for share in (0.0, 0.1)
    )
    hits = [np.isfinite(scan.ranges) for scan in healthy]
    lost = [hit & np.isinf(scan.ranges) for hit, scan in zip(hits, dropped, strict=True)]
    assert 0.08 < sum(map(np.sum, lost)) / sum(map(np.sum, hits)) < 0.12
    assert len({beams.tobytes() for beams in lost}) == len(lost)


def test_a_configured_bias_is_on_every_axis_of_the_imu(tmp_path: Path) -> None:
    plain, biased = (
        collect(rover(tmp_path, gyro_bias=gyro, accelerometer_bias=force), 0.5, 0.0, 0.0)["imu"]
        for gyro, force in ((0.0, 0.0), (0.05, -0.3))
    )
    for without, with_bias in zip(plain, biased, strict=True):
        turn = np.subtract(with_bias.angular_velocity, without.angular_velocity)
        force = np.subtract(with_bias.linear_acceleration, without.linear_acceleration)
        np.testing.assert_allclose(turn, 0.05, atol=1e-6)
        np.testing.assert_allclose(force, -0.3, atol=1e-6)


def test_a_gyroscopes_bias_turns_the_fused_heading(tmp_path: Path) -> None:
    straight, turned = (
        collect(rover(tmp_path, gyro_bias=bias), 2.0, 0.0, 0.0)["odom"][-1].yaw
        for bias in (0.0, 0.05)
    )
    assert turned - straight == pytest.approx(0.1, abs=0.002)


def test_a_models_bias_is_drawn_once_per_run_with_either_sign() -> None:
    still, exact = Noise(bias_mean=0.1, bias_stddev=0.01), Noise()
    spec = ImuSpec(gyro=(still,) * 3, accelerometer=(exact,) * 3)
    biases = []
    for seed in range(20):
        unit = InertialUnit(spec, sensor_rng(seed, 0, 0))
        samples = [unit.measure(0, np.zeros(3), np.zeros(3))[0] for _ in range(3)]
        assert len({sample.angular_velocity for sample in samples}) == 1
        biases.append(samples[0].angular_velocity[0])
    assert min(biases) < -0.07
    assert max(biases) > 0.07
    assert np.abs(np.abs(biases) - 0.1).max() < 0.04


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"odometry": "magic"}, "odometry 'magic'"),
        ({"lidar_dropout": 1.5}, "lidar_dropout 1.5"),
        ({"encoder_ticks": -1}, "encoder_ticks -1"),
        ({"track_error": -1.0}, "track_error -1.0"),
        ({"step_ms": 0}, "step_ms 0"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        SimulatorConfig(**config)
