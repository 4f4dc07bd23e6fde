"""How near the simulation is to Gazebo Sim: `edge-autonomy bench fidelity`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from world_sim.bench.recording import Recording, Track, play, read_recordings

ODOMETRY = {"odom_error_m": 0.01, "odom_error_rad": 0.01}
RESPONSE = {"rise_time_error_s": 0.02, "fall_time_error_s": 0.02}
EVERY_ROW = {"pose_error_m": 0.02, "yaw_error_rad": 0.03}
AT_THE_END = {"yaw_error_ratio": 0.1, "end_error_ratio": 0.1}

# A velocity has risen and fallen at these shares of its steady value.
RISEN, FALLEN = 0.9, 0.1


@dataclass(frozen=True, slots=True)
class Pair:
    """One profile as recorded and as played, and the figures that compare them."""

    recording: Recording
    played: Track
    figures: dict[str, Any]


def compare_all(
    directory: Path, step_ms: int, progress: Callable[[str], None] = lambda text: None
) -> list[Pair]:
    """Play every recording of a directory and compare.

    Raises:
        FidelityError: the recordings cannot be read.
        WorldError: one of their worlds cannot be played.
    """
    pairs = []
    for recording in read_recordings(directory):
        progress(recording.name)
        played = play(recording, step_ms)
        pairs.append(Pair(recording, played, compare(recording, played)))
    return pairs


def summary(pairs: list[Pair], step_ms: int) -> dict[str, Any]:
    """What `edge-autonomy bench fidelity` reports: step_ms, profiles by name, all_within."""
    profiles = {pair.recording.name: pair.figures for pair in pairs}
    return {
        "step_ms": step_ms,
        "profiles": profiles,
        "all_within": all(figures["within"] for figures in profiles.values()),
    }


def compare(recording: Recording, played: Track) -> dict[str, Any]:
    """The figures of one profile.

    Returns:
        odom_error_m, odom_error_rad: largest difference of the wheels' odometry at any row.
        pose_error_m, yaw_error_rad: largest difference of the true pose at any row.
        yaw_error_ratio: difference of yaw at the end by the recorded turn; None without a turn.
        end_error_ratio: distance of the ends by the recorded path length; None without a path.
        rise_time_error_s, fall_time_error_s: largest difference, over the velocities that are
        commanded, of the time from the command to 90 % and from its end to 10 %.
        tolerances: by figure, those that are asked for. within: none is exceeded.
    """
    recorded = recording.track
    turns, drives = bool(recorded.command_w.any()), bool(recorded.command_v.any())
    turn = float(recorded.yaw[-1] - recorded.yaw[0])
    length = float(np.hypot(np.diff(recorded.x), np.diff(recorded.y)).sum())
    pose = np.hypot(played.x - recorded.x, played.y - recorded.y)
    yaw = np.abs(played.yaw - recorded.yaw)
    odometry = np.hypot(played.odom_x - recorded.odom_x, played.odom_y - recorded.odom_y)
    rises, falls = _response_errors(recorded, played)
    figures: dict[str, Any] = {
        "robot": recording.robot,
        "odom_error_m": float(odometry.max()),
        "odom_error_rad": float(np.abs(played.odom_yaw - recorded.odom_yaw).max()),
        "pose_error_m": float(pose.max()),
        "yaw_error_rad": float(yaw.max()),
        "yaw_error_ratio": float(yaw[-1]) / abs(turn) if turns else None,
        "end_error_ratio": float(pose[-1]) / length if drives else None,
        "rise_time_error_s": rises,
        "fall_time_error_s": falls,
    }
    tolerances = tolerances_of(recording.robot, turns, drives)
    return {
        **figures,
        "tolerances": tolerances,
        "within": all(figures[name] <= limit for name, limit in tolerances.items()),
    }


def tolerances_of(robot: str, turns: bool, drives: bool) -> dict[str, float]:
    """What is asked of a profile: the tolerances published with the recordings, by figure.

    Where wheels stand on a sharp edge or skid (2w, 4wd), a turn is judged at its end; a turn on
    the spot has no path length, so that its position is held to that of a straight profile.
    """
    tolerances = {**ODOMETRY, **RESPONSE}
    if robot == "2ws":
        return {**tolerances, **EVERY_ROW}
    if turns:
        tolerances["yaw_error_ratio"] = AT_THE_END["yaw_error_ratio"]
    if turns and drives:
        tolerances["end_error_ratio"] = AT_THE_END["end_error_ratio"]
    else:
        tolerances["pose_error_m"] = EVERY_ROW["pose_error_m"]
    return tolerances


def _response_errors(recorded: Track, played: Track) -> tuple[float, float]:
    rises, falls = [], []
    for command, velocity in (("command_v", "vx"), ("command_w", "wz")):
        asked = getattr(recorded, command)
        if not asked.any():
            continue
        theirs, ours = (
            response_times(track.t, asked, getattr(track, velocity)) for track in (recorded, played)
        )
        rises.append(abs(ours[0] - theirs[0]))
        falls.append(abs(ours[1] - theirs[1]))
    return max(rises, default=0.0), max(falls, default=0.0)


def response_times(
    t: NDArray[np.float64], command: NDArray[np.float64], velocity: NDArray[np.float64]
) -> tuple[float, float]:
    """Rise and fall time of a velocity that is commanded once and then taken back, seconds.

    From the command to 90 % of the steady velocity, and from its end to 10 %; inf where that is
    never reached. Steady is the median over the last half of the command.

    Args:
        t: (N,) seconds.
        command: (N,) what was asked for, zero before and after.
        velocity: (N,) what the robot did.
    """
    (asked,) = np.nonzero(command)
    first, last = int(asked[0]), int(asked[-1])
    steady = float(np.median(velocity[(first + last) // 2 : last + 1]))
    share = velocity / steady
    rise = _crossing(t[first - 1 :], share[first - 1 :], RISEN) - t[first - 1]
    fall = _crossing(t[last:], -share[last:], -FALLEN) - t[last]
    return float(rise), float(fall)


def _crossing(t: NDArray[np.float64], values: NDArray[np.float64], level: float) -> float:
    """When `values` first reach `level` from below, interpolated between rows."""
    (above,) = np.nonzero(values >= level)
    if not len(above):
        return float("inf")
    row = int(above[0])
    if row == 0:
        return float(t[0])
    share = (level - values[row - 1]) / (values[row] - values[row - 1])
    return float(t[row - 1] + share * (t[row] - t[row - 1]))
