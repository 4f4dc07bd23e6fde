"""Drivers that try to make contact: each attacks another part of the motion envelope.

A driver sees the raw scan and says a velocity, every 20 ms. All are restless: one whose robot has
not moved for a second drives at random for a second, so that it attacks from somewhere else.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import LaserScan

FASTEST, TURNING = 2.0, 4.0
HALF_WIDTH = 0.215
LIDAR_AHEAD = 0.055


@dataclass(frozen=True)
class View:
    """What a driver sees: number of the tick, the newest scan (720 beams of 270°), a generator."""

    tick: int
    scan: LaserScan
    rng: np.random.Generator

    @property
    def bearings(self) -> NDArray[np.float64]:
        """(N,) rad."""
        beams = np.arange(len(self.scan.ranges), dtype=np.float64)
        return self.scan.angle_min + self.scan.angle_increment * beams

    @property
    def ranges(self) -> NDArray[np.float64]:
        """(N,) metres, 30 where nothing returns."""
        ranges = np.nan_to_num(self.scan.ranges.astype(np.float64), nan=30.0, neginf=0.1)
        capped: NDArray[np.float64] = np.minimum(ranges, 30.0)
        return capped

    @property
    def nearest(self) -> tuple[float, float]:
        """Bearing and range of the nearest return."""
        index = int(np.argmin(self.ranges))
        return float(self.bearings[index]), float(self.ranges[index])


Wish: TypeAlias = tuple[float, float]
Driver: TypeAlias = Callable[[View], Wish]


def _turn(angle: float, gain: float = 4.0) -> float:
    return float(np.clip(gain * math.remainder(angle, math.tau), -TURNING, TURNING))


def _random_wish(rng: np.random.Generator) -> Wish:
    return float(rng.uniform(-FASTEST, FASTEST)), float(rng.uniform(-TURNING, TURNING))


def full_speed_at_the_nearest(rng: np.random.Generator) -> Driver:
    """Aims at the nearest obstacle and drives into it as fast as the robot can."""
    return lambda view: (FASTEST, _turn(view.nearest[0]))


def random(rng: np.random.Generator) -> Driver:
    """Another velocity in every tick."""
    return lambda view: _random_wish(view.rng)


def random_held(rng: np.random.Generator) -> Driver:
    """Velocities drawn at random and held for a random time, up to 0.8 s."""
    held: list[tuple[int, Wish]] = [(0, (0.0, 0.0))]

    def drive(view: View) -> Wish:
        if view.tick >= held[0][0]:
            held[0] = view.tick + int(view.rng.integers(2, 40)), _random_wish(view.rng)
        return held[0][1]

    return drive


def spinning(rng: np.random.Generator) -> Driver:
    """Turns on the spot as fast as it can, drifting: corners and tail meet what stands near."""
    return lambda view: (
        0.3 * math.sin(view.tick / 40.0),
        TURNING if view.tick // 60 % 2 else -TURNING,
    )


def alternating(rng: np.random.Generator) -> Driver:
    """Full acceleration one way and the other, against what was just judged free."""
    return lambda view: (
        FASTEST if view.tick // 3 % 2 else -FASTEST,
        TURNING if view.tick // 5 % 2 else -TURNING,
    )


def not_a_number(rng: np.random.Generator) -> Driver:
    """NaN and infinities between commands at full speed."""
    broken = (math.nan, math.inf, -math.inf)

    def drive(view: View) -> Wish:
        if view.tick // 25 % 3 == 2:
            return broken[view.tick % 3], broken[view.tick // 3 % 3]
        return FASTEST, _turn(view.nearest[0])

    return drive


def creeping_into_gaps(rng: np.random.Generator) -> Driver:
    """Slowly into the nearest edge between something near and something far behind it."""

    def drive(view: View) -> Wish:
        ranges = view.ranges
        jumps = np.abs(np.diff(ranges)) > 0.25
        near = np.where(jumps, np.minimum(ranges[1:], ranges[:-1]), np.inf)
        edge = int(np.argmin(near))
        bearing = float(view.bearings[edge]) if math.isfinite(near[edge]) else view.nearest[0]
        return 0.15, _turn(bearing, 1.5)

    return drive


def reversing(rng: np.random.Generator) -> Driver:
    """Backs, full speed, into what it has turned its back on."""
    return lambda view: (-FASTEST, _turn(view.nearest[0] + math.pi, 3.0))


def turning_the_blind_side(rng: np.random.Generator) -> Driver:
    """Turns until the nearest obstacle is where no beam looks, then backs into it."""

    def drive(view: View) -> Wish:
        if view.tick // 60 % 2 == 0:
            return 0.0, _turn(view.nearest[0] + math.pi)
        return -FASTEST, 0.0

    return drive


def grazing(rng: np.random.Generator) -> Driver:
    """Passes the nearest obstacle with a flank's width less than there is."""
    miss = float(rng.uniform(-0.02, 0.03))

    def drive(view: View) -> Wish:
        bearing, distance = view.nearest
        offset = math.asin(min(1.0, (HALF_WIDTH + miss) / (distance + LIDAR_AHEAD)))
        return 1.5, _turn(bearing - math.copysign(offset, bearing))

    return drive


