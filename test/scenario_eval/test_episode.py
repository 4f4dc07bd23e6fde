"""What is read from the records of a run."""

from __future__ import annotations

from unittest.mock import sentinel

import pytest

from autonomy_interfaces.messages import VelocityCommand
from scenario_eval.episode import Episode, TickRecord


def episode_of(*ticks: tuple[str, str, float]) -> Episode:
    """An episode of ticks (monitor's state, its intervention, vx asked for)."""
    records = tuple(
        TickRecord(
            *(20_000_000 * k, sentinel.truth, "active", "policy", "", "driving"),
            *(VelocityCommand(0, vx, 0.0), state, "", intervention, 1.0, sentinel.command),
        )
        for k, (state, intervention, vx) in enumerate(ticks)
    )
    return Episode(records, (), {})


@pytest.mark.parametrize(
    ("ticks", "interventions"),
    [
        ([("nominal", "none", 1.0), ("nominal", "slowed", 1.0), ("nominal", "stopped", 1.0)], 1),
        ([("nominal", "slowed", 1.0), ("nominal", "none", 1.0), ("nominal", "slowed", 1.0)], 2),
        ([("nominal", "stopped", 0.0)], 0),
        ([("safe_stop", "stopped", 1.0), ("nominal", "none", 1.0)], 0),
        (
            [
                ("safe_stop", "stopped", 1.0),
                ("nominal", "none", 1.0),
                ("safe_stop", "stopped", 1.0),
            ],
            1,
        ),
        ([("emergency_stop", "stopped", 1.0)], 1),
        ([("off", "none", 1.0)], 0),
        ([], 0),
    ],
)
def test_an_intervention_begins_where_motion_was_let_through(
    ticks: list[tuple[str, str, float]], interventions: int
) -> None:
    assert episode_of(*ticks).interventions == interventions
