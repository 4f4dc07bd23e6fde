"""How a simulation is run, and how imperfect its robots are."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy_interfaces.parameters import ParameterError


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """How the simulation is run; from `encoder_ticks` on, what real hardware adds to it.

    Noise and drawn biases of sensors are in the robot's model (SDF <noise>), grip of the wheels
    in its <friction>; here is what SDF has no element for.

    step_ms: physics step, milliseconds.
    command_timeout_s: the base stops when its last command is older; zero: it never does.
    odometry: `fused` (wheels and gyroscope, as a robot's own filter gives it) or `wheel`.
    lidar_rate: scans per second instead of what the robots' models say; zero: as they say.
    camera_quality: `fast` (flat light), `fine` (shadows, smooth edges, some times the cost) or
        `off`.
    joint_states: whether robots whose model says so report their joints.
    encoder_ticks: counts per turn of a wheel that odometry is made of; zero: exact angles.
    wheel_radius_error: share by which odometry believes the wheels larger than they are.
    wheel_imbalance: share by which it believes the right wheels larger than the left ones.
    track_error: share by which it believes the wheels further apart than they are.
    lidar_dropout: share of the beams of each scan that return nothing.
    gyro_bias: constant error of every gyroscope axis, rad/s, added to what its model draws.
    accelerometer_bias: the same of every accelerometer axis, m/s².

    Raises:
        ParameterError: a value is out of its range.
    """

    step_ms: int = 2
    command_timeout_s: float = 0.25
    odometry: str = "fused"
    lidar_rate: float = 0.0
    camera_quality: str = "fast"
    joint_states: bool = False
    encoder_ticks: int = 0
    wheel_radius_error: float = 0.0
    wheel_imbalance: float = 0.0
    track_error: float = 0.0
    lidar_dropout: float = 0.0
    gyro_bias: float = 0.0
    accelerometer_bias: float = 0.0

    def __post_init__(self) -> None:
        if self.odometry not in ("fused", "wheel"):
            raise ParameterError(f"odometry '{self.odometry}': expected fused or wheel")
        if self.camera_quality not in ("fast", "fine", "off"):
            raise ParameterError(
                f"camera_quality '{self.camera_quality}': expected fast, fine or off"
            )
        lowest = {"step_ms": 1, "lidar_rate": 0, "encoder_ticks": 0, "lidar_dropout": 0}
        for name, least in lowest.items():
            if not getattr(self, name) >= least:
                raise ParameterError(f"{name} {getattr(self, name)}: expected {least} or more")
        if self.lidar_dropout > 1.0:
            raise ParameterError(f"lidar_dropout {self.lidar_dropout}: expected at most 1")
        for name in ("wheel_radius_error", "wheel_imbalance", "track_error"):
            if not abs(getattr(self, name)) < 1.0:
                raise ParameterError(f"{name} {getattr(self, name)}: expected between -1 and 1")
