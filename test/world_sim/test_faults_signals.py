"""Process faults on real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from autonomy_interfaces.messages import SECOND
from world_sim.faults import parse_faults
from world_sim.faults.processes import ProcessFaultSchedule
from world_sim.faults.signals import SignalProcesses

NODE = "decision"
BUSY = [sys.executable, "-S", "-c", "while True: pass"]


class Stack:
    """One node as a real process, with a launcher that starts it again on request."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(BUSY)
        self.executor = SignalProcesses(self.pid_of, self.start)

    def pid_of(self, node: str) -> int | None:
        return self.process.pid if node == NODE and self.process.poll() is None else None

    def start(self, node: str) -> None:
        self.process.wait()
        self.process = subprocess.Popen(BUSY)

    def status(self) -> str:
        return str(psutil.Process(self.process.pid).status())

    def close(self) -> None:
        self.executor.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def stack() -> Iterator[Stack]:
    stack = Stack()
    yield stack
    stack.close()


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes true within ten seconds, however loaded the machine is."""
    deadline = time.monotonic() + 10.0
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def schedule(stack: Stack, *entries: dict[str, object]) -> ProcessFaultSchedule:
    timed = [{"target": NODE, "at_s": 1.0, "duration_s": 1.0, **entry} for entry in entries]
    return ProcessFaultSchedule(parse_faults(timed), stack.executor)


def test_a_killed_node_is_gone_and_comes_back_at_the_end_of_the_fault(stack: Stack) -> None:
    faults, first = schedule(stack, {"kind": "kill"}), stack.process
    faults.step(0)
    assert first.poll() is None
    faults.step(SECOND)
    assert first.wait(timeout=10.0) == -9
    faults.step(2 * SECOND)
    assert stack.pid_of(NODE) not in (None, first.pid)


def test_a_restarted_node_has_another_process_at_once(stack: Stack) -> None:
    faults, first = schedule(stack, {"kind": "restart"}), stack.process
    faults.step(SECOND)
    assert first.wait(timeout=10.0) == -9
    assert stack.pid_of(NODE) not in (None, first.pid)


def test_a_hung_node_is_stopped_and_goes_on(stack: Stack) -> None:
    faults = schedule(stack, {"kind": "hang"})
    faults.step(SECOND)
    assert eventually(lambda: stack.status() == psutil.STATUS_STOPPED)
    faults.step(2 * SECOND)
    assert eventually(lambda: stack.status() != psutil.STATUS_STOPPED)


def test_a_slowed_node_runs_and_rests_in_turn(stack: Stack) -> None:
    faults = schedule(stack, {"kind": "slow", "factor": 5.0})
    faults.step(SECOND)
    for _ in range(3):
        assert eventually(lambda: stack.status() == psutil.STATUS_STOPPED)
        assert eventually(lambda: stack.status() != psutil.STATUS_STOPPED)
    faults.close()
    assert stack.status() != psutil.STATUS_STOPPED


def test_load_keeps_every_core_busy_until_it_is_given_back(stack: Stack) -> None:
    faults = schedule(stack, {"kind": "cpu_load", "target": "computer"})
    own = psutil.Process()
    before = {child.pid for child in own.children()}
    faults.step(SECOND)
    load = [child for child in own.children() if child.pid not in before]
    assert len(load) == len(os.sched_getaffinity(0))
    assert eventually(lambda: all(child.cpu_times().user > 0.02 for child in load))
    faults.close()
    assert all(not child.is_running() for child in load)


def test_load_ends_with_who_began_it_in_whichever_way_that_ends() -> None:
    source = (
        "import time\n"
        "from world_sim.faults.signals import SignalProcesses\n"
        "SignalProcesses(lambda node: None).load(0.1)\n"
        "print('loaded', flush=True)\n"
        "time.sleep(1000)\n"
    )
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as beginner:
        assert beginner.stdout is not None
        assert beginner.stdout.readline() == "loaded\n"
        load = psutil.Process(beginner.pid).children()
        assert len(load) == len(os.sched_getaffinity(0))
        beginner.kill()
    assert eventually(lambda: not any(child.is_running() for child in load))


def test_closing_lets_a_hung_node_go_on(stack: Stack) -> None:
    faults = schedule(stack, {"kind": "hang"})
    faults.step(SECOND)
    faults.close()
    assert eventually(lambda: stack.status() != psutil.STATUS_STOPPED)


def test_a_fault_of_a_node_that_does_not_run_is_no_error(stack: Stack) -> None:
    faults = schedule(stack, {"kind": "hang", "target": "mission"})
    faults.step(SECOND)
    faults.step(2 * SECOND)
    assert stack.status() != psutil.STATUS_STOPPED
