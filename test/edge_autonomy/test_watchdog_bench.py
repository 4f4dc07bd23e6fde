"""The benches of the monitor over DDS, as far as they run without it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

import psutil
import pytest

from edge_autonomy import alarms_bench
from edge_autonomy.alarms_bench import Alarms, busy_processes
from edge_autonomy.demo.listener import RawMessage
from edge_autonomy.held_thread import HoldError, hold_main_thread
from edge_autonomy.watchdog_bench import SILENCE_PERIOD_S, figures_of, silences
from edge_autonomy.watchdog_cases import CASES
from world_sim.faults import parse_faults

# Counts in its main thread and in another, and prints both counts when asked.
COUNTER = """
import sys, threading, time
counts = [0, 0]
def count(index):
    while True:
        counts[index] += 1
        time.sleep(0.001)
def answer():
    for _ in sys.stdin:
        print(*counts, flush=True)
for target in (lambda: count(1), answer):
    threading.Thread(target=target, daemon=True).start()
print("ready", flush=True)
count(0)
"""


@pytest.fixture
def counter():
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", COUNTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    process.stdout.readline()

    def counts() -> list[int]:
        process.stdin.write("\n")
        process.stdin.flush()
        return [int(word) for word in process.stdout.readline().split()]

    yield process.pid, counts
    process.kill()
    process.communicate()


def counts_until(counts, index: int, more: int) -> list[int]:
    """The counts once one of them has grown by `more`."""
    first = counts()
    deadline = time.monotonic() + 60.0
    while (latest := counts())[index] < first[index] + more:
        assert time.monotonic() < deadline, "does not count"
    return latest


def test_a_held_thread_stands_while_the_others_run_and_then_goes_on(counter) -> None:
    pid, counts = counter
    try:
        with hold_main_thread(pid) as since_ns:
            assert 0 <= time.time_ns() - since_ns < 60e9
            held = counts()[0]
            assert counts_until(counts, 1, 20)[0] == held
    except HoldError as error:
        if os.strerror(errno.EPERM) not in str(error):
            raise
        pytest.skip(f"this system does not permit tracing: {error}")
    counts_until(counts, 0, 20)


def test_a_process_that_is_gone_cannot_be_held() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    with pytest.raises(HoldError, match="cannot be held"), hold_main_thread(process.pid):
        raise AssertionError("held")


def test_every_case_fails_a_node_or_a_stream_within_a_limit() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 9
    for case in CASES:
        assert bool(case.failure) == bool(case.node) != bool(case.stream)
        assert case.limit_ms > 0.0


def test_silences_of_several_sensors_never_overlap() -> None:
    faults = parse_faults(silences(["scan", "odom"]))
    for tick in range(0, 60_000_000_000, 50_000_000):
        assert sum(fault.active(tick) for fault in faults) <= 1
    assert {fault.repeat_s for fault in faults} == {SILENCE_PERIOD_S}


def test_figures_say_whether_the_limit_was_kept() -> None:
    assert figures_of([10.0] * 99 + [50.0], 60.0)["within"]
    figures = figures_of([10.0, 90.0], 60.0)
    assert (figures["within"], figures["max_ms"], figures["p50_ms"]) == (False, 90.0, 50.0)


def test_an_alarm_is_a_departure_from_the_nominal_state() -> None:
    alarms = Alarms()
    for state, cause in [
        ("nominal", ""),
        ("degraded", "loop_overrun: a cycle came after 60 ms"),
        ("safe_stop", "command_silent: command 0.09 s old"),
        ("nominal", ""),
        ("nominal", "envelope: 0.3 m clear"),
        ("safe_stop", "command_silent: command 0.10 s old"),
    ]:
        alarms.take_state(state, cause)
    figures = alarms.figures()
    assert figures["alarms"] == 2
    assert figures["causes"] == {"degraded: loop_overrun": 1, "safe_stop: command_silent": 1}
    assert figures["state_changes"] == 4


def test_the_longest_gap_of_a_stream_is_told_with_when_it_was() -> None:
    alarms = Alarms()
    for ms in (0, 20, 1040, 1150, 1170):
        at_ns = 10**18 + ms * 10**6
        topic = "/clock" if ms == 0 else "/scan"
        alarms.hear(RawMessage(topic, "", None, b"", at_ns, at_ns))
    gaps = alarms.figures()["gaps"]
    assert gaps == {
        "scan": {"p99_ms": pytest.approx(1001.8, abs=0.2), "max_ms": 1020.0, "max_at_s": 1.0}
    }


def test_busy_processes_end_with_their_block() -> None:
    def busy() -> int:
        children = psutil.Process().children()
        return sum(alarms_bench._BUSY in child.cmdline() for child in children)

    with busy_processes(2):
        assert busy() == 2
    assert busy() == 0
