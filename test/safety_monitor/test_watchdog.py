from __future__ import annotations

import math

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.scanner import Scanner
from safety_monitor.state_machine import Severity
from safety_monitor.watchdog import (
    ClockWatch,
    Fault,
    Finding,
    LoopWatch,
    Stream,
    YawRateAgreement,
    not_finite,
)

MS = 1_000_000
SECOND = 1000 * MS


EMERGENCIES = {Fault.INTERNAL_ERROR, Fault.OPERATOR_STOP, Fault.INTRUSION}
SLOWDOWNS = {
    *(Fault.SCAN_SLOW, Fault.ODOMETRY_SLOW, Fault.LOOP_OVERRUN, Fault.UNRECORDED),
    *(Fault.IMU_SILENT, Fault.IMU_INVALID, Fault.IMU_SLOW),
}


def test_every_fault_stops_but_for_those_that_need_a_person_and_those_that_only_slow() -> None:
    for fault in Fault:
        expected = Severity.EMERGENCY if fault in EMERGENCIES else Severity.STOP
        assert fault.severity is (Severity.DEGRADE if fault in SLOWDOWNS else expected)
        assert fault.value == fault.name.lower()
        assert str(Finding(fault, "why")) == f"{fault.value}: why"


def faults(findings) -> set[Fault]:
    return {finding.fault for finding in findings}


@pytest.fixture
def stream() -> Stream:
    return Stream("scan", MonitorConfig(), 0.08, slowest=0.06, name="front")


def test_a_stream_is_silent_until_its_first_message_and_after_its_timeout(stream: Stream) -> None:
    assert faults(stream.findings(0)) == {Fault.SCAN_SILENT}
    assert stream.take(SECOND, SECOND)
    assert not list(stream.findings(SECOND + 80 * MS))
    (finding,) = stream.findings(SECOND + 81 * MS)
    assert str(finding) == "scan_silent: front 0.08 s old"
    stream.take(2 * SECOND, 2 * SECOND)
    stream.forget()
    assert faults(stream.findings(2 * SECOND)) == {Fault.SCAN_SILENT}


@pytest.mark.parametrize(
    ("stamp", "refusal"),
    [
        (SECOND + 20 * MS, ""),
        (SECOND + 20 * MS + 15 * MS, ""),
        (SECOND + 20 * MS + 16 * MS, "refused: from 0.016 s in the future"),
        (SECOND, "refused: stamp repeated or out of order"),
        (SECOND - MS, "refused: stamp repeated or out of order"),
        (SECOND - 61 * MS, "refused: from 0.081 s ago"),
    ],
)
def test_what_stamps_are_taken(stream: Stream, stamp: int, refusal: str) -> None:
    stream.take(SECOND, SECOND)
    assert stream.take(stamp, SECOND + 20 * MS) == (refusal == "")
    assert stream.stamp_ns == (SECOND if refusal else stamp)
    (finding,) = stream.findings(SECOND + 500 * MS)
    assert finding.detail.endswith(refusal)


def test_old_messages_that_arrive_late_do_not_break_a_silence(stream: Stream) -> None:
    assert not stream.take(SECOND, SECOND + 81 * MS)
    assert faults(stream.findings(SECOND + 81 * MS)) == {Fault.SCAN_SILENT}


def test_what_cannot_be_read_is_told_until_something_can(stream: Stream) -> None:
    stream.take(SECOND, SECOND)
    assert not stream.take(SECOND + 20 * MS, SECOND + 20 * MS, "no beams")
    (finding,) = stream.findings(SECOND + 20 * MS)
    assert str(finding) == "scan_invalid: front: no beams"
    assert stream.take(SECOND + 40 * MS, SECOND + 40 * MS)
    assert not list(stream.findings(SECOND + 40 * MS))


def test_a_stamp_may_be_old_where_messages_keep_coming_but_not_too_old() -> None:
    """A decision that is repeated keeps its stamp but for a nanosecond."""
    stream = Stream("command", MonitorConfig(), 0.2, silence=0.08)
    for k in range(11):
        now = SECOND + k * 20 * MS
        assert stream.take(SECOND + k, now)
        assert not list(stream.findings(now))
    now = SECOND + 220 * MS
    assert not stream.take(SECOND + 11, now)
    assert faults(stream.findings(now)) == {Fault.COMMAND_SILENT}


def test_a_young_stamp_is_no_excuse_for_silence() -> None:
    stream = Stream("command", MonitorConfig(), 0.2, silence=0.08)
    stream.take(SECOND, SECOND)
    assert not list(stream.findings(SECOND + 80 * MS))
    assert faults(stream.findings(SECOND + 81 * MS)) == {Fault.COMMAND_SILENT}


