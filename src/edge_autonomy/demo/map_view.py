"""The map of a run as inline SVG: world, what the lidar saw, path by speed, events."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup, escape

from autonomy_interfaces.messages import MILLISECOND, Pose2D
from edge_autonomy.demo.feed import SEEN_CELL_M
from edge_autonomy.demo.floor_plan import Outline, bounds
from edge_autonomy.demo.run_log import Motion, RunLog
from scenario_eval.report.charts import Mark
from scenario_eval.report.colors import speed_color

PIXELS_PER_METRE = 50.0
MARGIN_M = 0.4
SCALE_BAR_M = 0.5
SEGMENT_NS = 50 * MILLISECOND


def thin(motions: Sequence[Motion], period_ns: int) -> list[Motion]:
    """Motions at least `period_ns` apart, the last included."""
    kept: list[Motion] = []
    for motion in motions:
        if not kept or motion.stamp_ns - kept[-1].stamp_ns >= period_ns:
            kept.append(motion)
    if motions and kept[-1] is not motions[-1]:
        kept.append(motions[-1])
    return kept


def pose_at(motions: Sequence[Motion], stamp_ns: int) -> Motion | None:
    """The motion nearest in time; None without any."""
    return min(motions, key=lambda motion: abs(motion.stamp_ns - stamp_ns), default=None)


class MapView:
    """Draws one run in the frame of its world."""

    def __init__(self, outlines: list[Outline], max_speed_mps: float) -> None:
        self._outlines = outlines
        self._max_speed_mps = max_speed_mps
        self._x_min, self._y_min, self._x_max, self._y_max = bounds(outlines, MARGIN_M)
        self._y_min -= SCALE_BAR_M

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Place in the drawing of a place in the world."""
        return (x - self._x_min) * PIXELS_PER_METRE, (self._y_max - y) * PIXELS_PER_METRE

    def svg(self, log: RunLog, start: Pose2D, goal: Pose2D, marks: Sequence[Mark]) -> Markup:
        """The whole map."""
        width = (self._x_max - self._x_min) * PIXELS_PER_METRE
        height = (self._y_max - self._y_min) * PIXELS_PER_METRE
        goal_x, goal_y = self.point(goal.x, goal.y)
        start_x, start_y = self.point(start.x, start.y)
        body = [
            self._world(),
            self._seen(log),
            f'<g class="goal" transform="translate({goal_x:.1f} {goal_y:.1f})">'
            f'<circle r="{0.5 * PIXELS_PER_METRE:g}"/><circle class="centre" r="6"/>'
            '<text y="-34" text-anchor="middle">goal</text></g>',
            f'<g class="start" transform="translate({start_x:.1f} {start_y:.1f})">'
            '<circle r="9"/><text y="-18" text-anchor="middle">start</text></g>',
            self._path(log.driven()),
            *(self._mark(log, mark) for mark in marks),
            '<g class="robot-now" id="robot-now"><path d="M 14 0 L -10 9 L -5 0 L -10 -9 Z"/></g>',
            self._scale_bar(height),
        ]
        return Markup(
            f'<svg class="map" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
            f'aria-label="map of the run">{"".join(body)}</svg>'
        )

    def _world(self) -> str:
        shapes = []
        for outline in self._outlines:
            corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self._pair, outline.polygon))
            shapes.append(
                f'<polygon points="{corners}"><title>{escape(outline.model)}</title></polygon>'
            )
        return f'<g class="world">{"".join(shapes)}</g>'

    def _pair(self, corner: Sequence[float]) -> tuple[float, float]:
        return self.point(float(corner[0]), float(corner[1]))

    def _seen(self, log: RunLog) -> str:
        """One path of small squares: cells in which the lidar saw something."""
        size = SEEN_CELL_M * PIXELS_PER_METRE
        squares = []
        for column, row in sorted(log.seen):
            x, y = self.point(column * SEEN_CELL_M, (row + 1) * SEEN_CELL_M)
            if min(x, y) >= 0.0:
                squares.append(f"M{x:.0f} {y:.0f}h{size:g}v{size:g}h-{size:g}z")
        return f'<path class="seen" d="{"".join(squares)}"/>'

    def _path(self, driven: Sequence[Motion]) -> str:
        lines = []
        for before, after in pairwise(thin(driven, SEGMENT_NS)):
            (x1, y1), (x2, y2) = self.point(before.x, before.y), self.point(after.x, after.y)
            color = speed_color(abs(after.vx) / self._max_speed_mps)
            lines.append(
                f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'
            )
        return f'<g class="path">{"".join(lines)}</g>'

    def _mark(self, log: RunLog, mark: Mark) -> str:
        stamp_ns = (log.start_ns or 0) + round(mark.at_s * 1e9)
        motion = pose_at(log.motions, stamp_ns)
        if motion is None:
            return ""
        x, y = self.point(motion.x, motion.y)
        shapes = {
            "hand_over": '<rect x="-7" y="-7" width="14" height="14" transform="rotate(45)"/>',
            "kill": '<path d="M-10-10L10 10M10-10L-10 10"/>',
            "collision": '<path d="M-10-10L10 10M10-10L-10 10"/>',
        }
        shape = shapes.get(mark.kind, '<circle r="7"/>')
        title = escape(f"{mark.at_s:.2f} s: {mark.text}")
        return (
            f'<g class="event e-{mark.kind}" transform="translate({x:.1f} {y:.1f})">'
            f"<title>{title}</title>{shape}</g>"
        )

    def _scale_bar(self, height: float) -> str:
        y, x = height - 12.0, 1.2 * PIXELS_PER_METRE
        length = 2.0 * PIXELS_PER_METRE
        return (
            f'<g class="scale"><path d="M{x:g} {y - 6:g}v6h{length:g}v-6"/>'
            f'<text x="{x + length / 2:g}" y="{y - 8:g}" text-anchor="middle">2 m</text></g>'
        )
