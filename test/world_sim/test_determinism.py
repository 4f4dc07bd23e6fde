from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import sdf_text

from autonomy_interfaces.messages import MILLISECOND, LaserScan, VelocityCommand
from world_sim.simulator import RobotSpawn, Simulator
from world_sim.world import load_world

POSTS = [
    sdf_text.shape(f"post{i}", sdf_text.cylinder(0.1, 1), f"{x} {y} 0.5 0 0 0")
    for i, (x, y) in enumerate([(3, 1), (3, -1), (-2, 2), (0, 3), (5, 0)])
]


def digest(directory: Path, seed: int, seconds: int = 10) -> str:
    """Hash of everything measured while driving a fixed pattern, collisions included."""
    world = load_world(sdf_text.write(directory, sdf_text.world(*POSTS)))
    simulator = Simulator(world, [RobotSpawn()], seed=seed)
    result = hashlib.sha256()
    for tick in range(seconds * 50):
        command = VelocityCommand(simulator.now_ns, 0.8, 1.0 if tick % 200 < 100 else -0.7)
        simulator.command(command)
        for measurement in simulator.advance(20 * MILLISECOND):
            message = measurement.message
            if isinstance(message, LaserScan):
                result.update(message.ranges.tobytes())
            else:
                result.update(repr(message).encode())
    result.update(repr(simulator.ground_truth()).encode())
    result.update(repr(simulator.contacts_since_start).encode())
    return result.hexdigest()


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    assert digest(tmp_path, 1) == digest(tmp_path, 1)


def test_another_seed_gives_other_bytes(tmp_path):
    assert digest(tmp_path, 1, seconds=1) != digest(tmp_path, 2, seconds=1)


def test_another_process_gives_the_same_bytes(tmp_path):
    program = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]);"
        "import test_determinism as t; print(t.digest(pathlib.Path(sys.argv[2]), 7))"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    output = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent), str(elsewhere)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert output.stdout.strip() == digest(tmp_path, 7)
