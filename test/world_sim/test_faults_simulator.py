"""Faults in a running simulation: every kind shows, and the same seed gives the same bytes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from autonomy_interfaces.messages import (
    MILLISECOND,
    SECOND,
    LaserScan,
    Odometry,
    Pose2D,
    VelocityCommand,
)
from world_sim.faults import REGISTRY, Fault, parse_fault, parse_faults
from world_sim.faults.catalogue import targets_of
from world_sim.faults.drive import DriveFault
from world_sim.faults.model import StreamFault
from world_sim.simulator import GroundTruth, RobotSpawn, Simulator
from world_sim.world import load_world

MODELS = Path(__file__).parents[2] / "gazebo_worlds" / "models"
POST = """
<model name="post{i}"><static>true</static><pose>{x} {y} 0.5 0 0 0</pose>
<link name="link"><collision name="c">{shape}</collision><visual name="v">{shape}</visual>
</link></model>
"""
SHAPE = """
<geometry><cylinder><radius>0.2</radius><length>1.0</length></cylinder></geometry>
"""
WORLD = """<?xml version="1.0"?><sdf version="1.9"><world name="posts">
<model name="ground"><static>true</static><link name="link"><collision name="c">
<geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
</collision></link></model>{posts}</world></sdf>
"""
POSTS = [(4.0, 2.0), (6.0, -2.0), (8.0, 1.5), (2.0, -2.5), (-3.0, 0.5)]
TICK_NS = 20 * MILLISECOND
AT_S, DURATION_S, END_S = 0.6, 0.8, 1.8


@pytest.fixture(scope="module")
def world_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("worlds") / "posts.sdf"
    posts = "".join(POST.format(i=i, x=x, y=y, shape=SHAPE) for i, (x, y) in enumerate(POSTS))
    file.write_text(WORLD.format(posts=posts))
    return file


@dataclass(frozen=True)
class Run:
    """What a run looked like from outside: (clock, topic, stamp, digest of the data), truth."""

    arrivals: tuple[tuple[int, str, int, str], ...]
    clock_ns: tuple[int, ...]
    truth: tuple[GroundTruth, ...]


def drive(world_file: Path, faults: Sequence[Fault], end_s: float = END_S, seed: int = 5) -> Run:
    """Drive a weaving robot; the command reverses near the end of a fault's time."""
    simulator = Simulator(
        load_world(world_file, [MODELS]), [RobotSpawn(pose=Pose2D(0, 0, 0))], seed, faults
    )
    arrivals, clock_ns, truth = [], [], []
    for tick in range(round(end_s * SECOND / TICK_NS)):
        simulator.command(VelocityCommand(simulator.now_ns, *command_at(tick)))
        for measurement in simulator.advance(TICK_NS):
            message = measurement.message
            data = (
                message.ranges.tobytes()
                if isinstance(message, LaserScan)
                else repr(message).encode()
            )
            digest = hashlib.sha256(data).hexdigest()
            arrivals.append((simulator.now_ns, measurement.topic, message.stamp_ns, digest))
        clock_ns.append(simulator.clock_ns)
        truth.append(simulator.ground_truth())
    return Run(tuple(arrivals), tuple(clock_ns), tuple(truth))


def command_at(tick: int) -> tuple[float, float]:
    """(vx, wz): never twice the same, with a stop in the middle of a fault's time."""
    vx = 0.0 if 50 <= tick < 60 else 0.6 + 0.002 * tick
    return vx, 0.4 * float(np.sin(0.2 * tick))


@cache
def healthy(world_file: Path) -> Run:
    return drive(world_file, [])


def before(run: Run, topic: str, time_s: float) -> list[tuple[int, str, int, str]]:
    return [a for a in run.arrivals if a[1] == topic and a[0] < time_s * SECOND]


# A command that arrives twice at once is the same command.
OWN = {("duplicate", "command"): {"spacing_s": 0.03}}
CASES = [
    {"kind": kind, "target": target, "at_s": AT_S, "duration_s": DURATION_S}
    | OWN.get((kind, target), {})
    for kind, fault_type in REGISTRY.items()
    if issubclass(fault_type, StreamFault | DriveFault)
    for target in targets_of(fault_type)
    # The robot here carries no camera.
    if target not in ("camera", "depth")
]


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: f"{entry['kind']}-{entry['target']}")
def test_a_fault_shows_in_the_simulation_from_its_onset_on(
    world_file: Path, entry: dict[str, object]
) -> None:
    reference, run = healthy(world_file), drive(world_file, [parse_fault(entry)])
    onset = round(AT_S * SECOND / TICK_NS) - 1
    assert run.truth[:onset] == reference.truth[:onset]
    assert run.clock_ns[:onset] == reference.clock_ns[:onset]
    for topic in ("scan", "imu", "odom"):
        assert before(run, topic, AT_S) == before(reference, topic, AT_S)

    target = entry["target"]
    moved_otherwise = run.truth != reference.truth
    assert moved_otherwise == (target in ("drive", "command"))
    assert (run.clock_ns != reference.clock_ns) == (target in ("clock", "all"))
    for topic in ("scan", "imu", "odom"):
        differs = before(run, topic, END_S) != before(reference, topic, END_S)
        assert differs == (moved_otherwise or target in (topic, "all"))


def test_without_faults_a_run_is_the_same_as_with_faults_that_never_begin(
    world_file: Path,
) -> None:
    late = [{**entry, "at_s": 100.0} for entry in CASES]
    assert drive(world_file, parse_faults(late)) == healthy(world_file)


