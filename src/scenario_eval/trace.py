"""The trace of a run: one row per 50 Hz tick, column by column, in a compressed .npz file.

    numbers   (T, K) float64, columns named by `NUMBERS`
    codes     (T, L) int16, columns named by `WORDS`: index into `words`
    words     (W,) str: every word of the run, in order of appearance
    actors    (T, A, 3) float64: x, y, yaw of the moving bodies, world frame
    actor_names   (A,) str
    circles   (C, 3) x, y, radius: the static world at the lidar's height
    segments  (S, 4) ax, ay, bx, by: the same
    footprint (N, 2) the robot's outline, base frame
    goals     (G, 3) x, y, yaw of the goals in the order given, world frame
    format    the version of this format

SI units; poses in the world frame. NaN in `clearance` means unknown, +inf nothing in range. The
file holds no time of day: the same run gives the same bytes.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FORMAT = 2

NUMBERS = (
    "t",  # simulated seconds
    "x",
    "y",
    "yaw",
    "vx",  # true, base frame
    "wz",
    "odom_x",  # what odometry said last, moved into the world frame
    "odom_y",
    "odom_yaw",
    "wish_vx",  # what decision asked for
    "wish_wz",
    "cmd_vx",  # what the base was given
    "cmd_wz",
    "scale",  # share of the wish that the monitor passed
    "clearance",  # true distance from footprint to world, metres
    "goal",  # number of the goal that is open, from 1; 0 for none
    "goal_distance",  # true distance to it
)
"""Columns of numbers."""

WORDS = (
    "mission",  # state of the mission
    "driver",  # policy, fallback, none
    "reason",  # why the policy does not drive
    "planner",  # status of the planner
    "state",  # state of the safety monitor
    "cause",  # its cause
    "intervention",  # none, slowed, stopped
    "contact",  # model that is touched, or ""
    "gate",  # asking, escalated: why, why a goal was denied, or ""
)
"""Columns of words."""


class TraceError(ValueError):
    """A trace that cannot be read; the message names it."""


@dataclass(frozen=True)
class Trace:
    """A run in columns; see the module's text for shapes and units."""

    numbers: NDArray[np.float64]
    codes: NDArray[np.int16]
    words: tuple[str, ...]
    actors: NDArray[np.float64]
    actor_names: tuple[str, ...]
    circles: NDArray[np.float64]
    segments: NDArray[np.float64]
    footprint: NDArray[np.float64]
    goals: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.numbers)

    def number(self, name: str) -> NDArray[np.float64]:
        """(T,) float64: a column of `NUMBERS`."""
        column: NDArray[np.float64] = self.numbers[:, NUMBERS.index(name)]
        return column

    def word(self, name: str) -> NDArray[np.str_]:
        """(T,) str: a column of `WORDS`."""
        column: NDArray[np.str_] = np.array(self.words, dtype=np.str_)[
            self.codes[:, WORDS.index(name)]
        ]
        return column

    @property
    def speed(self) -> NDArray[np.float64]:
        """(T,) float64, m/s: magnitude of the true forward velocity."""
        speed: NDArray[np.float64] = np.abs(self.number("vx"))
        return speed

    @property
    def path_m(self) -> float:
        """Length of the true path, metres."""
        steps = np.diff(self.numbers[:, 1:3], axis=0)
        return float(np.hypot(steps[:, 0], steps[:, 1]).sum())

    def save(self, file: Path) -> None:
        """Write the trace."""
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            file,
            format=np.array(FORMAT),
            numbers=self.numbers,
            codes=self.codes,
            words=np.array(self.words, dtype=np.str_),
            actors=self.actors,
            actor_names=np.array(self.actor_names, dtype=np.str_),
            circles=self.circles,
            segments=self.segments,
            footprint=self.footprint,
            goals=self.goals,
        )


def load_trace(file: Path) -> Trace:
    """Read a trace.

    Raises:
        TraceError: it is missing, damaged, or of another format.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found = int(arrays["format"])
            if found != FORMAT:
                raise TraceError(f"{file}: trace of format {found}, expected {FORMAT}; run again")
            return Trace(
                numbers=arrays["numbers"],
                codes=arrays["codes"],
                words=tuple(str(word) for word in arrays["words"]),
                actors=arrays["actors"],
                actor_names=tuple(str(name) for name in arrays["actor_names"]),
                circles=arrays["circles"],
                segments=arrays["segments"],
                footprint=arrays["footprint"],
                goals=arrays["goals"],
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, TraceError):
            raise
        raise TraceError(f"{file}: not a trace ({error}); run the scenario again") from error
