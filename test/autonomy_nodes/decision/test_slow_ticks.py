"""A tick that took longer than its period says where its time went."""

import json

import pytest

from autonomy_nodes.decision.slow_ticks import PAUSE_S, SlowTicks


class Clocks:
    """Wall and processor time that pass when they are told to."""

    def __init__(self):
        self.wall_s = 100.0
        self.computed_s = 7.0

    def work(self, duration_s, waiting_s=0.0):
        self.wall_s += duration_s + waiting_s
        self.computed_s += duration_s


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def lines():
    return []


@pytest.fixture
def ticks(clocks, lines):
    return SlowTicks(
        0.05,
        lambda line: lines.append(json.loads(line)),
        lambda: clocks.wall_s,
        lambda: clocks.computed_s,
    )


def tick(ticks, clocks, decision_s, waiting_s=0.0):
    ticks.begin()
    clocks.work(0.001)
    started_s = ticks.done("inputs")
    clocks.work(decision_s, waiting_s)
    ended_s = ticks.done("decision")
    clocks.work(0.002)
    ticks.end("look_ahead")
    return ended_s - started_s


def test_a_tick_in_time_says_nothing(ticks, clocks, lines):
    assert tick(ticks, clocks, 0.046) == pytest.approx(0.046)
    assert lines == []


def test_a_slow_tick_says_where_its_time_went(ticks, clocks, lines):
    tick(ticks, clocks, 0.01)
    tick(ticks, clocks, 0.02, waiting_s=0.04)
    assert lines == [
        {
            "event": "slow_tick",
            "tick_ms": 63.0,
            "computed_ms": 23.0,
            "stages_ms": {"inputs": 1.0, "decision": 60.0, "look_ahead": 2.0},
            "untold": 0,
        }
    ]


def test_slow_ticks_are_told_now_and_then(ticks, clocks, lines):
    for _ in range(4):
        tick(ticks, clocks, 0.1)
    assert [line["untold"] for line in lines] == [0]
    clocks.wall_s += PAUSE_S
    tick(ticks, clocks, 0.2)
    tick(ticks, clocks, 0.2)
    clocks.wall_s += PAUSE_S
    tick(ticks, clocks, 0.3)
    assert [line["untold"] for line in lines] == [0, 3, 1]
    assert [line["tick_ms"] for line in lines] == [103.0, 203.0, 303.0]
