"""The report of a campaign: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scenario_eval.judging.baseline import Baseline
from scenario_eval.judging.gate import GateVerdict
from scenario_eval.judging.pairs import PairedDifference, difference, paired
from scenario_eval.report.charts import Mark
from scenario_eval.report.colors import SPEED_COLORS
from scenario_eval.report.drawing import TraceMap
from scenario_eval.report.story import clearance_chart, events, speed_chart, states_chart
from scenario_eval.results import Estimate, RunResult, RunTiming, Summary
from scenario_eval.scenarios.kpi_names import KPIS
from scenario_eval.trace import Trace, TraceError, load_trace

TOP_SPEED = 2.0
"""Speed of the brightest colour of a way, m/s."""

COLUMNS = {
    "success": "success",
    "duration_s": "time, s",
    "min_clearance_m": "least clearance, m",
    "policy_share": "by policy",
    "interventions_per_km": "interventions / km",
    "detect_s": "detect, s",
    "mitigate_s": "mitigate, s",
}
"""KPIs of the tables by category and tag, with their headings."""

SHARES = {"success", "policy_share", "fallback_share", "stop_share", "goals_reached_share"}


@dataclass(frozen=True)
class Page:
    """What the report is made of.

    verdict, baseline: of the gate, None where there was none to compare with. created: when, and
    software: what made it, for the foot of the page.
    """

    title: str
    results: Sequence[RunResult]
    summary: Summary
    timings: Sequence[RunTiming]
    directory: Path
    verdict: GateVerdict | None = None
    baseline: Baseline | None = None
    created: str = ""
    software: str = ""


@dataclass(frozen=True)
class RunView:
    """A run as it is drawn; the charts are empty where there is no trace."""

    result: RunResult
    status: str
    map: Markup
    charts: tuple[tuple[str, Markup], ...] = ()
    marks: tuple[Mark, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class KpiRow:
    """A KPI of the campaign, and against the baseline where there is one."""

    name: str
    meaning: str
    estimate: str
    interval: str
    before: str = ""
    change: str = ""


def render(page: Page) -> str:
    """The report as HTML. A trace that is missing or damaged is said, and does not end it."""
    environment = Environment(
        loader=PackageLoader("scenario_eval.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(figure=_figure, columns=COLUMNS)
    failed = [result for result in page.results if status_of(result) != "passed"]
    views = {
        result.run: _view(result, page.directory, whole=result in failed) for result in page.results
    }
    by_class: dict[str, list[RunView]] = {}
    for result in failed:
        by_class.setdefault(_class_of(result), []).append(views[result.run])
    by_category: dict[str, list[RunView]] = {}
    for result in page.results:
        by_category.setdefault(result.category, []).append(views[result.run])
    return environment.get_template("campaign.html.j2").render(
        page=page,
        headline=headline(page),
        tiles=tiles(page),
        kpis=kpi_rows(page),
        groups={"category": page.summary.categories, "tag": page.summary.tags},
        by_class=by_class,
        by_category=by_category,
        speed_colors=SPEED_COLORS,
        top_speed=TOP_SPEED,
    )


def status_of(result: RunResult) -> str:
    """passed, known (a defect that is documented), failed or error."""
    if result.verdict.value == "failed" and result.known_defect:
        return "known"
    return str(result.verdict.value)


def headline(page: Page) -> tuple[bool, str]:
    """Whether all is well, and the campaign in one sentence."""
    total = page.summary.campaign.total
    bad = [result for result in page.results if not result.as_expected]
    passed = page.summary.campaign.passed
    known = sum(status_of(result) == "known" for result in page.results)
    text = f"{passed} of {total} runs passed"
    if known:
        text += f", {known} failed by a known defect"
    if bad:
        text += f", {len(bad)} did not do as expected"
    if page.verdict is not None:
        text += "; the gate " + ("passes" if page.verdict.passed else "fails")
    return not bad and (page.verdict is None or page.verdict.passed), text


def tiles(page: Page) -> list[tuple[str, str]]:
    """The figures that matter most: label and value."""
    campaign = page.summary.campaign
    chosen = [
        ("scenarios", str(len(page.summary.scenarios))),
        ("runs", str(campaign.total)),
        ("safety breaches", str(campaign.safety_breaches)),
        ("lost runs", str(campaign.errors)),
    ]
    for name, label in (("success", "success"), ("policy_share", "driven by the policy")):
        if name in campaign.kpis:
            chosen.append((label, _figure(name, campaign.kpis[name].value)))
    clearances = [r.kpis["min_clearance_m"] for r in page.results if r.kpis.get("min_clearance_m")]
    if clearances:
        least = min(value for value in clearances if value is not None)
        chosen.append(("least clearance", f"{least:.2f} m"))
    if page.timings:
        chosen.append(("CPU time", f"{sum(t.cpu_s for t in page.timings) / 60.0:.1f} min"))
    p99 = [timing.layer_ms["p99"] for timing in page.timings if "p99" in timing.layer_ms]
    if p99:
        chosen.append(("stack per tick, p99", f"{max(p99):.1f} ms"))
    return chosen


def kpi_rows(page: Page) -> list[KpiRow]:
    """Every KPI of the campaign with its definition, and the paired change from the baseline."""
    rows = []
    for name, estimate in page.summary.campaign.kpis.items():
        found = _change(name, page)
        rows.append(
            KpiRow(
                name,
                KPIS.get(name, ""),
                _figure(name, estimate.value),
                _interval(name, estimate),
                "" if found is None else _figure(name, found.before),
                "" if found is None else _change_text(name, found),
            )
        )
    return rows


def _change(name: str, page: Page) -> PairedDifference | None:
    if page.baseline is None:
        return None
    before = {run: entry.kpis.get(name) for run, entry in page.baseline.runs.items()}
    after = {result.run: result.kpis.get(name) for result in page.results}
    return difference(*paired(before, after))


def _change_text(name: str, found: PairedDifference) -> str:
    if not found.changed:
        return "none"
    scale, unit = (100.0, " %") if name in SHARES else (1.0, "")
    values = (found.difference, found.low, found.high)
    mean, low, high = (f"{scale * value:+.3g}" for value in values)
    return f"{mean}{unit} ({low} to {high}), {found.changed} of {found.runs} runs differ"


def _interval(name: str, estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.runs} run"
    low, high = _figure(name, estimate.low), _figure(name, estimate.high)
    return f"{low} – {high}, {estimate.runs} runs"


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in SHARES or name.endswith("_share"):
        return f"{100.0 * value:.1f} %"
    return f"{value:.2f}" if abs(value) < 100.0 else f"{value:.0f}"


def _class_of(result: RunResult) -> str:
    if result.error is not None:
        return f"lost: {result.error.kind.value}"
    return result.failure.value if result.failure else "not classified"


def _view(result: RunResult, directory: Path, whole: bool) -> RunView:
    """A run with its map, and with all its charts where it is to be shown whole."""
    status = status_of(result)
    if not result.trace:
        return RunView(result, status, Markup(""), missing="no trace was kept")
    try:
        trace = load_trace(directory / result.trace)
    except TraceError as error:
        return RunView(result, status, Markup(""), missing=str(error))
    if not len(trace):
        return RunView(result, status, Markup(""), missing="the run ended before its first tick")
    marks = events(trace, result)
    drawing = TraceMap(trace, TOP_SPEED).svg(marks, result.run)
    return RunView(result, status, drawing, _charts(trace, marks) if whole else (), tuple(marks))


def _charts(trace: Trace, marks: Sequence[Mark]) -> tuple[tuple[str, Markup], ...]:
    return (
        ("Who drove, who guarded", states_chart(trace, marks)),
        ("Speed", speed_chart(trace, TOP_SPEED, marks)),
        ("Clearance", clearance_chart(trace, marks)),
    )
