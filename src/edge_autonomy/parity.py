"""Lockstep against the nodes over DDS: the same scenarios both ways, and how far they agree.

What holds the two together: a figure from lockstep is worth something only where the real stack
ends alike. Compared are the outcome, the time from the first goal to the end, and the way. No two
runs over DDS are the same, as no two of a robot are: each scenario is played several times there,
every outcome must be the same, and time and way are the medians.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import directed_hausdorff

from autonomy_interfaces.geometry import relative
from autonomy_interfaces.messages import SECOND
from edge_autonomy.demo.stack import DemoError
from edge_autonomy.judged_run import Witness, drive, running_stack
from scenario_eval.runner.play import play
from scenario_eval.runner.world_setup import Scene, scene_of, start_in
from scenario_eval.scenarios.loading import RunPlan
from scenario_eval.scenarios.schema import Event, Scenario, SimulatorSpec, StackSpec
from world_sim.world import load_world

TIME_TOLERANCE = 0.05
WAY_TOLERANCE_M = 0.15
OVERSHOOT_M = 0.25
"""The mission looks ten times a second whether the robot is there: at 2 m/s it may end a run so
much farther on. That is a matter of time, and not of the way."""
STANDING_M = 0.05
"""The robot is on its way once it is this far from where it stood."""
SETTLING_S = 2.0
"""The launched stack has looked around before it gets a goal; the one in lockstep gets as long."""

LOST = "lost"
OVER = {"reached": "reached", "unreachable": "unreachable", "timed_out": "timed_out"}


class ParityError(RuntimeError):
    """Scenarios that cannot be compared, or a stack that cannot run; the message says why."""


@dataclass(frozen=True)
class WayAndEnd:
    """A run: its outcome, seconds from first motion to the end, and (N, 2) places in metres.

    interventions: how often the monitor began to slow or stop it, with a goal. lost: why there is
    no run, or "".
    """

    outcome: str
    time_s: float
    way: NDArray[np.float64]
    interventions: int = 0
    lost: str = ""


@dataclass(frozen=True)
class Pair:
    """A scenario once in lockstep and several times over DDS.

    outcome_dds: of all runs there, or one that differs from lockstep's. time_dds_s, way_m and
    interventions_dds: medians over those runs; way_m is the greatest distance between the two
    ways. times_dds_s, ways_m: of each run.
    lost: why the launched stack gave no run, its outcome then being `lost`, or "".
    Interventions are no part of the comparison; they say why times differ: on a machine that is
    too slow for the nodes, the monitor keeps stopping a robot whose commands come late.
    """

    run: str
    outcome_lockstep: str
    outcome_dds: str
    time_lockstep_s: float
    time_dds_s: float
    way_m: float
    interventions_lockstep: int = 0
    interventions_dds: int = 0
    lost: str = ""
    times_dds_s: tuple[float, ...] = ()
    ways_m: tuple[float, ...] = ()

    @property
    def time_ratio(self) -> float:
        """Time over DDS per time in lockstep."""
        return self.time_dds_s / max(self.time_lockstep_s, 1e-9)

    @property
    def agrees(self) -> bool:
        """Whether outcome, time and way are within the tolerances."""
        return (
            self.outcome_lockstep == self.outcome_dds
            and abs(self.time_ratio - 1.0) <= TIME_TOLERANCE
            and self.way_m <= WAY_TOLERANCE_M
        )

    def figures(self) -> dict[str, Any]:
        """The pair as JSON."""
        ratio = round(self.time_ratio, 4)
        return {**asdict(self), "time_ratio": ratio, "agrees": self.agrees}


class WayJudge:
    """Collects the way over DDS until the mission is over or something is touched."""

    def __init__(self) -> None:
        self.witness: Witness[WayAndEnd] | None = None
        self._places: list[tuple[int, float, float]] = []

    def observe(self, stamp_ns: int, x: float, y: float, contact: str) -> WayAndEnd | None:
        """See `judged_run.Judge`."""
        self._places.append((stamp_ns, x, y))
        state = self.witness.mission_state if self.witness else ""
        if contact:
            return self.ended("collided")
        return self.ended(OVER[state]) if state in OVER else None

    def ended(self, outcome: str) -> WayAndEnd:
        """The run as collected so far."""
        table = np.array(self._places, dtype=np.float64).reshape(-1, 3)
        return way_and_end(outcome, table[:, 0] / SECOND, table[:, 1:])


def way_and_end(outcome: str, times: NDArray[np.float64], places: NDArray[np.float64]) -> WayAndEnd:
    """A run from (N,) seconds and (N, 2) places, from the robot's first motion on."""
    if not len(times):
        return WayAndEnd(outcome, 0.0, np.zeros((1, 2)))
    gone = np.hypot(*(places - places[0]).T) > STANDING_M
    first = int(np.argmax(gone)) if gone.any() else 0
    return WayAndEnd(outcome, float(times[-1] - times[first]), places[first:])


