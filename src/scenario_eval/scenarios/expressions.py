"""Conditions on a trace, as people write them: `speed > 0.5 and state == nominal`.

A condition is one or more comparisons joined by `and`. A comparison is a signal, an operator and
a value. Numbers compare with < <= > >= == !=; words with == and != (alternatives are separated
by `|`) and with `~`, which looks for a part of the word. `contact` alone means: touches something.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenario_eval.trace import WORDS, Trace

Bools = NDArray[np.bool_]


class ExpressionError(ValueError):
    """A condition that makes no sense; the message says what would."""


def _odometry_error(trace: Trace) -> NDArray[np.float64]:
    error: NDArray[np.float64] = np.hypot(
        trace.number("odom_x") - trace.number("x"), trace.number("odom_y") - trace.number("y")
    )
    return error


def _column(name: str) -> Callable[[Trace], NDArray[np.float64]]:
    return lambda trace: trace.number(name)


SIGNALS: dict[str, Callable[[Trace], NDArray[np.float64]]] = {
    "t": _column("t"),
    "x": _column("x"),
    "y": _column("y"),
    "vx": _column("vx"),
    "wz": _column("wz"),
    "speed": lambda trace: trace.speed,
    "turn_rate": lambda trace: np.abs(trace.number("wz")),
    "wish_vx": _column("wish_vx"),
    "wish_wz": _column("wish_wz"),
    "cmd_vx": _column("cmd_vx"),
    "cmd_wz": _column("cmd_wz"),
    "scale": _column("scale"),
    "clearance": _column("clearance"),
    "goal": _column("goal"),
    "goal_distance": _column("goal_distance"),
    "odometry_error": _odometry_error,
}
"""Signals that are numbers; SI units, true values unless the name says otherwise."""

_NUMERIC: dict[str, Callable[[NDArray[np.float64], float], Bools]] = {
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
}
_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WORD = r"[A-Za-z_][\w. ]*?"
_COMPARISON = re.compile(r"^\s*(?P<name>\w+)\s*(?:(?P<op><=|>=|==|!=|<|>|~)\s*(?P<value>.+?)\s*)?$")

PATTERN = (
    r"^\s*{one}(\s+and\s+{one})*\s*$".replace(
        "{one}",
        "(contact|({numbers})\\s*(<=|>=|==|!=|<|>)"
        "\\s*{number}|({words})\\s*(==|!=|~)\\s*[A-Za-z_][\\w.|: -]*?)",
    )
    .replace("{numbers}", "|".join(SIGNALS))
    .replace("{words}", "|".join(WORDS))
    .replace("{number}", _NUMBER)
)
"""The same language as a regular expression, for editors."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One signal against one value."""

    name: str
    operator: str
    value: str

    def holds(self, trace: Trace) -> Bools:
        """(T,) bool: at which ticks it is true; a NaN is never."""
        if self.name in SIGNALS:
            found: Bools = _NUMERIC[self.operator](SIGNALS[self.name](trace), float(self.value))
            if self.operator == "!=":
                found = found & ~np.isnan(SIGNALS[self.name](trace))
            return found
        words = trace.word(self.name)
        if self.operator == "~":
            inside: Bools = np.char.find(words, self.value) >= 0
            return inside
        among: Bools = np.isin(words, [word.strip() for word in self.value.split("|")])
        return among if self.operator == "==" else ~among


@dataclass(frozen=True, slots=True)
class Condition:
    """Comparisons that must all be true."""

    text: str
    comparisons: tuple[Comparison, ...]

    def holds(self, trace: Trace) -> Bools:
        """(T,) bool: at which ticks all are true."""
        holds: Bools = np.logical_and.reduce([c.holds(trace) for c in self.comparisons])
        return holds

    def seen(self, trace: Trace, tick: int) -> str:
        """The signals of the condition at a tick, for people."""
        shown = []
        for name in dict.fromkeys(c.name for c in self.comparisons):
            if name in SIGNALS:
                shown.append(f"{name} = {SIGNALS[name](trace)[tick]:.3f}")
            else:
                shown.append(f"{name} = {str(trace.word(name)[tick]) or 'none'}")
        return ", ".join(shown)


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        ExpressionError: it is not one.
    """
    parts = re.split(r"\s+and\s+", text.strip())
    return Condition(text, tuple(_parse_comparison(part) for part in parts))


def _parse_comparison(text: str) -> Comparison:
    match = _COMPARISON.match(text)
    if match is None:
        raise ExpressionError(f"'{text}': expected SIGNAL OPERATOR VALUE, as in 'speed > 0.5'")
    name, operator, value = match["name"], match["op"], match["value"]
    if name == "contact" and operator is None:
        return Comparison("contact", "!=", "")
    if name not in SIGNALS and name not in WORDS:
        known = (*SIGNALS, *WORDS)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise ExpressionError(f"unknown signal '{name}'{hint}; known: {', '.join(known)}")
    if operator is None:
        raise ExpressionError(f"'{text}': expected an operator after '{name}'")
    if name in SIGNALS:
        if operator not in _NUMERIC or not re.fullmatch(_NUMBER, value):
            raise ExpressionError(f"'{text}': '{name}' is a number; compare it as in '{name} < 1'")
    elif operator not in ("==", "!=", "~"):
        raise ExpressionError(f"'{text}': '{name}' is a word; compare it with ==, != or ~")
    return Comparison(name, operator, value)


_KPI = re.compile(rf"^\s*(?P<name>\w+)\s*(?P<op><=|>=|==|<|>)\s*(?P<value>{_NUMBER})\s*$")


@dataclass(frozen=True, slots=True)
class KpiBound:
    """A KPI and what it must be."""

    text: str
    name: str
    operator: str
    value: float

    def met(self, value: float) -> bool:
        """Whether the KPI's value keeps the bound."""
        return bool(_NUMERIC[self.operator](np.array(value), self.value))


def parse_kpi(text: str, known: tuple[str, ...]) -> KpiBound:
    """Read a bound such as `duration_s <= 12` on one of the `known` KPIs.

    Raises:
        ExpressionError: it is not one.
    """
    match = _KPI.match(text)
    if match is None:
        raise ExpressionError(f"'{text}': expected KPI OPERATOR NUMBER, as in 'duration_s <= 12'")
    if match["name"] not in known:
        near = difflib.get_close_matches(match["name"], known, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise ExpressionError(f"unknown KPI '{match['name']}'{hint}; known: {', '.join(known)}")
    return KpiBound(text, match["name"], match["op"], float(match["value"]))
