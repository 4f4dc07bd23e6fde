"""What a decision runs is compiled and touched before the first one counts."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.decision import Decision, DecisionConfig, DecisionInputs
from autonomy_nodes.decision.runtime import PolicyRunner
from autonomy_nodes.planning.planner import Planner, PlannerConfig


def warm_up(
    config: DecisionConfig, planner_config: PlannerConfig, policy: PolicyRunner | None
) -> None:
    """Compile and touch everything that a decision runs, on a small made-up room.

    Both drivers are run, and something stands near enough for them to look where they would stop,
    so that neither the first tick, nor the first obstacle, nor the first hand-over is slow.
    """
    grid = np.zeros((160, 160), np.int8)
    grid[:, 95] = 100
    costmap = Costmap(0, 0.05, -4.0, -4.0, grid)
    ranges = np.full(720, 3.0, np.float32)
    scan = LaserScan(0, ranges, -2.35619, 4.71238 / 719, 0.1, 30.0)
    inputs = DecisionInputs(scan, Odometry(0, 0.0, 0.0, 0.0), costmap, Pose2D(2.0, 1.0))
    drivers = {"fallback"} if policy is None else {"fallback", "default"}
    for driver in sorted(drivers):
        trial = Decision(replace(config, driver=driver), policy, Planner(planner_config))
        for _ in range(3):
            trial.step(inputs, 0)
    gc.collect()
    gc.freeze()
