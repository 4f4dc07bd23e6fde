"""Generated messages through the monitor: no command may be bad, no exception may come out.

Quiet spells, in which the monitor is nominal and lets commands through, take turns with wild
ones, in which values, stamps, lengths, clocks and order are anything.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, SECOND
from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import SafetyMonitor
from safety_monitor.state_machine import State
from safety_monitor.watchdog import Fault
from scenario_eval.safety_bench.containment import within_limits
from scenario_eval.safety_bench.fuzz_values import Values

SPELL = (300, 1500)
"""Messages of one spell, quiet or wild: least and most."""
BEAMS = 180
_DEFECTS = {Fault.INTERNAL_ERROR}


@dataclass
class FuzzCount:
    """What came of some messages.

    bad_commands: not finite or over the limits; exceptions: that came out of the core; internal:
    times that it caught one itself and stopped; states: cycles per state; moving: cycles that let
    a motion through.
    """

    messages: int = 0
    cycles: int = 0
    bad_commands: int = 0
    exceptions: int = 0
    internal: int = 0
    moving: int = 0
    states: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, other: FuzzCount) -> None:
        """Add the count of other messages."""
        for name in ("messages", "cycles", "bad_commands", "exceptions", "internal", "moving"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.states += other.states
        self.findings += other.findings
        self.examples = [*self.examples, *other.examples][:10]


def configurations() -> tuple[MonitorConfig, ...]:
    """The monitors that are fuzzed: one scanner; two, and a body with a notch."""
    one = MonitorConfig()
    notched = (0.3, 0.25, -0.3, 0.25, -0.3, -0.25, 0.3, -0.25, 0.1, 0.0)
    two = replace(
        one,
        footprint=notched,
        scan_sources=("front", "rear"),
        lidar_pose=(0.2, 0.1, 0.0, -0.2, -0.1, math.pi),
    )
    return one, two


def fuzz_monitor(messages: int, seed: int) -> FuzzCount:
    """Send `messages` generated messages; the same seed sends the same."""
    rng = np.random.default_rng(seed)
    configs = configurations()
    fuzzer = _MonitorFuzzer(configs[seed % len(configs)], rng)
    wild = False
    while fuzzer.count.messages < messages:
        fuzzer.values.wildness = float(rng.choice([0.02, 0.2, 0.6])) if wild else 0.0
        left = messages - fuzzer.count.messages
        fuzzer.spell(min(left, int(rng.integers(*SPELL))))
        wild = not wild
    return fuzzer.count


class _MonitorFuzzer:
    """Sends messages to one monitor and judges every answer."""

    def __init__(self, config: MonitorConfig, rng: np.random.Generator) -> None:
        self.count = FuzzCount()
        self.values = Values(rng)
        self._rng = rng
        self._config = config
        self._monitor = SafetyMonitor(config)
        self._now_ns = self._steady_ns = SECOND
        self._in_error = False
        self._room = [self.values.ranges(BEAMS) for _ in config.scan_sources]

    def spell(self, messages: int) -> None:
        """Send so many messages in cycles of about 20 ms."""
        end = self.count.messages + messages
        while self.count.messages < end:
            orders: list[Callable[[], object]] = [
                self._odometry,
                self._imu,
                self._imu,
                self._command,
                *(lambda s=number: self._scan(s) for number in range(len(self._room))),
            ]
            if self.values.wildness > 0.0:
                self._disarrange(orders)
            elif self._monitor.state is State.EMERGENCY_STOP:
                orders.append(self._reset)
            for order in orders:
                self._guarded(order)
                self.count.messages += 1
            self._cycle()

    def _disarrange(self, orders: list[Callable[[], object]]) -> None:
        """Any order; some left out, some again; and now and then what is rare."""
        self._rng.shuffle(orders)
        del orders[int(self._rng.integers(0, 3)) :: int(self._rng.integers(2, 5))]
        if self._rng.random() < 0.02:
            orders.append(lambda: self._monitor.estop(self._now_ns, "fuzz"))
        if self._rng.random() < 0.05:
            orders.append(self._reset)
        if self._rng.random() < 0.05:
            orders.append(lambda: self._monitor.on_command_lost("fuzz"))

    def _guarded(self, order: Callable[[], object]) -> object:
        try:
            return order()
        except Exception as error:
            self.count.exceptions += 1
            self._remember(f"{type(error).__name__}: {error}")
            return None

    def _remember(self, example: str) -> None:
        if len(self.count.examples) < 10:
            self.count.examples.append(f"message {self.count.messages}: {example}")

    def _odometry(self) -> None:
        v = self.values
        # The farther wheels jump, the more of it is slip, and the less the robot may move.
        vx, wz = v.number(0.2), v.number(0.5)
        self._monitor.on_odometry(v.stamp(self._now_ns), vx, wz, self._now_ns)

    def _imu(self) -> None:
        v = self.values
        stamp_ns = v.stamp(self._now_ns, int(self._rng.integers(0, 10)) * MILLISECOND)
        self._monitor.on_imu(stamp_ns, v.number(0.5), self._now_ns)

    def _command(self) -> None:
        v = self.values
        self._monitor.on_command(v.stamp(self._now_ns), v.number(3.0), v.number(5.0), self._now_ns)

    def _scan(self, number: int) -> None:
        v = self.values
        wild = v.wild()
        ranges = v.ranges(BEAMS) if wild else self._room[number]
        if not wild:
            ranges = (ranges + self._rng.normal(0.0, 1e-3, BEAMS)).astype(np.float32)
        if v.wild():
            ranges = ranges[::2]
        layout = (-2.35, 4.7 / BEAMS, 0.1, 30.0)
        if v.wild():
            layout = (v.number(4.0), v.number(0.1), v.number(1.0), v.number(30.0))
        source = self._config.scan_sources[number]
        self._monitor.on_scan(source, v.stamp(self._now_ns), ranges, layout, self._now_ns)

    def _reset(self) -> None:
        self._monitor.on_odometry(self._now_ns + 1, 0.0, 0.0, self._now_ns + 1)
        self._monitor.step(self._now_ns + 1, self._steady_ns)
        self._monitor.reset(self._now_ns + 1, "fuzz")

    def _cycle(self) -> None:
        """Step the monitor and judge what it would send."""
        step_ns = self.values.time_step()
        self._now_ns += step_ns
        late = int(self._rng.exponential(20 * MILLISECOND)) if self.values.wild() else 0
        self._steady_ns += 20 * MILLISECOND + late
        try:
            output = self._monitor.step(self._now_ns, self._steady_ns)
        except Exception as error:
            self.count.exceptions += 1
            self._remember(f"step: {type(error).__name__}: {error}")
            return
        vx, wz = output.vx, output.wz
        self.count.cycles += 1
        self.count.states[output.state] += 1
        self.count.findings.update(found.fault.value for found in output.findings)
        self.count.moving += (vx, wz) != (0.0, 0.0)
        if not within_limits(self._config, vx, wz):
            self.count.bad_commands += 1
            self._remember(f"command ({vx}, {wz})")
        internal = [found.detail for found in output.findings if found.fault in _DEFECTS]
        if internal and not self._in_error:
            self.count.internal += 1
            self._remember(f"caught in the core: {internal[0]}")
        self._in_error = bool(internal)
