"""What a decision runs is compiled and touched before the first one counts."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.decision import Decision, DecisionConfig, DecisionInputs
from autonomy_nodes.decision.runtime import PolicyRunner
from autonomy_nodes.planning.planner import Planner, PlannerConfig

TICKS = 20
TICK_NS = 50_000_000


def warm_up(
    config: DecisionConfig, planner_config: PlannerConfig, policy: PolicyRunner | None
) -> None:
    """Compile and touch everything that a decision runs, on a small made-up room.

    Both drivers are run, something stands near enough for them to look where they would stop, and
    something walks, so that neither the first tick, nor the first obstacle, nor the first
    hand-over, nor the first person is slow.
    """
    grid = np.zeros((160, 160), np.int8)
    grid[:, 95] = 100
    costmap = Costmap(0, 0.05, -4.0, -4.0, grid)
    drivers = {"fallback"} if policy is None else {"fallback", "default"}
    for driver in sorted(drivers):
        trial = Decision(replace(config, driver=driver), policy, Planner(planner_config))
        for tick in range(TICKS):
            trial.step(_inputs(tick, costmap), tick * TICK_NS)
    gc.collect()
    gc.freeze()


def _inputs(tick: int, costmap: Costmap) -> DecisionInputs:
    """Standing in the room, while something walks past at 1 m/s."""
    stamp_ns = tick * TICK_NS
    ranges = np.full(720, 3.0, np.float32)
    walks = 360 + 8 * (tick - TICKS // 2)
    ranges[walks - 25 : walks + 25] = 1.5
    scan = LaserScan(stamp_ns, ranges, -2.35619, 4.71238 / 719, 0.1, 30.0)
    odometry = Odometry(stamp_ns, 0.0, 0.0, 0.0)
    return DecisionInputs(scan, odometry, replace(costmap, stamp_ns=stamp_ns), Pose2D(2.0, 1.0))
