"""Gathering: episodes in which the expert answers every tick, whoever drives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, nanoseconds
from autonomy_nodes.decision.answers import candidates
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.errors import InferenceError
from autonomy_nodes.decision.features import FeatureEncoder, Observation, encode_source
from autonomy_nodes.decision.manifest import InputSpec
from autonomy_nodes.decision.runtime import Policy
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig
from autonomy_nodes.planning.planner import Planner, PlannerConfig, PlanStatus
from policy_training.blueprint import VX_LIMITS, WZ_LIMITS, input_specs
from policy_training.config import SEEDS_PER_SPLIT, Family, Gathering, Network
from policy_training.dataset import FAMILIES, Dataset, concatenate
from policy_training.rig import Rig, draw_dynamics
from policy_training.worlds import generate
from scenario_eval.jobs import map_jobs

TICK_NS = 50 * MILLISECOND
STRETCH_TICKS = 10
TURNED_SHARE = 0.3
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class EpisodePlan:
    """Which world an episode is in; `seed` also seeds everything else in it."""

    family: Family
    seed: int


def plan_episodes(
    families: Mapping[Family, float], split: str, first: int, count: int
) -> tuple[EpisodePlan, ...]:
    """Episodes `first` … of a split, families drawn by their weights.

    World seeds of different splits never meet.
    """
    names = list(families)
    weights = np.array([families[name] for name in names])
    offset = SPLITS.index(split) * SEEDS_PER_SPLIT
    plans = []
    for seed in range(offset + first, offset + first + count):
        draw = np.random.default_rng([seed, 0]).choice(len(names), p=weights / weights.sum())
        plans.append(EpisodePlan(names[draw], seed))
    return tuple(plans)


def gather(
    plans: tuple[EpisodePlan, ...],
    gathering: Gathering,
    network: Network,
    policy: Path | None,
    workers: int,
) -> Iterator[Dataset]:
    """Run episodes in parallel processes; their data in the order of `plans`.

    Args:
        plans: the episodes.
        gathering: how to drive them.
        network: which features to keep.
        policy: directory of the policy that drives; None for the expert alone.
        workers: processes.
    """
    run = partial(run_episode, gathering=gathering, network=network, policy=policy)
    yield from map_jobs(run, plans, workers, chunk=4)


def run_episode(
    plan: EpisodePlan, gathering: Gathering, network: Network, policy: Path | None
) -> Dataset:
    """Drive one episode and return its ticks (none, where it had no usable one)."""
    generator = np.random.default_rng([plan.seed, 1])
    world = generate(plan.family, plan.seed)
    yaw = start_yaw(generator)
    rig = Rig(world, draw_dynamics(generator), generator, yaw)
    costmaps = LocalCostmap(PerceptionConfig())
    expert = Planner(PlannerConfig(samples=gathering.expert_samples))
    student = _Student(load_policy(policy)) if policy is not None else None
    wheel = _Wheel(gathering, student is not None, generator)
    specs = input_specs(network)
    ticks: list[Dataset] = []
    while rig.now_ns < nanoseconds(gathering.episode_s) and not rig.contact:
        scan, odometry = rig.scan(), rig.odometry()
        costmap = costmaps.step(scan, odometry)
        guide = expert.guide(costmap, odometry, world.goal)
        answer = expert.plan(costmap, odometry, world.goal, rig.now_ns)
        if answer.status is PlanStatus.REACHED:
            break
        observation = Observation(scan, odometry, world.goal, guide, costmap)
        moving = answer.vx != 0.0 or answer.wz != 0.0
        asked = student.answer(observation) if student is not None else None
        vx, wz = wheel.choose((answer.vx, answer.wz), asked)
        if answer.status is PlanStatus.DRIVING and moving and len(guide):
            label = (_clip(answer.vx, VX_LIMITS), _clip(answer.wz, WZ_LIMITS))
            mark = _Mark(plan, rig.now_ns // TICK_NS, wheel.by_policy, rig.clearance)
            ticks.append(_tick(specs, observation, label, mark))
        rig.advance(vx, wz, TICK_NS)
    return concatenate(ticks) if ticks else _empty(specs)


def start_yaw(generator: np.random.Generator) -> float:
    """Heading at the start, radians: ahead, and in three of ten episodes anywhere."""
    turned = generator.random() < TURNED_SHARE
    return float(generator.uniform(-math.pi, math.pi)) if turned else 0.0


class _Student:
    """The policy under training, run through the very code that runs it on the robot."""

    def __init__(self, policy: Policy):
        self._policy = policy
        self._encoder = FeatureEncoder(policy.manifest)

    def answer(self, observation: Observation) -> tuple[float, float] | None:
        """Its command, or None without one."""
        try:
            tensors, _ = self._encoder.encode(observation)
            answer = self._policy.infer(tensors).output
            return candidates(self._policy.manifest.output, answer)[0]
        except InferenceError:
            return None


class _Wheel:
    """Decides, a stretch of ticks at a time, whose command is driven.

    by_policy: whether the command chosen last was the student's.
    """

    def __init__(self, gathering: Gathering, has_student: bool, generator: np.random.Generator):
        self._gathering = gathering
        self._has_student = has_student
        self._generator = generator
        self._left = 0
        self._by_expert = True
        self._push = (0.0, 0.0)
        self.by_policy = False

    def choose(
        self, expert: tuple[float, float], student: tuple[float, float] | None
    ) -> tuple[float, float]:
        """The command of this tick: of the expert or the student, sometimes disturbed."""
        if self._left == 0:
            self._begin_stretch()
        self._left -= 1
        self.by_policy = not self._by_expert and student is not None
        vx, wz = student if student is not None and self.by_policy else expert
        return vx + self._push[0], wz + self._push[1]

    def _begin_stretch(self) -> None:
        draw = self._generator
        self._left = int(draw.integers(STRETCH_TICKS // 2, STRETCH_TICKS * 2))
        share = self._gathering.expert_share
        self._by_expert = not self._has_student or draw.random() < share
        self._push = (0.0, 0.0)
        if draw.random() < self._gathering.disturbance:
            self._left = int(draw.integers(3, 8))
            self._push = (float(draw.normal(0.0, 0.4)), float(draw.normal(0.0, 1.0)))


def _clip(value: float, limits: tuple[float, float]) -> float:
    """What the policy can say of the expert's answer, which starts from the measured velocity."""
    return min(max(value, limits[0]), limits[1])


