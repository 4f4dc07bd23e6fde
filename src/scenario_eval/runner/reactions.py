"""When the stack noticed each injected fault, and when the robot was in a safe condition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scenario_eval.results import FaultReaction
from scenario_eval.trace import WORDS, Trace
from world_sim.faults import Fault

STANDSTILL = 0.05
"""m/s below which the robot stands."""

DEGRADED_SPEED = 0.6
"""m/s that a degraded robot keeps: its tier of 0.5 and what braking takes."""

AFTERMATH_S = 1.0
"""A fault may be noticed so long after its end."""

OUTSIDE = ("envelope", "limits")
"""Causes of the monitor that speak of the command, not of a fault."""


def fault_reactions(faults: Sequence[Fault], trace: Trace) -> tuple[FaultReaction, ...]:
    """The reaction to the first onset of each fault, in their order."""
    return tuple(_reaction(fault, trace) for fault in faults)


def _reaction(fault: Fault, trace: Trace) -> FaultReaction:
    times = trace.number("t")
    start = int(np.searchsorted(times, fault.at_s - 1e-9))
    end = len(times)
    if fault.duration_s is not None:
        end = int(np.searchsorted(times, fault.at_s + fault.duration_s + AFTERMATH_S))
    detected, by = _detection(trace, start, end)
    mitigated = None if detected is None else _mitigation(trace, detected)
    return FaultReaction(
        kind=fault.kind,
        target=fault.target,
        onset_s=fault.at_s,
        detected_s=_since(times, detected, fault.at_s),
        mitigated_s=_since(times, mitigated, fault.at_s),
        by=by,
    )


def _detection(trace: Trace, start: int, end: int) -> tuple[int | None, str]:
    """The first tick from `start` at which a part of the stack says something new."""
    if start >= len(trace):
        return None, ""
    before = max(start - 1, 0)
    candidates = []
    for part, words in (
        ("monitor", _causes(trace)),
        ("decision", trace.word("reason")),
        ("mission", trace.word("mission")),
    ):
        new = (words[start:end] != words[before]) & _speaks(part, words[start:end])
        first = np.flatnonzero(new)
        if len(first):
            tick = start + int(first[0])
            candidates.append((tick, f"{part}: {words[tick]}"))
    return min(candidates, default=(None, ""), key=lambda found: found[0] or 0)


def _causes(trace: Trace) -> NDArray[np.str_]:
    """(T,) what the monitor complains of, without the detail; a silent monitor says `silent`."""
    names = [word.partition(":")[0] for word in trace.words]
    names = ["" if name.startswith(OUTSIDE) else name for name in names]
    causes = np.array(names, dtype=np.str_)[trace.codes[:, WORDS.index("cause")]]
    return np.where(trace.word("state") == "silent", "silent", causes)


def _speaks(part: str, words: NDArray[np.str_]) -> NDArray[np.bool_]:
    if part == "mission":
        return np.isin(words, ("unreachable", "timed_out", "idle"))
    if part == "decision":
        return ~np.isin(words, ("", "reached", "no_goal", "returning"))
    said: NDArray[np.bool_] = words != ""
    return said


def _mitigation(trace: Trace, detected: int) -> int | None:
    """The first tick from the detection on at which the robot is in a safe condition."""
    state, driver = trace.word("state")[detected:], trace.word("driver")[detected:]
    speed = np.maximum(trace.speed[detected:], 0.25 * np.abs(trace.number("wz")[detected:]))
    safe = speed < STANDSTILL
    safe |= (state == "degraded") & (speed <= DEGRADED_SPEED)
    safe |= (driver == "fallback") & np.isin(state, ("nominal", "degraded"))
    first = np.flatnonzero(safe)
    return detected + int(first[0]) if len(first) else None


def _since(times: NDArray[np.float64], tick: int | None, onset_s: float) -> float | None:
    return None if tick is None else round(float(times[tick]) - onset_s, 3)