def swinging_the_tail(rng: np.random.Generator) -> Driver:
    """Drives and turns away from the nearest obstacle, so that the rear corner swings at it."""

    def drive(view: View) -> Wish:
        bearing, _ = view.nearest
        return 0.7, -math.copysign(TURNING, bearing)

    return drive


def valid_but_delayed(rng: np.random.Generator) -> Driver:
    """A sensible driver, towards the widest opening, whose commands are half a second old."""
    delayed: deque[Wish] = deque([(0.0, 0.0)] * int(rng.integers(15, 40)))

    def drive(view: View) -> Wish:
        ahead = np.abs(view.bearings) < 1.8
        smooth = np.convolve(np.minimum(view.ranges, 4.0), np.ones(61) / 61, mode="same")
        bearing = float(view.bearings[np.argmax(np.where(ahead, smooth, 0.0))])
        speed = FASTEST * max(0.1, math.cos(bearing)) * min(1.0, view.nearest[1])
        delayed.append((speed, _turn(bearing, 2.0)))
        return delayed.popleft()

    return drive


def over_the_limits(rng: np.random.Generator) -> Driver:
    """Numbers that no robot can follow."""
    return lambda view: (
        float(view.rng.choice([1e30, -1e30, 50.0])),
        float(view.rng.uniform(-1e30, 1e30)),
    )


DRIVERS: dict[str, Callable[[np.random.Generator], Driver]] = {
    driver.__name__: driver
    for driver in (
        full_speed_at_the_nearest,
        random,
        random_held,
        spinning,
        alternating,
        not_a_number,
        creeping_into_gaps,
        reversing,
        turning_the_blind_side,
        grazing,
        swinging_the_tail,
        valid_but_delayed,
        over_the_limits,
    )
}


class Restless:
    """A driver that attacks from somewhere else when it has stood for a second."""

    STILL_TICKS = 50

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._still = 0
        self._leaving: tuple[int, Wish] = (-1, (0.0, 0.0))

    def drive(self, view: View, moving: bool) -> Wish:
        """The wish of a tick; `moving`: whether the robot moves."""
        self._still = 0 if moving else self._still + 1
        if self._still >= self.STILL_TICKS:
            self._still = 0
            speed = float(view.rng.uniform(0.2, FASTEST)) * float(view.rng.choice([-1.0, 1.0]))
            turn = float(view.rng.uniform(-TURNING, TURNING))
            self._leaving = view.tick + self.STILL_TICKS, (speed, turn)
        if view.tick < self._leaving[0]:
            return self._leaving[1]
        return self._driver(view)
