"""Every world at hand is loaded and driven in; scans and contacts are those of a sane world."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from autonomy_interfaces.messages import MILLISECOND, SECOND, LaserScan, Pose2D, VelocityCommand
from autonomy_interfaces.share import share_directory
from world_sim.simulator import RobotSpawn, Simulator
from world_sim.world import load_world

OWN = sorted((share_directory() / "gazebo_worlds").glob("*.sdf"))
# The benchmark's worlds are data beside the repository: used where they are.
BARN = sorted(
    Path(os.environ.get("BARN_WORLDS", share_directory() / "../shared/barn/worlds")).glob("*.world")
)
SECONDS = 2


@pytest.mark.parametrize("path", [*OWN, *BARN], ids=lambda path: path.stem)
def test_a_robot_drives_in_the_world(path):
    world = load_world(path)
    spawn = () if path in OWN else (RobotSpawn(pose=Pose2D(-2.25, 3.0, 1.57)),)
    simulator = Simulator(world, spawn)
    start = simulator.ground_truth()
    scans = []
    for _ in range(SECONDS * 50):
        simulator.command(VelocityCommand(simulator.now_ns, 0.3, 0.6))
        measured = simulator.advance(20 * MILLISECOND)
        scans += [m.message for m in measured if isinstance(m.message, LaserScan)]
    truth = simulator.ground_truth()
    assert simulator.now_ns == SECONDS * SECOND
    assert len(scans) == SECONDS * 50
    assert np.isfinite(scans[-1].ranges).sum() > 100
    assert np.hypot(truth.x - start.x, truth.y - start.y) > 0.2
    assert simulator.contacts_since_start == []
