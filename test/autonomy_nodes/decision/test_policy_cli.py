"""`edge-autonomy policy` accepts, describes and times; refusals are one line and exit code 2."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from autonomy_nodes.decision.cli import policy


def _run(*arguments):
    return CliRunner().invoke(policy, [str(argument) for argument in arguments])


def test_check_accepts_an_honest_policy(write_policy):
    result = _run("check", write_policy(), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["name"] == "linear"


@pytest.mark.parametrize("command", ["check", "card", "bench"])
def test_refusal_is_one_line_and_exit_code_two(write_policy, command):
    directory = write_policy(edit=lambda manifest: manifest.update(name=""))
    result = _run(command, directory)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert "name" in result.stderr and str(directory) in result.stderr


def test_card_names_inputs_limits_and_provenance(write_policy):
    card = _run("card", write_policy()).stdout
    for part in ("# linear 1.0.0", "| scan |", "vx -0.5 … 2 m/s", "Apache-2.0", "- seed: 0"):
        assert part in card


def test_bench_reports_ordered_percentiles(write_policy):
    result = _run("bench", write_policy(), "--ticks", 50, "--json")
    figures = json.loads(result.stdout)
    assert figures["ticks"] == 50
    assert 0.0 < figures["inference_ms_p50"] <= figures["inference_ms_p99"]
    assert figures["inference_ms_p50"] <= figures["tick_ms_p50"]


def test_shipped_policy_is_accepted():
    assert _run("check").exit_code == 0