@dataclass(frozen=True)
class _Mark:
    """What a tick is known by."""

    plan: EpisodePlan
    tick: int
    by_policy: bool
    clearance: float


def _tick(
    specs: tuple[InputSpec, ...], observation: Observation, label: tuple[float, float], mark: _Mark
) -> Dataset:
    scan, guide, goal, velocity = (
        encode_source(part.source, observation) for spec in specs for part in spec.bindings.values()
    )
    return Dataset(
        scan[None],
        guide[None],
        goal[None],
        velocity[None],
        np.array([label], np.float32),
        np.array([mark.plan.seed], np.int64),
        np.array([mark.tick], np.int32),
        np.array([FAMILIES.index(mark.plan.family)], np.int8),
        np.array([mark.by_policy]),
        np.array([mark.clearance], np.float32),
    )


def _empty(specs: tuple[InputSpec, ...]) -> Dataset:
    scan, guide, goal, velocity = (
        np.empty((0, part.features), np.float32)
        for spec in specs
        for part in spec.bindings.values()
    )
    label, clearance = np.empty((0, 2), np.float32), np.empty(0, np.float32)
    numbers = (np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int8))
    by_policy = np.empty(0, np.bool_)
    return Dataset(scan, guide, goal, velocity, label, *numbers, by_policy, clearance)
