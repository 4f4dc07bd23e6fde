"""Where the time of a decision went that took longer than its period."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

PAUSE_S = 10.0
"""Between two lines about slow ticks."""


class SlowTicks:
    """Times the stages of every tick, and tells of a slow one now and then.

    A line of JSON says how long the tick took, how much of that its thread computed (the rest it
    waited: for a core, or for the policy's thread), how long each stage took, and how many slow
    ticks have gone untold since the last line. All in milliseconds.
    """

    def __init__(
        self,
        period_s: float,
        tell: Callable[[str], object],
        wall_s: Callable[[], float] = time.perf_counter,
        computed_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._period_s = period_s
        self._tell = tell
        self._wall_s = wall_s
        self._computed_s = computed_s
        self._moments: list[float] = []
        self._stages: list[str] = []
        self._computed_before = 0.0
        self._told_s = -PAUSE_S
        self._untold = 0

    def begin(self) -> None:
        """A tick begins."""
        self._stages.clear()
        self._computed_before = self._computed_s()
        self._moments[:] = [self._wall_s()]

    def done(self, stage: str) -> float:
        """A stage ends, and the next one begins; returns the moment, seconds."""
        now_s = self._wall_s()
        self._stages.append(stage)
        self._moments.append(now_s)
        return now_s

    def end(self, stage: str) -> None:
        """The last stage ends, and with it the tick."""
        now_s = self.done(stage)
        took_s = now_s - self._moments[0]
        if took_s <= self._period_s:
            return
        if now_s - self._told_s < PAUSE_S:
            self._untold += 1
            return
        ends = zip(self._stages, self._moments, self._moments[1:], strict=False)
        words = {
            "event": "slow_tick",
            "tick_ms": _ms(took_s),
            "computed_ms": _ms(self._computed_s() - self._computed_before),
            "stages_ms": {name: _ms(after - before) for name, before, after in ends},
            "untold": self._untold,
        }
        self._told_s, self._untold = now_s, 0
        self._tell(json.dumps(words))


def _ms(duration_s: float) -> float:
    return round(1e3 * duration_s, 1)
