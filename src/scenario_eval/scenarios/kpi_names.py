"""The KPIs of a run, by name; docs/kpis.md defines each."""

from __future__ import annotations

KPIS: dict[str, str] = {
    "success": "1 if every goal given was reached without contact, else 0",
    "goals_reached_share": "goals reached per goal given: action success rate",
    "goal_error_m": "greatest true distance from a goal that the mission called reached",
    "duration_s": "simulated seconds from the first goal to the end",
    "path_m": "metres driven",
    "mean_speed": "metres driven per second in motion",
    "policy_share": "share of the decisions with a goal that the policy drove",
    "fallback_share": "share that the classical planner drove: fallback rate",
    "handovers": "changes of driver",
    "handoffs": "times a person was needed: latched stops, goals given up, escalations",
    "interventions": "times the monitor began to slow or stop a motion",
    "interventions_per_km": "the same per kilometre driven",
    "violations_blocked": "times the monitor held back a motion that broke its envelope or limits",
    "loops": "times the robot came back to where it had been, on the way to the same goal",
    "min_clearance_m": "least true distance between footprint and world",
    "max_speed": "greatest true speed, m/s",
    "stop_share": "share of the ticks in safe or emergency stop",
    "odometry_error_m": "greatest true error of odometry",
    "detect_s": "longest time to detect an injected fault",
    "mitigate_s": "longest time to mitigate an injected fault",
    "faults_detected_share": "share of the injected faults that were detected",
    "faults_mitigated_share": "share that were mitigated",
    "trace_completeness": "share of the ticks in which every part of the stack could be recorded",
}
"""Name and one-line definition."""

KPI_NAMES = tuple(KPIS)
