"""How often an action may be asked for, and when asking again is a loop. Pure; times are given."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Mapping
from typing import Any

_SECOND = 1_000_000_000
_REMEMBERED = 1024


class RateLimiter:
    """A sliding window for each action; what was refused does not count."""

    def __init__(self, limits: Mapping[str, Mapping[str, Any]]) -> None:
        """Take `{action: {count, window_s}}`; `*` is for the actions that have none of their own.

        Raises:
            KeyError, TypeError, ValueError: the mapping has another form.
        """
        self._limits = {k: (int(v["count"]), float(v["window_s"])) for k, v in limits.items()}
        self._granted: dict[str, deque[int]] = {name: deque() for name in ("*", *self._limits)}

    def admit(self, action: str, now_ns: int) -> str:
        """Count an action in; returns why not, or an empty text."""
        name = action if action in self._limits else "*"
        count, window_s = self._limits[name]
        granted = self._granted[name]
        while granted and now_ns - granted[0] >= window_s * _SECOND:
            granted.popleft()
        if len(granted) >= count:
            return f"more than {count} within {window_s:g} s"
        granted.append(now_ns)
        return ""


class LoopDetector:
    """The same action, asked for again and again from the same place, is a loop.

    A robot that goes back and forth between two places and fails at each is in a loop as well:
    every place where the action was asked within the window counts, not only the last one.
    """

    def __init__(self, loop: Mapping[str, Any]) -> None:
        """Take `{repeats, window_s, distance_m, tier}`.

        Raises:
            KeyError, TypeError, ValueError: the mapping has another form.
        """
        self.tier = str(loop["tier"])
        self._repeats, self._window_s = int(loop["repeats"]), float(loop["window_s"])
        self._distance_m = float(loop["distance_m"])
        self._asked: deque[tuple[int, Hashable, tuple[float, float]]] = deque(maxlen=_REMEMBERED)

    def ask(self, what: Hashable, place: tuple[float, float], now_ns: int) -> str:
        """Note that `what` is asked at `place` (x, y metres); returns why it is a loop, or ''."""
        while self._asked and now_ns - self._asked[0][0] >= self._window_s * _SECOND:
            self._asked.popleft()
        self._asked.append((now_ns, what, place))
        times = sum(
            what == other and math.dist(place, there) <= self._distance_m
            for _, other, there in self._asked
        )
        if times < self._repeats:
            return ""
        return f"asked {times} times from one place within {self._window_s:g} s"

    def progress(self) -> None:
        """A goal was reached: what was asked before did lead somewhere."""
        self._asked.clear()
