"""Scans that tell of another motion, or of another world, than odometry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.plausibility import Plausibility
from safety_monitor.scanner import Scanner
from safety_monitor.watchdog import Fault

TICK = 20_000_000
BEAMS, FIRST, STEP = 720, -2.35619, 4.71238 / 719
ANGLES = FIRST + STEP * np.arange(BEAMS)
Pose = tuple[float, float, float]


def room(pose: Pose) -> np.ndarray:
    """(720,) ranges in a room of 8 m by 5 m with a niche, from a scanner at a pose."""
    x, y, yaw = pose
    bearing = ANGLES + yaw
    c, s = np.cos(bearing), np.sin(bearing)
    with np.errstate(divide="ignore"):
        along = np.where(c > 0, (5.0 - x) / c, (-3.0 - x) / c)
        across = np.where(s > 0, (3.0 - y) / s, (-2.0 - y) / s)
    ranges = np.minimum(along, across)
    niche = (np.abs(y + ranges * s) < 0.7) & (x + ranges * c > 4.9)
    return np.where(niche, ranges + 0.6 / np.maximum(c, 0.1), ranges)


class Trial:
    """A scanner in the middle of the robot, and what odometry and commands say of its motion."""

    def __init__(self) -> None:
        self.scanner = Scanner(MonitorConfig(), "scan", (0.0, 0.0, 0.0))
        self.plausible = Plausibility()
        self.rng = np.random.default_rng(0)
        self.now = TICK
        self.true = self.told = self.commanded = (0.0, 0.0, 0.0)
        self.worst_off = 0.0

    def go(
        self,
        ticks: int,
        true: float,
        told: float,
        commanded: float,
        turn: float = 0.0,
        change=lambda ranges: ranges,
        world=room,
    ) -> set[Fault]:
        """Move on with three speeds along x and one rate of turn; returns all that was found."""
        found = set()
        for _ in range(ticks):
            self.now += TICK
            self.true = ahead(self.true, true, turn)
            self.told = ahead(self.told, told, turn)
            self.commanded = ahead(self.commanded, commanded, turn)
            ranges = change(world(self.true)) + self.rng.normal(0.0, 0.01, BEAMS)
            layout = FIRST, STEP, 0.1, 30.0
            self.scanner.take(ranges.astype(np.float32), layout, self.now, self.now)
            off = self.plausible.look(self.scanner.scan, self.told, self.commanded)
            self.worst_off = max(self.worst_off, off)
            found |= {finding.fault for finding in self.plausible.findings(self.now)}
        return found


def ahead(pose: Pose, v: float, w: float) -> Pose:
    x, y, yaw = pose
    return x + 0.02 * v * math.cos(yaw), y + 0.02 * v * math.sin(yaw), yaw + 0.02 * w


@pytest.mark.parametrize(
    ("v", "w"), [(0.0, 0.0), (1.0, 0.0), (-0.5, 0.3), (2.0, -1.0), (0.0, 3.0), (0.05, 0.0)]
)
def test_an_honest_robot_contradicts_nothing(v: float, w: float) -> None:
    assert Trial().go(70, v, v, v, w) == set()


def test_wheels_that_spin_on_the_spot_are_noticed_within_a_foot() -> None:
    trial = Trial()
    assert trial.go(20, 0.0, 0.0, 0.0) == set()
    assert trial.go(15, 0.0, 1.0, 1.0) == {Fault.ODOMETRY_CONTRADICTED}
    assert 0.12 < trial.worst_off < 0.3


def test_a_slip_is_told_for_a_second_and_then_over() -> None:
    trial = Trial()
    trial.go(15, 0.0, 1.0, 1.0)
    assert trial.go(1, 0.0, 0.0, 0.0) == {Fault.ODOMETRY_CONTRADICTED}
    trial.go(50, 0.0, 0.0, 0.0)
    assert trial.go(20, 1.0, 1.0, 1.0) == set()


def test_an_encoder_that_is_dead_is_noticed_by_what_was_commanded() -> None:
    trial = Trial()
    assert trial.go(30, 1.0, 0.0, 1.0) == {Fault.ODOMETRY_CONTRADICTED}


def test_a_robot_that_is_held_fast_and_says_so_contradicts_nothing() -> None:
    assert Trial().go(60, 0.0, 0.0, 0.5) == set()


@pytest.mark.parametrize(
    "change",
    [
        lambda ranges: ranges + 0.15,
        lambda ranges: 0.9 * ranges,
        lambda ranges: np.roll(ranges, 150),
        lambda ranges: np.full(BEAMS, 1.0),
    ],
    ids=["bias", "scale", "turned", "covered"],
)
def test_a_scan_that_jumps_is_noticed_at_once_and_until_it_is_right_again(change) -> None:
    trial = Trial()
    trial.go(20, 0.5, 0.5, 0.5)
    assert trial.go(1, 0.0, 0.0, 0.0, change=change) == {Fault.SCAN_JUMPED}
    trial.go(150, 0.0, 0.0, 0.0, change=change)
    assert trial.go(1, 0.0, 0.0, 0.0, change=change) == {Fault.SCAN_JUMPED}
    assert trial.go(1, 0.0, 0.0, 0.0) == set()


def test_a_person_can_confirm_a_new_place() -> None:
    trial = Trial()
    trial.go(5, 0.0, 0.0, 0.0)
    trial.true = (2.0, 1.0, 1.0)
    assert trial.go(3, 0.0, 0.0, 0.0) == {Fault.SCAN_JUMPED}
    trial.plausible.forget()
    assert trial.go(20, 0.5, 0.5, 0.5) == set()


def corridor(pose: Pose) -> np.ndarray:
    """(720,) ranges in an endless corridor of 1.2 m."""
    across = np.sin(ANGLES + pose[2])
    with np.errstate(divide="ignore"):
        return np.where(across > 0, (0.6 - pose[1]) / across, (-0.6 - pose[1]) / across)


@pytest.mark.parametrize("world", [corridor, lambda pose: np.full(BEAMS, np.inf)])
def test_where_all_looks_the_same_nothing_is_said(world) -> None:
    trial = Trial()
    assert trial.go(60, 1.0, 1.0, 1.0, world=world) == set()
    assert trial.go(60, 0.0, 1.0, 1.0, world=world) == set()


def test_somebody_who_was_all_there_is_to_see_may_walk_off() -> None:
    trial = Trial()
    alone = np.full(BEAMS, np.inf)
    alone[300:450] = 0.6
    assert trial.go(20, 0.0, 0.0, 0.0, world=lambda _: alone) == set()
    walked_on = np.roll(alone, 200)
    assert trial.go(150, 0.0, 0.0, 0.0, world=lambda _: walked_on) == set()


def test_people_around_the_robot_are_no_jump() -> None:
    """A third of what is seen comes and goes."""
    trial = Trial()

    def crowd(ranges: np.ndarray) -> np.ndarray:
        start = trial.rng.integers(0, 480)
        ranges = ranges.copy()
        ranges[start : start + 240] = trial.rng.uniform(0.5, 1.5)
        return ranges

    assert trial.go(150, 0.5, 0.5, 0.5, change=crowd) == set()
