from __future__ import annotations

import math

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.state_machine import Severity
from safety_monitor.watchdog import (
    SEVERITY,
    ClockWatch,
    Fault,
    LoopWatch,
    ScanContent,
    Stream,
    YawRateAgreement,
)

MS = 1_000_000
SECOND = 1000 * MS


def test_every_fault_has_a_severity() -> None:
    assert set(SEVERITY) == set(Fault)
    assert Severity.NONE not in SEVERITY.values()


@pytest.fixture
def stream() -> Stream:
    return Stream("scan", Fault.SCAN_SILENT, 0.08, 0.05)


def test_a_stream_is_silent_until_its_first_message_and_after_its_timeout(stream: Stream) -> None:
    assert stream.finding(0) is not None
    assert stream.accept(SECOND, SECOND) == ""
    assert stream.finding(SECOND + 80 * MS) is None
    finding = stream.finding(SECOND + 81 * MS)
    assert finding is not None
    assert finding.fault is Fault.SCAN_SILENT


@pytest.mark.parametrize(
    ("stamp", "accepted"),
    [
        (SECOND + 20 * MS, True),
        (SECOND + 20 * MS + 50 * MS, True),
        (SECOND + 20 * MS + 51 * MS, False),
        (SECOND, False),
        (SECOND - MS, False),
    ],
)
def test_what_stamps_are_accepted(stream: Stream, stamp: int, accepted: bool) -> None:
    stream.accept(SECOND, SECOND)
    assert (stream.accept(stamp, SECOND + 20 * MS) == "") == accepted
    assert stream.refused == (0 if accepted else 1)


def test_old_messages_that_arrive_late_do_not_break_a_silence(stream: Stream) -> None:
    assert "old" in stream.accept(SECOND, SECOND + 81 * MS)
    assert stream.finding(SECOND + 81 * MS) is not None


class Scans:
    """Feeds a content watcher at 50 Hz."""

    def __init__(self, **changes: float) -> None:
        self.content = ScanContent(MonitorConfig(**changes), "scan")
        self.rng = np.random.default_rng(0)
        self.stamp = 0

    def feed(
        self, hits: int = 700, invalid: int = 0, empty: int = 20, times: int = 1
    ) -> set[Fault]:
        for _ in range(times):
            self.stamp += 20 * MS
            ranges = self.rng.normal(5.0, 0.001, 720).astype(np.float32)
            self.content.look(self.stamp, ranges, hits, invalid, empty)
        return {finding.fault for finding in self.content.findings}


def test_a_rich_scan_has_nothing_wrong() -> None:
    assert Scans().feed(times=30) == set()


@pytest.mark.parametrize(("invalid", "fault"), [(360, set()), (361, {Fault.SCAN_INVALID})])
def test_too_many_invalid_beams_make_a_scan_useless(invalid: int, fault: set[Fault]) -> None:
    assert Scans().feed(720 - invalid, invalid, 0) == fault


def test_an_open_field_is_legitimate_and_does_not_flap() -> None:
    scans = Scans()
    seen = [scans.feed(hits=hits, empty=720 - hits) for hits in (0, 0, 3, 0, 5, 0, 40, 0, 100, 0)]
    assert seen == [set()] * 10


def test_returns_that_all_vanish_at_once_are_not_believed_until_one_comes_back() -> None:
    scans = Scans()
    scans.feed()
    assert scans.feed(hits=0, empty=720) == {Fault.SCAN_BLINDED}
    assert scans.feed(hits=0, empty=720, times=50) == {Fault.SCAN_BLINDED}
    assert scans.feed(hits=1, empty=719) == set()
    assert scans.feed(hits=0, empty=720) == set()


def test_a_person_can_confirm_an_open_field() -> None:
    scans = Scans()
    scans.feed()
    scans.feed(hits=0, empty=720)
    scans.content.reset()
    assert scans.feed(hits=0, empty=720) == set()


def test_frozen_ranges_are_noticed_and_forgiven() -> None:
    scans = Scans()
    frozen = np.full(720, 5.0, np.float32)
    found = []
    for _ in range(11):
        scans.stamp += 20 * MS
        scans.content.look(scans.stamp, frozen, 720, 0, 0)
        found.append({finding.fault for finding in scans.content.findings})
    assert found[9] == set()
    assert found[10] == {Fault.SCAN_FROZEN}
    assert scans.feed() == set()