@pytest.mark.parametrize(
    ("period", "fault"), [(60 * MS, set()), (61 * MS, {Fault.SCAN_SLOW}), (20 * MS, set())]
)
def test_a_slow_stream_is_noticed_after_ten_periods(
    stream: Stream, period: int, fault: set[Fault]
) -> None:
    found = []
    for k in range(12):
        stream.take(k * period, k * period)
        found.append(faults(stream.findings(k * period)))
    assert found[:10] == [set()] * 10
    assert found[10:] == [fault] * 2


def test_numbers_that_are_none() -> None:
    assert not_finite(0.0, -1e300) == ""
    assert "nan" in not_finite(0.0, math.nan)
    assert "inf" in not_finite(-math.inf)


class Scans:
    """Feeds a scanner's judgement at 50 Hz."""

    def __init__(self, **changes: float) -> None:
        self.scanner = Scanner(MonitorConfig(**changes), "scan", (0.0, 0.0, 0.0))
        self.rng = np.random.default_rng(0)
        self.stamp = 0

    def give(self, ranges: np.ndarray) -> set[Fault]:
        self.stamp += 20 * MS
        layout = -2.35, 4.7 / 719, 0.1, 30.0
        self.scanner.take(ranges.astype(np.float32), layout, self.stamp, self.stamp)
        return faults(self.scanner.findings(self.stamp))

    def feed(
        self, hits: int = 700, invalid: int = 0, empty: int = 20, times: int = 1
    ) -> set[Fault]:
        for _ in range(times):
            ranges = self.rng.normal(5.0, 0.001, 720)
            ranges[hits : hits + invalid] = math.nan
            ranges[hits + invalid : hits + invalid + empty] = math.inf
            found = self.give(ranges)
        return found


def test_a_rich_scan_has_nothing_wrong() -> None:
    assert Scans().feed(times=30) == set()


@pytest.mark.parametrize(("invalid", "fault"), [(360, set()), (361, {Fault.SCAN_INVALID})])
def test_too_many_invalid_beams_make_a_scan_useless(invalid: int, fault: set[Fault]) -> None:
    assert Scans().feed(720 - invalid, invalid, 0) == fault


def test_an_open_field_is_legitimate_and_does_not_flap() -> None:
    scans = Scans()
    seen = [
        scans.feed(hits=hits, empty=720 - hits)
        for hits in (0, 0, 3, 0, 5, 0, 40, 0, 100, 0, 143, 0)
    ]
    assert seen == [set()] * 12


def test_returns_that_all_vanish_at_once_are_not_believed_until_one_comes_back() -> None:
    scans = Scans()
    scans.feed()
    assert scans.feed(hits=0, empty=720) == {Fault.SCAN_BLINDED}
    assert scans.feed(hits=0, empty=720, times=50) == {Fault.SCAN_BLINDED}
    assert scans.feed(hits=7, empty=713) == {Fault.SCAN_BLINDED}
    assert scans.feed(hits=8, empty=712) == set()
    assert scans.feed(hits=0, empty=720) == set()


def test_a_person_can_confirm_an_open_field() -> None:
    scans = Scans()
    scans.feed()
    scans.feed(hits=0, empty=720)
    scans.scanner.trust()
    assert not list(scans.scanner.findings(scans.stamp))
    assert scans.feed(hits=0, empty=720) == set()


def test_frozen_ranges_are_noticed_and_forgiven() -> None:
    scans = Scans()
    found = [scans.give(np.full(720, 5.0)) for _ in range(11)]
    assert found == [set()] * 10 + [{Fault.SCAN_FROZEN}]
    assert scans.feed() == set()
    assert scans.give(np.full(720, 5.0)) == set()


def test_equal_scans_without_returns_are_not_frozen() -> None:
    scans = Scans()
    assert [scans.give(np.full(720, np.inf)) for _ in range(30)] == [set()] * 30


def test_a_scanner_without_noise_may_repeat_itself() -> None:
    scans = Scans(scan_noise=False)
    assert [scans.give(np.full(720, 5.0)) for _ in range(30)] == [set()] * 30


def test_a_masked_sector_is_neither_returns_nor_invalid() -> None:
    scans = Scans(scan_mask=(-3.0, 0.5))
    ranges = scans.rng.normal(5.0, 0.001, 720)
    ranges[:400] = math.nan
    assert scans.give(ranges) == set()
    assert (scans.scanner.scan.points[:, 1] > 0.0).all()


