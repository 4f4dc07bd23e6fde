"""What a person sees while the demo runs: a live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autonomy_interfaces.messages import Pose2D
from edge_autonomy.demo.braille import BrailleMap
from edge_autonomy.demo.feed import SEEN_CELL_M
from edge_autonomy.demo.floor_plan import Outline, bounds
from edge_autonomy.demo.metrics import count_hand_overs
from edge_autonomy.demo.run_log import RunLog

REFRESH_S = 0.125
PLAIN_PERIOD_S = 1.0
MAP_COLUMNS = (24, 50)
"""Least and most characters of the map's width; a terminal with less room gets none."""

FIGURES_WIDTH, VALUE_WIDTH = 51, 36
FRAME_WIDTH, FRAME_HEIGHT = 9, 9
ARROWS = "→↗↑↖←↙↓↘"
STYLES = {
    "nominal": "bold green",
    "degraded": "bold yellow",
    "safe_stop": "bold dark_orange",
    "emergency_stop": "bold white on red",
    "policy": "bold bright_blue",
    "fallback": "bold magenta",
    "slowed": "yellow",
    "stopped": "bold red",
    "reached": "bold green",
    "active": "bright_blue",
}


@dataclass(frozen=True, slots=True)
class Status:
    """What is shown of a run while it drives."""

    state: str
    to_go_m: float
    share: float
    speed_mps: float
    safety: str
    cause: str
    intervention: str
    driver: str
    interventions: int
    hand_overs: int
    clearance_m: float
    elapsed_s: float
    real_time_factor: float


def status_of(log: RunLog, wall_s: float) -> Status:
    """The newest of everything; `wall_s` since the goal was accepted."""
    mission = log.missions[-1] if log.missions else None
    known = [m.distance_m for m in log.missions if math.isfinite(m.distance_m)]
    to_go = known[-1] if known else math.nan
    safety = log.safety[-1] if log.safety else None
    elapsed_s = log.duration_s
    return Status(
        state=mission.state if mission else "idle",
        to_go_m=to_go,
        share=min(max(1.0 - to_go / max(known), 0.0), 1.0) if known and max(known) > 0.0 else 0.0,
        # Adding zero takes the sign off a zero.
        speed_mps=round(log.motions[-1].vx, 3) + 0.0 if log.motions else 0.0,
        safety=safety.state if safety else "unknown",
        cause=safety.cause if safety else "",
        intervention=safety.intervention if safety else "none",
        driver=log.ticks[-1].driver if log.ticks else "none",
        interventions=sum(span.value != "none" for span in log.intervention_spans()),
        hand_overs=count_hand_overs(log),
        clearance_m=log.clearances[-1].metres if log.clearances else math.nan,
        elapsed_s=elapsed_s,
        real_time_factor=elapsed_s / wall_s if wall_s > 0.5 else math.nan,
    )


class View(Protocol):
    """What the runner tells; the view decides how and how often to show it."""

    def start(self, title: str) -> None:
        """Begin."""

    def startup(self, ready: Mapping[str, float | None]) -> None:
        """Seconds after which each part of the stack was ready; None while it is not."""

    def driving(self, log: RunLog, wall_s: float) -> None:
        """The robot is on its way for `wall_s`."""

    def note(self, text: str) -> None:
        """Something worth a line has happened."""

    def stop(self) -> None:
        """End."""


