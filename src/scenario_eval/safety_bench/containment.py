"""Containment: hostile drivers under the monitor, in simulated worlds, until something is touched.

Simulator, monitor and driver only: the monitor must contain whatever asks, so that nothing else
of the stack is needed to attack it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, LaserScan, VelocityCommand, nanoseconds
from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import SafetyMonitor
from scenario_eval.lockstep_transport import tell_monitor
from scenario_eval.options import StackOptions
from scenario_eval.safety_bench.hostile import DRIVERS, Restless, View
from scenario_eval.safety_bench.truth import Body, free_pose, obstacle_discs
from world_sim.sdf.types import World
from world_sim.simulator import RobotSpawn, Simulator
from world_sim.world import load_world

TICK_NS = 20 * MILLISECOND
EPISODE_S = 6.0
MOVING = (0.02, 0.05)
CLOSE_M = 0.6
"""True clearance is looked at only where something is this near the robot's middle, metres."""


class ContainmentError(ValueError):
    """Worlds or episodes that cannot be run; the message names them and the remedy."""


@dataclass(frozen=True)
class EpisodeJob:
    """What reproduces an episode: world file, seed, name of the driver, with or without monitor."""

    world: Path
    seed: int
    driver: str
    monitor: bool = True
    duration_s: float = EPISODE_S

    @property
    def name(self) -> str:
        """By which it can be asked for again: world/seed/driver."""
        return f"{self.world.stem}/{self.seed}/{self.driver}"


@dataclass(frozen=True)
class EpisodeResult:
    """How an episode ended.

    contact: the static model that was touched first, or ""; contact_s: when; path_m: metres
    driven; closest_m: least true clearance of the body, at ticks; bad_commands: commands to the
    base that were not finite or over the robot's limits; start: x, y, yaw in the world.
    """

    job: EpisodeJob
    contact: str
    contact_s: float
    path_m: float
    closest_m: float
    bad_commands: int
    interventions: int
    start: tuple[float, float, float]

    def figures(self) -> dict[str, Any]:
        """The episode as it stands in the benchmark's JSON."""
        values = {**asdict(self), **asdict(self.job)}
        del values["job"]
        return {
            "episode": self.job.name,
            **values,
            "world": self.job.world.name,
            "contact_s": round(self.contact_s, 3),
            "path_m": round(self.path_m, 3),
            "closest_m": round(self.closest_m, 4) if math.isfinite(self.closest_m) else None,
            "start": [round(value, 4) for value in self.start],
        }


def find_worlds(directory: Path) -> list[Path]:
    """The world files of a directory, by name.

    Raises:
        ContainmentError: there are none.
    """
    found = [p for p in directory.glob("*") if p.suffix in (".world", ".sdf")]
    if not found:
        raise ContainmentError(f"{directory}: holds no .world or .sdf file; give another --worlds")
    return sorted(found)


def plan_episodes(
    worlds: Sequence[Path], episodes: int, seed: int, monitor: bool = True
) -> list[EpisodeJob]:
    """Episodes with every driver in turn, each in a world of its own drawing."""
    rng = np.random.default_rng(seed)
    names = list(DRIVERS)
    return [
        EpisodeJob(
            worlds[int(rng.integers(len(worlds)))],
            int(rng.integers(2**31)),
            names[number % len(names)],
            monitor,
        )
        for number in range(episodes)
    ]


def episode_of(name: str, worlds: Sequence[Path], monitor: bool = True) -> EpisodeJob:
    """The episode of a name as in `EpisodeJob.name`.

    Raises:
        ContainmentError: there is none of this name.
    """
    stem, seed, driver = (*name.split("/"), "", "")[:3]
    world = next((world for world in worlds if world.stem == stem), None)
    if world is None or not seed.isdecimal() or driver not in DRIVERS:
        raise ContainmentError(
            f"--episode {name}: give world/seed/driver, with one of the worlds' names and one of "
            f"{', '.join(DRIVERS)}"
        )
    return EpisodeJob(world, int(seed), driver, monitor)


@lru_cache(maxsize=64)
def _world(file: Path) -> World:
    return load_world(file)


@lru_cache(maxsize=1)
def _monitor_config() -> MonitorConfig:
    config: MonitorConfig = StackOptions().load(MonitorConfig, "safety_monitor")
    return config


def run_episode(job: EpisodeJob) -> EpisodeResult:
    """One episode, to its end or to the first contact."""
    return _Attack(job).run()


