"""The report of a campaign: it tells what failed and why, and needs nothing beside it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import campaigns
from scenario_eval.judging.baseline import baseline_of
from scenario_eval.judging.gate import GateSettings, judge
from scenario_eval.report.page import render
from scenario_eval.report.story import events, spans


class Balance(HTMLParser):
    """Counts what is opened and not closed, and what is loaded from elsewhere."""

    VOID = frozenset({"meta", "input", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.loaded += [
            v for k, v in attrs if k in ("src", "href") and not (v or "").startswith("#")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        return

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def html(tmp_path):
    return render(campaigns.page(tmp_path))


def test_page_is_whole_and_loads_nothing(html):
    balance = Balance()
    balance.feed(html)
    assert balance.open == []
    assert balance.loaded == []


def test_failures_are_told_with_class_reason_and_command(html):
    failures = html[html.index('id="failures"') : html.index('id="groups"')]
    assert "Monitor" in failures
    assert "speed &lt; 0.05 within 0.3 s of fault" in failures
    assert "after 0.52 s" in failures
    assert "edge-autonomy eval run scenarios --run representative/aisle@2" in failures
    assert "Lost: crash" in failures
    assert "SIGSEGV &lt;&amp;&gt;" in failures
    assert "no trace was kept" in failures


def test_every_run_has_its_map_once_or_twice(html):
    maps = re.findall(r'aria-label="map of ([^"]+)"', html)
    assert sorted(set(maps)) == [f"representative/aisle@{n}" for n in range(3)]


def test_a_damaged_trace_is_said_and_does_not_end_the_report(tmp_path):
    page = campaigns.page(tmp_path)
    (tmp_path / "traces/1.npz").write_bytes(b"PK\x03\x04 not much of an archive")
    assert "not a trace" in render(page)


def test_the_gate_and_the_change_from_the_baseline_are_shown(tmp_path):
    page = campaigns.page(tmp_path)
    before = baseline_of(
        [r.model_copy(update={"kpis": {**r.kpis, "success": 1.0}}) for r in page.results[:2]]
    )
    settings = GateSettings.model_validate({"kpis": {"success": {"better": "higher"}}})
    verdict = judge(page.results, before, settings)
    html = render(campaigns.Page(**{**vars(page), "verdict": verdict, "baseline": before}))
    assert "the gate fails" in html
    assert "broken: speed &lt; 0.05" in html
    assert "<td>none</td>" in html


def test_spans_are_stretches_of_equal_words():
    found = spans(np.arange(5.0), np.array(["a", "a", "b", "b", "a"]))
    assert [(s.start_s, s.end_s, s.value) for s in found] == [
        (0.0, 2.0, "a"),
        (2.0, 4.0, "b"),
        (4.0, 4.0, "a"),
    ]


def test_events_are_in_order_and_name_their_cause(tmp_path):
    page = campaigns.page(tmp_path)
    marks = events(campaigns.trace(stops=True), page.results[2])
    assert [mark.kind for mark in marks] == ["hand_over", "fault", "stopped", "breach"]
    assert "scan_silent" in marks[2].text
