"""What goes into the decision of a tick, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D, VelocityCommand
from autonomy_nodes.decision.handover import Driver, HandOver
from autonomy_nodes.decision.proposal import Proposal
from autonomy_nodes.planning.config import PlanStatus
from autonomy_nodes.tracking.moving_bodies import NO_BODIES

NO_PATH: NDArray[np.float64] = np.empty((0, 2))


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """The newest of each input; None where none has arrived."""

    scan: LaserScan | None
    odometry: Odometry | None
    costmap: Costmap | None
    goal: Pose2D | None


@dataclass(frozen=True, slots=True)
class DecisionOutput:
    """The command of a tick and its explanation.

    Attributes:
        command: what to drive, stamped with the tick's time.
        driver: whose command it is; `none` for the zero of a tick without a driver.
        reason: one word why: of the zero, or why the policy does not drive; empty when it does.
        planner_status: of the classical planner or its guide; None where neither ran.
        path: (M, 2) float64, odom frame: the guide, or the planner's path when it drives.
        latency_ms: wall time of the inference; 0 without one.
        familiarity: ratio of the inputs' out-of-distribution score to its limit; above 1 the
            policy may not drive; 0 where it was not asked or has no statistics.
        event: the hand-over of this tick, if any.
        proposal: what the policy wanted, whoever drives; None where it was not asked.
        way_m: length of the guide that remains, metres; 0 where the policy was not asked.
        bodies: (M, 5) float64, those seen to move, as `MovingBodies.at` tells them, odom frame.
    """

    command: VelocityCommand
    driver: Driver
    reason: str
    planner_status: PlanStatus | None
    path: NDArray[np.float64]
    latency_ms: float = 0.0
    familiarity: float = 0.0
    event: HandOver | None = None
    proposal: Proposal | None = None
    way_m: float = 0.0
    bodies: NDArray[np.float64] = field(default_factory=lambda: NO_BODIES)


def explained(
    output: DecisionOutput, proposal: Proposal, event: HandOver | None, way_m: float
) -> DecisionOutput:
    """The output, with what the policy wanted."""
    return replace(
        output,
        proposal=proposal,
        way_m=way_m,
        latency_ms=proposal.latency_ms,
        familiarity=proposal.familiarity,
        event=event,
    )


def halt(reason: str, now_ns: int, status: PlanStatus | None = None) -> DecisionOutput:
    """The zero of a tick without a driver."""
    return DecisionOutput(VelocityCommand(now_ns, 0.0, 0.0), "none", reason, status, NO_PATH)
