"""One episode of the whole stack, safety monitor included, in the simulator's physics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autonomy_interfaces.geometry import relative
from autonomy_interfaces.messages import Pose2D, seconds
from autonomy_nodes.decision.decision import Decision
from policy_training.baselines import GoToGoal, RandomDriver
from policy_training.config import Family
from policy_training.evaluate import BASELINES
from policy_training.evaluation.measures import Difficulty, difficulty
from policy_training.evaluation.scenes import simulated
from policy_training.gather import EpisodePlan, start_yaw
from policy_training.worlds import generate
from scenario_eval.episode import Episode, TickRecord
from scenario_eval.lockstep import LockstepStack
from scenario_eval.options import StackOptions
from world_sim.simulator import RobotSpawn, Simulator

TIME_LIMIT_S = 60.0
STANDING_VX, STANDING_WZ = 0.05, 0.1
TRACE_TICKS = 5


@dataclass(frozen=True)
class Setup:
    """Who drives: one of `evaluate.DRIVERS`, a policy's directory, and whether the monitor acts."""

    driver: str
    policy: Path | None
    monitor: bool = True


@dataclass(frozen=True)
class EpisodeOutcome:
    """What became of an episode.

    outcome: `reached`, `collided` (a contact while it moved), `bumped` (a contact while it stood:
    something ran into it), or `failed` (neither in time). time_s: simulated; path_m: driven;
    mean_speed: m/s; policy_share: of the decisions; interventions: of the monitor; trace: x, y
    metres every 0.1 s.
    """

    family: Family
    seed: int
    driver: str
    monitor: bool
    outcome: str
    time_s: float
    path_m: float
    mean_speed: float
    policy_share: float
    interventions: int
    difficulty: Difficulty
    contact: str
    trace: tuple[tuple[float, float], ...]

    def document(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    @staticmethod
    def of_document(document: dict[str, Any]) -> EpisodeOutcome:
        """The inverse of `document`."""
        trace = tuple((float(x), float(y)) for x, y in document["trace"])
        hard = Difficulty(**document["difficulty"])
        return EpisodeOutcome(**{**document, "trace": trace, "difficulty": hard})


@dataclass(frozen=True)
class BaselineOptions(StackOptions):
    """A stack in which a baseline takes the decision core's place.

    seed: of the baseline's random numbers.
    """

    seed: int = 0

    def decision(self) -> Decision:
        """The baseline; it has the part of the core that the stack uses."""
        if self.driver == "random":
            return RandomDriver(np.random.default_rng([self.seed, 3]))  # type: ignore[return-value]
        return GoToGoal()  # type: ignore[return-value]


def run_episode(plan: EpisodePlan, setup: Setup) -> EpisodeOutcome:
    """Drive one world from its start until its goal, a contact, or the time limit."""
    world = generate(plan.family, plan.seed)
    yaw = start_yaw(np.random.default_rng([plan.seed, 2]))
    start = Pose2D(0.0, 0.0, yaw)
    simulator = Simulator(simulated(world), [RobotSpawn(pose=start)], seed=plan.seed)
    stack = LockstepStack(simulator, _options(setup, plan.seed))
    stack.set_goal(relative(start, world.goal))
    episode = stack.run(_is_over, TIME_LIMIT_S)
    return _outcome(plan, setup, episode, difficulty(world, yaw))


def _options(setup: Setup, seed: int) -> StackOptions:
    if setup.driver in BASELINES:
        return BaselineOptions(driver=setup.driver, monitor=setup.monitor, seed=seed)
    return StackOptions(driver=setup.driver, policy=setup.policy, monitor=setup.monitor)


def _is_over(record: TickRecord) -> bool:
    return bool(record.truth.contact) or record.mission not in ("idle", "active")


def _outcome(plan: EpisodePlan, setup: Setup, episode: Episode, hard: Difficulty) -> EpisodeOutcome:
    last = episode.ticks[-1]
    time_s = seconds(last.stamp_ns)
    trace = tuple((round(t.truth.x, 2), round(t.truth.y, 2)) for t in episode.ticks[::TRACE_TICKS])
    return EpisodeOutcome(
        family=plan.family,
        seed=plan.seed,
        driver=setup.driver,
        monitor=setup.monitor,
        outcome=_name(episode),
        time_s=round(time_s, 2),
        path_m=round(episode.path_length_m, 2),
        mean_speed=round(episode.path_length_m / max(time_s, 1e-9), 3),
        policy_share=round(episode.policy_tick_share, 4),
        interventions=episode.interventions,
        difficulty=hard,
        contact=last.truth.contact,
        trace=trace,
    )


def _name(episode: Episode) -> str:
    """The contact's speed is that of the tick before: in the contact's own it may have stopped."""
    last = episode.ticks[-1]
    if last.truth.contact:
        before = episode.ticks[max(len(episode.ticks) - 2, 0)].truth
        moving = abs(before.vx) > STANDING_VX or abs(before.wz) > STANDING_WZ
        return "collided" if moving else "bumped"
    return "reached" if last.mission == "reached" else "failed"
