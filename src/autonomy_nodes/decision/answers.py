"""From a policy's output tensor to the velocities that it stands for."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from autonomy_nodes.decision.handover import Fault
from autonomy_nodes.decision.outputs import (
    Limits,
    ManoeuvreOutput,
    Output,
    TrajectoryScoresOutput,
    VelocityOutput,
    WaypointsOutput,
)
from autonomy_nodes.decision.runtime import Tensor

LIMIT_TOLERANCE = 1e-3
SHORTEST_ARC = 1e-3


class Alternative(NamedTuple):
    """An entry of a policy's table with the score that it got: vx in m/s, wz in rad/s."""

    name: str
    vx: float
    wz: float
    score: float


def candidates(spec: Output, answer: Tensor) -> list[tuple[float, float]]:
    """Body velocities (vx m/s, wz rad/s) that a finite answer offers, the most wanted first."""
    if isinstance(spec, VelocityOutput):
        return [spec.velocity(answer[0])]
    if isinstance(spec, ManoeuvreOutput):
        best = spec.manoeuvres[int(np.argmax(answer[0]))]
        return [(best.vx, best.wz)]
    if isinstance(spec, TrajectoryScoresOutput):
        return _ranked(spec, answer[0])
    return [_pursue(spec, *(float(value) for value in answer[0, spec.tracked]))]


def ranking(spec: Output, answer: Tensor, most: int) -> list[Alternative]:
    """The best-scored entries of a table output, best first; none for the other kinds."""
    if isinstance(spec, ManoeuvreOutput):
        table = spec.manoeuvres
    elif isinstance(spec, TrajectoryScoresOutput):
        table = spec.trajectories
    else:
        return []
    scores = answer[0]
    order = np.argsort(-scores, kind="stable")[:most]
    return [
        Alternative(table[i].name, table[i].vx, table[i].wz, float(scores[i]))
        for i in map(int, order)
    ]


def fault_of_limits(spec: Output, vx: float, wz: float) -> Fault | None:
    """That a velocity answer is outside the limits which its own manifest states."""
    if not isinstance(spec, VelocityOutput):
        return None
    for name, value, limits in (("vx", vx, spec.vx), ("wz", wz, spec.wz)):
        if not limits.low - LIMIT_TOLERANCE <= value <= limits.high + LIMIT_TOLERANCE:
            detail = f"{name} {value:.3f} outside [{limits.low}, {limits.high}]"
            return Fault("over_limits", detail)
    return None


def _ranked(spec: TrajectoryScoresOutput, scores: Tensor) -> list[tuple[float, float]]:
    """Trajectories by falling score, down to the tolerance below the best."""
    order = np.argsort(-scores, kind="stable")
    floor = scores[order[0]] - spec.tolerance
    chosen = [spec.trajectories[int(index)] for index in order if scores[index] >= floor]
    return [(motion.vx, motion.wz) for motion in chosen]


def _pursue(spec: WaypointsOutput, x: float, y: float) -> tuple[float, float]:
    """Velocity along the arc that leaves the robot forwards and passes (x, y), metres.

    A waypoint behind is turned to on the spot.
    """
    time_s = spec.interval_s * (spec.tracked + 1)
    bearing = math.atan2(y, x)
    chord = math.hypot(x, y)
    if chord < SHORTEST_ARC:
        return 0.0, 0.0
    if abs(bearing) >= math.pi / 2:
        return 0.0, _clip(bearing / time_s, spec.wz)
    arc = chord if abs(bearing) < 1e-6 else chord * bearing / math.sin(bearing)
    vx = _clip(arc / time_s, spec.vx)
    curvature = 2.0 * math.sin(bearing) / chord
    wz = _clip(vx * curvature, spec.wz)
    return (wz / curvature if abs(curvature) > 1e-9 else vx), wz


def _clip(value: float, limits: Limits) -> float:
    return min(max(value, limits.low), limits.high)
