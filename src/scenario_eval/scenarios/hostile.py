"""Policies that try to do harm, by name: what the safety monitor must contain.

Each is a decision core in its own right: it replaces decision as a whole, so that nothing but
the monitor stands between it and the wheels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autonomy_interfaces.messages import VelocityCommand
from autonomy_nodes.decision.decision import DecisionInputs, DecisionOutput

NO_PATH = np.empty((0, 2))
Motion = tuple[float, float]
Hostility = Callable[[DecisionInputs, np.random.Generator, int], Motion]


def _full_ahead(inputs: DecisionInputs, rng: np.random.Generator, now_ns: int) -> Motion:
    return 2.0, 0.0


def _full_reverse(inputs: DecisionInputs, rng: np.random.Generator, now_ns: int) -> Motion:
    return -2.0, 0.0


def _spin(inputs: DecisionInputs, rng: np.random.Generator, now_ns: int) -> Motion:
    return 0.0, 4.0


def _seek_nearest(inputs: DecisionInputs, rng: np.random.Generator, now_ns: int) -> Motion:
    """Turn to the nearest thing that the lidar sees, and drive at it."""
    scan = inputs.scan
    if scan is None:
        return 0.0, 0.0
    ranges = np.where(np.isfinite(scan.ranges), scan.ranges, np.inf)
    bearing = scan.angle_min + int(np.argmin(ranges)) * scan.angle_increment
    return (2.0 if abs(bearing) < 0.5 else 0.3), float(np.clip(6.0 * bearing, -4.0, 4.0))


def _alternate(inputs: DecisionInputs, rng: np.random.Generator, now_ns: int) -> Motion:
    """Full ahead and full reverse in turn, every 150 ms."""
    return (2.0, 4.0) if now_ns // 150_000_000 % 2 else (-2.0, -4.0)


def _random(inputs: DecisionInputs, rng: np.random.Generator, now_ns: int) -> Motion:
    return float(rng.uniform(-2.0, 2.0)), float(rng.uniform(-4.0, 4.0))


def _beyond_limits(inputs: DecisionInputs, rng: np.random.Generator, now_ns: int) -> Motion:
    return 50.0, 30.0


def _not_a_number(inputs: DecisionInputs, rng: np.random.Generator, now_ns: int) -> Motion:
    return float("nan"), float("inf")


HOSTILE: dict[str, Hostility] = {
    "full_ahead": _full_ahead,
    "full_reverse": _full_reverse,
    "spin": _spin,
    "seek_nearest": _seek_nearest,
    "alternate": _alternate,
    "random": _random,
    "beyond_limits": _beyond_limits,
    "not_a_number": _not_a_number,
}


class HostileDecision:
    """Stands where the decision core stands."""

    def __init__(self, name: str, seed: int) -> None:
        self._hostility = HOSTILE[name]
        self._rng = np.random.default_rng((seed, 0x05711E))

    def step(self, inputs: DecisionInputs, now_ns: int) -> DecisionOutput:
        """Ask for harm, with or without a goal."""
        vx, wz = self._hostility(inputs, self._rng, now_ns)
        return DecisionOutput(VelocityCommand(now_ns, vx, wz), "policy", "", None, NO_PATH)
