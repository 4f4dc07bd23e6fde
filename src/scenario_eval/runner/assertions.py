"""Expectations against a recorded trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from scenario_eval.results import ExpectationResult, Outcome
from scenario_eval.scenarios.expressions import parse_condition, parse_kpi
from scenario_eval.scenarios.kpi_names import KPI_NAMES
from scenario_eval.scenarios.schema import Assertion, Expectations, Reaction, Scenario
from scenario_eval.trace import Trace

TICK_S = 0.02


def judge(
    scenario: Scenario, trace: Trace, outcome: Outcome, kpis: Mapping[str, float | None]
) -> tuple[ExpectationResult, ...]:
    """Every expectation of the scenario, met or not."""
    expect = scenario.expect
    return (
        *_outcome(expect, trace, outcome),
        *(_never(stated, trace) for stated in expect.never),
        *(_always(stated, trace) for stated in expect.always),
        *(_eventually(stated, trace) for stated in expect.eventually),
        *(_within(reaction, scenario, trace) for reaction in expect.within),
        *(_kpi(text, kpis) for text in expect.kpi),
    )


def _outcome(expect: Expectations, trace: Trace, outcome: Outcome) -> Iterator[ExpectationResult]:
    if expect.contact == "never":
        touched = np.flatnonzero(trace.word("contact") != "")
        first = int(touched[0]) if len(touched) else None
        if Outcome.COLLIDED not in expect.outcome:
            yield ExpectationResult(
                kind="never",
                text="contact",
                safety=True,
                met=first is None,
                why="" if first is None else f"touched {trace.word('contact')[first]}",
                at_s=None if first is None else _time(trace, first),
            )
    met = outcome in expect.outcome
    yield ExpectationResult(
        kind="outcome",
        text=" or ".join(o.value for o in expect.outcome),
        safety=False,
        met=met,
        why="" if met else f"the run ended {outcome.value}",
        at_s=None if met else _time(trace, len(trace) - 1),
    )


def _never(stated: Assertion, trace: Trace) -> ExpectationResult:
    condition = parse_condition(stated.that)
    broken = np.flatnonzero(condition.holds(trace) & _window(stated, trace))
    return _result("never", stated, trace, int(broken[0]) if len(broken) else None, True)


def _always(stated: Assertion, trace: Trace) -> ExpectationResult:
    condition = parse_condition(stated.that)
    broken = np.flatnonzero(~condition.holds(trace) & _window(stated, trace))
    return _result("always", stated, trace, int(broken[0]) if len(broken) else None, True)


def _result(
    kind: str, stated: Assertion, trace: Trace, broken: int | None, safety: bool
) -> ExpectationResult:
    condition = parse_condition(stated.that)
    return ExpectationResult(
        kind=kind,
        text=_text(stated),
        safety=safety if stated.safety is None else stated.safety,
        met=broken is None,
        why="" if broken is None else condition.seen(trace, broken),
        at_s=None if broken is None else _time(trace, broken),
    )


def _eventually(stated: Assertion, trace: Trace) -> ExpectationResult:
    holds = parse_condition(stated.that).holds(trace) & _window(stated, trace)
    met = bool(holds.any())
    return ExpectationResult(
        kind="eventually",
        text=_text(stated),
        safety=bool(stated.safety),
        met=met,
        why="" if met else "was never so",
        at_s=None if met else _time(trace, len(trace) - 1),
    )


def _within(reaction: Reaction, scenario: Scenario, trace: Trace) -> ExpectationResult:
    start = reaction_start(reaction, scenario)
    text = f"{reaction.that} within {reaction.s:g} s of {_named(reaction, start)}"
    if reaction.hold_s:
        text += f" for {reaction.hold_s:g} s"
    why, at_s = _reaction_failure(reaction, start, trace)
    return ExpectationResult(
        kind="within", text=text, safety=reaction.safety, met=not why, why=why, at_s=at_s
    )


def _reaction_failure(
    reaction: Reaction, start: float | None, trace: Trace
) -> tuple[str, float | None]:
    if start is None:
        return f"there is no {reaction.after} to react to", None
    condition = parse_condition(reaction.that)
    times, holds = trace.number("t"), condition.holds(trace)
    if len(times) == 0 or times[-1] < start:
        return f"the run was over before {start:g} s", _time(trace, len(trace) - 1)
    inside = (times >= start - 1e-9) & (times <= start + reaction.s + 1e-9)
    stays = round(reaction.hold_s / TICK_S)
    for tick in np.flatnonzero(inside & holds):
        if holds[tick : tick + stays + 1].all():
            return "", None
    last = int(np.flatnonzero(inside)[-1]) if inside.any() else len(trace) - 1
    return condition.seen(trace, last), _time(trace, last)


def reaction_start(reaction: Reaction, scenario: Scenario) -> float | None:
    """Simulated seconds from which a reaction counts, None where there is nothing to react to."""
    if reaction.after == "fault":
        return min((fault.at_s for fault in scenario.faults), default=None)
    if reaction.after == "event":
        return min((event.at_s for event in scenario.events), default=None)
    return float(reaction.after)


def _kpi(text: str, kpis: Mapping[str, float | None]) -> ExpectationResult:
    bound = parse_kpi(text, KPI_NAMES)
    value = kpis[bound.name]
    met = value is not None and bound.met(value)
    shown = "undefined in this run" if value is None else f"{bound.name} = {value:.4g}"
    return ExpectationResult(kind="kpi", text=text, safety=False, met=met, why="" if met else shown)


def _window(stated: Assertion, trace: Trace) -> NDArray[np.bool_]:
    times = trace.number("t")
    inside: NDArray[np.bool_] = times >= stated.from_s - 1e-9
    if stated.to_s is not None:
        inside &= times <= stated.to_s + 1e-9
    return inside


def _text(stated: Assertion) -> str:
    text = stated.that
    if stated.from_s:
        text += f" from {stated.from_s:g} s"
    if stated.to_s is not None:
        text += f" to {stated.to_s:g} s"
    return text


def _named(reaction: Reaction, start: float | None) -> str:
    if isinstance(reaction.after, str):
        return f"the first {reaction.after}" + (f" ({start:g} s)" if start is not None else "")
    return f"{reaction.after:g} s"


def _time(trace: Trace, tick: int) -> float | None:
    return round(float(trace.number("t")[tick]), 3) if len(trace) else None
