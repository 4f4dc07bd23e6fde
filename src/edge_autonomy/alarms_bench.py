"""False alarms of the safety monitor: nominal driving on a computer that is busy with other work.

Every departure from the nominal state counts, by its cause; nothing is wrong but that the stack
must share its cores. Beside it stand the gaps between what should come at a steady rate, which
say who was starved.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, SECOND
from edge_autonomy.demo.listener import RawMessage
from edge_autonomy.shuttle import driving

STREAMS = ("/cmd_vel", "/decision/cmd_vel", "/scan", "/odom", "/clock")
SETTLING_S = 5.0

# It ends with who began it, in whichever way that one ends.
_BUSY = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass"


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep `count` processes busy that want a core all the time."""
    command = [sys.executable, "-S", "-c", _BUSY, str(os.getpid())]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Alarms:
    """Hears the monitor's state and counts when it leaves the nominal one, and why."""

    def __init__(self) -> None:
        self.causes: Counter[str] = Counter()
        self.changes = 0
        self._state = "nominal"
        self._last_ns: dict[str, int] = {}
        self._gaps: dict[str, list[tuple[float, int]]] = {topic: [] for topic in STREAMS}
        self._first_ns = 0

    def hear(self, message: RawMessage) -> None:
        """Take one message of `STREAMS` or of /safety/state."""
        self._first_ns = self._first_ns or message.published_ns
        if message.topic in self._gaps:
            last_ns = self._last_ns.get(message.topic)
            if last_ns is not None:
                gap_ms = (message.published_ns - last_ns) / MILLISECOND
                self._gaps[message.topic].append((gap_ms, message.published_ns))
            self._last_ns[message.topic] = message.published_ns
        elif message.topic == "/safety/state":
            status = message.decode().status[0]
            values = {pair.key: pair.value for pair in status.values}
            self.take_state(status.message, values.get("cause", ""))

    def take_state(self, state: str, cause: str) -> None:
        """Take a state of the monitor and its cause; leaving `nominal` is an alarm."""
        self.changes += state != self._state
        if self._state == "nominal" and state != "nominal":
            self.causes[f"{state}: {cause.partition(':')[0]}"] += 1
        self._state = state

    def figures(self) -> dict[str, Any]:
        """Counts, and the gaps of each stream: p99 and longest, ms, and after how many seconds."""
        gaps = {}
        for topic, values in self._gaps.items():
            if values:
                longest_ms, ended_ns = max(values)
                gaps[topic.strip("/").replace("/", "_")] = {
                    "p99_ms": round(float(np.percentile([gap for gap, _ in values], 99)), 1),
                    "max_ms": round(longest_ms, 1),
                    "max_at_s": round((ended_ns - self._first_ns) / SECOND, 1),
                }
        return {
            "alarms": sum(self.causes.values()),
            "causes": dict(self.causes.most_common()),
            "state_changes": self.changes,
            "command_gap_ms_max": gaps.get("cmd_vel", {}).get("max_ms"),
            "gaps": gaps,
        }


def bench_alarms(duration_s: float, load: int, world: str = "warehouse") -> dict[str, Any]:
    """Drive to and fro for a while beside `load` busy processes.

    Raises:
        ShuttleError: the robot does not drive at all.
        PlacesError: there is no such world.
    """
    alarms = Alarms()
    topics = frozenset({*STREAMS, "/safety/state"})
    with driving(world, topics, {}) as shuttle, busy_processes(load):
        shuttle.drive(SETTLING_S, lambda message: None)
        shuttle.drive(duration_s, alarms.hear)
    return {
        "world": world,
        "minutes": round(duration_s / 60.0, 2),
        "load": load,
        "cores": len(os.sched_getaffinity(0)),
        **alarms.figures(),
    }