def way_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Greatest distance of a point of either way from the other, metres (Hausdorff).

    Of two ways that end one behind the other, the longer ends where it passes the other's end.
    """
    first, second = densified(one), densified(other)
    a, b = without_overshoot(first, second[-1]), without_overshoot(second, first[-1])
    return float(max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0]))


def without_overshoot(way: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) places up to the one nearest to an `end`, among those of the last `OVERSHOOT_M`."""
    to_go = np.cumsum(np.hypot(*np.diff(way[::-1], axis=0).T))
    last = 1 + int(np.searchsorted(to_go, OVERSHOOT_M))
    nearest = int(np.argmin(np.hypot(*(way[-last:] - end).T)))
    return way[: len(way) - last + nearest + 1]


def densified(way: NDArray[np.float64], spacing_m: float = 0.02) -> NDArray[np.float64]:
    """Points no further apart than `spacing_m` along (N, 2) places."""
    lengths = np.hypot(*np.diff(way, axis=0).T) if len(way) > 1 else np.zeros(0)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    count = max(2, math.ceil(along[-1] / spacing_m) + 1)
    at = np.linspace(0.0, along[-1], count)
    return np.column_stack([np.interp(at, along, way[:, axis]) for axis in (0, 1)])


def comparable(plan: RunPlan) -> bool:
    """Whether a run can be given to the launched stack as it is: one goal, nothing timed."""
    scenario = plan.scenario
    stack = scenario.stack
    plain = not (scenario.actors or scenario.faults or scenario.events or scenario.to_the_end)
    one_goal = scenario.goals is None or len(scenario.goals) == 1
    default_robot = scenario.robot.uri == "model://rover" and scenario.simulator == SimulatorSpec()
    default_stack = stack == StackSpec(driver=stack.driver)
    return plain and one_goal and default_robot and default_stack


