"""Closed-loop evaluation of a policy in the rig, through the decision core."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from autonomy_interfaces.messages import nanoseconds, seconds
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.decision import Decision, DecisionConfig, DecisionInputs
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig
from autonomy_nodes.planning.planner import Planner, PlannerConfig, PlanStatus
from policy_training.gather import TICK_NS, EpisodePlan
from policy_training.rig import Rig, draw_dynamics
from policy_training.worlds import generate

TIME_LIMIT_S = 60.0


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
    plans: Sequence[EpisodePlan], policy: Path | None, driver: str, workers: int
) -> list[EpisodeResult]:
    """Drive each plan's world with the decision core in mode `driver`, in the order of `plans`."""
    run = partial(run_episode, policy=policy, driver=driver)
    if workers == 1:
        return [run(plan) for plan in plans]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(pool.map(run, plans, chunksize=2))


def run_episode(plan: EpisodePlan, policy: Path | None, driver: str) -> EpisodeResult:
    """Drive one world from its start to its goal, a contact, or the time limit."""
    generator = np.random.default_rng([plan.seed, 2])
    world = generate(plan.family, plan.seed)
    rig = Rig(world, draw_dynamics(generator), generator, 0.0)
    config = replace(DecisionConfig(), driver=driver)
    runner = load_policy(policy) if policy is not None else None
    decision = Decision(config, runner, Planner(PlannerConfig()))
    costmaps = LocalCostmap(PerceptionConfig())
    ticks = policy_ticks = 0
    reasons: dict[str, int] = {}
    reached = False
    while rig.now_ns < nanoseconds(TIME_LIMIT_S) and not rig.contact:
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
