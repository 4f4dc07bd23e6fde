"""The death of a process that may send commands is known at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (extra 'ros' or a ROS installation)")

WATCHED = ("decision", "another")
HOLDER = """
import sys
from autonomy_interfaces.lifeline import hold_lifeline
lifeline = hold_lifeline("decision", "/robot")
print(lifeline is not None, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holders(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[str]]]:
    from pathlib import Path

    from autonomy_interfaces.lifeline import lifeline_path

    monkeypatch.setenv("ROS_DOMAIN_ID", f"test_lifelines_{os.getpid()}")
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()
    for name in WATCHED:
        Path(lifeline_path(name, "/robot")).unlink(missing_ok=True)


def hold(holders: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """A process that has the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    holders.append(process)
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    return process


def lifelines() -> Any:
    from safety_monitor.transport import Lifelines

    node: Any = SimpleNamespace(get_namespace=lambda: "/robot")
    return Lifelines(node, WATCHED)


def test_a_death_is_told_once_and_so_is_that_of_the_next(
    holders: list[subprocess.Popen[str]],
) -> None:
    watched = lifelines()
    assert not watched.broken(), "nobody has lived yet"
    for _ in range(2):
        process = hold(holders)
        assert not watched.broken()
        process.kill()
        process.wait()
        assert watched.broken()
        assert not watched.broken()


def test_who_holds_the_lock_keeps_it_from_others_and_a_watcher_finds_it_held(
    holders: list[subprocess.Popen[str]],
) -> None:
    from autonomy_interfaces.lifeline import hold_lifeline

    process = hold(holders)
    assert hold_lifeline("decision", "/robot") is None
    watched = lifelines()
    assert not watched.broken()
    process.kill()
    process.wait()
    assert watched.broken()
