"""What is told becomes records: each event once, gaps named, flapping condensed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy_governance.recorder import Event, EventRecorder

CYCLE_NS = 20_000_000


class Log:
    """Keeps what is recorded, in the form in which it is read back."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def record(
        self,
        kind: str,
        stamp_ns: int,
        who: str,
        cause: str,
        details: Mapping[str, object] | None = None,
        digest: str = "",
    ) -> None:
        self.records.append(
            {"kind": kind, "who": who, "cause": cause, "details": dict(details or {})}
        )

    @property
    def kinds(self) -> list[str]:
        return [record["kind"] for record in self.records]


def event(number: int, kind: str = "transition", run: str = "1", **details: str) -> Event:
    stamp_ns = number * CYCLE_NS
    return Event(
        "safety_monitor", run, number, kind, f"cause {number}", "me", stamp_ns, "d", details
    )


def intervene(recorder: EventRecorder, phases: list[str]) -> None:
    """One event in each cycle; then two seconds in which nothing is told."""
    for number, phase in enumerate(phases, start=1):
        recorder.tick(number * CYCLE_NS)
        recorder.take(event(number, "intervention", to=phase), number * CYCLE_NS)
    for number in range(len(phases), len(phases) + 100):
        recorder.tick(number * CYCLE_NS)


def test_an_event_is_one_record_with_who_why_and_its_identity() -> None:
    log = Log()
    EventRecorder(log.record).take(event(1, to="nominal"), 0)
    (record,) = log.records
    assert (record["kind"], record["who"], record["cause"]) == ("transition", "me", "cause 1")
    assert record["details"] == {"to": "nominal", "event": "safety_monitor/1/1"}


def test_what_is_told_again_is_not_recorded_again_not_even_after_a_restart() -> None:
    log = Log()
    recorder = EventRecorder(log.record)
    for number in (1, 2, 2, 1, 3):
        recorder.take(event(number), 0)
    assert len(log.records) == 3
    second = EventRecorder(log.record)
    second.resume(log.records)
    for number in (1, 2, 3, 4):
        second.take(event(number), 0)
    assert log.kinds == ["transition"] * 4


def test_a_gap_is_a_record() -> None:
    log = Log()
    recorder = EventRecorder(log.record)
    recorder.take(event(3), 0)
    recorder.take(event(4), 0)
    recorder.take(event(9), 0)
    assert log.kinds == ["gap", "transition", "transition", "gap", "transition"]
    assert log.records[3]["cause"] == "events 5 to 8 of safety_monitor were not heard"


def test_another_life_of_the_source_counts_afresh_whatever_the_clock_says() -> None:
    log = Log()
    recorder = EventRecorder(log.record)
    for run in ("500", "20", "500"):
        recorder.take(event(1, run=run), 0)
    assert log.kinds == ["transition", "transition"]


def test_kinds_that_nobody_may_tell_are_not_believed() -> None:
    log = Log()
    EventRecorder(log.record).take(event(1, kind="gate"), 0)
    assert log.kinds == ["unknown"]


def test_an_intervention_is_told_as_it_begins_gets_worse_and_ends() -> None:
    log = Log()
    intervene(EventRecorder(log.record), ["slowed", "none"] * 50 + ["stopped", "slowed", "none"])
    phases = [record["details"]["phase"] for record in log.records]
    assert phases == ["slowed", "stopped", "end"]
    end = log.records[-1]["details"]
    assert (end["worst"], end["changes"]) == ("stopped", 103)
    assert end["duration_s"] == 102 * 0.02


def test_an_intervention_that_began_before_a_restart_has_an_end() -> None:
    log = Log()
    first = EventRecorder(log.record)
    first.take(event(1, "intervention", to="slowed"), 0)
    second = EventRecorder(log.record)
    second.resume(log.records)
    intervene(second, ["slowed", "none"])
    assert [record["details"]["phase"] for record in log.records] == ["slowed", "end"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["none", "slowed", "stopped"]), max_size=200))
def test_no_intervention_is_left_out_and_the_log_is_not_flooded(phases: list[str]) -> None:
    log = Log()
    intervene(EventRecorder(log.record), phases)
    told = [record["details"]["phase"] for record in log.records]
    if set(phases) - {"none"}:
        worst = "stopped" if "stopped" in phases else "slowed"
        assert worst in told
    assert len(told) <= 3
