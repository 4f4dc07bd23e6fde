"""The `world_sim` node: a world on the robot's topics, paced by the steady clock."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry as OdometryMsg
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Imu as ImuMsg
from sensor_msgs.msg import LaserScan as LaserScanMsg

from autonomy_interfaces.executor import LeanExecutor
from autonomy_interfaces.mailbox import Mailbox
from autonomy_interfaces.messages import MILLISECOND, SECOND, Pose2D
from autonomy_interfaces.parameters import ParameterError
from autonomy_interfaces.priority import (
    DRIVING,
    REAL_TIME_HARDWARE,
    prefer,
    run_in_real_time,
)
from autonomy_interfaces.ros import (
    SENSOR_QOS,
    command_from_ros,
    declare_config,
    imu_to_ros,
    odometry_to_ros,
    scan_to_ros,
    time_of,
)
from autonomy_interfaces.share import share_directory
from world_sim.drive import is_diff_drive
from world_sim.faults import FaultError, load_faults
from world_sim.injection import plays
from world_sim.optional_ros import OptionalPublishers
from world_sim.pacing import Pacer
from world_sim.simulator import GroundTruth, Measurement, RobotSpawn, Simulator, SimulatorConfig
from world_sim.world import WorldError, load_world

TICK_NS = 10 * MILLISECOND
COMMAND_QOS = QoSProfile(depth=10)
CLOCK_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
CONVERSIONS: dict[str, tuple[Any, Any]] = {
    "scan": (LaserScanMsg, scan_to_ros),
    "imu": (ImuMsg, imu_to_ros),
    "odom": (OdometryMsg, odometry_to_ros),
}


@dataclass(frozen=True, slots=True)
class WorldSimConfig:
    """What the node plays.

    world: SDF world file; a relative path is searched in gazebo_worlds/ too. robot: model added
    where the world has no robot of its own, or a spawn pose is given. spawn_x, spawn_y,
    spawn_yaw: its pose in the world, metres and radians; NaN: as the world says, or the origin.
    real_time_factor: simulated seconds per second, 0 for as fast as possible. contacts_rate:
    of /sim/contacts, hertz. faults: YAML file of what goes wrong (docs/faults.md), or "".
    """

    world: str = "warehouse.sdf"
    robot: str = "model://rover"
    spawn_x: float = math.nan
    spawn_y: float = math.nan
    spawn_yaw: float = math.nan
    seed: int = 0
    real_time_factor: float = 1.0
    contacts_rate: float = 20.0
    faults: str = ""


def find_world(name: str) -> Path:
    """The world file called `name`: a path, or a file of the package's gazebo_worlds/.

    Raises:
        WorldError: there is no such file.
    """
    own = share_directory() / "gazebo_worlds"
    for candidate in (Path(name), own / name, own / f"{name}.sdf"):
        if candidate.is_file():
            return candidate
    known = ", ".join(sorted(path.stem for path in own.glob("*.sdf")))
    raise WorldError(name, "no such world file", f"give a path or one of: {known}")


def build_simulator(config: WorldSimConfig, simulation: SimulatorConfig) -> Simulator:
    """The simulator that the parameters ask for.

    Raises:
        WorldError: the world or the robot cannot be played.
        FaultError: the file of faults cannot be read or a fault in it is wrong.
    """
    world = load_world(find_world(config.world))
    pose = (config.spawn_x, config.spawn_y, config.spawn_yaw)
    robots: tuple[RobotSpawn, ...] = ()
    has_robot = any(is_diff_drive(plugin) for model in world.models for plugin in model.plugins)
    if not has_robot or not all(math.isnan(value) for value in pose):
        x, y, yaw = (0.0 if math.isnan(value) else value for value in pose)
        robots = (RobotSpawn(config.robot, "robot", Pose2D(x, y, yaw)),)
    faults = load_faults(Path(config.faults)) if config.faults else ()
    return Simulator(world, robots, config.seed, faults, simulation)


class WorldSimNode(Node):
    """Adapter between ROS and the simulator: `run` advances it and publishes, in one thread."""

    def __init__(self) -> None:
        super().__init__("world_sim")
        self._config = declare_config(self, WorldSimConfig)
        simulation = declare_config(self, SimulatorConfig)
        # The first step of a process compiles or loads machine code: not in the robot's time.
        build_simulator(self._config, simulation).advance(10 * TICK_NS)
        self._simulator = build_simulator(self._config, simulation)
        if others := sorted({fault.kind for fault in self._simulator.faults if not plays(fault)}):
            self.get_logger().warning(
                f"faults of processes are not played here: {', '.join(others)}; "
                "whoever starts the processes plays them (docs/faults.md)"
            )
        self._pacer = Pacer(self._config.real_time_factor, time.monotonic_ns())
        self._several = len(self._simulator.robots) > 1
        self._clock_publisher = self.create_publisher(Clock, "/clock", CLOCK_QOS)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._sensor_publishers = {
            (robot, topic): self.create_publisher(kind, self._topic(robot, topic), SENSOR_QOS)
            for robot in self._simulator.robots
            for topic, (kind, _) in CONVERSIONS.items()
        }
        self._contacts = {
            robot: ContactReporter(self, robot, self._topic(robot, "sim/contacts"))
            for robot in self._simulator.robots
        }
        self._optional = {
            robot: OptionalPublishers(self, self._topic(robot, ""))
            for robot in self._simulator.robots
        }
        if self._simulator.cameras.problem:
            self.get_logger().warning(f"cameras are off: {self._simulator.cameras.problem}")
        self._commands = {
            robot: Mailbox(self, TwistStamped, self._topic(robot, "cmd_vel"), COMMAND_QOS)
            for robot in self._simulator.robots
        }

    def _topic(self, robot: str, topic: str) -> str:
        return f"/{robot}/{topic}" if self._several else f"/{topic}"

    def run(self, executor: LeanExecutor) -> None:
        """Advance the simulation at its pace for good; the node's services are answered between.

        Raises:
            ExternalShutdownException: the context has ended.
        """
        if self._config.real_time_factor > 0.0:
            # It stands for hardware, which no work of the computer slows down.
            prefer(DRIVING)
            run_in_real_time(REAL_TIME_HARDWARE)
        while True:
            executor.spin_once(timeout_sec=self._wait_s())
            if self._wait_s() == 0.0:
                self._tick()

    def _wait_s(self) -> float:
        """Seconds until the next tick is due."""
        return self._pacer.wait_s(self._simulator.now_ns + TICK_NS, time.monotonic_ns())

    def _tick(self) -> None:
        """Play ten milliseconds; commands act from the beginning of the next ones."""
        for robot, mailbox in self._commands.items():
            for message in mailbox.take():
                self._simulator.command(command_from_ros(message), robot)
        measured = self._simulator.advance(TICK_NS)
        self._clock_publisher.publish(Clock(clock=time_of(self._simulator.clock_ns)))
        for measurement in measured:
            self._publish(measurement)
        for robot, reporter in self._contacts.items():
            reporter.report(self._simulator, robot, self._config.contacts_rate)
        if self._simulator.now_ns % SECOND < TICK_NS:
            self._publish_diagnostics()

    def _publish(self, measurement: Measurement) -> None:
        if measurement.topic not in CONVERSIONS:
            self._optional[measurement.robot].publish(measurement)
            return
        _, convert = CONVERSIONS[measurement.topic]
        publisher = self._sensor_publishers[(measurement.robot, measurement.topic)]
        publisher.publish(convert(measurement.message))

    def _publish_diagnostics(self) -> None:
        factor, lag_s = self._pacer.report(self._simulator.now_ns, time.monotonic_ns())
        behind = lag_s > 0.0
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if behind else DiagnosticStatus.OK,
            name="world_sim: pace",
            message=f"simulated time lost {lag_s:.2f} s in the last second"
            if behind
            else "on time",
            values=[KeyValue(key="real_time_factor", value=f"{factor:.3f}")],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = time_of(self._simulator.clock_ns)
        self._diagnostics.publish(message)


class ContactReporter:
    """Publishes the ground truth of one robot: at a rate, and at once when a contact begins."""

    def __init__(self, node: Node, robot: str, topic: str) -> None:
        self._robot = robot
        self._publisher = node.create_publisher(DiagnosticStatus, topic, 10)
        self._seen = 0
        self._due_ns = 0
        self._contact = ""

    def report(self, simulator: Simulator, robot: str, rate: float) -> None:
        """Publish what is due now, and every contact begun since the last call."""
        truth = simulator.ground_truth(robot)
        events = simulator.robots[robot].contacts_since_start
        for began_ns, model in events[self._seen :]:
            self._publish(began_ns, truth, model, len(events))
        changed = len(events) > self._seen or truth.contact != self._contact
        self._seen, self._contact = len(events), truth.contact
        if changed or simulator.now_ns >= self._due_ns:
            self._publish(simulator.now_ns, truth, truth.contact, len(events))
            self._due_ns = simulator.now_ns + round(SECOND / rate)

    def _publish(self, stamp_ns: int, truth: GroundTruth, contact: str, count: int) -> None:
        values = {
            "stamp_ns": str(stamp_ns),
            "contact": contact,
            "contacts": str(count),
            "x": f"{truth.x:.4f}",
            "y": f"{truth.y:.4f}",
            "yaw": f"{truth.yaw:.4f}",
            "vx": f"{truth.vx:.4f}",
            "wz": f"{truth.wz:.4f}",
        }
        self._publisher.publish(
            DiagnosticStatus(
                level=DiagnosticStatus.ERROR if contact else DiagnosticStatus.OK,
                name=self._robot,
                message=f"touches {contact}" if contact else "touches nothing",
                values=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        )


def main() -> None:
    """Run the node until it is told to stop."""
    rclpy.init()
    try:
        node = WorldSimNode()
        executor = LeanExecutor()
        executor.add_node(node)
        node.run(executor)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (ParameterError, WorldError, FaultError) as error:
        sys.stderr.write(f"world_sim: {error}\n")
        sys.exit(2)
    finally:
        rclpy.try_shutdown()