def chosen(plans: Sequence[RunPlan], count: int) -> list[RunPlan]:
    """`count` comparable runs, of as many scenarios as there are, evenly over their order.

    Raises:
        ParityError: there are not so many.
    """
    first: dict[str, RunPlan] = {}
    for plan in plans:
        if comparable(plan):
            first.setdefault(plan.scenario_id, plan)
    found = list(first.values())
    if len(found) < count:
        raise ParityError(f"only {len(found)} scenarios can be compared; ask for fewer")
    return [found[index * len(found) // count] for index in range(count)]


def compare(plan: RunPlan, repeats: int = 1) -> Pair:
    """One run in lockstep, and the same over DDS, `repeats` times."""
    beside = Path(plan.file).parent
    lockstep = in_lockstep(plan.scenario, beside, plan.seed)
    over_dds = [_attempt(plan, lockstep.way[:1]) for _ in range(repeats)]
    outcomes = [end.outcome for end in over_dds]
    differing = [outcome for outcome in outcomes if outcome != lockstep.outcome]
    times = tuple(round(end.time_s, 3) for end in over_dds)
    ways = tuple(round(way_distance(lockstep.way, end.way), 4) for end in over_dds)
    return Pair(
        plan.run,
        lockstep.outcome,
        (differing or outcomes)[0],
        round(lockstep.time_s, 3),
        round(median(times), 3),
        round(median(ways), 4),
        lockstep.interventions,
        round(median(end.interventions for end in over_dds)),
        next((end.lost for end in over_dds if end.lost), ""),
        times,
        ways,
    )


def _attempt(plan: RunPlan, start: NDArray[np.float64]) -> WayAndEnd:
    """A run over DDS; a lost one stays at its (1, 2) `start`."""
    try:
        return on_nodes(plan.scenario, Path(plan.file).parent, plan.seed)
    except ParityError as error:
        return WayAndEnd(LOST, 0.0, start, lost=str(error))


def in_lockstep(scenario: Scenario, beside: Path, seed: int) -> WayAndEnd:
    """A scenario in lockstep, its goal given once the stack has looked around."""
    goal = scene_of(scenario, beside, seed).goals[0]
    given = Event(at_s=SETTLING_S, do="goal", goal=(goal.x, goal.y, goal.yaw))
    limit_s = scenario.limit_s + SETTLING_S
    later = scenario.model_copy(update={"goals": (), "events": (given,), "limit_s": limit_s})
    played = play(later, beside, seed)
    trace = played.trace
    end = way_and_end(played.outcome.value, trace.number("t"), trace.numbers[:, 1:3])
    return replace(end, interventions=played.episode.interventions)


def on_nodes(scenario: Scenario, beside: Path, seed: int) -> WayAndEnd:
    """A scenario on the launched stack.

    Raises:
        ParityError: the stack does not start, or breaks down.
    """
    scene = scene_of(scenario, beside, seed)
    with tempfile.TemporaryDirectory(prefix="edge_autonomy_parity_") as folder:
        world = Path(folder) / "scenario.sdf"
        world.write_text(scene.sdf, encoding="utf-8")
        return _on_nodes(scenario, scene, world, seed)


def _on_nodes(scenario: Scenario, scene: Scene, world: Path, seed: int) -> WayAndEnd:
    start = scene.start or start_in(load_world(world, [scene.beside]))
    arguments = {
        "world": str(world),
        "spawn_x": repr(start.x),
        "spawn_y": repr(start.y),
        "spawn_yaw": repr(start.yaw),
        "seed": str(seed),
        "driver": scenario.stack.driver,
    }
    judge = WayJudge()
    try:
        with running_stack(arguments) as launch:
            judge.witness = Witness(judge, relative(start, scene.goals[0]))
            try:
                drive(launch, judge.witness, scenario.limit_s)
                end = judge.witness.result or judge.ended("time_limit")
                return replace(end, interventions=judge.witness.interventions)
            finally:
                judge.witness.close()
    except DemoError as error:
        raise ParityError(str(error)) from error


def markdown(pairs: Sequence[Pair]) -> str:
    """The table for docs/."""
    lines = [
        "| run | outcome, lockstep | over DDS | time, lockstep | over DDS | ratio | ways apart | "
        "at most | interventions, lockstep | over DDS | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {pair.run} | {pair.outcome_lockstep} | {pair.outcome_dds} | "
        f"{pair.time_lockstep_s:.2f} s | {pair.time_dds_s:.2f} s | {pair.time_ratio:.3f} | "
        f"{pair.way_m:.3f} m | {max(pair.ways_m, default=pair.way_m):.3f} m | "
        f"{pair.interventions_lockstep} | {pair.interventions_dds} | "
        f"{'agrees' if pair.agrees else 'apart'} |"
        for pair in pairs
    ]
    return "\n".join(lines) + "\n"


def figures(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The comparison as JSON; the worst are of those that were not lost."""
    kept = [pair for pair in pairs if not pair.lost]
    return {
        "pairs": [pair.figures() for pair in pairs],
        "compared": len(pairs),
        "lost": len(pairs) - len(kept),
        "agree": sum(pair.agrees for pair in pairs),
        "same_outcome": sum(p.outcome_lockstep == p.outcome_dds for p in pairs),
        "time_ratio_worst": max((abs(p.time_ratio - 1.0) for p in kept), default=0.0),
        "way_m_worst": max((pair.way_m for pair in kept), default=0.0),
        "time_tolerance": TIME_TOLERANCE,
        "way_tolerance_m": WAY_TOLERANCE_M,
    }
