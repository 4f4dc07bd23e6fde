"""What the monitor costs, from runs with and without it."""

from __future__ import annotations

import pytest

from scenario_eval.barn import BarnResult, BarnStatus
from scenario_eval.barn_campaign import BarnRun
from scenario_eval.safety_bench.permissiveness import figures


def run(world: int, time_s: float, status: BarnStatus = BarnStatus.SUCCEEDED) -> BarnRun:
    contact = "post" if status is BarnStatus.COLLIDED else ""
    return BarnRun(world, 0, BarnResult(status, time_s, 0.5), 1.0, 3, 10.0, contact)


def test_time_is_compared_where_both_arrived_only() -> None:
    found = figures(
        [
            (True, run(1, 10.3)),
            (False, run(1, 10.0)),
            (True, run(2, 30.0)),
            (False, run(2, 5.0, BarnStatus.COLLIDED)),
        ]
    )
    assert found["time_lost_percent"] == pytest.approx(3.0)
    assert (found["success_with"], found["success_without"]) == (1.0, 0.5)
    assert (found["contacts_with"], found["contacts_without"]) == (0, 1)
    assert found["interventions_per_m"] == pytest.approx(0.3)


def test_nothing_to_compare_is_no_figure() -> None:
    both = [(True, run(1, 9.0, BarnStatus.TIMED_OUT)), (False, run(1, 5.0, BarnStatus.COLLIDED))]
    assert figures(both)["time_lost_percent"] is None
