"""Which part of the system a failed run most likely belongs to.

Rules, the first that fits: they sort the list that a person reads, they do not judge.
"""

from __future__ import annotations

import re

import numpy as np

from scenario_eval.results import ExpectationResult, FailureClass, Outcome
from scenario_eval.scenarios.schema import Scenario
from scenario_eval.trace import Trace

_SIGNALS = {
    FailureClass.MONITOR: (
        *("state", "cause", "intervention", "scale", "cmd_vx", "cmd_wz", "clearance", "speed"),
        *("violations_blocked", "interventions", "min_clearance_m", "stop_share", "max_speed"),
        *("detect_s", "mitigate_s", "faults_detected_share", "faults_mitigated_share"),
    ),
    FailureClass.POLICY: (
        *("driver", "reason", "wish_vx", "wish_wz"),
        *("policy_share", "fallback_share", "handovers", "mean_speed", "duration_s", "path_m"),
    ),
    FailureClass.PLANNER: ("planner", "loops"),
    FailureClass.MISSION: (
        *("mission", "gate", "goal", "goal_distance", "goals_reached_share", "handoffs"),
    ),
    FailureClass.PERCEPTION: ("odometry_error", "odometry_error_m"),
}

_OF_THE_MISSION = (
    *(Outcome.CANCELLED, Outcome.REFUSED, Outcome.TIMED_OUT),
    *(Outcome.FINISHED, Outcome.REACHED),
)


def classify(
    scenario: Scenario, trace: Trace, outcome: Outcome, unmet: tuple[ExpectationResult, ...]
) -> FailureClass:
    """The class of a run that did not meet its expectations."""
    if any(e.text == "contact" for e in unmet):
        return _contact(scenario, trace)
    if any(e.kind == "outcome" for e in unmet):
        return _missed_outcome(trace, outcome)
    name = re.split(r"[^\w]", unmet[0].text.strip())[0]
    found = (part for part, names in _SIGNALS.items() if name in names)
    return next(found, FailureClass.SCENARIO)


def _contact(scenario: Scenario, trace: Trace) -> FailureClass:
    tick = int(np.flatnonzero(trace.word("contact") != "")[0])
    touched = str(trace.word("contact")[tick])
    before = max(0, tick - 5)
    standing = trace.speed[before : tick + 1].max() < 0.05
    if touched in trace.actor_names and standing:
        return FailureClass.SCENARIO
    if touched.startswith("glass"):
        return FailureClass.PERCEPTION
    if scenario.stack.monitor:
        return FailureClass.MONITOR
    driver = str(trace.word("driver")[before])
    return FailureClass.PLANNER if driver == "fallback" else FailureClass.POLICY


def _missed_outcome(trace: Trace, outcome: Outcome) -> FailureClass:
    if outcome is Outcome.UNREACHABLE:
        return FailureClass.PLANNER
    if outcome in _OF_THE_MISSION:
        return FailureClass.MISSION
    state = trace.word("state")
    if np.isin(state, ("safe_stop", "emergency_stop", "silent")).mean() > 0.5:
        return FailureClass.MONITOR
    stopped = (trace.word("intervention") == "stopped").mean() > 0.3
    if stopped:
        return FailureClass.MONITOR
    driver = trace.word("driver")
    if (driver == "none").mean() > 0.5:
        return FailureClass.PERCEPTION
    return FailureClass.POLICY if (driver == "policy").mean() >= 0.5 else FailureClass.PLANNER
