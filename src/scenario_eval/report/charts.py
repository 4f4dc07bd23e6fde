"""Charts of a run as inline SVG: nothing to load, sharp at any size, styled by the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, LEFT, RIGHT = 1000.0, 92.0, 16.0
"""Every chart over time has these, so that charts below one another share their time axis."""

GAP_S = 0.4


@dataclass(frozen=True, slots=True)
class Span:
    """A state that lasted from `start_s` to `end_s`; `detail` says why where that is known."""

    start_s: float
    end_s: float
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: points (t seconds, value); `style` is a class of the page."""

    label: str
    style: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a timeline."""

    label: str
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Mark:
    """An event: when, what kind (a class of the page) and what happened."""

    at_s: float
    kind: str
    text: str


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers from `low` to `high`."""
    span = high - low
    if span <= 0.0 or not math.isfinite(span):
        return [low]
    raw = span / max(count, 1)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if raw <= factor * magnitude)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def without_gaps(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Stretches of points that follow one another within `GAP_S`: no line where nothing came."""
    stretches: list[list[tuple[float, float]]] = []
    for point in points:
        if not stretches or point[0] - stretches[-1][-1][0] > GAP_S:
            stretches.append([])
        stretches[-1].append(point)
    return stretches


def x_of(at_s: float, end_s: float) -> float:
    """Where a time is on the shared axis."""
    return LEFT + at_s / max(end_s, 1e-9) * (WIDTH - LEFT - RIGHT)


def line_chart(
    series: Sequence[Series], end_s: float, top: float, unit: str, marks: Sequence[Mark] = ()
) -> Markup:
    """Lines over time.

    Args:
        series: drawn in order, later over earlier.
        end_s: end of the time axis.
        top: end of the value axis, which starts at zero; what is beyond is cut.
        unit: of the values.
        marks: events, as vertical lines.
    """
    height, upper, lower = 250.0, 14.0, 34.0
    plot = height - upper - lower

    def y_of(value: float) -> float:
        return upper + (1.0 - min(max(value / top, 0.0), 1.0)) * plot

    parts = [_grid(end_s, upper, height - lower)]
    for tick in nice_ticks(0.0, top, 4):
        y = y_of(tick)
        parts.append(
            f'<line class="grid" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" text-anchor="end" x="{LEFT - 8:g}" y="{y + 5:.1f}">{tick:g}</text>'
        )
    parts.append(
        f'<text class="unit" text-anchor="middle" transform="translate(26 '
        f'{upper + plot / 2:g}) rotate(-90)">{escape(unit)}</text>'
    )
    parts.extend(_mark_line(mark, end_s, upper, height - lower) for mark in marks)
    for line in series:
        for stretch in without_gaps(line.points):
            points = " ".join(f"{x_of(t, end_s):.1f},{y_of(v):.1f}" for t, v in stretch)
            parts.append(f'<polyline class="line {line.style}" points="{points}"/>')
    return _svg(parts, height, upper, height - lower, f"{unit} over time")


def timeline(rows: Sequence[Row], end_s: float, marks: Sequence[Mark] = ()) -> Markup:
    """States over time, one row each."""
    upper, row_height, lower = 6.0, 34.0, 34.0
    height = upper + row_height * len(rows) + lower
    parts = [_grid(end_s, upper, height - lower)]
    for index, row in enumerate(rows):
        y = upper + index * row_height
        parts.append(
            f'<text class="row" text-anchor="end" x="{LEFT - 8:g}" y="{y + 22:g}">'
            f"{escape(row.label)}</text>"
        )
        parts.extend(_span(span, end_s, y + 5, row_height - 10) for span in row.spans)
    parts.extend(_mark_line(mark, end_s, upper, height - lower) for mark in marks)
    return _svg(parts, height, upper, height - lower, "states over time")


def _span(span: Span, end_s: float, y: float, height: float) -> str:
    x = x_of(span.start_s, end_s)
    width = max(x_of(span.end_s, end_s) - x, 1.5)
    title = f"{span.value} {span.start_s:.2f}–{span.end_s:.2f} s"
    if span.detail:
        title += f": {span.detail}"
    name = span.value.replace("_", " ")
    fits = width > 9 * len(name) + 10
    label = f'<text class="in-span" x="{x + 8:.1f}" y="{y + 17:g}">{escape(name)}</text>'
    return (
        f'<g><title>{escape(title)}</title><rect class="span s-{escape(span.value)}" x="{x:.1f}" '
        f'y="{y:g}" width="{width:.1f}" height="{height:g}" rx="3"/>{label if fits else ""}</g>'
    )


def _mark_line(mark: Mark, end_s: float, upper: float, lower: float) -> str:
    x = x_of(mark.at_s, end_s)
    title = escape(f"{mark.at_s:.2f} s: {mark.text}")
    return (
        f'<line class="mark m-{mark.kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{upper:g}" '
        f'y2="{lower:g}"><title>{title}</title></line>'
    )


def _grid(end_s: float, upper: float, lower: float) -> str:
    parts = []
    for tick in nice_ticks(0.0, end_s, 8):
        x = x_of(tick, end_s)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{upper:g}" y2="{lower:g}"/>'
            f'<text class="tick" text-anchor="middle" x="{x:.1f}" y="{lower + 22:g}">'
            f"{tick:g} s</text>"
        )
    return "".join(parts)


def _svg(
    parts: Sequence[str], height: float, upper: float, lower: float, description: str
) -> Markup:
    cursor = f'<line class="cursor" x1="0" x2="0" y1="{upper:g}" y2="{lower:g}"/>'
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
        f'aria-label="{escape(description)}">{"".join(parts)}{cursor}</svg>'
    )
