"""What the robot's sensors report: ideal values plus noise, each sensor from its own generator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import wrap_angle
from autonomy_interfaces.messages import Imu, LaserScan, Odometry
from world_sim.lidar import cast, report
from world_sim.sdf.types import ImuSpec, LidarSpec, Noise
from world_sim.slices import Slice
from world_sim.wandering import ERROR_BLOCK, Wandering


def sensor_rng(seed: int, robot: int, sensor: int) -> np.random.Generator:
    """The generator of one sensor: independent of every other sensor's use of randomness."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, robot, sensor])))


def draw_bias(noise: Noise, rng: np.random.Generator) -> float:
    """The constant error of a channel for this run; its sign is drawn, as in Gazebo."""
    bias = noise.bias_mean + noise.bias_stddev * rng.standard_normal()
    return float(bias if noise.bias_mean == 0.0 or rng.random() < 0.5 else -bias)


@dataclass(slots=True)
class Lidar:
    """A planar scanner in the slice of the static world at its height (metres).

    dropout: share of the beams of a scan that return nothing, drawn anew for each.

    The beam stays level: the pitch of a robot on flat ground, some milliradians under full
    braking, is not played.
    """

    spec: LidarSpec
    slice: Slice
    height: float
    rng: np.random.Generator
    frame_id: str = "lidar_link"
    dropout: float = 0.0

    @property
    def increment(self) -> float:
        """Radians between beams."""
        return (self.spec.angle_max - self.spec.angle_min) / max(1, self.spec.samples - 1)

    def measure(self, stamp_ns: int, x: float, y: float, yaw: float, moving: Slice) -> LaserScan:
        """Scan from the pose of the sensor in the world.

        A return nearer than the sensor's minimum is reported as -inf, none as +inf (REP-117).
        """
        spec = self.spec
        exact = self.exact(x, y, yaw, moving)
        noise = self.rng.standard_normal(spec.samples, dtype=np.float32)
        ranges = report(exact, noise, spec.noise.stddev, spec.range_min, spec.range_max)
        if spec.noise.precision > 0.0:
            ranges = np.rint(ranges / spec.noise.precision) * np.float32(spec.noise.precision)
        if self.dropout > 0.0:
            ranges[self.rng.random(spec.samples, dtype=np.float32) < self.dropout] = np.inf
        return LaserScan(
            stamp_ns=stamp_ns,
            ranges=ranges,
            angle_min=spec.angle_min,
            angle_increment=self.increment,
            range_min=spec.range_min,
            range_max=spec.range_max,
            frame_id=self.frame_id,
        )

    def exact(self, x: float, y: float, yaw: float, moving: Slice) -> NDArray[np.float64]:
        """(N,) float64, metres: distances without noise, inf where nothing is in range."""
        spec = self.spec
        arguments = (x, y, yaw, spec.angle_min, self.increment, spec.samples, spec.range_max)
        ranges: NDArray[np.float64] = cast(self.slice.circles, self.slice.segments, *arguments)
        if len(moving.circles) or len(moving.segments):
            ranges = np.minimum(ranges, cast(moving.circles, moving.segments, *arguments))
        return ranges


@dataclass(slots=True)
class InertialUnit:
    """A gyroscope and an accelerometer with white noise and a constant bias per axis.

    added_bias: rad/s and m/s², on every axis, beside what `spec` draws. period_s: between samples.
    """

    spec: ImuSpec
    rng: np.random.Generator
    added_bias: tuple[float, float] = (0.0, 0.0)
    period_s: float = 0.01
    frame_id: str = "imu_link"
    _bias: NDArray[np.float64] = field(init=False)
    _stddev: NDArray[np.float64] = field(init=False)
    _errors: Iterator[list[float]] = field(init=False)
    _precision: list[float] = field(init=False)
    _quantised: bool = field(init=False)

    def __post_init__(self) -> None:
        """Draw the biases of this run."""
        channels = (*self.spec.gyro, *self.spec.accelerometer)
        drawn = np.array([draw_bias(noise, self.rng) for noise in channels])
        self._bias = drawn + np.repeat(self.added_bias, 3)
        self._stddev = np.array([noise.stddev for noise in channels])
        self._errors = self._draw_errors()
        self._precision = [noise.precision for noise in channels]
        self._quantised = any(self._precision)

    def _draw_errors(self) -> Iterator[list[float]]:
        """Errors of the six channels, one sample after another; drawn in blocks, for speed."""
        channels = (*self.spec.gyro, *self.spec.accelerometer)
        wandering = Wandering(channels, self.period_s)
        while True:
            block = self._bias + self._stddev * self.rng.standard_normal((ERROR_BLOCK, 6))
            if wandering:
                block += wandering.block(self.rng)
            yield from block.tolist()

    def measure(
        self, stamp_ns: int, rate: NDArray[np.float64], force: NDArray[np.float64]
    ) -> tuple[Imu, float]:
        """One sample from the true rates (rad/s) and specific force (m/s²), sensor frame.

        Returns:
            The sample, and the error of its yaw rate, which fused odometry shares.
        """
        gx, gy, gz, ax, ay, az = next(self._errors)
        wx, wy, wz = rate.tolist()
        fx, fy, fz = force.tolist()
        values = [wx + gx, wy + gy, wz + gz, fx + ax, fy + ay, fz + az]
        if self._quantised:
            rounded = zip(values, self._precision, strict=True)
            values = [round(value / p) * p if p > 0.0 else value for value, p in rounded]
            gz = values[2] - wz
        imu = Imu(
            stamp_ns=stamp_ns,
            angular_velocity=(values[0], values[1], values[2]),
            linear_acceleration=(values[3], values[4], values[5]),
            frame_id=self.frame_id,
        )
        return imu, gz


def odometry_message(stamp_ns: int, pose: NDArray[np.float64], vx: float, wz: float) -> Odometry:
    """Odometry of a base that cannot move sideways; `pose` is (x, y, unwrapped yaw)."""
    return Odometry(
        stamp_ns=stamp_ns,
        x=float(pose[0]),
        y=float(pose[1]),
        yaw=wrap_angle(math.remainder(float(pose[2]), math.tau)),
        vx=vx,
        wz=wz,
    )
