"""What runs in real time is no danger to what does not; in a process of its own."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.priority import (
    ON_END_S,
    REST_S,
    RETURNS,
    RETURNS_WITHIN_S,
    Returns,
)

PREPARED = """
import json, os, resource, sys, threading, time
from autonomy_interfaces import priority
from autonomy_interfaces.priority import run_in_real_time

def schedule(): return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK

def compute(still):
    deadline = time.monotonic() + 20.0
    while schedule() == still and time.monotonic() < deadline:
        pass
"""

THREADS = """
resting = threading.Event()
before = threading.Thread(target=resting.wait)
before.start()
answer = {"allowed": run_in_real_time(1)}
answer["main"] = schedule()
answer["before"] = os.sched_getscheduler(before.native_id)
resting.set()
later = []
thread = threading.Thread(target=lambda: later.append(schedule()))
thread.start()
thread.join()
answer["later"] = later[0]
compute(os.SCHED_FIFO)
answer["busy"] = schedule()
print(json.dumps(answer))
"""

LOSES_TWICE = """
priority.REST_S = 0.1
read, write = os.pipe()
os.dup2(write, 2)
events = os.fdopen(read)
answer = {"allowed": run_in_real_time(1), "rounds": []}

def be_busy(): compute(os.SCHED_FIFO)

def deep(levels): deep(levels - 1) if levels else be_busy()

for levels in (0, 50) if answer["allowed"] else ():
    deep(levels)
    # The kernel has raised it, or it would have told us a second time.
    limit = resource.getrlimit(resource.RLIMIT_RTTIME)[0]
    lost = json.loads(events.readline())
    regained = json.loads(events.readline())
    # A share of the limit later it is still what it was made.
    until = time.thread_time() + 0.2
    while time.thread_time() < until:
        pass
    answer["rounds"].append({
        "lost": lost, "regained": regained, "schedule": schedule(), "raised": limit,
        "limit": resource.getrlimit(resource.RLIMIT_RTTIME)[0],
    })
print(json.dumps(answer))
"""

OTHER, FIFO = 0, 1


def run(code: str) -> dict:
    """What a process that runs the code prints."""
    done = subprocess.run(
        [sys.executable, "-c", PREPARED + code], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_only_what_waits_runs_in_real_time_and_not_for_ever():
    answer = run(THREADS)
    # Where the system does not allow it, nothing changes.
    assert answer["main"] == (FIFO if answer["allowed"] else OTHER)
    assert answer["before"] == answer["later"] == answer["busy"] == OTHER


@pytest.fixture(scope="module")
def losing():
    """A process that loses real time twice."""
    answer = run(LOSES_TWICE)
    if not answer["allowed"]:
        pytest.skip("this system does not permit real time (root, CAP_SYS_NICE, rtprio)")
    return answer["rounds"]


def test_what_lost_real_time_says_what_it_was_at(losing):
    first, second = (each["lost"] for each in losing)
    assert first["event"] == "real_time_lost"
    assert any(call.startswith("be_busy ") for call in first["stack"])
    assert first["stack"][-1].startswith("<module> ")
    assert first["after_s"] == ON_END_S
    assert first["back_in_s"] == pytest.approx(0.1)
    # Of a deep stack the two ends.
    assert second["stack"].count("...") == 1
    assert len(second["stack"]) == 25
    assert second["stack"][-1].startswith("<module> ")


def test_what_lost_real_time_has_it_back_after_a_rest(losing):
    for each in losing:
        assert each["regained"] == {"event": "real_time_regained"}
        assert each["schedule"] == FIFO
        assert each["raised"] > each["limit"] == round(1e6 * ON_END_S)


@given(st.lists(st.floats(0.0, 500.0), max_size=30))
def test_no_more_than_so_many_returns_in_any_while(pauses):
    returns, now_s = Returns(), 0.0
    moments: list[float] = []
    for pause in pauses:
        now_s += pause
        moment_s = returns.grant(now_s)
        assert moment_s >= now_s + REST_S
        moments.append(moment_s)
        # Nothing is lost before it is back.
        now_s = moment_s
    for i in range(len(moments) - RETURNS):
        assert moments[i + RETURNS] - moments[i] >= RETURNS_WITHIN_S - 1e-6


def test_the_first_returns_come_after_a_rest_alone():
    returns, now_s = Returns(), 0.0
    for _ in range(RETURNS):
        assert returns.grant(now_s) == now_s + REST_S
        now_s += REST_S