def test_equal_scans_without_returns_are_not_frozen() -> None:
    content = ScanContent(MonitorConfig(), "scan")
    for k in range(30):
        content.look(k * 20 * MS, np.full(720, np.inf, np.float32), 0, 0, 720)
    assert content.findings == ()


def test_a_scanner_without_noise_may_repeat_itself() -> None:
    scans = Scans(scan_noise=False)
    frozen = np.full(720, 5.0, np.float32)
    for k in range(30):
        scans.content.look(k * 20 * MS, frozen, 720, 0, 0)
    assert scans.content.findings == ()


def test_a_slow_scanner_is_noticed() -> None:
    content = ScanContent(MonitorConfig(), "scan")
    rng = np.random.default_rng(0)
    for k in range(12):
        content.look(k * 70 * MS, rng.normal(5.0, 0.001, 720).astype(np.float32), 720, 0, 0)
    assert {finding.fault for finding in content.findings} == {Fault.SCAN_SLOW}


def test_yaw_rates_may_differ_for_a_moment_but_not_for_long() -> None:
    watch = YawRateAgreement(MonitorConfig())
    watch.compare(0, 1.0, 0.0)
    assert watch.finding(299 * MS) is None
    assert watch.finding(300 * MS) is not None
    watch.compare(301 * MS, 1.0, 0.9)
    assert watch.finding(301 * MS) is None
    watch.compare(302 * MS, 1.0, 0.0)
    assert watch.finding(310 * MS) is None


@pytest.mark.parametrize("rate", [0.02, 0.5, 1.0, 10.0])
def test_a_clock_that_runs_at_any_rate_is_fine(rate: float) -> None:
    watch = ClockWatch(MonitorConfig())
    ticks = [watch.tick(round(k * 20 * MS * rate), k * 20 * MS) for k in range(100)]
    assert ticks == [None] * 100


@pytest.mark.parametrize(
    ("now", "fault"),
    [(2 * SECOND - 1, Fault.CLOCK_JUMPED), (3 * SECOND, Fault.CLOCK_JUMPED), (2 * SECOND, None)],
)
def test_jumps_of_the_clock(now: int, fault: Fault | None) -> None:
    watch = ClockWatch(MonitorConfig())
    watch.tick(2 * SECOND, 0)
    finding = watch.tick(now, 20 * MS)
    assert (finding.fault if finding else None) is fault


def test_a_clock_that_stands_still_is_noticed_and_its_return_too() -> None:
    watch = ClockWatch(MonitorConfig())
    watch.tick(SECOND, 0)
    assert watch.tick(SECOND, 250 * MS) is None
    finding = watch.tick(SECOND, 251 * MS)
    assert finding is not None
    assert finding.fault is Fault.CLOCK_STALLED
    assert watch.tick(SECOND + MS, 271 * MS) is None


def test_a_clock_that_catches_up_after_standing_still_has_not_jumped() -> None:
    watch = ClockWatch(MonitorConfig())
    watch.tick(SECOND, 0)
    watch.tick(SECOND, 700 * MS)
    assert watch.tick(SECOND + 720 * MS, 720 * MS) is None
    watch.tick(SECOND + 720 * MS, 1400 * MS)
    finding = watch.tick(SECOND + 2000 * MS, 1420 * MS)
    assert finding is not None
    assert finding.fault is Fault.CLOCK_JUMPED


def test_the_reaction_time_is_the_slowest_cycle_of_the_last_second() -> None:
    watch = LoopWatch(MonitorConfig())
    for k in range(10):
        assert watch.tick(k * 20 * MS) is None
    assert watch.reaction == pytest.approx(0.03)
    finding = watch.tick(180 * MS + 70 * MS)
    assert finding is not None
    assert finding.fault is Fault.LOOP_OVERRUN
    assert watch.reaction == pytest.approx(0.07)
    for k in range(60):
        watch.tick(250 * MS + k * 20 * MS)
    assert watch.reaction == pytest.approx(0.03)
    assert math.isclose(watch.reaction, 0.03)
