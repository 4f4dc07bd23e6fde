"""A BARN campaign: every world, so many runs, in lockstep over local processes or over DDS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from autonomy_interfaces.messages import seconds
from scenario_eval.barn import GOAL_IN_ODOM, START, BarnJudge, BarnResult, BarnStatus, BarnWorld
from scenario_eval.jobs import run_jobs

# Simulated seconds after which a run is over in any case: longer than the judge ever waits.
RUN_LIMIT_S = 120.0


@dataclass(frozen=True)
class RunOptions:
    """What is common to the runs of a campaign; see `StackOptions`."""

    driver: str = "default"
    monitor: bool = True
    policy: Path | None = None


@dataclass(frozen=True)
class BarnRun:
    """One run and what it tells beside its result.

    interventions: times the monitor began to slow or stop; policy_tick_share: of the decisions
    with an active goal; path_m: metres driven; contact: the model touched, or "".
    """

    world: int
    run: int
    result: BarnResult
    policy_tick_share: float
    interventions: int
    path_m: float
    contact: str = ""

    def figures(self) -> dict[str, Any]:
        """The run as it stands in the campaign's JSON."""
        return {
            "world": self.world,
            "run": self.run,
            "status": self.result.status.value,
            "time_s": round(self.result.time_s, 3),
            "score": round(self.result.score, 4),
            "policy_tick_share": round(self.policy_tick_share, 4),
            "interventions": self.interventions,
            "path_m": round(self.path_m, 2),
            "contact": self.contact,
        }


def run_lockstep(world: BarnWorld, run: int, options: RunOptions) -> BarnRun:
    """One run in lockstep; its number is its seed."""
    from scenario_eval.lockstep import LockstepStack, StackOptions
    from world_sim.simulator import RobotSpawn, Simulator
    from world_sim.world import load_world

    simulator = Simulator(load_world(world.file), [RobotSpawn(pose=START)], seed=run)
    stack = LockstepStack(
        simulator,
        StackOptions(driver=options.driver, monitor=options.monitor, policy=options.policy),
    )
    stack.set_goal(GOAL_IN_ODOM)
    judge = BarnJudge(world.length_m)
    result: BarnResult | None = None
    while result is None and seconds(simulator.now_ns) < RUN_LIMIT_S:
        record = stack.tick()
        truth = record.truth
        result = judge.observe(record.stamp_ns, truth.x, truth.y, truth.contact)
    episode = stack.episode()
    return BarnRun(
        world.index,
        run,
        result or BarnResult(BarnStatus.TIMED_OUT, RUN_LIMIT_S, 0.0),
        episode.policy_tick_share,
        episode.interventions,
        episode.path_length_m,
        episode.contact,
    )


def _run(job: tuple[BarnWorld, int, RunOptions]) -> BarnRun:
    return run_lockstep(*job)


def run_campaign(
    worlds: Sequence[BarnWorld],
    runs: int,
    options: RunOptions,
    workers: int,
    report: Callable[[BarnRun], None],
) -> list[BarnRun]:
    """All runs in lockstep, in `workers` processes; `report` hears of each as it ends.

    Returns:
        The runs in order of world and run, whatever order they ended in.
    """
    jobs = [(world, run, options) for world in worlds for run in range(runs)]
    return run_jobs(_run, jobs, workers, report)


def figures(runs: Iterable[BarnRun], wall_s: float) -> dict[str, Any]:
    """The campaign's figures: the score is the mean over worlds of the mean over runs."""
    runs = list(runs)
    by_world: dict[int, list[BarnRun]] = defaultdict(list)
    for run in runs:
        by_world[run.world].append(run)

    def share(status: BarnStatus) -> float:
        return fmean(run.result.status is status for run in runs)

    return {
        "score": fmean(fmean(r.result.score for r in group) for group in by_world.values()),
        "success_rate": share(BarnStatus.SUCCEEDED),
        "collision_rate": share(BarnStatus.COLLIDED),
        "timeout_rate": share(BarnStatus.TIMED_OUT),
        "policy_tick_share": fmean(run.policy_tick_share for run in runs),
        "interventions_per_m": sum(r.interventions for r in runs)
        / max(sum(r.path_m for r in runs), 1e-9),
        "wall_s": wall_s,
        "runs": [run.figures() for run in runs],
    }