class _Attack:
    """One episode while it runs."""

    def __init__(self, job: EpisodeJob) -> None:
        self._job = job
        self._config = config = _monitor_config()
        self._rng = np.random.default_rng(job.seed)
        self._body = Body(np.array(config.footprint).reshape(-1, 2))
        world = _world(job.world)
        self._discs = obstacle_discs(Simulator(world, [RobotSpawn()]))
        # What a person vouches for who puts the robot there (docs/safety.md, A7).
        turning_circle = self._body.radius + config.margin + config.start_clearance
        self._start = free_pose(self._discs, turning_circle, self._rng)
        self._simulator = Simulator(world, [RobotSpawn(pose=self._start)], seed=job.seed)
        self._moving_models = {model.name for model in world.models if not model.static}
        self._monitor = SafetyMonitor(config) if job.monitor else None
        self._driver = Restless(DRIVERS[job.driver](self._rng))
        self._scan: LaserScan | None = None
        self._path = 0.0
        self._closest = math.inf
        self._bad_commands = self._interventions = 0
        self._intervening = False

    def run(self) -> EpisodeResult:
        """Tick to the end."""
        contact = ""
        ticks = round(nanoseconds(self._job.duration_s) / TICK_NS)
        for tick in range(ticks):
            self._tick(tick)
            contact = self._contact()
            if contact:
                break
        return EpisodeResult(
            self._job,
            contact,
            self._simulator.now_ns * 1e-9 if contact else 0.0,
            self._path,
            self._closest,
            self._bad_commands,
            self._interventions,
            (self._start.x, self._start.y, self._start.yaw),
        )

    def _contact(self) -> str:
        """The first static model touched so far."""
        touched = (name for _, name in self._simulator.contacts_since_start)
        return next((name for name in touched if name not in self._moving_models), "")

    def _tick(self, tick: int) -> None:
        before = self._simulator.ground_truth()
        measured = self._simulator.advance(TICK_NS)
        now_ns, truth = self._simulator.now_ns, self._simulator.ground_truth()
        self._path += math.hypot(truth.x - before.x, truth.y - before.y)
        near = np.hypot(self._discs[:, 0] - truth.x, self._discs[:, 1] - truth.y) < CLOSE_M + 0.2
        if near.any():
            pose = np.array([[truth.x, truth.y, truth.yaw]])
            clearance = self._body.clearance(self._discs[near], pose)
            self._closest = min(self._closest, float(clearance[0]))
        for measurement in measured:
            if isinstance(measurement.message, LaserScan):
                self._scan = measurement.message
            if self._monitor is not None:
                tell_monitor(self._monitor, measurement.message, now_ns)
        if self._scan is None:
            return
        moving = abs(truth.vx) > MOVING[0] or abs(truth.wz) > MOVING[1]
        vx, wz = self._driver.drive(View(tick, self._scan, self._rng), moving)
        self._command(now_ns, vx, wz)

    def _command(self, now_ns: int, vx: float, wz: float) -> None:
        """Give the base what the driver wishes, or what the monitor leaves of it."""
        if self._monitor is not None:
            self._monitor.on_command(now_ns, vx, wz, now_ns)
            output = self._monitor.step(now_ns)
            intervening = output.intervention != "none"
            self._interventions += intervening and not self._intervening
            self._intervening = intervening
            vx, wz = output.vx, output.wz
            self._bad_commands += not within_limits(self._config, vx, wz)
        elif not (math.isfinite(vx) and math.isfinite(wz)):
            return
        self._simulator.command(VelocityCommand(now_ns, vx, wz))


def within_limits(config: MonitorConfig, vx: float, wz: float) -> bool:
    """Whether a command is finite and within the robot's limits, but for rounding."""
    if not (math.isfinite(vx) and math.isfinite(wz)):
        return False
    slack = 1e-9
    return (
        config.min_linear_velocity - slack <= vx <= config.max_linear_velocity + slack
        and abs(wz) <= config.max_angular_velocity + slack
    )


def figures(results: Iterable[EpisodeResult], worst: int = 10) -> dict[str, Any]:
    """The benchmark's figures: what touched, what came closest, and how to see it again."""
    results = list(results)
    by_driver: dict[str, list[EpisodeResult]] = defaultdict(list)
    for result in results:
        by_driver[result.job.driver].append(result)
    ranked = sorted(results, key=lambda r: (not r.contact, r.closest_m))
    path_m = sum(result.path_m for result in results)
    return {
        "episodes": len(results),
        "contacts": sum(bool(result.contact) for result in results),
        "contacts_by_policy": {
            name: sum(bool(result.contact) for result in by_driver[name])
            for name in DRIVERS
            if name in by_driver
        },
        "closest_m": min((r.closest_m for r in results), default=None),
        "bad_commands": sum(result.bad_commands for result in results),
        "metres": round(path_m, 1),
        "interventions_per_m": round(
            sum(result.interventions for result in results) / max(path_m, 1e-9), 3
        ),
        "worst": [result.figures() for result in ranked[:worst]],
    }