@pytest.mark.parametrize(
    ("ranges", "layout"),
    [
        (np.zeros((2, 2), np.float32), (-1.0, 0.1, 0.1, 30.0)),
        (np.zeros(4, np.float64), (-1.0, 0.1, 0.1, 30.0)),
        (np.zeros(8, np.float32)[::2], (-1.0, 0.1, 0.1, 30.0)),
        (np.zeros(0, np.float32), (-1.0, 0.1, 0.1, 30.0)),
        (np.ones(20_001, np.float32), (-1.0, 0.0001, 0.1, 30.0)),
        (np.ones(4, np.float32), (math.nan, 0.1, 0.1, 30.0)),
        (np.ones(4, np.float32), (-1.0, 0.0, 0.1, 30.0)),
        (np.ones(4, np.float32), (-1.0, 0.1, 30.0, 30.0)),
        (np.ones(4, np.float32), (-1.0, 0.1, -0.1, 30.0)),
        (np.ones(4, np.float32), (-11.0, 0.1, 0.1, 30.0)),
        (np.ones(200, np.float32), (-1.0, -0.06, 0.1, 30.0)),
    ],
)
def test_a_scan_that_cannot_be_read_replaces_nothing(ranges, layout) -> None:
    scans = Scans()
    scans.feed()
    before = scans.scanner.scan
    scans.scanner.take(ranges, layout, scans.stamp + 1, scans.stamp + 1)
    assert faults(scans.scanner.findings(scans.stamp)) == {Fault.SCAN_INVALID}
    assert scans.scanner.scan is before


def test_yaw_rates_may_differ_for_a_moment_but_not_for_long() -> None:
    watch = YawRateAgreement(MonitorConfig())
    watch.compare(0, 1.0, 0.0)
    watch.compare(20 * MS, 0.0, 0.61)
    assert not list(watch.findings(299 * MS))
    (finding,) = watch.findings(300 * MS)
    assert str(finding).startswith("odometry_contradicted: yaw rate -0.61 rad/s")
    watch.compare(301 * MS, 1.0, 0.4)
    assert not list(watch.findings(301 * MS))
    watch.compare(302 * MS, 1.0, 0.0)
    assert not list(watch.findings(310 * MS))


@pytest.mark.parametrize("rate", [0.02, 0.5, 1.0, 10.0])
def test_a_clock_that_runs_at_any_rate_is_fine(rate: float) -> None:
    watch = ClockWatch(MonitorConfig())
    ticks = [watch.tick(round(k * 20 * MS * rate), k * 20 * MS) for k in range(100)]
    assert ticks == [[]] * 100


@pytest.mark.parametrize(
    ("now", "jump"),
    [
        (2 * SECOND - 1, -20 * MS - 1),
        (3 * SECOND, 980 * MS),
        (2 * SECOND, 0),
        (2 * SECOND + 520 * MS, 0),
        (2 * SECOND + 520 * MS + 1, 500 * MS + 1),
    ],
)
def test_jumps_of_the_clock_are_measured(now: int, jump: int) -> None:
    watch = ClockWatch(MonitorConfig())
    watch.tick(2 * SECOND, 0)
    found = faults(watch.tick(now, 20 * MS))
    assert found == ({Fault.CLOCK_JUMPED} if jump else set())
    assert watch.jumped_ns == jump
    assert watch.tick(now + 20 * MS, 40 * MS) == []
    assert watch.jumped_ns == 0


def test_a_clock_that_stands_still_is_noticed_and_its_return_too() -> None:
    watch = ClockWatch(MonitorConfig())
    watch.tick(SECOND, 0)
    assert watch.tick(SECOND, 250 * MS) == []
    assert faults(watch.tick(SECOND, 251 * MS)) == {Fault.CLOCK_STALLED}
    assert watch.stalled_ns == 251 * MS
    assert watch.tick(SECOND + MS, 271 * MS) == []
    assert watch.stalled_ns == 0


def test_a_clock_that_catches_up_after_standing_still_has_not_jumped() -> None:
    watch = ClockWatch(MonitorConfig())
    watch.tick(SECOND, 0)
    watch.tick(SECOND, 700 * MS)
    assert watch.tick(SECOND + 720 * MS, 720 * MS) == []
    watch.tick(SECOND + 720 * MS, 1400 * MS)
    assert faults(watch.tick(SECOND + 2000 * MS, 1420 * MS)) == {Fault.CLOCK_JUMPED}


def test_the_reaction_time_is_the_slowest_cycle_of_the_last_second() -> None:
    watch = LoopWatch(MonitorConfig())
    for k in range(10):
        assert watch.tick(k * 20 * MS) == []
    assert watch.reaction == pytest.approx(0.03)
    assert watch.tick(180 * MS + 50 * MS) == []
    assert watch.reaction == pytest.approx(0.05)
    (finding,) = watch.tick(230 * MS + 51 * MS)
    assert str(finding) == "loop_overrun: a cycle came after 51 ms"
    assert watch.reaction == pytest.approx(0.051)
    for k in range(1, 50):
        assert watch.tick(281 * MS + k * 20 * MS)
    assert watch.tick(281 * MS + 1000 * MS)
    assert watch.tick(281 * MS + 1020 * MS) == []
    assert watch.reaction == pytest.approx(0.03)
