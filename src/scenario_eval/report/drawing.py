"""The map of a run as inline SVG, from its trace: world, goals, people, the way by speed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from scenario_eval.report.charts import Mark
from scenario_eval.report.colors import speed_color
from scenario_eval.trace import Trace

PIXELS_PER_METRE = 40.0
MARGIN_M = 1.5
DOT = '<circle r="6"/>'
STEP_TICKS = 5
"""The way is drawn in pieces of so many ticks."""


class TraceMap:
    """Draws one run in the frame of its world."""

    def __init__(self, trace: Trace, top_speed: float) -> None:
        self._trace = trace
        self._top_speed = top_speed
        xy = trace.numbers[:, 1:3]
        places = [xy, trace.goals[:, :2]]
        if trace.actors.size:
            places.append(trace.actors[..., :2].reshape(-1, 2))
        corners = np.concatenate([place for place in places if place.size])
        self._low, self._high = corners.min(axis=0) - MARGIN_M, corners.max(axis=0) + MARGIN_M

    def svg(self, marks: Sequence[Mark], name: str) -> Markup:
        """The whole map; `name` says what it is to a screen reader."""
        width, height = (self._high - self._low) * PIXELS_PER_METRE
        body = [
            *self._world(),
            *self._goals(),
            *self._actors(),
            self._way(),
            *(self._mark(mark) for mark in marks),
            self._robot(0, "r-start"),
            self._robot(len(self._trace) - 1, "r-end"),
        ]
        return Markup(
            f'<svg class="map" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
            f'aria-label="map of {escape(name)}">{"".join(body)}</svg>'
        )

    def _point(self, x: float, y: float) -> tuple[float, float]:
        return (x - self._low[0]) * PIXELS_PER_METRE, (self._high[1] - y) * PIXELS_PER_METRE

    def _inside(self, x: float, y: float, slack: float) -> bool:
        return bool(
            self._low[0] - slack < x < self._high[0] + slack
            and self._low[1] - slack < y < self._high[1] + slack
        )

    def _world(self) -> Iterable[str]:
        for x, y, radius in self._trace.circles.tolist():
            if self._inside(x, y, radius):
                px, py = self._point(x, y)
                yield (
                    f'<circle class="solid" cx="{px:.0f}" cy="{py:.0f}" '
                    f'r="{radius * PIXELS_PER_METRE:.1f}"/>'
                )
        pieces = []
        for ax, ay, bx, by in self._trace.segments.tolist():
            if self._crosses(ax, ay, bx, by):
                (x1, y1), (x2, y2) = self._point(ax, ay), self._point(bx, by)
                pieces.append(f"M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}")
        yield f'<path class="wall" d="{"".join(pieces)}"/>'

    def _crosses(self, ax: float, ay: float, bx: float, by: float) -> bool:
        """Whether the box around a segment meets the drawing."""
        return bool(
            max(ax, bx) > self._low[0]
            and min(ax, bx) < self._high[0]
            and max(ay, by) > self._low[1]
            and min(ay, by) < self._high[1]
        )

    def _goals(self) -> Iterable[str]:
        for number, (x, y, _) in enumerate(self._trace.goals.tolist(), start=1):
            px, py = self._point(x, y)
            label = "goal" if len(self._trace.goals) == 1 else str(number)
            yield (
                f'<g class="goal" transform="translate({px:.0f} {py:.0f})">'
                f'<circle r="{0.5 * PIXELS_PER_METRE:g}"/><circle class="centre" r="5"/>'
                f'<text y="-28" text-anchor="middle">{label}</text></g>'
            )

    def _actors(self) -> Iterable[str]:
        for index, name in enumerate(self._trace.actor_names):
            track = self._trace.actors[::STEP_TICKS, index, :2]
            yield f'<polyline class="actor-way" points="{self._points(track)}"/>'
            px, py = self._point(*self._trace.actors[-1, index, :2].tolist())
            yield (
                f'<circle class="actor" cx="{px:.0f}" cy="{py:.0f}" r="9">'
                f"<title>{escape(name)}, at the end</title></circle>"
            )

    def _points(self, track: NDArray[np.float64]) -> str:
        return " ".join("{:.0f},{:.0f}".format(*self._point(x, y)) for x, y in track.tolist())

    def _way(self) -> str:
        xy = self._trace.numbers[::STEP_TICKS, 1:3]
        speeds = self._trace.speed[::STEP_TICKS]
        lines = []
        for (ax, ay), (bx, by), speed in zip(
            xy[:-1].tolist(), xy[1:].tolist(), speeds[1:].tolist(), strict=True
        ):
            if (ax, ay) != (bx, by):
                (x1, y1), (x2, y2) = self._point(ax, ay), self._point(bx, by)
                color = speed_color(speed / self._top_speed)
                lines.append(
                    f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                    f'stroke="{color}"/>'
                )
        return f'<g class="path">{"".join(lines)}</g>'

    def _robot(self, tick: int, style: str) -> str:
        if not len(self._trace):
            return ""
        x, y, yaw = self._trace.numbers[tick, 1:4].tolist()
        cos, sin = math.cos(yaw), math.sin(yaw)
        corners = [
            self._point(x + cos * px - sin * py, y + sin * px + cos * py)
            for px, py in self._trace.footprint.tolist()
        ]
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in corners)
        return f'<polygon class="robot {style}" points="{points}"/>'

    def _mark(self, mark: Mark) -> str:
        if not len(self._trace):
            return ""
        tick = int(np.searchsorted(self._trace.number("t"), mark.at_s))
        x, y = self._trace.numbers[min(tick, len(self._trace) - 1), 1:3].tolist()
        px, py = self._point(x, y)
        shapes = {
            "hand_over": '<rect x="-6" y="-6" width="12" height="12" transform="rotate(45)"/>',
            "collision": '<path d="M-9-9L9 9M9-9L-9 9"/>',
            "breach": '<path d="M0-12L11 8H-11Z"/>',
            "fault": '<path d="M-3-12L6-2H1L4 11L-7-1H-1Z"/>',
        }
        title = escape(f"{mark.at_s:.2f} s: {mark.text}")
        return (
            f'<g class="event e-{mark.kind}" transform="translate({px:.0f} {py:.0f})">'
            f"<title>{title}</title>{shapes.get(mark.kind, DOT)}</g>"
        )
