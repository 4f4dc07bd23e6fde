"""Closed-loop evaluation in the rig: a policy through the decision core, and baselines.

The rig is where policies are trained; `policy_training.campaign` drives the whole stack with its
safety monitor through the simulator's physics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from autonomy_interfaces.messages import nanoseconds, seconds
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.decision import Decision, DecisionConfig, DecisionInputs
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig
from autonomy_nodes.planning.planner import Planner, PlannerConfig, PlanStatus
from policy_training.baselines import Driver, GoToGoal, RandomDriver
from policy_training.gather import TICK_NS, EpisodePlan, start_yaw
from policy_training.rig import Rig, draw_dynamics
from policy_training.worlds import generate
from scenario_eval.jobs import map_jobs

BASELINES = ("random", "go_to_goal")


@dataclass(frozen=True)
class EpisodeResult:
    """Outcome of one closed-loop episode.

    reasons: ticks in which the policy did not drive, by reason.
    """

    plan: EpisodePlan
    reached: bool
    contact: bool
    time_s: float
    ticks: int
    policy_ticks: int
    reasons: dict[str, int]


@dataclass(frozen=True)
class Summary:
    """Means over episodes; rates and shares in 0 … 1."""

    episodes: int
    success_rate: float
    contact_rate: float
    mean_time_s: float
    policy_tick_share: float
    reasons: dict[str, int]


def evaluate(
    plans: Sequence[EpisodePlan],
    policy: Path | None,
    driver: str,
    workers: int,
    time_limit_s: float = 60.0,
) -> list[EpisodeResult]:
    """Drive each plan's world with one of `DRIVERS`, in the order of `plans`."""
    run = partial(run_episode, policy=policy, driver=driver, time_limit_s=time_limit_s)
    return list(map_jobs(run, plans, workers, chunk=2))


def run_episode(
    plan: EpisodePlan, policy: Path | None, driver: str, time_limit_s: float
) -> EpisodeResult:
    """Drive one world from its start to its goal, a contact, or the time limit."""
    generator = np.random.default_rng([plan.seed, 2])
    world = generate(plan.family, plan.seed)
    rig = Rig(world, draw_dynamics(generator), generator, start_yaw(generator))
    decision = build_driver(driver, policy, generator)
    costmaps = LocalCostmap(PerceptionConfig())
    ticks = policy_ticks = 0
    reasons: dict[str, int] = {}
    reached = False
    while rig.now_ns < nanoseconds(time_limit_s) and not rig.contact:
        scan, odometry = rig.scan(), rig.odometry()
        inputs = DecisionInputs(scan, odometry, costmaps.step(scan, odometry), world.goal)
        output = decision.step(inputs, rig.now_ns)
        if output.planner_status is PlanStatus.REACHED:
            reached = True
            break
        ticks += 1
        policy_ticks += output.driver == "policy"
        if output.driver != "policy":
            reasons[output.reason] = reasons.get(output.reason, 0) + 1
        rig.advance(output.command.vx, output.command.wz, TICK_NS)
    return EpisodeResult(
        plan, reached, rig.contact, seconds(rig.now_ns), ticks, policy_ticks, reasons
    )


def build_driver(driver: str, policy: Path | None, generator: np.random.Generator) -> Driver:
    """One of `DRIVERS`; a policy where the decision core's mode asks for one."""
    if driver == "random":
        return RandomDriver(generator)
    if driver == "go_to_goal":
        return GoToGoal()
    runner = load_policy(policy) if policy is not None and driver != "fallback" else None
    config = replace(DecisionConfig(), driver=driver)
    return Decision(config, runner, Planner(PlannerConfig()))


def summarise(results: Sequence[EpisodeResult]) -> Summary:
    """Sum up episodes; the mean time is over those that reached the goal."""
    reasons: dict[str, int] = {}
    for result in results:
        for reason, count in result.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    times = [result.time_s for result in results if result.reached]
    ticks = sum(result.ticks for result in results)
    return Summary(
        episodes=len(results),
        success_rate=float(np.mean([result.reached for result in results])),
        contact_rate=float(np.mean([result.contact for result in results])),
        mean_time_s=float(np.mean(times)) if times else 0.0,
        policy_tick_share=sum(result.policy_ticks for result in results) / max(ticks, 1),
        reasons=dict(sorted(reasons.items(), key=lambda item: -item[1])),
    )
