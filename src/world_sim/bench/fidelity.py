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

# A velocity has risen and fallen at these shares of its plateau, a median over so long.
RISEN, FALLEN = 0.9, 0.1
PLATEAU_S = 0.5


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
        rise_time_error_s, fall_time_error_s: difference of the time from the command to 90 % of
        the velocity, and from its end to 10 %; of the forward speed, or the yaw rate of a spin.
        yaw_rate_rise_error_s, yaw_rate_fall_error_s: the same of an arc's yaw rate, which no
        tolerance is set for; None where it is not both.
        tolerances: by figure, those that are asked for. within: none is exceeded.
    """
    recorded = recording.track
    turns, drives = bool(recorded.command_w.any()), bool(recorded.command_v.any())
    turn = float(recorded.yaw[-1] - recorded.yaw[0])
    length = float(np.hypot(np.diff(recorded.x), np.diff(recorded.y)).sum())
    pose = np.hypot(played.x - recorded.x, played.y - recorded.y)
    yaw = np.abs(played.yaw - recorded.yaw)
    odometry = np.hypot(played.odom_x - recorded.odom_x, played.odom_y - recorded.odom_y)
    rise, fall = response_errors(recorded, played, "vx" if drives else "wz")
    arc = response_errors(recorded, played, "wz") if drives and turns else (None, None)
    figures: dict[str, Any] = {
        "robot": recording.robot,
        "odom_error_m": float(odometry.max()),
        "odom_error_rad": float(np.abs(played.odom_yaw - recorded.odom_yaw).max()),
        "pose_error_m": float(pose.max()),
        "yaw_error_rad": float(yaw.max()),
        "yaw_error_ratio": float(yaw[-1]) / abs(turn) if turns else None,
        "end_error_ratio": float(pose[-1]) / length if drives else None,
        "rise_time_error_s": rise,
        "fall_time_error_s": fall,
        "yaw_rate_rise_error_s": arc[0],
        "yaw_rate_fall_error_s": arc[1],
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


def response_errors(recorded: Track, played: Track, velocity: str) -> tuple[float, float]:
    """Differences of rise and fall time of `velocity` (vx or wz) of two tracks, seconds."""
    command = {"vx": recorded.command_v, "wz": recorded.command_w}[velocity]
    theirs, ours = (
        response_times(track.t, command, getattr(track, velocity)) for track in (recorded, played)
    )
    return abs(ours[0] - theirs[0]), abs(ours[1] - theirs[1])


def response_times(
    t: NDArray[np.float64], command: NDArray[np.float64], velocity: NDArray[np.float64]
) -> tuple[float, float]:
    """Rise and fall time of a velocity that is commanded once and then taken back, seconds.

    From the command to 90 % of what is reached, and from its end to 10 % of what was driven; inf
    where that is never crossed. What is reached is the median of the first half second, what was
    driven that of the last: in between the recorded robots' turns wander with their heading.

    Args:
        t: (N,) seconds.
        command: (N,) what was asked for, zero before and after.
        velocity: (N,) what the robot did.
    """
    (asked,) = np.nonzero(command)
    before, last = int(asked[0]) - 1, int(asked[-1])
    reached = float(np.median(velocity[(t > t[before]) & (t <= t[before] + PLATEAU_S)]))
    driven = float(np.median(velocity[(t > t[last] - PLATEAU_S) & (t <= t[last])]))
    rise = _crossing(t[before:], velocity[before:] / reached, RISEN) - t[before]
    fall = _crossing(t[last:], -velocity[last:] / driven, -FALLEN) - t[last]
    return rise, fall


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