def straight(world_file: Path, *entries: dict[str, object], end_s: float = 2.0) -> Simulator:
    """Drive straight ahead at 0.5 m/s for a second, then send no more commands."""
    faults = parse_faults([{"target": "drive", **entry} for entry in entries])
    simulator = Simulator(
        load_world(world_file, [MODELS]), [RobotSpawn(pose=Pose2D(0, 0, 0))], faults=faults
    )
    while simulator.now_ns < end_s * SECOND:
        if simulator.now_ns < SECOND:
            simulator.command(VelocityCommand(simulator.now_ns, 0.5, 0.0))
        simulator.advance(TICK_NS)
    return simulator


def test_a_healthy_drive_stops_when_its_commands_end(world_file: Path) -> None:
    assert abs(straight(world_file).ground_truth().vx) < 0.02


def test_a_stuck_drive_goes_on_without_commands_and_stops_when_it_hears_again(
    world_file: Path,
) -> None:
    stuck = {"kind": "drive_stuck", "at_s": 0.9}
    assert straight(world_file, stuck).ground_truth().vx > 0.45
    assert abs(straight(world_file, {**stuck, "duration_s": 0.7}).ground_truth().vx) < 0.02


def test_a_drive_that_stands_does_not_start_by_getting_stuck(world_file: Path) -> None:
    at_rest = straight(world_file).ground_truth()
    stuck = straight(world_file, {"kind": "drive_stuck", "at_s": 1.6}).ground_truth()
    assert stuck.x == pytest.approx(at_rest.x, abs=1e-3)


def test_a_dead_drive_stops_though_it_is_commanded(world_file: Path) -> None:
    dead = straight(world_file, {"kind": "drive_dead", "at_s": 0.5}, end_s=0.98)
    assert abs(dead.ground_truth().vx) < 0.05


def test_a_saturated_drive_reaches_its_limit(world_file: Path) -> None:
    slow = straight(world_file, {"kind": "drive_saturated", "max_vx": 0.2}, end_s=0.98)
    assert slow.ground_truth().vx == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(("wheel", "sign"), [("left", 1), ("right", -1)])
def test_a_weak_wheel_turns_the_robot_to_its_side(world_file: Path, wheel: str, sign: int) -> None:
    weak = straight(world_file, {"kind": "wheel_weak", "wheel": wheel, "factor": 0.5}, end_s=0.98)
    assert sign * weak.ground_truth().yaw > 0.2


def test_slipping_wheels_turn_while_the_robot_stays_behind(world_file: Path) -> None:
    faults = parse_faults([{"kind": "wheel_slip", "target": "drive", "wheel": "both"}])
    simulator = Simulator(load_world(world_file, [MODELS]), [RobotSpawn()], faults=faults)
    odometry = None
    for _ in range(25):
        simulator.command(VelocityCommand(simulator.now_ns, 1.0, 0.0))
        for measurement in simulator.advance(TICK_NS):
            if isinstance(measurement.message, Odometry):
                odometry = measurement.message
    assert odometry is not None
    assert odometry.vx == pytest.approx(1.0, abs=0.05)
    assert simulator.ground_truth().vx < 0.3


def test_a_delayed_command_reaches_the_base_late(world_file: Path) -> None:
    delay = {"kind": "delay", "target": "command", "delay_s": 0.3}
    assert straight(world_file, delay, end_s=0.3).ground_truth().x == pytest.approx(0.0, abs=1e-3)
    assert straight(world_file, delay, end_s=0.6).ground_truth().x > 0.1


def test_a_delayed_message_arrives_within_the_call_that_covers_its_time(world_file: Path) -> None:
    faults = parse_faults([{"kind": "delay", "target": "odom", "delay_s": 0.05}])
    simulator = Simulator(load_world(world_file, [MODELS]), [RobotSpawn()], faults=faults)
    for _ in range(20):
        begin_ns = simulator.now_ns
        for measurement in simulator.advance(TICK_NS):
            if measurement.topic == "odom":
                arrival_ns = measurement.message.stamp_ns + 50 * MILLISECOND
                assert begin_ns < arrival_ns <= simulator.now_ns


SIXTY_SECONDS = [
    {"kind": "jitter", "target": "scan", "at_s": 5.0, "duration_s": 10.0},
    {"kind": "drop", "target": "odom", "share": 0.3},
    {"kind": "noise", "target": "imu", "repeat_s": 7.0, "duration_s": 3.0},
    {"kind": "ghost_returns", "target": "scan", "at_s": 20.0},
    {"kind": "reorder", "target": "command", "at_s": 10.0, "duration_s": 20.0},
    {"kind": "wheel_slip", "target": "drive", "at_s": 30.0, "duration_s": 2.0},
    {"kind": "drive_stuck", "target": "drive", "at_s": 40.0, "duration_s": 1.0},
    {"kind": "clock_drift", "target": "all", "at_s": 45.0, "duration_s": 5.0},
]


def sixty_seconds(world_file: Path) -> str:
    """Hash of all that leaves a minute of simulation with faults."""
    run = drive(world_file, parse_faults(SIXTY_SECONDS), end_s=60.0)
    return hashlib.sha256(repr(run).encode()).hexdigest()


def test_a_minute_with_faults_is_the_same_in_two_processes(world_file: Path) -> None:
    command = [sys.executable, __file__, str(world_file)]
    hashes = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)
    ]
    assert len(hashes[0].strip()) == 64
    assert hashes[0] == hashes[1]


def test_another_seed_gives_another_run(world_file: Path) -> None:
    faults = parse_faults([{"kind": "drop", "target": "odom"}])
    assert drive(world_file, faults, seed=1).arrivals != drive(world_file, faults, seed=2).arrivals


if __name__ == "__main__":
    sys.stdout.write(sixty_seconds(Path(sys.argv[1])) + "\n")
