"""Lockstep against DDS: how runs are chosen and how ways are compared."""

from __future__ import annotations

import numpy as np
import pytest

from autonomy_interfaces.share import share_directory
from edge_autonomy import parity
from edge_autonomy.parity import (
    Pair,
    ParityError,
    WayJudge,
    chosen,
    comparable,
    figures,
    markdown,
    way_and_end,
    way_distance,
)
from scenario_eval.scenarios.loading import find_files, load_runs

WAY = np.array([[0.0, 0.0], [4.0, 0.0]])


@pytest.fixture(scope="module")
def plans():
    return load_runs(find_files([share_directory() / "scenarios"]))


def test_twenty_scenarios_can_be_compared_each_once(plans):
    picked = chosen(plans, 20)
    assert len({plan.scenario_id for plan in picked}) == 20
    assert all(comparable(plan) for plan in picked)
    assert not any(plan.scenario.faults or plan.scenario.actors for plan in picked)


def test_too_many_are_refused(plans):
    with pytest.raises(ParityError, match="ask for fewer"):
        chosen(plans, 10_000)


def test_time_counts_from_the_first_motion():
    times = np.arange(0.0, 5.0, 0.5)
    places = np.column_stack([np.maximum(times - 2.0, 0.0), np.zeros(10)])
    found = way_and_end("reached", times, places)
    assert found.time_s == pytest.approx(2.0)
    assert found.way[0].tolist() == [0.5, 0.0]
    assert way_and_end("x", np.zeros(0), np.zeros((0, 2))).time_s == 0.0


def test_distance_is_between_ways_and_not_between_samples():
    coarse = np.array([[0.0, 0.0], [4.0, 0.0]])
    fine = np.column_stack([np.linspace(0.0, 4.0, 77), np.zeros(77)])
    assert way_distance(coarse, fine) < 0.02
    assert way_distance(coarse, fine + np.array([0.0, 0.3])) == pytest.approx(0.3, abs=0.01)
    # A quarter of a metre may be what the robot rolled before its arrival was noticed.
    assert way_distance(coarse, fine[:40]) == pytest.approx(1.70, abs=0.05)


@pytest.mark.parametrize(("rolled", "apart"), [(0.2, 0.1), (0.6, 0.36)])
def test_what_is_rolled_after_arrival_is_no_part_of_the_way(rolled, apart):
    beside = np.array([[0.0, 0.1], [4.0 + rolled, 0.1]])
    assert way_distance(WAY, beside) == pytest.approx(apart, abs=0.03)
    assert way_distance(beside, WAY) == pytest.approx(apart, abs=0.03)


def test_a_touch_ends_a_run_and_so_does_the_mission():
    judge = WayJudge()
    assert judge.observe(0, 0.0, 0.0, "") is None
    touched = judge.observe(2_000_000_000, 2.0, 0.0, "wall")
    assert touched is not None
    assert touched.outcome == "collided"


@pytest.mark.parametrize(
    ("changed", "agrees"),
    [
        ({}, True),
        ({"outcome_dds": "collided"}, False),
        ({"time_dds_s": 10.6}, False),
        ({"way_m": 0.16}, False),
    ],
)
def test_a_pair_agrees_in_outcome_time_and_way(changed, agrees):
    fields = {
        "run": "a@0",
        "outcome_lockstep": "reached",
        "outcome_dds": "reached",
        "time_lockstep_s": 10.0,
        "time_dds_s": 10.4,
        "way_m": 0.1,
    }
    pair = Pair(**{**fields, **changed})
    assert pair.agrees == agrees
    assert figures([pair])["agree"] == agrees
    assert ("agrees |" in markdown([pair])) == agrees


def test_over_dds_medians_count_and_one_other_outcome_is_enough(plans, monkeypatch):
    def ends(*outcomes):
        runs = [
            parity.WayAndEnd(outcome, time_s, WAY + np.array([0.0, away]), interventions)
            for outcome, time_s, away, interventions in outcomes
        ]
        monkeypatch.setattr(parity, "on_nodes", lambda *_: runs.pop(0))
        return parity.compare(chosen(plans, 1)[0], len(runs))

    monkeypatch.setattr(parity, "in_lockstep", lambda *_: parity.WayAndEnd("reached", 4.0, WAY))
    pair = ends(("reached", 4.1, 0.1, 0), ("reached", 9.0, 0.9, 7), ("reached", 4.0, 0.0, 1))
    assert (pair.time_dds_s, pair.way_m, pair.interventions_dds) == (4.1, 0.1, 1)
    assert (pair.times_dds_s, pair.ways_m) == ((4.1, 9.0, 4.0), (0.1, 0.9, 0.0))
    assert pair.agrees
    pair = ends(("reached", 4.0, 0.0, 0), ("collided", 4.0, 0.0, 0), ("reached", 4.0, 0.0, 0))
    assert (pair.outcome_dds, pair.agrees) == ("collided", False)


def test_a_stack_that_breaks_down_loses_its_own_run_alone(plans, monkeypatch):
    def broken(*_):
        raise ParityError("world_sim has died")

    monkeypatch.setattr(parity, "on_nodes", broken)
    monkeypatch.setattr(parity, "in_lockstep", lambda *_: parity.WayAndEnd("reached", 4.0, WAY))
    pair = parity.compare(chosen(plans, 1)[0])
    assert (pair.outcome_dds, pair.lost, pair.agrees) == ("lost", "world_sim has died", False)
    found = figures([pair])
    assert (found["lost"], found["agree"], found["way_m_worst"]) == (1, 0, 0.0)
