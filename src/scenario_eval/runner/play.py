"""Plays one run in lockstep and judges it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autonomy_interfaces.messages import seconds
from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.decision import Decision
from safety_monitor.config import MonitorConfig
from scenario_eval.episode import Episode
from scenario_eval.lockstep import LockstepStack
from scenario_eval.options import StackOptions
from scenario_eval.results import Outcome
from scenario_eval.runner.director import Director
from scenario_eval.runner.moving_actors import MovingActors
from scenario_eval.runner.recorder import Recorder
from scenario_eval.runner.surroundings import Surroundings
from scenario_eval.runner.world_setup import set_up
from scenario_eval.scenarios.hostile import HostileDecision
from scenario_eval.scenarios.schema import Scenario, StackSpec
from scenario_eval.trace import Trace
from world_sim.faults import Fault
from world_sim.simulator import Measurement, RobotSpawn, Simulator, SimulatorConfig

ROBOT = "robot"


@dataclass(frozen=True)
class Played:
    """A run that ended: what was recorded, and what a clock said.

    events_s: simulated times of the operator's acts. layer_s: (T,) wall seconds per tick in the
    stack without the simulator.
    """

    trace: Trace
    outcome: Outcome
    goals_given: int
    goals_reached: int
    events_s: tuple[float, ...]
    episode: Episode
    layer_s: np.ndarray[tuple[int], np.dtype[np.float64]]


class TimedSimulator(Simulator):
    """A simulator that knows how long its own work has taken, wall seconds."""

    spent_s = 0.0

    def advance(self, duration_ns: int) -> list[Measurement]:
        """Advance; see `Simulator.advance`."""
        began = time.perf_counter()
        measured = super().advance(duration_ns)
        self.spent_s += time.perf_counter() - began
        return measured


@dataclass(frozen=True)
class ScenarioStack(StackOptions):
    """The stack of a scenario; a hostile policy may stand in for decision."""

    hostile: str = ""
    seed: int = 0

    def decision(self) -> Decision:
        """A decision core, or who stands in for it."""
        if self.hostile:
            return HostileDecision(self.hostile, self.seed)  # type: ignore[return-value]
        return super().decision()


def stack_options(spec: StackSpec, seed: int) -> ScenarioStack:
    """The stack that a scenario asks for."""
    return ScenarioStack(
        driver=spec.driver,
        policy=share_directory() / spec.policy if spec.policy else None,
        monitor=spec.monitor,
        overrides={str(node): values for node, values in spec.parameters.items()},
        gate=share_directory() / spec.gate.policy if spec.gate else None,
        gate_site=spec.gate.site if spec.gate else {},
        hostile=spec.hostile,
        seed=seed,
    )


def play(
    scenario: Scenario, beside: Path, seed: int, beat: Callable[[float], None] | None = None
) -> Played:
    """Play a concrete scenario from start to end.

    Args:
        scenario: what is played.
        beside: directory of the scenario's file.
        seed: of world, sensors and faults.
        beat: hears the simulated seconds after each tick.

    Raises:
        WorldError: the world cannot be played.
        ParameterError: a parameter cannot be used.
        PolicyError: the policy is refused.
    """
    setup = set_up(scenario, beside, seed)
    simulator = TimedSimulator(
        setup.world,
        [RobotSpawn(uri=scenario.robot.uri, name=ROBOT, pose=setup.start)],
        seed=seed,
        faults=_of_the_robot(scenario.faults),
        config=SimulatorConfig(odometry=scenario.simulator.odometry),
    )
    options = stack_options(scenario.stack, seed)
    footprint = np.array(options.load(MonitorConfig, "safety_monitor").footprint).reshape(-1, 2)
    stack = LockstepStack(simulator, options)
    actors = MovingActors(scenario.actors, simulator)
    director = Director(scenario, stack, setup.start, setup.goals)
    surroundings = Surroundings(setup.world.models, footprint)
    recorder = Recorder(stack, director, actors, surroundings, setup.start)
    layer_s: list[float] = []
    place, touched = (setup.start.x, setup.start.y), False
    while True:
        now_s = seconds(simulator.now_ns)
        actors.step(now_s, place)
        director.before_tick(now_s)
        began, simulated = time.perf_counter(), simulator.spent_s
        record = stack.tick()
        layer_s.append(time.perf_counter() - began - (simulator.spent_s - simulated))
        place, touched = (record.truth.x, record.truth.y), touched or bool(record.truth.contact)
        over = director.after_tick(record)
        recorder.add(record)
        if beat is not None:
            beat(seconds(record.stamp_ns))
        if over or seconds(simulator.now_ns) >= scenario.limit_s:
            break
    return Played(
        trace=recorder.trace(tuple(actor.name for actor in scenario.actors), footprint),
        outcome=director.outcome(record, touched),
        goals_given=len(director.goals),
        goals_reached=director.reached,
        events_s=tuple(director.events_done),
        episode=stack.episode(),
        layer_s=np.array(layer_s),
    )


def _of_the_robot(faults: Sequence[Fault]) -> list[Fault]:
    return [fault.model_copy(update={"robot": fault.robot or ROBOT}) for fault in faults]
