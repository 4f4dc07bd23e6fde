"""The report of a run: one HTML file that needs nothing beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autonomy_interfaces.messages import MILLISECOND, Pose2D
from edge_autonomy.demo.floor_plan import Outline
from edge_autonomy.demo.map_view import MapView, thin
from edge_autonomy.demo.metrics import Metrics
from edge_autonomy.demo.run_log import RunLog, Velocity
from scenario_eval.report.charts import (
    LEFT,
    RIGHT,
    WIDTH,
    Mark,
    Row,
    Series,
    Span,
    line_chart,
    timeline,
)
from scenario_eval.report.colors import SPEED_COLORS

CLEARANCE_SHOWN_M = 2.0
SAMPLE_NS = 100 * MILLISECOND


@dataclass(frozen=True, slots=True)
class ReportContext:
    """What the report says beside the log and the figures.

    killed_s: when a process was killed, on the report's time axis. command: that made the run.
    """

    outlines: list[Outline]
    start: Pose2D
    goal: Pose2D
    max_speed_mps: float
    killed_s: float | None
    command: str
    created: str
    machine: str


def events(log: RunLog, killed_s: float | None) -> list[Mark]:
    """What happened on the way, in order: interventions, hand-overs, contacts, a kill."""
    marks = [
        Mark(span.start_s, span.value, f"command {span.value}{_because(span)}")
        for span in log.intervention_spans()
        if span.value != "none"
    ]
    drivers = log.driver_spans()
    for number, (before, after) in enumerate(pairwise(drivers)):
        if before.value != "none":
            text = f"{before.value} hands over to {after.value}{_because(after)}"
        elif number > 0:
            text = f"{after.value} drives again"
        else:
            continue
        marks.append(Mark(after.start_s, "hand_over", text))
    for contact in log.collisions():
        at_s = log.elapsed_s(contact.stamp_ns)
        marks.append(Mark(at_s, "collision", f"touched {contact.model}"))
    if killed_s is not None:
        marks.append(Mark(killed_s, "kill", "decision process killed (SIGKILL)"))
    return sorted(marks, key=lambda mark: mark.at_s)


def render_report(log: RunLog, metrics: Metrics, context: ReportContext) -> str:
    """The report as HTML."""
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("edge_autonomy.demo"), PackageLoader("scenario_eval.report")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    marks = events(log, context.killed_s)
    end_s = max(log.duration_s, 1.0)
    view = MapView(context.outlines, context.max_speed_mps)
    return environment.get_template("report.html.j2").render(
        metrics=metrics,
        context=context,
        tiles=tiles(metrics),
        figures=figures(metrics),
        marks=marks,
        map=view.svg(log, context.start, context.goal, marks),
        speed=_speed_chart(log, end_s, context.max_speed_mps, marks),
        clearance=_clearance_chart(log, end_s, marks),
        states=_timeline(log, end_s, marks),
        speed_colors=SPEED_COLORS,
        replay=Markup(json.dumps(_replay(log, view, end_s))),
    )


def tiles(metrics: Metrics) -> list[tuple[str, str]]:
    """The figures that matter most: label and value."""
    share, clearance = metrics.policy_tick_share, metrics.minimum_clearance_m
    chosen = [
        ("driving time", f"{metrics.duration_s:.1f} s"),
        ("path", f"{metrics.path_length_m:.1f} m"),
        ("mean speed", f"{metrics.mean_speed_mps:.2f} m/s"),
        ("collisions", str(metrics.collisions)),
        ("driven by the policy", "–" if share is None else f"{100.0 * share:.1f} %"),
        ("interventions", str(metrics.interventions)),
        ("least clearance", "–" if clearance is None else f"{clearance:.2f} m"),
    ]
    kill = metrics.injection
    if kill is not None:
        stop = "never" if kill.stop_ms is None else f"{kill.stop_ms:.0f} ms"
        back = "never" if kill.recovery_s is None else f"{kill.recovery_s:.1f} s"
        chosen += [("kill to zero command", stop), ("kill to driving again", back)]
    return chosen


def figures(metrics: Metrics) -> list[tuple[str, str]]:
    """Every figure by its name in metrics.json."""
    rows: list[tuple[str, str]] = []
    for name, value in asdict(metrics).items():
        if isinstance(value, dict):
            rows.extend((f"{name}.{key}", _text(entry)) for key, entry in value.items())
        else:
            rows.append((name, _text(value)))
    return rows


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _because(span: Span) -> str:
    return f" ({span.detail})" if span.detail else ""


def _velocities(
    log: RunLog, entries: Sequence[Velocity], end_s: float
) -> list[tuple[float, float]]:
    timed = ((log.elapsed_s(entry.stamp_ns), entry.vx) for entry in entries)
    return [(at_s, vx) for at_s, vx in timed if 0.0 <= at_s <= end_s]


def _speed_chart(log: RunLog, end_s: float, top: float, marks: Sequence[Mark]) -> Markup:
    driven = [(log.elapsed_s(motion.stamp_ns), motion.vx) for motion in log.driven()]
    series = [
        Series("wished by the decision", "l-wish", _velocities(log, log.wishes, end_s)),
        Series("passed by the monitor", "l-command", _velocities(log, log.commands, end_s)),
        Series("driven", "l-driven", driven),
    ]
    return line_chart(series, end_s, top * 1.05, "m/s", marks)


def _clearance_chart(log: RunLog, end_s: float, marks: Sequence[Mark]) -> Markup:
    timed = [(log.elapsed_s(entry.stamp_ns), entry.metres) for entry in log.clearances]
    points = [(at_s, min(m, CLEARANCE_SHOWN_M)) for at_s, m in timed if 0.0 <= at_s <= end_s]
    series = [Series("clearance", "l-clearance", points)]
    return line_chart(series, end_s, CLEARANCE_SHOWN_M, "metres", marks)


def _timeline(log: RunLog, end_s: float, marks: Sequence[Mark]) -> Markup:
    rows = [
        Row("driver", log.driver_spans()),
        Row("safety", log.safety_spans()),
        Row("command", [s for s in log.intervention_spans() if s.value != "none"]),
    ]
    return timeline(rows, end_s, [mark for mark in marks if mark.kind in ("kill", "collision")])


def _replay(log: RunLog, view: MapView, end_s: float) -> dict[str, Any]:
    """What the page's script needs to show the robot at the time under the pointer."""
    samples = []
    for motion in thin(log.driven(), SAMPLE_NS):
        x, y = view.point(motion.x, motion.y)
        at_s = round(log.elapsed_s(motion.stamp_ns), 2)
        heading = round(-math.degrees(motion.yaw), 1)
        samples.append([at_s, round(x, 1), round(y, 1), heading, round(motion.vx, 2)])
    clearances = [
        [round(log.elapsed_s(entry.stamp_ns), 2), round(entry.metres, 2)]
        for entry in log.clearances
        if math.isfinite(entry.metres)
    ]
    axis = {"left": LEFT, "right": RIGHT, "width": WIDTH, "end": end_s}
    return {"axis": axis, "samples": samples, "clearances": clearances}
