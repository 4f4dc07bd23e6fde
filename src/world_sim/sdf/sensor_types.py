"""What an SDF file says of sensors, as frozen data. Units are SI."""

from __future__ import annotations

from dataclasses import dataclass

from world_sim.errors import Location
from world_sim.sdf.pose import Pose3


@dataclass(frozen=True, slots=True)
class Noise:
    """Gaussian noise of a sensor channel; the bias is drawn once per run.

    precision: values are rounded to its multiples; zero: they are not. drift_stddev,
    drift_time_s: of a bias that wanders (a first-order Gauss-Markov process); zero: it does not.
    """

    stddev: float = 0.0
    bias_mean: float = 0.0
    bias_stddev: float = 0.0
    precision: float = 0.0
    drift_stddev: float = 0.0
    drift_time_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LidarSpec:
    """Horizontal scan of a lidar: `samples` beams from `angle_min` to `angle_max`, inclusive."""

    samples: int
    angle_min: float
    angle_max: float
    range_min: float
    range_max: float
    noise: Noise = Noise()


@dataclass(frozen=True, slots=True)
class ImuSpec:
    """Noise of the three gyroscope and the three accelerometer axes."""

    gyro: tuple[Noise, Noise, Noise] = (Noise(), Noise(), Noise())
    accelerometer: tuple[Noise, Noise, Noise] = (Noise(), Noise(), Noise())


@dataclass(frozen=True, slots=True)
class NavSatSpec:
    """Noise of a satellite receiver: position (m) and velocity (m/s), along and up."""

    horizontal: Noise = Noise()
    vertical: Noise = Noise()
    velocity_horizontal: Noise = Noise()
    velocity_vertical: Noise = Noise()


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A camera that looks along its x axis, z up.

    width, height: pixels. horizontal_fov: radians. near, far: clipping, metres. color, depth:
    what it gives. noise: of the colour channels, each 0 to 1; of depth, metres.
    """

    width: int
    height: int
    horizontal_fov: float
    near: float
    far: float
    color: bool = True
    depth: bool = False
    noise: Noise = Noise()


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor on a link. `spec` is None for a kind that needs no more than its name."""

    name: str
    kind: str
    pose: Pose3
    update_rate: float
    topic: str
    location: Location
    spec: LidarSpec | ImuSpec | NavSatSpec | CameraSpec | None = None
