"""The demo as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from mcap.reader import make_reader

COMMAND = (sys.executable, "-c", "from edge_autonomy.cli import main; main()", "demo")
RECORDED = ("/scan", "/odom", "/cmd_vel", "/decision/status", "/safety/state", "/tf")


def run_demo(*arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*COMMAND, *arguments), capture_output=True, text=True, timeout=timeout_s, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--world", "moon"], ["moon", "warehouse"]),
        (["--inject", "gremlins"], ["gremlins", "kill-decision"]),
        (["--out", "/proc/nothing/here"], ["/proc/nothing/here"]),
        (["--timeout", "0"], ["--timeout"]),
        (["--seed", "-3"], ["--seed"]),
    ],
)
def test_bad_input_is_one_error_with_exit_2(arguments: list[str], names: list[str]) -> None:
    result = run_demo(*arguments)
    assert result.returncode == 2
    assert all(name in result.stderr for name in names)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.dds
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_killed_decision_process_is_survived_and_all_is_told(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    result = run_demo("--out", str(tmp_path), "--inject", "kill-decision", "--json", timeout_s=380)
    assert result.returncode == 0, result.stderr[-3000:]
    metrics = json.loads(result.stdout)
    assert metrics == json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["success"] is True
    assert metrics["collisions"] == 0
    assert metrics["policy_tick_share"] >= 0.5
    assert len(set(metrics["pids"].values())) >= 4
    assert not any(psutil.pid_exists(pid) for pid in metrics["pids"].values())
    kill = metrics["injection"]
    assert kill["respawned_pid"] == metrics["pids"]["decision"] != kill["killed_pid"]
    assert kill["stop_ms"] < 1000.0
    assert kill["recovery_s"] > 1e-3 * kill["stop_ms"]
    record_property("kill_to_zero_ms", round(kill["stop_ms"], 1))
    assert (
        "Goal reached, after the decision process was killed"
        in (tmp_path / "report.html").read_text()
    )
    assert (tmp_path / "trajectory.png").stat().st_size > 10_000
    with (tmp_path / "run.mcap").open("rb") as stream:
        summary = make_reader(stream).get_summary()
    assert summary is not None
    assert summary.statistics is not None
    counts = summary.statistics.channel_message_counts
    recorded = {channel.topic: counts[number] for number, channel in summary.channels.items()}
    assert all(recorded[topic] >= 50 for topic in RECORDED)
    assert sum(recorded.values()) == metrics["recorded_messages"]


@pytest.mark.dds
@pytest.mark.timeout(200)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupt_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        (*COMMAND, "--out", str(tmp_path), "--plain"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "ready" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 5
    process.send_signal(number)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "interrupted" in errors
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
