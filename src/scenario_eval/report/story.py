"""What happened in a run, from its trace and result: states over time, events, speeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from scenario_eval.report.charts import Mark, Row, Series, Span, line_chart, timeline
from scenario_eval.results import RunResult
from scenario_eval.trace import Trace

SAMPLE_TICKS = 5
MOST_MARKS = 40
CLEARANCE_SHOWN_M = 2.0


def spans(
    times: NDArray[np.float64], words: NDArray[np.str_], details: NDArray[np.str_] | None = None
) -> list[Span]:
    """Stretches of equal words over (T,) times; the first detail of each says why."""
    if not len(times):
        return []
    starts = np.flatnonzero(np.concatenate([[True], words[1:] != words[:-1]]))
    ends = np.concatenate([starts[1:], [len(times) - 1]])
    found = []
    for first, last in zip(starts.tolist(), ends.tolist(), strict=True):
        detail = str(details[first]) if details is not None else ""
        found.append(Span(float(times[first]), float(times[last]), str(words[first]), detail))
    return found


def gate_spans(trace: Trace) -> list[Span]:
    """What the safety gate said: asking, escalated or denied, and why."""
    words = trace.word("gate")
    brief = np.array([str(word).partition(":")[0].partition(" ")[0] for word in words])
    return spans(trace.number("t"), brief, words)


def events(trace: Trace, result: RunResult) -> list[Mark]:
    """Faults, breaches, contacts, interventions and hand-overs, in order of time."""
    times = trace.number("t")
    marks = [
        Mark(reaction.onset_s, "fault", f"fault: {reaction.kind} on {reaction.target}")
        for reaction in result.reactions
    ]
    marks += [
        Mark(breach.at_s, "breach", f"not met: {breach.text} ({breach.why})")
        for breach in result.unmet
        if breach.at_s is not None
    ]
    for span in spans(times, trace.word("contact")):
        if span.value:
            marks.append(Mark(span.start_s, "collision", f"touches {span.value}"))
    for span in gate_spans(trace):
        if span.value in ("escalated", "denied"):
            marks.append(Mark(span.start_s, "gate", f"gate: {span.detail}"))
    for span in spans(times, trace.word("intervention"), trace.word("cause")):
        if span.value in ("slowed", "stopped"):
            because = f" ({span.detail})" if span.detail else ""
            marks.append(Mark(span.start_s, span.value, f"{span.value}{because}"))
    drivers = [s for s in spans(times, trace.word("driver"), trace.word("reason")) if s.value]
    for before, after in pairwise(drivers):
        if before.value != "none":
            because = f" ({after.detail})" if after.detail else ""
            marks.append(
                Mark(after.start_s, "hand_over", f"{before.value} to {after.value}{because}")
            )
    return sorted(marks, key=lambda mark: mark.at_s)[:MOST_MARKS]


def states_chart(trace: Trace, marks: Sequence[Mark]) -> Markup:
    """Who drove, who guarded, what the mission said."""
    times = trace.number("t")
    rows = [
        Row("mission", spans(times, trace.word("mission"))),
        Row("driver", spans(times, trace.word("driver"), trace.word("reason"))),
        Row("monitor", spans(times, trace.word("state"), trace.word("cause"))),
        Row(
            "command",
            [
                span
                for span in spans(times, trace.word("intervention"), trace.word("cause"))
                if span.value != "none"
            ],
        ),
    ]
    asked = [span for span in gate_spans(trace) if span.value]
    if asked:
        rows.append(Row("gate", asked))
    strong = [mark for mark in marks if mark.kind in ("fault", "breach", "collision")]
    return timeline(rows, _end(times), strong)


def speed_chart(trace: Trace, top_speed: float, marks: Sequence[Mark]) -> Markup:
    """What was wished, passed and driven."""
    times = trace.number("t")
    series = [
        Series("wished", "l-wish", _sampled(times, trace.number("wish_vx"))),
        Series("passed", "l-command", _sampled(times, trace.number("cmd_vx"))),
        Series("driven", "l-driven", _sampled(times, trace.number("vx"))),
    ]
    return line_chart(series, _end(times), 1.05 * top_speed, "m/s", marks)


def clearance_chart(trace: Trace, marks: Sequence[Mark]) -> Markup:
    """True distance from the robot's body to the world."""
    times = trace.number("t")
    clearance = np.minimum(trace.number("clearance"), CLEARANCE_SHOWN_M)
    series = [Series("clearance", "l-clearance", _sampled(times, clearance))]
    return line_chart(series, _end(times), CLEARANCE_SHOWN_M, "metres clear", marks)


def _end(times: NDArray[np.float64]) -> float:
    return max(float(times[-1]) if len(times) else 0.0, 1.0)


def _sampled(times: NDArray[np.float64], values: NDArray[np.float64]) -> list[tuple[float, float]]:
    picked = np.column_stack([times, values])[::SAMPLE_TICKS]
    kept = picked[np.isfinite(picked[:, 1])]
    return [(t, v) for t, v in kept.tolist()]
