"""Generated messages through perception, decision and mission: answers stay sane, none raises."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from autonomy_interfaces.messages import SECOND, Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.config import DecisionConfig
from autonomy_nodes.decision.decision import DecisionInputs
from autonomy_nodes.mission.mission import GoalError
from scenario_eval.options import StackOptions
from scenario_eval.safety_bench.fuzz_monitor import FuzzCount
from scenario_eval.safety_bench.fuzz_values import Values

BEAMS = 720
SPELL = 60


def fuzz_core(name: str, messages: int, seed: int) -> FuzzCount:
    """Send `messages` generated messages to one of `CORES`; the same seed sends the same."""
    rng = np.random.default_rng((seed, len(name)))
    count = FuzzCount()
    send = CORES[name](Values(rng), count)
    while count.messages < messages:
        now_ns = SECOND + count.messages * 50_000_000
        try:
            send(now_ns)
        except Exception as error:
            count.exceptions += 1
            if len(count.examples) < 10:
                count.examples.append(
                    f"{name}, message {count.messages}: {type(error).__name__}: {error}"
                )
        count.messages += 1
    return count


def _make_wild(values: Values, count: FuzzCount) -> None:
    """Quiet and wild spells in turn."""
    if count.messages % SPELL == 0:
        wild = count.messages // SPELL % 2 == 1
        values.wildness = float(values.rng.choice([0.05, 0.3])) if wild else 0.0


def _scan(values: Values, now_ns: int) -> LaserScan:
    limits = (values.number(1.0), values.number(30.0)) if values.wild() else (0.1, 30.0)
    first = values.number(4.0) if values.wild() else -2.35619
    step = values.number(0.1) if values.wild() else 4.71238 / (BEAMS - 1)
    return LaserScan(values.stamp(now_ns), values.ranges(BEAMS), first, step, *limits)


def _odometry(values: Values, now_ns: int) -> Odometry:
    position = values.number(2.0), values.number(2.0), values.number(3.0)
    return Odometry(values.stamp(now_ns), *position, vx=values.number(1.0), wz=values.number(1.0))


def _costmap(values: Values, now_ns: int) -> Costmap:
    shape = (int(values.rng.integers(0, 40)), int(values.rng.integers(0, 40)))
    if not values.wild():
        shape = (200, 200)
    data = np.zeros(shape, np.int8)
    data[values.rng.random(shape) < 0.01] = 100
    if values.wild():
        data = values.rng.integers(-128, 128, shape).astype(np.int8)
    resolution = values.number(0.1) if values.wild() else 0.05
    return Costmap(values.stamp(now_ns), resolution, values.number(5) - 5, -5.0, data)


def _perception(values: Values, count: FuzzCount) -> Callable[[int], None]:
    core = StackOptions().perception()

    def send(now_ns: int) -> None:
        _make_wild(values, count)
        if count.messages % 3:
            core.observe(_odometry(values, now_ns))
            return
        costmap = core.step(_scan(values, now_ns), _odometry(values, now_ns))
        count.cycles += 1
        sane = costmap.data.dtype == np.int8 and costmap.data.min() >= -1
        count.bad_commands += not (sane and math.isfinite(costmap.origin_x + costmap.origin_y))

    return send


def _mission(values: Values, count: FuzzCount) -> Callable[[int], None]:
    core = StackOptions().mission()
    statuses = ("", "driving", "no_path", "reached", "\x00", "x" * 10_000)

    def send(now_ns: int) -> None:
        _make_wild(values, count)
        stamp_ns = values.stamp(now_ns)
        if count.messages % 20 == 0:
            try:
                core.set_goal(
                    Pose2D(values.number(5), values.number(5), values.number(3)), stamp_ns
                )
            except GoalError:
                count.findings["goal refused"] += 1
            return
        odometry = None if values.wild() else _odometry(values, now_ns)
        status = core.step(odometry, statuses[int(values.rng.integers(len(statuses)))], stamp_ns)
        count.cycles += 1
        count.states[status.state.value] += 1
        goal = core.active_goal
        count.bad_commands += goal is not None and not math.isfinite(goal.x + goal.y)

    return send


def _decision(values: Values, count: FuzzCount) -> Callable[[int], None]:
    options = StackOptions()
    core = options.decision()
    config: DecisionConfig = options.load(DecisionConfig, "decision")

    def send(now_ns: int) -> None:
        _make_wild(values, count)
        goal = Pose2D(values.number(6), values.number(6), 0.0)
        if not values.wild():
            goal = Pose2D(4.0, 1.0)
        inputs = DecisionInputs(
            _scan(values, now_ns),
            None if values.wild() else _odometry(values, now_ns),
            _costmap(values, now_ns),
            None if values.wild() else goal,
        )
        command = core.step(inputs, now_ns).command
        count.cycles += 1
        count.moving += (command.vx, command.wz) != (0.0, 0.0)
        finite = math.isfinite(command.vx) and math.isfinite(command.wz)
        fits = finite and (
            config.min_linear_velocity <= command.vx <= config.max_linear_velocity
            and abs(command.wz) <= config.max_angular_velocity
        )
        count.bad_commands += not fits

    return send


CORES: dict[str, Callable[[Values, FuzzCount], Callable[[int], None]]] = {
    "perception": _perception,
    "mission": _mission,
    "decision": _decision,
}
"""Cores beside the monitor, and what sends one generated message to each."""

SHARES = {"perception": 0.005, "mission": 0.05, "decision": 0.002}
"""Messages of each core per message of the monitor: theirs cost more."""
