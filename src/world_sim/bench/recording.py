"""Trajectories recorded in Gazebo Sim, and the same commands played here."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import SECOND, VelocityCommand
from world_sim import stepping
from world_sim.simulator import Simulator, SimulatorConfig
from world_sim.world import load_world

COLUMNS = ("t", "cmd_v", "cmd_w", "x", "y", "yaw", "vx", "wz", "odom_x", "odom_y", "odom_yaw")
ROBOTS = ("2ws", "4wd", "2w")
"""Prefixes of the recordings' names; a name without any belongs to the last."""


class FidelityError(ValueError):
    """The recordings cannot be read; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Track:
    """What a robot did, row by row; (N,) float64 each.

    t: seconds. command_v, command_w: m/s and rad/s in force since the row before. x, y, yaw: true
    pose of the base in the world, metres and unwrapped radians. vx, wz: true twist of the base,
    the mean since the row before. odom_x, odom_y, odom_yaw: odometry of the wheels alone, yaw
    unwrapped.
    """

    t: NDArray[np.float64]
    command_v: NDArray[np.float64]
    command_w: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    yaw: NDArray[np.float64]
    vx: NDArray[np.float64]
    wz: NDArray[np.float64]
    odom_x: NDArray[np.float64]
    odom_y: NDArray[np.float64]
    odom_yaw: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded profile: its name, the robot's, the world that was played, what happened."""

    name: str
    robot: str
    world: Path
    track: Track


def read_recordings(directory: Path) -> list[Recording]:
    """Every recording of a directory, by name.

    A recording is a CSV file with the columns `COLUMNS`; the world of robot `R` is `empty_R.sdf`.

    Raises:
        FidelityError: there is none, one lacks a column or holds no number, or its world lacks.
    """
    files = sorted(directory.glob("*.csv"))
    if not files:
        raise FidelityError(f"{directory}: holds no recording (*.csv)")
    return [_read(file) for file in files]


def _read(file: Path) -> Recording:
    robot = next((r for r in ROBOTS if file.name.startswith(f"{r}_")), ROBOTS[-1])
    world = file.parent / f"empty_{robot}.sdf"
    if not world.is_file():
        raise FidelityError(f"{file}: its world {world.name} is not beside it")
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    try:
        columns = [np.array([float(row[name]) for row in rows]) for name in COLUMNS]
    except (KeyError, TypeError, ValueError) as error:
        raise FidelityError(f"{file}: expected numbers in columns {', '.join(COLUMNS)}") from error
    if len(rows) < 2:
        raise FidelityError(f"{file}: holds {len(rows)} rows; two or more are needed")
    return Recording(file.stem, robot, world, _track(np.column_stack(columns)))


def play(recording: Recording, step_ms: int) -> Track:
    """Play the commands of a recording in its world, and sample at its rows.

    Args:
        recording: world, commands and instants.
        step_ms: physics step, milliseconds.

    Raises:
        WorldError: the world cannot be played.
    """
    config = SimulatorConfig(step_ms=step_ms, command_timeout_s=0.0, odometry="wheel")
    simulator = Simulator(load_world(recording.world), config=config)
    robot = next(iter(simulator.robots.values()))
    recorded = recording.track
    rows = np.empty((len(recorded.t), len(COLUMNS)))
    commands = zip(recorded.t, recorded.command_v, recorded.command_w, strict=True)
    for row, (t, vx, wz) in enumerate(commands):
        simulator.command(VelocityCommand(simulator.now_ns, float(vx), float(wz)))
        simulator.advance(round(float(t) * SECOND) - simulator.now_ns)
        truth = robot.ground_truth()
        odometry = robot.odometry[stepping.WHEEL_X : stepping.WHEEL_X + 3]
        rows[row] = (t, vx, wz, truth.x, truth.y, truth.yaw, 0.0, 0.0, *odometry)
    return with_mean_twist(_track(rows))


def with_mean_twist(track: Track) -> Track:
    """The track with its twist taken from its poses, as gz-sim's odometry publisher takes it."""
    elapsed = np.diff(track.t, prepend=0.0)
    dx, dy = (np.diff(axis, prepend=axis[0]) for axis in (track.x, track.y))
    turn = np.diff(track.yaw, prepend=track.yaw[0])
    heading = track.yaw - 0.5 * turn
    vx = (dx * np.cos(heading) + dy * np.sin(heading)) / elapsed
    return replace(track, vx=vx, wz=turn / elapsed)


def _track(rows: NDArray[np.float64]) -> Track:
    """From (N, 11) float64, in the order of `COLUMNS`."""
    columns = dict(zip(COLUMNS, rows.T, strict=True))
    for name in ("yaw", "odom_yaw"):
        columns[name] = np.unwrap(columns[name])
    columns["command_v"], columns["command_w"] = columns.pop("cmd_v"), columns.pop("cmd_w")
    return Track(**columns)
