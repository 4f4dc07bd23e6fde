"""What the robot's sensors report: ideal values plus noise, each sensor from its own generator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import wrap_angle
from autonomy_interfaces.messages import Imu, LaserScan, Odometry
from world_sim.lidar import cast
from world_sim.sdf.types import ImuSpec, LidarSpec, Noise
from world_sim.slices import Slice


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

    The beam stays level: the pitch of a robot on flat ground, some milliradians under full
    braking, is not played.
    """

    spec: LidarSpec
    slice: Slice
    height: float
    rng: np.random.Generator
    frame_id: str = "lidar_link"

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
        ranges = exact
        if spec.noise.stddev > 0.0:
            ranges = exact + spec.noise.stddev * self.rng.standard_normal(spec.samples)
            ranges[ranges > spec.range_max] = np.inf
        ranges[exact < spec.range_min] = -np.inf
        return LaserScan(
            stamp_ns=stamp_ns,
            ranges=ranges.astype(np.float32),
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
    """A gyroscope and an accelerometer with white noise and a constant bias per axis."""

    spec: ImuSpec
    rng: np.random.Generator
    frame_id: str = "imu_link"
    gyro_bias: tuple[float, float, float] = field(init=False)
    accelerometer_bias: tuple[float, float, float] = field(init=False)

    def __post_init__(self) -> None:
        """Draw the biases of this run."""
        gx, gy, gz = (draw_bias(noise, self.rng) for noise in self.spec.gyro)
        ax, ay, az = (draw_bias(noise, self.rng) for noise in self.spec.accelerometer)
        self.gyro_bias, self.accelerometer_bias = (gx, gy, gz), (ax, ay, az)

    def measure(
        self, stamp_ns: int, rate: NDArray[np.float64], force: NDArray[np.float64]
    ) -> tuple[Imu, float]:
        """One sample from the true rates (rad/s) and specific force (m/s²), sensor frame.

        Returns:
            The sample, and the error of its yaw rate, which fused odometry shares.
        """
        noise = self.rng.standard_normal(6)
        gyro = [
            self.gyro_bias[axis] + self.spec.gyro[axis].stddev * float(noise[axis])
            for axis in range(3)
        ]
        force_error = [
            self.accelerometer_bias[axis]
            + self.spec.accelerometer[axis].stddev * float(noise[3 + axis])
            for axis in range(3)
        ]
        imu = Imu(
            stamp_ns=stamp_ns,
            angular_velocity=(
                float(rate[0]) + gyro[0], float(rate[1]) + gyro[1], float(rate[2]) + gyro[2],
            ),
            linear_acceleration=(
                float(force[0]) + force_error[0],
                float(force[1]) + force_error[1],
                float(force[2]) + force_error[2],
            ),
            frame_id=self.frame_id,
        )  # fmt: skip
        return imu, gyro[2]


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
