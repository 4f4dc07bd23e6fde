"""One run of the whole stack with faults, and what was noticed of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, nanoseconds
from safety_monitor.config import MonitorConfig
from scenario_eval.barn import GOAL_IN_ODOM, START
from scenario_eval.episode import TickRecord
from scenario_eval.lockstep import LockstepStack, StackOptions
from scenario_eval.safety_bench.containment import within_limits
from scenario_eval.safety_bench.fault_cases import DURATION_S, ONSET_S, FaultCase
from scenario_eval.safety_bench.truth import Body, Braking, CommandJudge, obstacle_discs
from scenario_eval.worldgen import generate, write_sdf
from world_sim.sdf.types import World
from world_sim.simulator import GroundTruth, RobotSpawn, Simulator
from world_sim.world import load_world

WORLDS = (2, 5, 9, 10, 11)
"""Seeds of generated fields that the runs take turns in: narrow ones, in which something is within
half a metre of the body nearly all the way."""
AFTER_S = 3.0
"""Simulated seconds after the end of the last fault."""
LONGEST_S = 12.0
STOPPED = (0.02, 0.05)
ORDER = ("nominal", "degraded", "silent", "safe_stop", "emergency_stop")
OUTCOMES = ("contact", "unsafe command", "stays", "stopped", "drove on")
"""What a run came to, the worst first."""
NEARBY = 0.3
"""Metres from the body beyond which nothing is near."""

# What a monitor says that judges a healthy robot's commands.
_EVERYDAY = {"", "envelope", "limits"}
# Reasons of the decision node that speak of its inputs or of its policy's answers.
_NOTICED = {
    "no_goal",
    "stale_scan",
    "stale_odometry",
    "stale_costmap",
    "out_of_distribution",
    "non_finite",
    "over_limits",
    "stalled",
}


@dataclass(frozen=True)
class FaultRun:
    """What one run showed.

    noticed_by: who noticed first, and what it said; "" for nobody. noticed_ms: after the onset.
    reaction: the worst state of the monitor from the onset on. stopped: the robot stood at some
    time during the faults. went_on: it moved after them, or had arrived. contact: what was touched,
    or ""; unsafe: commands that made a contact which a stop would not have made, by ground truth;
    bad: commands that were not finite or over the limits. closest_m: from the body to anything
    from the onset on, `NEARBY` where it was farther.
    """

    case: FaultCase
    seed: int
    noticed_by: str
    noticed_ms: float | None
    reaction: str
    stopped: bool
    went_on: bool
    contact: str
    unsafe: int
    bad: int
    closest_m: float = NEARBY

    @property
    def outcome(self) -> str:
        """The worst of `OUTCOMES` that holds: "stays" is a robot that did not drive again."""
        if self.contact or self.unsafe:
            return OUTCOMES[0 if self.contact else 1]
        if not self.went_on:
            return OUTCOMES[2]
        return OUTCOMES[3 if self.stopped else 4]


@lru_cache(maxsize=len(WORLDS))
def _world(number: int) -> World:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / f"field_{number}.sdf"
        write_sdf(generate(number), file)
        return load_world(file)


def run_faults(job: tuple[FaultCase, int]) -> FaultRun:
    """Cross a field with the faults of a case; the seed draws noise, onset and world."""
    case, seed = job
    faults = case.faults(seed)
    world = _world(WORLDS[seed % len(WORLDS)])
    simulator = Simulator(world, [RobotSpawn(pose=START)], seed, faults)
    options = StackOptions()
    config: MonitorConfig = options.load(MonitorConfig, "safety_monitor")
    stack = LockstepStack(simulator, options)
    stack.set_goal(GOAL_IN_ODOM)
    onset_ns = nanoseconds(faults[0].at_s if faults else ONSET_S[0])
    end_s = max((fault.at_s for fault in faults), default=ONSET_S[0]) + DURATION_S
    end_ns = min(nanoseconds(end_s + AFTER_S), nanoseconds(LONGEST_S))
    watch = _Watch(simulator, config, onset_ns, nanoseconds(end_s))
    while simulator.now_ns < end_ns and not simulator.contacts_since_start:
        record = stack.tick()
        watch.see(record)
        if record.mission == "reached":
            break
    touched = simulator.contacts_since_start
    return watch.result(case, seed, touched[0][1] if touched else "")


def _braking(simulator: Simulator, config: MonitorConfig) -> Braking:
    drive = next(iter(simulator.robots.values())).drive
    return Braking(
        quickest=(drive.max_linear_acceleration, drive.max_angular_acceleration),
        surest=(config.linear_deceleration, config.angular_deceleration),
    )


class _Watch:
    """Looks at every tick of a run."""

    def __init__(
        self, simulator: Simulator, config: MonitorConfig, onset_ns: int, end_ns: int
    ) -> None:
        self._discs = obstacle_discs(simulator)
        self._body = Body(np.array(config.footprint).reshape(-1, 2))
        self._judge = CommandJudge(self._discs, self._body, _braking(simulator, config))
        self._closest_m = NEARBY
        self._config = config
        self._onset_ns = onset_ns
        self._end_ns = end_ns
        self._noticed: tuple[str, float] | None = None
        self._reaction = "nominal"
        self._stopped = self._went_on = False
        self._unsafe = self._bad = 0

    def see(self, record: TickRecord) -> None:
        """Take note of one tick."""
        command, truth = record.command, record.truth
        self._bad += not within_limits(self._config, command.vx, command.wz)
        if record.monitor_state != "silent":
            self._unsafe += self._judge.unsafe(truth, command.vx, command.wz)
        if record.stamp_ns < self._onset_ns:
            return
        if self._noticed is None:
            who = _who_noticed(record)
            if who:
                self._noticed = who, (record.stamp_ns - self._onset_ns) / MILLISECOND
        self._reaction = max(self._reaction, record.monitor_state, key=ORDER.index)
        self._closest_m = min(self._closest_m, self._clearance(truth))
        stands = abs(truth.vx) < STOPPED[0] and abs(truth.wz) < STOPPED[1]
        if record.stamp_ns < self._end_ns:
            self._stopped |= stands
        else:
            self._went_on |= not stands or record.mission == "reached"

    def _clearance(self, truth: GroundTruth) -> float:
        """Metres from the body to what is near it, `NEARBY` where nothing is."""
        gap = np.hypot(self._discs[:, 0] - truth.x, self._discs[:, 1] - truth.y)
        near = self._discs[gap - self._discs[:, 2] < self._body.radius + NEARBY]
        pose = np.array([[truth.x, truth.y, truth.yaw]])
        return float(min(NEARBY, self._body.clearance(near, pose)[0]))

    def result(self, case: FaultCase, seed: int, contact: str) -> FaultRun:
        """What was seen."""
        who, after_ms = self._noticed or ("", None)
        return FaultRun(
            case=case,
            seed=seed,
            noticed_by=who,
            noticed_ms=after_ms,
            reaction=self._reaction,
            stopped=self._stopped,
            went_on=self._went_on,
            contact=contact,
            unsafe=self._unsafe,
            bad=self._bad,
            closest_m=round(self._closest_m, 4),
        )


def _who_noticed(record: TickRecord) -> str:
    """The first of monitor, base, decision and mission that says something is wrong, or ""."""
    cause = record.cause.partition(":")[0]
    if cause not in _EVERYDAY:
        return f"monitor: {cause}"
    if record.monitor_state == "silent":
        return "base: no command"
    if record.monitor_state in ("safe_stop", "emergency_stop"):
        # One that has just been started, and has nothing to complain about any more.
        return f"monitor: {record.monitor_state}"
    if record.reason in _NOTICED:
        return f"decision: {record.reason}"
    if record.mission in ("unreachable", "timed_out"):
        return f"mission: {record.mission}"
    return ""
