"""From a scan to its command: which command is whose."""

from __future__ import annotations

import pytest

from edge_autonomy.latency_bench import Decision, LatencyRecord, Velocity
from edge_autonomy.shuttle import ShuttleError

MS = 1_000_000


def record_of(*commands: Velocity) -> LatencyRecord:
    """A scan stamped 7 and published at 100 ms, the wish of it at 104 ms, its status at 105 ms."""
    record = LatencyRecord()
    record.scans[7] = 100 * MS
    record.wishes = [Velocity(90 * MS, 0.9, 0.3), Velocity(104 * MS, 1.0, 0.4)]
    record.decisions = [Decision(105 * MS, 7, 1.5, 3.0)]
    record.commands = list(commands)
    return record


def test_a_command_made_of_an_older_wish_is_not_the_answer() -> None:
    stale, answer = Velocity(104 * MS + 1, 0.9, 0.3), Velocity(106 * MS, 1.0, 0.4)
    figures = record_of(stale, answer).figures()
    assert figures["scan_to_cmd_ms_p50"] == 6.0
    assert figures["scan_to_wish_ms_p50"] == 4.0
    assert (figures["inference_ms_p99"], figures["decision_ms_p99"]) == (1.5, 3.0)


def test_a_command_that_was_slowed_along_its_arc_is_the_answer() -> None:
    assert record_of(Velocity(107 * MS, 0.5, 0.2)).figures()["scan_to_cmd_ms_p50"] == 7.0


@pytest.mark.parametrize("velocity", [(0.0, 0.0), (-1.0, -0.4), (1.0, 0.3)])
def test_what_is_not_of_the_wish_is_no_answer_to_it(velocity: tuple[float, float]) -> None:
    with pytest.raises(ShuttleError, match="followed"):
        record_of(Velocity(106 * MS, *velocity)).figures()
