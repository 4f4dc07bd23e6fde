"""The commands that judge results: exit codes, what they print, what they write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import campaigns
from autonomy_interfaces.writing import WritingError
from edge_autonomy.cli import app
from scenario_eval.results import RESULTS, TIMINGS, write_lines, write_summary


@pytest.fixture
def results(tmp_path):
    """A results directory with one failure, as a campaign leaves it."""
    directory = tmp_path / "results"
    directory.mkdir()
    page = campaigns.page(directory)
    write_lines(directory / RESULTS, page.results)
    write_lines(directory / TIMINGS, page.timings)
    write_summary(directory, page.summary)
    return directory


def run(*words: object):
    return CliRunner().invoke(app, ["eval", *map(str, words)])


def test_results_pass_against_themselves_and_fail_against_better_ones(results, tmp_path):
    baseline = tmp_path / "baseline.json"
    assert run("baseline", results, "-o", baseline, "--yes").exit_code == 0
    same = run("gate", results, "--baseline", baseline)
    assert same.exit_code == 0
    assert same.output.startswith("gate passed: 4 runs compared, 0 differ")
    lines = (results / RESULTS).read_text().replace('"passed"', '"failed"', 1)
    (results / RESULTS).write_text(lines)
    worse = run("gate", results, "--baseline", baseline, "--json")
    assert worse.exit_code == 1
    verdict = json.loads(worse.output)
    assert not verdict["passed"]
    assert verdict["reasons"][0]["subject"] == "representative/aisle@0"


def test_an_update_shows_what_changes_and_writes_only_when_told(results, tmp_path):
    baseline = tmp_path / "baseline.json"
    shown = CliRunner().invoke(
        app, ["eval", "baseline", str(results), "-o", str(baseline)], input="n\n"
    )
    assert shown.exit_code == 1
    assert "+ representative/aisle@2: failed, time_limit, breach: speed < 0.05" in shown.output
    assert not baseline.exists()


def test_a_comparison_is_json_on_request_and_a_table_without(results):
    figures = json.loads(run("compare", results, results, "--json").output)
    assert figures["campaign"]["runs"] == 4
    assert figures["campaign"]["kpis"] == []
    assert "no difference" in run("compare", results, results).output


def test_a_report_lies_beside_its_results(results):
    written = run("report", results)
    assert written.exit_code == 0
    assert "speed &lt; 0.05" in (results / "report.html").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_costs_no_baseline(results, tmp_path):
    baseline = tmp_path / "baseline.json"
    baseline.write_text('{"runs": {}}')
    (tmp_path / "baseline.json.new").symlink_to("/dev/full")
    refused = run("baseline", results, "-o", baseline, "--yes")
    assert isinstance(refused.exception, WritingError)
    assert str(refused.exception).startswith(f"{baseline}: No space left on device; free some")
    assert baseline.read_text() == '{"runs": {}}'
    assert run("baseline", results, "-o", baseline, "--yes").exit_code == 0
    assert len(json.loads(baseline.read_text())["runs"]) == 4
