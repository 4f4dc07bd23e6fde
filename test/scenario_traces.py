"""Traces made by hand."""

from __future__ import annotations

import numpy as np

from scenario_eval.trace import NUMBERS, WORDS, Trace

DEFAULTS = {
    "mission": "active",
    "driver": "policy",
    "reason": "",
    "planner": "driving",
    "state": "nominal",
    "cause": "",
    "intervention": "none",
    "contact": "",
    "gate": "",
}


def make_trace(count: int, **columns: object) -> Trace:
    """A trace of `count` ticks: the columns given, constant or (T,), and defaults."""
    numbers = np.zeros((count, len(NUMBERS)))
    numbers[:, NUMBERS.index("t")] = 0.02 * np.arange(1, count + 1)
    numbers[:, NUMBERS.index("clearance")] = 1.0
    numbers[:, NUMBERS.index("goal")] = 1.0
    words: dict[str, int] = {}
    codes = np.zeros((count, len(WORDS)), dtype=np.int16)
    for column, name in enumerate(WORDS):
        said = np.broadcast_to(np.array(columns.pop(name, DEFAULTS[name])), count)
        codes[:, column] = [words.setdefault(str(word), len(words)) for word in said]
    for name, values in columns.items():
        numbers[:, NUMBERS.index(name)] = values
    return Trace(
        numbers,
        codes,
        tuple(words),
        np.zeros((count, 0, 3)),
        (),
        np.zeros((0, 3)),
        np.zeros((0, 4)),
        np.zeros((4, 2)),
        np.zeros((1, 3)),
    )
