"""What a run leaves for a person to look at."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from autonomy_interfaces.messages import Pose2D
from edge_autonomy.demo.braille import BrailleMap
from edge_autonomy.demo.floor_plan import Outline
from edge_autonomy.demo.injection import KillResult
from edge_autonomy.demo.metrics import Circumstances, Metrics, compute_metrics
from edge_autonomy.demo.picture import save_trajectory
from edge_autonomy.demo.report import ReportContext, events, render_report
from edge_autonomy.demo.run_log import Contact, RunLog, Tick
from edge_autonomy.demo.view import LiveView, PlainView, status_of
from scenario_eval.report.charts import nice_ticks, without_gaps
from scenario_eval.report.colors import SPEED_COLORS, speed_color

START, GOAL = Pose2D(-5.0, 0.0), Pose2D(10.0, 0.0)
OUTLINES = [Outline("shelf <7>", np.array([(-1.0, 1.0), (1.0, 1.0), (1.0, 2.0), (-1.0, 2.0)]))]
CONTEXT = ReportContext(
    outlines=OUTLINES,
    start=START,
    goal=GOAL,
    max_speed_mps=2.0,
    killed_s=None,
    command="edge-autonomy demo --world field",
    created="2030-01-01 12:00 UTC",
    machine="a machine",
)


def metrics_of(log: RunLog, injection: KillResult | None = None) -> Metrics:
    return compute_metrics(
        log,
        Circumstances(
            world="field",
            seed=0,
            goal=GOAL,
            pids={"decision": 2},
            respawns=0,
            startup_s=1.0,
            wall_s=9.0,
            drive_wall_s=8.0,
            recorded_messages=5,
            recording_error=None,
            injection=injection,
            injection_asked=injection is not None,
        ),
    )


def drawings(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def test_the_report_needs_nothing_beside_it(run_log: RunLog) -> None:
    html = render_report(run_log, metrics_of(run_log), CONTEXT)
    assert not re.search(r"(src|href)\s*=", html)
    assert "http" not in html
    assert "url(" not in html


def test_every_drawing_is_well_formed(run_log: RunLog) -> None:
    found = drawings(render_report(run_log, metrics_of(run_log), CONTEXT))
    assert [drawing.get("class") for drawing in found] == ["map", "chart", "chart", "chart"]


def test_says_what_came_of_it(run_log: RunLog, make_run: Callable[..., RunLog]) -> None:
    assert "Goal reached" in render_report(run_log, metrics_of(run_log), CONTEXT)
    failed = make_run(outcome="timed_out")
    html = render_report(failed, metrics_of(failed), CONTEXT)
    assert "timed out: it is timed_out" in html
    assert "Goal reached" not in html


def test_every_figure_is_in_the_report(run_log: RunLog) -> None:
    metrics = metrics_of(run_log, KillResult("decision", 1, 2, 61.0, 0.3, 2.5))
    html = render_report(run_log, metrics, replace(CONTEXT, killed_s=3.0))
    for name, value in asdict(metrics).items():
        names = [f"{name}.{key}" for key in value] if isinstance(value, dict) else [name]
        assert all(f"<code>{entry}</code>" in html for entry in names)
    assert "61 ms" in html


def test_what_nodes_say_cannot_break_the_page(run_log: RunLog) -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    run_log.ticks[3] = Tick(run_log.ticks[3].stamp_ns, "fallback", hostile)
    html = render_report(run_log, replace(metrics_of(run_log), reason=hostile), CONTEXT)
    assert "<img" not in html
    assert "shelf &lt;7&gt;" in html


def test_events_come_in_order_and_with_their_causes(run_log: RunLog) -> None:
    run_log.contacts.append(Contact(run_log.motions[400].stamp_ns, "tree_1"))
    marks = events(run_log, killed_s=9.0)
    assert [mark.kind for mark in marks] == [
        "slowed",
        "hand_over",
        "hand_over",
        "collision",
        "kill",
    ]
    assert marks[0].text == "command slowed (obstacle ahead)"
    assert marks[1].text == "policy hands over to fallback (late)"
    assert marks[3].text == "touched tree_1"


def test_an_empty_log_still_gives_a_report_and_a_picture(tmp_path: Path) -> None:
    log = RunLog()
    html = render_report(log, metrics_of(log), replace(CONTEXT, outlines=[]))
    assert len(drawings(html)) == 4
    save_trajectory(tmp_path / "trajectory.png", log, [], START, GOAL, 2.0)
    assert (tmp_path / "trajectory.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_is_the_same_for_the_same_run(run_log: RunLog, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_trajectory(tmp_path / name, run_log, OUTLINES, START, GOAL, 2.0)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_script_gets_the_robots_path_in_the_map_frame(run_log: RunLog) -> None:
    html = render_report(run_log, metrics_of(run_log), CONTEXT)
    found = re.search(r'id="replay">(.*?)</script>', html, re.DOTALL)
    assert found
    samples = json.loads(found[1])["samples"]
    assert samples[0][0] == 0.0
    assert samples[-1][0] == pytest.approx(10.0)
    assert samples[-1][1] - samples[0][1] == pytest.approx(15.0 * 50.0, abs=0.2)


def test_ticks_are_round_and_inside() -> None:
    assert nice_ticks(0.0, 10.0, 5) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert nice_ticks(0.0, 0.9, 4) == [0.0, 0.25, 0.5, 0.75]
    assert nice_ticks(0.0, 0.0, 4) == [0.0]


def test_no_line_is_drawn_over_silence() -> None:
    assert without_gaps([(0.0, 1.0), (0.1, 1.0), (5.0, 2.0)]) == [
        [(0.0, 1.0), (0.1, 1.0)],
        [(5.0, 2.0)],
    ]


def test_speed_colors_run_from_end_to_end() -> None:
    assert speed_color(-1.0) == speed_color(0.0) == SPEED_COLORS[0]
    assert speed_color(0.25) == SPEED_COLORS[1]
    assert speed_color(1.0) == speed_color(7.0) == SPEED_COLORS[-1]


def test_braille_dots_are_where_they_belong() -> None:
    chart = BrailleMap((0.0, 0.0, 2.0, 4.0), columns=1)
    chart.dots([(0.5, 3.5), (1.5, 0.5)], "white")
    chart.dots([(99.0, 99.0), (-1.0, 2.0)], "white")
    assert chart.render().plain == chr(0x2801 | 0x80)


def test_the_upper_layer_and_marks_give_the_style() -> None:
    chart = BrailleMap((0.0, 0.0, 4.0, 4.0), columns=2)
    chart.dots([(0.5, 3.5)], "grey42")
    chart.dots([(0.5, 2.5)], "cyan")
    chart.mark(3.0, 2.0, "→", "green")
    text = chart.render()
    assert text.plain == chr(0x2803) + "→"
    assert [str(span.style) for span in text.spans] == ["cyan", "green"]


def test_plain_lines_say_the_same_without_a_terminal(run_log: RunLog) -> None:
    stream = io.StringIO()
    view = PlainView(stream)
    view.start("title")
    view.startup({"mission waits": None, "world_sim plays": 1.25})
    view.startup({"mission waits": 2.0, "world_sim plays": 1.25})
    view.driving(run_log, 12.5)
    lines = stream.getvalue().splitlines()
    assert [line.split()[-2] for line in lines[1:3]] == ["world_sim", "mission"]
    assert "1.50 m/s" in lines[3]
    assert "x0.80" in lines[3]
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("size", [(140, 50), (100, 24), (60, 15)])
def test_the_live_view_fits_its_terminal(run_log: RunLog, size: tuple[int, int]) -> None:
    width, height = size
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, height=height)
    view = LiveView(console, OUTLINES, GOAL, 2.0)
    view.start("title")
    view.driving(run_log, 12.5)
    view.stop()
    assert "1.50 m/s" in stream.getvalue()
    visible = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert max(len(line.rstrip()) for line in visible.splitlines()) <= width


def test_status_is_the_newest_of_everything(run_log: RunLog) -> None:
    run_log.missions.pop()
    status = status_of(run_log, 20.0)
    assert (status.state, status.driver, status.safety) == ("active", "policy", "nominal")
    assert status.share == pytest.approx(1.0)
    assert status.real_time_factor == pytest.approx(0.5)
    empty = status_of(RunLog(), 0.0)
    assert (empty.state, empty.share, empty.driver) == ("idle", 0.0, "none")
