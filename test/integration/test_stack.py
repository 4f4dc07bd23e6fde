"""The stack as separate processes over DDS: it arrives, and it stops whatever dies."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stack import Stack

pytestmark = [pytest.mark.dds, pytest.mark.slow, pytest.mark.timeout(600)]

StartStack = Callable[..., Stack]
Record = Callable[[str, object], None]

STOP_S = 2.0
"""A generous bound for a loaded machine; what was measured is in the test's properties."""


def has_stood_since(stack: Stack, moment: float) -> bool:
    """Whether the robot stands, by what truth and odometry said after a moment."""
    if stack.truth_time <= moment or stack.speed >= 0.1:
        return False
    return abs(float(stack.truth["vx"])) < 0.02 and abs(float(stack.truth["wz"])) < 0.05


def wait_for_stop(stack: Stack, moment: float) -> float:
    """Wait until /cmd_vel is zero and the state has left nominal; returns milliseconds."""
    stack.wait(lambda: stack.first_zero_after(moment), "zero on /cmd_vel", STOP_S)
    first_zero = stack.first_zero_after(moment)
    assert first_zero is not None
    stack.wait(
        lambda: stack.state_after(moment, "safe_stop", "emergency_stop"), "a safe stop", STOP_S
    )
    return round(1e3 * (first_zero - moment), 1)


def test_crosses_the_demo_world_under_the_policy(
    stack: StartStack, record_property: Record
) -> None:
    running = stack(world="warehouse")
    running.drive()
    started = time.monotonic()
    drivers: list[str] = []

    def arrived() -> bool:
        drivers.append(running.decision.get("driver", ""))
        return running.mission["state"] not in ("active", "idle")

    running.wait(arrived, "an outcome", 180.0)
    assert running.mission["state"] == "reached"
    assert running.truth["contact"] == ""
    assert "policy" in drivers
    assert len(set(running.launcher.pids.values())) >= 5
    record_property("crossing_s", round(time.monotonic() - started, 1))


@pytest.mark.parametrize("process", ["decision", "driving_container"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda number: number.name)
def test_a_dead_or_frozen_decision_stops_the_robot_and_driving_goes_on_after(
    stack: StartStack, record_property: Record, number: signal.Signals, process: str
) -> None:
    running = stack(world="warehouse", composed=str(process == "driving_container").lower())
    running.drive()
    pid, moment = running.signal(process, number)
    record_property("to_zero_ms", wait_for_stop(running, moment))
    stopped = time.monotonic()
    running.wait(lambda: has_stood_since(running, stopped), "a standstill", STOP_S)
    if number == signal.SIGSTOP:
        psutil.Process(pid).send_signal(signal.SIGCONT)
    running.wait(lambda: running.speed > 0.3, "a robot that drives on")
    assert running.states[-1][1] in ("nominal", "degraded")
    assert (running.launcher.pids[process] == pid) == (number == signal.SIGSTOP)


def test_without_its_monitor_the_robot_stops_and_the_monitor_comes_back_stopped(
    stack: StartStack, record_property: Record
) -> None:
    running = stack(world="warehouse")
    running.drive()
    pid, moment = running.signal("safety_monitor", signal.SIGKILL)
    running.wait(lambda: running.launcher.pids.get("safety_monitor") != pid, "its end")
    running.wait(
        lambda: has_stood_since(running, moment),
        "a standstill by the base's own timeout",
        STOP_S,
    )
    # What the dead monitor sent last may have waited to be read here until now.
    dead = time.monotonic()
    record_property("kill_to_standstill_ms", round(1e3 * (time.monotonic() - moment)))
    running.wait(lambda: running.launcher.pids.get("safety_monitor", pid) != pid, "another monitor")
    running.wait(lambda: running.speed > 0.3, "a robot that drives on")

    def told(*states: str) -> list[float]:
        return [at for at, event in running.events if at > dead and event.get("to") in states]

    # Its first commands may have come before we knew of it; what it tells is kept for us.
    running.wait(lambda: told("nominal", "degraded"), "a monitor that lets the robot drive")
    lets_drive = told("nominal", "degraded")[0]
    assert told("safe_stop")[0] < lets_drive
    moves = [at for at, *velocity in running.commands if at > dead and any(velocity)]
    assert moves[0] > lets_drive - 0.02


def test_no_process_shares_memory_with_another(stack: StartStack) -> None:
    """Who dies or begins while it holds a lock of the middleware's would hold others up."""
    running = stack(world="warehouse")
    running.wait(lambda: running.states and running.states[-1][1] == "nominal", "the nominal state")
    for name, pid in running.launcher.pids.items():
        assert "/dev/shm/fastrtps" not in Path(f"/proc/{pid}/maps").read_text(), name


REAL_TIME = {"safety_monitor": 40, "perception": 30, "decision": 30, "world_sim": 20}


def test_what_a_command_waits_for_runs_in_real_time_where_it_may(stack: StartStack) -> None:
    running = stack(world="warehouse")
    running.wait(lambda: running.states and running.states[-1][1] == "nominal", "the nominal state")
    permitted = resource.getrlimit(resource.RLIMIT_RTPRIO)[0] >= 40 or os.geteuid() == 0
    for name, priority in REAL_TIME.items():
        pid = running.launcher.pids[name]
        in_real_time = bool(os.sched_getscheduler(pid) & os.SCHED_FIFO)
        assert in_real_time or not permitted
        assert os.sched_getparam(pid).sched_priority == (priority if in_real_time else 0)


def test_stopping_leaves_no_process(stack: StartStack) -> None:
    running = stack(world="warehouse")
    running.wait(lambda: len(running.commands) > 10, "commands")
    pids = list(running.launcher.pids.values())
    assert len(pids) == 6
    assert running.stop() == 0
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
