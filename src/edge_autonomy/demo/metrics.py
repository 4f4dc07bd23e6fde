"""The figures of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from autonomy_interfaces.messages import Pose2D
from edge_autonomy.demo.injection import KillResult
from edge_autonomy.demo.run_log import RunLog


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of one run; the names are read by tools. Times are simulated unless said.

    success: reached without contact, and stopped and recovered where a fault was injected.
    reason: why the outcome is what it is. policy_tick_share: share of the decisions under the
    active goal that the policy made. pids: of each node, the newest. interventions: times that
    the safety monitor began to slow or stop a command. hand_overs: changes of driver. wall_s:
    from start to end by the wall clock. real_time_factor: while driving.
    """

    success: bool
    outcome: str
    reason: str
    world: str
    seed: int
    collisions: int
    collided_with: list[str]
    policy_tick_share: float | None
    pids: dict[str, int]
    respawns: int
    duration_s: float
    path_length_m: float
    mean_speed_mps: float
    max_speed_mps: float
    distance_to_goal_m: float | None
    minimum_clearance_m: float | None
    interventions: int
    stops: int
    intervention_s: float
    hand_overs: int
    real_time_factor: float | None
    startup_s: float
    wall_s: float
    recorded_messages: int
    recording_error: str | None
    injection: KillResult | None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a run log does not know of its run."""

    world: str
    seed: int
    goal: Pose2D
    pids: Mapping[str, int]
    respawns: int
    startup_s: float
    wall_s: float
    drive_wall_s: float
    recorded_messages: int
    recording_error: str | None
    injection: KillResult | None
    injection_asked: bool


def compute_metrics(log: RunLog, circumstances: Circumstances) -> Metrics:
    """Figures of a run from what was logged."""
    duration_s, length_m = log.duration_s, log.path_length_m()
    interventions = [span for span in log.intervention_spans() if span.value != "none"]
    collisions = log.collisions()
    outcome, reason = _judge(log, circumstances)
    clearance = log.minimum_clearance_m()
    return Metrics(
        success=outcome == "reached",
        outcome=outcome,
        reason=reason,
        world=circumstances.world,
        seed=circumstances.seed,
        collisions=len(collisions),
        collided_with=sorted({contact.model for contact in collisions}),
        policy_tick_share=log.policy_tick_share(),
        pids=dict(circumstances.pids),
        respawns=circumstances.respawns,
        duration_s=duration_s,
        path_length_m=length_m,
        mean_speed_mps=length_m / duration_s if duration_s > 0.0 else 0.0,
        max_speed_mps=max((motion.vx for motion in log.driven()), default=0.0),
        distance_to_goal_m=distance_to(log, circumstances.goal),
        minimum_clearance_m=clearance if clearance is None or math.isfinite(clearance) else None,
        interventions=len(interventions),
        stops=sum(span.value == "stopped" for span in interventions),
        intervention_s=sum(span.end_s - span.start_s for span in interventions),
        hand_overs=count_hand_overs(log),
        real_time_factor=(
            duration_s / circumstances.drive_wall_s if circumstances.drive_wall_s > 0.0 else None
        ),
        startup_s=circumstances.startup_s,
        wall_s=circumstances.wall_s,
        recorded_messages=circumstances.recorded_messages,
        recording_error=circumstances.recording_error,
        injection=circumstances.injection,
    )


def distance_to(log: RunLog, goal: Pose2D) -> float | None:
    """True distance from the robot to the goal (world frame) at the mission's outcome."""
    driven = log.driven()
    return math.hypot(driven[-1].x - goal.x, driven[-1].y - goal.y) if driven else None


def count_hand_overs(log: RunLog) -> int:
    """Changes from one driver to another; a pause without driver is none."""
    drivers = [span.value for span in log.driver_spans() if span.value != "none"]
    return sum(before != after for before, after in pairwise(drivers))


def _judge(log: RunLog, circumstances: Circumstances) -> tuple[str, str]:
    """The outcome of a run and its reason; `reached` is the only good one."""
    collisions, outcome, kill = log.collisions(), log.outcome, circumstances.injection
    if collisions:
        return "collision", f"touched {', '.join(sorted({c.model for c in collisions}))}"
    if outcome is None:
        return "unfinished", "the mission had no outcome in the time allowed"
    if outcome.state != "reached":
        return outcome.state, outcome.reason
    if circumstances.injection_asked:
        if kill is None:
            return "not_injected", "the decision process was not killed before the goal"
        if not kill.passed:
            return "not_contained", "after the kill the robot did not both stop and recover"
    return "reached", outcome.reason
