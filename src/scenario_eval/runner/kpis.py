"""The KPIs of one run, from its trace; docs/kpis.md defines each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scenario_eval.results import FaultReaction, Outcome
from scenario_eval.runner.play import Played
from scenario_eval.scenarios.kpi_names import KPI_NAMES
from scenario_eval.trace import NUMBERS, Trace

MOVING = 0.05
"""m/s above which the robot drives."""

LOOP_SAMPLE_S = 0.5
LOOP_NEAR_M, LOOP_NEAR_RAD, LOOP_WAY_M = 0.3, 0.5, 2.0
"""A loop: back within this distance and heading, after this way, to the same goal."""


def run_kpis(played: Played, reactions: Sequence[FaultReaction]) -> dict[str, float | None]:
    """Every KPI of `KPI_NAMES`; None where a run does not define it."""
    trace, episode = played.trace, played.episode
    given, reached = played.goals_given, played.goals_reached
    decisions = sum(episode.decisions.values())
    clearance = trace.number("clearance")
    finite = clearance[np.isfinite(clearance)]
    path_m, state = trace.path_m, trace.word("state")
    error = np.hypot(
        trace.number("odom_x") - trace.number("x"), trace.number("odom_y") - trace.number("y")
    )
    values: dict[str, float | None] = {
        "success": float(played.outcome is Outcome.REACHED) if given else None,
        "goals_reached_share": reached / given if given else None,
        "goal_error_m": _goal_error(trace),
        "duration_s": float(trace.number("t")[-1] - trace.number("t")[0]),
        "path_m": path_m,
        "mean_speed": _mean_speed(trace),
        "policy_share": episode.decisions.get("policy", 0) / decisions if decisions else None,
        "fallback_share": episode.decisions.get("fallback", 0) / decisions if decisions else None,
        "handovers": float(len(episode.hand_overs)),
        "handoffs": float(_handoffs(trace, played.outcome)),
        "interventions": float(episode.interventions),
        "interventions_per_km": 1000.0 * episode.interventions / path_m if path_m > 1.0 else None,
        "violations_blocked": float(_violations(trace)),
        "loops": float(loops(trace)),
        "min_clearance_m": float(finite.min()) if len(finite) else None,
        "max_speed": float(trace.speed.max()),
        "stop_share": float(np.isin(state, ("safe_stop", "emergency_stop")).mean()),
        "odometry_error_m": float(np.nanmax(error)) if np.isfinite(error).any() else None,
        **_fault_kpis(reactions),
        "trace_completeness": _completeness(trace),
    }
    assert set(values) == set(KPI_NAMES), "every KPI has its definition"
    return {name: _rounded(values[name]) for name in KPI_NAMES}


def _fault_kpis(reactions: Sequence[FaultReaction]) -> dict[str, float | None]:
    detected = [r.detected_s for r in reactions if r.detected_s is not None]
    mitigated = [r.mitigated_s for r in reactions if r.mitigated_s is not None]
    count = len(reactions)
    return {
        "detect_s": max(detected, default=None),
        "mitigate_s": max(mitigated, default=None),
        "faults_detected_share": len(detected) / count if count else None,
        "faults_mitigated_share": len(mitigated) / count if count else None,
    }


def _handoffs(trace: Trace, outcome: Outcome) -> int:
    """Times a person was needed: a latched stop, a question of the gate, a goal given up."""
    latched = _rises(trace.word("state") == "emergency_stop")
    asked = _rises(np.char.startswith(trace.word("gate"), "escalated"))
    return latched + asked + (outcome in (Outcome.UNREACHABLE, Outcome.TIMED_OUT))


def _goal_error(trace: Trace) -> float | None:
    """Greatest true distance from the goal at the moment when the mission called it reached."""
    reached, away = trace.word("mission") == "reached", trace.number("goal_distance")
    first = np.flatnonzero(reached[1:] & ~reached[:-1])
    # The goal may be closed in the very tick that says so.
    errors = np.where(np.isfinite(away[first + 1]), away[first + 1], away[first])
    known = errors[np.isfinite(errors)]
    return float(known.max()) if len(known) else None


def _mean_speed(trace: Trace) -> float | None:
    driving = trace.speed > MOVING
    return float(trace.speed[driving].mean()) if driving.any() else None


def _violations(trace: Trace) -> int:
    """Times at which the monitor began to hold back a command for what it asked."""
    cause = trace.word("cause")
    asked = (np.char.find(cause, "envelope") == 0) | (cause == "limits")
    return _rises(asked & (trace.word("intervention") != "none"))


def _rises(flags: NDArray[np.bool_]) -> int:
    before = np.concatenate([[False], flags[:-1]])
    return int((flags & ~before).sum())


def loops(trace: Trace) -> int:
    """How often the robot came back to a pose that it had left, on the way to the same goal.

    Coming back is being within 0.3 m and 0.5 rad of a pose after at least 2 m of way. After a
    loop the count begins anew, so that one long detour round a pillar counts once a round.
    """
    every = max(1, round(LOOP_SAMPLE_S / 0.02))
    steps = np.hypot(*np.diff(trace.numbers[:, 1:3], axis=0).T)
    way = np.concatenate([[0.0], np.cumsum(steps)])[::every]
    rows = trace.numbers[::every]
    goal = trace.number("goal")[::every]
    count, first = 0, 0
    for now in range(len(rows)):
        since = slice(first, now)
        near = np.hypot(rows[since, 1] - rows[now, 1], rows[since, 2] - rows[now, 2])
        turned = np.abs(np.mod(rows[since, 3] - rows[now, 3] + math.pi, math.tau) - math.pi)
        back = (near < LOOP_NEAR_M) & (turned < LOOP_NEAR_RAD)
        back &= (way[now] - way[since] > LOOP_WAY_M) & (goal[since] == goal[now]) & (goal[now] > 0)
        if back.any():
            count, first = count + 1, now
    return count


def _completeness(trace: Trace) -> float:
    """Share of the ticks in which truth, odometry, monitor and decision could be recorded."""
    needed = [NUMBERS.index(name) for name in ("x", "y", "yaw", "odom_x", "odom_y", "cmd_vx")]
    known = np.isfinite(trace.numbers[:, needed]).all(axis=1)
    known &= trace.word("state") != "silent"
    return float(known.mean())


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 6)