class PlainView:
    """One line a second, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ready: set[str] = set()
        self._printed = -math.inf

    def start(self, title: str) -> None:
        """Print the title."""
        self._print(title)

    def startup(self, ready: Mapping[str, float | None]) -> None:
        """Print each part once it is ready."""
        for name, after_s in ready.items():
            if after_s is not None and name not in self._ready:
                self._ready.add(name)
                self._print(f"  ready {after_s:5.1f} s  {name}")

    def driving(self, log: RunLog, wall_s: float) -> None:
        """Print the status every second."""
        if time.monotonic() - self._printed < PLAIN_PERIOD_S:
            return
        now = status_of(log, wall_s)
        if math.isnan(now.to_go_m) or math.isnan(now.real_time_factor):
            return
        self._printed = time.monotonic()
        self._print(
            f"  t {now.elapsed_s:5.1f} s  to go {now.to_go_m:5.2f} m  {now.speed_mps:5.2f} m/s"
            f"  {now.safety:<9} driver {now.driver:<8} clearance {now.clearance_m:4.2f} m"
            f"  interventions {now.interventions}  x{now.real_time_factor:.2f}"
        )

    def note(self, text: str) -> None:
        """Print a line."""
        self._print(f"  {text}")

    def stop(self) -> None:
        """Nothing to undo."""

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class LiveView:
    """A panel that is redrawn in place.

    Args:
        console: the terminal.
        outlines: floor plan of the world.
        goal: world frame.
        max_speed_mps: of the robot, for the speed bar.
    """

    def __init__(
        self, console: Console, outlines: list[Outline], goal: Pose2D, max_speed_mps: float
    ) -> None:
        self._console = console
        self._goal = goal
        self._max_speed_mps = max_speed_mps
        self._map = _map_for(console, outlines)
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._title = ""
        self._ready: Mapping[str, float | None] = {}
        self._notes: list[str] = []
        self._drawn = 0.0
        self._drawn_motions = 0
        self._drawn_seen: set[tuple[int, int]] = set()

    def start(self, title: str) -> None:
        """Take the lower part of the terminal."""
        self._title = title
        self._live.start()

    def startup(self, ready: Mapping[str, float | None]) -> None:
        """Show the checklist."""
        self._ready = ready
        if self._due():
            self._show(self._checklist())

    def driving(self, log: RunLog, wall_s: float) -> None:
        """Show map and figures."""
        if not self._due():
            return
        body = Table.grid(padding=(0, 3))
        figures = self._figures(status_of(log, wall_s))
        if self._map is None:
            body.add_row(figures)
        else:
            self._draw_map(self._map, log)
            body.add_row(self._map.render(), figures)
        self._show(body)

    def note(self, text: str) -> None:
        """Keep a line under the figures."""
        self._notes.append(text)

    def stop(self) -> None:
        """Leave the last picture standing."""
        self._live.stop()

    def _due(self) -> bool:
        now = time.monotonic()
        if now - self._drawn < REFRESH_S:
            return False
        self._drawn = now
        return True

    def _show(self, body: Table) -> None:
        notes = [Text(f"• {note}", style="dim") for note in self._notes[-6:]]
        content = Group(body, Text(""), *notes) if notes else body
        panel = Panel(content, title=self._title, title_align="left", padding=(1, 2), expand=False)
        self._live.update(panel, refresh=True)

    def _checklist(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, after_s in self._ready.items():
            if after_s is None:
                table.add_row(Text("◌", style="yellow"), name, Text("waiting", style="dim"))
            else:
                ready = Text(f"{after_s:.1f} s", style="dim")
                table.add_row(Text("●", style="green"), name, ready)
        return table

    def _draw_map(self, chart: BrailleMap, log: RunLog) -> None:
        new = log.seen - self._drawn_seen
        self._drawn_seen |= new
        centre = SEEN_CELL_M / 2
        chart.dots(((x * SEEN_CELL_M + centre, y * SEEN_CELL_M + centre) for x, y in new), "white")
        path = log.motions[self._drawn_motions :]
        self._drawn_motions = len(log.motions)
        chart.dots(((motion.x, motion.y) for motion in path), "bright_cyan")
        chart.clear_marks()
        chart.mark(self._goal.x, self._goal.y, "◎", "bold bright_magenta")
        pose = log.pose
        if pose is not None:
            arrow = ARROWS[round(pose.yaw / (math.pi / 4)) % 8]
            chart.mark(pose.x, pose.y, arrow, "bold bright_green")

    def _figures(self, now: Status) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(no_wrap=True, width=VALUE_WIDTH)
        table.add_row("to the goal", _bar(now.share, f"{now.to_go_m:.1f} m"))
        share = abs(now.speed_mps) / self._max_speed_mps
        table.add_row("speed", _bar(share, f"{now.speed_mps:.2f} m/s"))
        table.add_row("clearance", f"{now.clearance_m:.2f} m")
        table.add_row("", "")
        table.add_row("mission", _styled(now.state))
        table.add_row("driver", _styled(now.driver))
        table.add_row("safety", _styled(now.safety))
        table.add_row("", Text(now.cause, style="dim"))
        table.add_row(
            "command", _styled("passed" if now.intervention == "none" else now.intervention)
        )
        table.add_row("", "")
        table.add_row("interventions", str(now.interventions))
        table.add_row("hand-overs", str(now.hand_overs))
        table.add_row("simulated", f"{now.elapsed_s:.1f} s")
        table.add_row("real time", f"×{now.real_time_factor:.2f}")
        return table


def _map_for(console: Console, outlines: list[Outline]) -> BrailleMap | None:
    """A map that fits beside the figures, with the floor plan on it; None where none fits."""
    area = bounds(outlines)
    fewest, most = MAP_COLUMNS
    columns = min(most, console.width - FIGURES_WIDTH - FRAME_WIDTH)
    while columns >= fewest:
        chart = BrailleMap(area, columns)
        if chart.rows + FRAME_HEIGHT <= console.height:
            for outline in outlines:
                chart.outline(outline.polygon, "grey42")
            return chart
        columns -= 2
    return None


def _bar(share: float, label: str) -> Table:
    bar = Table.grid(padding=(0, 1))
    completed = min(max(share, 0.0), 1.0)
    bar.add_row(
        ProgressBar(
            total=1.0, completed=completed, width=20, complete_style="cyan", finished_style="green"
        ),
        label,
    )
    return bar


def _styled(value: str) -> Text:
    return Text(value.replace("_", " "), style=STYLES.get(value, ""))
