"""The same run in two processes, to the byte: `edge-autonomy bench determinism`."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autonomy_interfaces.messages import MILLISECOND, SECOND, LaserScan, VelocityCommand
from world_sim.faults import REGISTRY, Fault, parse_fault
from world_sim.faults.catalogue import targets_of
from world_sim.faults.lockstep import LockstepProcesses
from world_sim.faults.processes import ProcessFaultSchedule
from world_sim.simulator import Simulator
from world_sim.world import load_world

TICK_NS = 20 * MILLISECOND
NODES = ("perception", "decision", "mission", "safety_monitor")


class BenchError(RuntimeError):
    """A measurement did not come to its end; the message says why."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The hash (SHA-256) of a run, and how many measurements went into it."""

    sha256: str
    measurements: int


def every_fault(seconds: float) -> tuple[Fault, ...]:
    """Every kind of fault once, one after another over a run of `seconds`, its first target."""
    spacing = seconds / (len(REGISTRY) + 1)
    return tuple(
        parse_fault(
            {
                "kind": kind,
                "target": targets_of(fault_type)[0],
                "at_s": round(index * spacing, 3),
                "duration_s": 2.0 * spacing,
            }
        )
        for index, (kind, fault_type) in enumerate(REGISTRY.items())
    )


def digest(world: Path, seconds: float, seed: int, faults: Sequence[Fault]) -> Digest:
    """Hash everything that a driven run gives out: messages, clock, truth, contacts, processes.

    Args:
        world: to play; its robots drive in a changing curve.
        seconds: simulated.
        seed: of every random number.
        faults: what goes wrong.

    Raises:
        WorldError: the world cannot be played.
    """
    simulator = Simulator(load_world(world), seed=seed, faults=faults)
    processes = LockstepProcesses(seed)
    schedule = ProcessFaultSchedule(faults, processes)
    sha, count = hashlib.sha256(), 0
    while simulator.now_ns < seconds * SECOND:
        turn = 0.8 if simulator.now_ns // SECOND % 8 < 4 else -0.8
        for robot in simulator.robots:
            simulator.command(VelocityCommand(simulator.now_ns, 0.4, turn), robot)
        measured = simulator.advance(TICK_NS)
        count += len(measured)
        for measurement in measured:
            sha.update(f"{measurement.robot} {measurement.topic} {measurement.message!r}".encode())
            if isinstance(measurement.message, LaserScan):
                sha.update(measurement.message.ranges.tobytes())
        schedule.step(simulator.now_ns)
        state = [processes.begin_step(node, simulator.now_ns) for node in NODES]
        truths = [simulator.ground_truth(robot) for robot in simulator.robots]
        sha.update(f"{simulator.clock_ns} {state} {truths}".encode())
    sha.update(repr(simulator.contacts_since_start).encode())
    return Digest(sha.hexdigest(), count)


def compare_processes(world: Path, seconds: float, seed: int, processes: int = 2) -> dict[str, Any]:
    """Hash the same run, with every kind of fault, in separate processes.

    Each has its own seed of Python's string hashes, so that an order taken from a set shows.

    Raises:
        BenchError: a process failed.
    """
    command = [sys.executable, "-m", __name__, str(world), str(seconds), str(seed)]
    digests = []
    for number in range(processes):
        environment = os.environ | {"PYTHONHASHSEED": str(number + 1)}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            last = (run.stderr.strip().splitlines() or ["no message"])[-1]
            raise BenchError(f"process {number + 1} ended with {run.returncode}: {last}")
        digests.append(run.stdout.split())
    return {
        "world": str(world),
        "simulated_s": seconds,
        "seed": seed,
        "faults": len(REGISTRY),
        "measurements": int(digests[0][1]),
        "hashes": [entry[0] for entry in digests],
        "equal": len({entry[0] for entry in digests}) == 1,
    }


def _main() -> None:
    world, seconds, seed = sys.argv[1:]
    result = digest(Path(world), float(seconds), int(seed), every_fault(float(seconds)))
    sys.stdout.write(f"{result.sha256} {result.measurements}\n")


if __name__ == "__main__":
    _main()
