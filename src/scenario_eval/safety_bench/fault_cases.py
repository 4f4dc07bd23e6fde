"""The cases of the fault matrix: every fault with every target, alone and in random pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from world_sim.faults import REGISTRY, Fault, parse_faults
from world_sim.faults.catalogue import targets_of

Entry = dict[str, Any]

ONSET_S = (1.8, 3.2)
DURATION_S = 2.0
BETWEEN_ONSETS_S = 0.8

# Kinds that no guard can answer for, because they break what docs/safety.md assumes, by what of
# it. The rest must be contained.
OUTSIDE: dict[tuple[str, str], str] = {
    ("drive_stuck", "drive"): "A3: the base obeys nobody",
    ("drive_saturated", "drive"): "A1: the base does not turn as fast as it surely does",
    ("wheel_weak", "drive"): "A1: the base does not do what is asked",
    ("wheel_slip", "drive"): "A1: the tyres do not hold",
    ("drive_dead", "drive"): "A1: the base does not do what is asked",
    ("delay", "command"): "A2: commands act later than the actuation delay",
    ("jitter", "command"): "A2: commands act later than the actuation delay",
    ("burst", "command"): "A2: commands act later than the actuation delay",
    ("freeze", "command"): "A2: the base is given an old command for a new one",
    ("bias", "scan"): "A4: obstacles are nearer or farther than the scanner says",
    ("scale", "scan"): "A4: obstacles are nearer than the scanner says",
    ("noise", "scan"): "A4: obstacles are nearer or farther than the scanner says",
    ("missing_returns", "scan"): "A4: obstacles that the scanner does not see",
    ("short_sight", "scan"): "A4: obstacles that the scanner does not see",
    ("inf", "scan"): "A4: obstacles that the scanner does not see",
    ("stuck_sector", "scan"): "A4: obstacles that the scanner does not see",
    ("turned_mount", "scan"): "A5: the scanner is not where it is said to be",
}


@dataclass(frozen=True)
class FaultCase:
    """What goes wrong in a run: names for people, and the faults as they would be written."""

    name: str
    entries: tuple[tuple[str, str], ...]

    @property
    def outside(self) -> str:
        """Which assumption of docs/safety.md the case breaks, or ""."""
        broken = dict.fromkeys(OUTSIDE[entry] for entry in self.entries if entry in OUTSIDE)
        return "; ".join(broken)

    def faults(self, seed: int) -> tuple[Fault, ...]:
        """The faults with onsets drawn from `seed`, each for two seconds."""
        rng = np.random.default_rng((seed, 0xFA17))
        onset = float(rng.uniform(*ONSET_S))
        entries: list[Entry] = []
        for kind, target in self.entries:
            entries.append(
                {
                    "kind": kind,
                    "target": target,
                    "at_s": round(onset, 3),
                    "duration_s": DURATION_S,
                }
            )
            onset += float(rng.uniform(0.0, BETWEEN_ONSETS_S))
        return parse_faults(entries, self.name)


HEALTHY = FaultCase("(none)", ())
NOT_CARRIED = ("camera", "depth")
"""Sensors that the robot of the matrix does not have."""


def single_cases() -> list[FaultCase]:
    """Every kind of fault with every target that it can have on this robot."""
    return [
        FaultCase(f"{kind} {target}", ((kind, target),))
        for kind, fault_type in REGISTRY.items()
        for target in targets_of(fault_type)
        if target not in NOT_CARRIED
    ]


def pair_cases(count: int, seed: int) -> list[FaultCase]:
    """Random pairs of different faults, all different.

    Raises:
        ValueError: there are not so many pairs.
    """
    singles = single_cases()
    most = len(singles) * (len(singles) - 1) // 2
    if count > most:
        raise ValueError(f"{count} pairs: there are only {most}")
    rng = np.random.default_rng((seed, 0x9A125))
    pairs: dict[tuple[int, int], FaultCase] = {}
    while len(pairs) < count:
        first, second = sorted(int(i) for i in rng.choice(len(singles), 2, replace=False))
        a, b = singles[first], singles[second]
        pairs[first, second] = FaultCase(f"{a.name} + {b.name}", a.entries + b.entries)
    return list(pairs.values())
