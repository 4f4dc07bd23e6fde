"""What the watchdogs say: in words, before anything has come, and after long pauses."""

from __future__ import annotations

import math

import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.watchdog import ClockWatch, LoopWatch, Stream, YawRateAgreement

MS = 1_000_000
SECOND = 1000 * MS


def test_before_the_first_cycle_nothing_has_jumped_or_stood_still() -> None:
    clock = ClockWatch(MonitorConfig())
    assert (clock.jumped_ns, clock.stalled_ns) == (0, 0)
    assert clock.tick(5 * SECOND, 3 * SECOND) == []
    assert (clock.jumped_ns, clock.stalled_ns) == (0, 0)


@pytest.mark.parametrize(("by", "words"), [(2000, "by +2.000 s"), (-1500, "by -1.500 s")])
def test_a_jump_is_told_with_its_length(by: int, words: str) -> None:
    clock = ClockWatch(MonitorConfig())
    clock.tick(5 * SECOND, 0)
    (finding,) = clock.tick(5 * SECOND + (20 + by) * MS, 20 * MS)
    assert str(finding) == f"clock_jumped: {words}"


def test_a_clock_that_stands_is_told_with_how_long() -> None:
    clock = ClockWatch(MonitorConfig())
    clock.tick(5 * SECOND, SECOND)
    (finding,) = clock.tick(5 * SECOND, 2 * SECOND + 250 * MS)
    assert str(finding) == "clock_stalled: has not moved for 1.25 s"


def test_a_clock_that_stands_from_the_first_cycle_on_is_noticed() -> None:
    clock = ClockWatch(MonitorConfig())
    assert clock.tick(SECOND, 0) == []
    assert clock.tick(SECOND, 200 * MS) == []
    assert clock.tick(SECOND, 400 * MS) != []
    assert clock.stalled_ns == 400 * MS


def test_before_the_first_cycle_a_command_stands_for_a_period_and_its_jitter() -> None:
    loop = LoopWatch(MonitorConfig(cycle_period=0.02, cycle_jitter=0.01))
    assert loop.reaction == pytest.approx(0.03)
    assert loop.tick(0) == []
    assert loop.reaction == pytest.approx(0.03)


def test_a_longer_period_is_late_later() -> None:
    loop = LoopWatch(MonitorConfig(cycle_period=0.04, overrun_factor=3.0))
    loop.tick(0)
    assert loop.tick(120 * MS) == []
    assert loop.tick(241 * MS) != []


def test_one_long_pause_after_another_counts_alone() -> None:
    """What a cycle waited for over a second ago says nothing of the next."""
    loop = LoopWatch(MonitorConfig())
    loop.tick(0)
    (finding,) = loop.tick(5 * SECOND)
    assert str(finding) == "loop_overrun: a cycle came after 5000 ms"
    assert loop.reaction == pytest.approx(5.0)
    loop.tick(6100 * MS)
    assert loop.reaction == pytest.approx(1.1)


def test_gaps_within_the_last_second_all_count() -> None:
    loop = LoopWatch(MonitorConfig())
    for at in (0, 300, 320, 340):
        loop.tick(at * MS)
    assert loop.reaction == pytest.approx(0.3)
    loop.tick(440 * MS)
    assert loop.reaction == pytest.approx(0.3)


def test_an_agreement_that_was_never_broken_says_nothing() -> None:
    agreement = YawRateAgreement(MonitorConfig())
    assert not list(agreement.findings(10**18))
    agreement.compare(0, 0.3, 0.2)
    assert not list(agreement.findings(10**18))


def test_whether_they_differ_now_is_known_before_it_has_lasted() -> None:
    agreement = YawRateAgreement(MonitorConfig())
    assert not agreement.apart
    agreement.compare(0, 2.0, 0.5)
    assert agreement.apart and not list(agreement.findings(0))
    agreement.compare(1, 0.5, 0.5)
    assert not agreement.apart


def test_without_a_gyroscope_there_is_nothing_to_differ_from() -> None:
    agreement = YawRateAgreement(MonitorConfig())
    agreement.compare(0, 2.0, 0.5)
    agreement.forget()
    assert not agreement.apart and not list(agreement.findings(10**18))


def test_a_contradiction_is_dated_from_its_beginning() -> None:
    agreement = YawRateAgreement(MonitorConfig(yaw_rate_time=0.5))
    for k in range(6):
        agreement.compare(2 * SECOND + k * 100 * MS, 2.0, 0.5)
        assert list(agreement.findings(2 * SECOND + k * 100 * MS)) == [] or k == 5
    (finding,) = agreement.findings(2 * SECOND + 500 * MS)
    assert finding.detail == "yaw rate +1.50 rad/s apart from the gyroscope's"


def test_a_stream_is_called_by_its_kind_where_it_has_no_name() -> None:
    (finding,) = Stream("imu", MonitorConfig(), 0.1).findings(0)
    assert str(finding) == "imu_silent: imu inf s old"


@pytest.mark.parametrize(
    ("stamp_ms", "words"),
    [(3000, "refused: from 2.000 s in the future"), (-500, "refused: from 1.500 s ago")],
)
def test_a_refusal_is_told_with_the_silence_that_follows(stamp_ms: int, words: str) -> None:
    stream = Stream("odometry", MonitorConfig(), 0.1)
    stream.take(900 * MS, 900 * MS)
    assert not stream.take(stamp_ms * MS, 1000 * MS)
    (finding,) = stream.findings(1400 * MS)
    assert str(finding) == f"odometry_silent: odometry 0.50 s old {words}"


def test_what_comes_after_a_silence_is_not_measured_against_what_came_before() -> None:
    """A decision that was slow, died and was started again is not slow."""
    stream = Stream("imu", MonitorConfig(), 0.2, slowest=0.03)
    for k in range(10):
        stream.take(SECOND + k * 50 * MS, SECOND + k * 50 * MS)
    stream.forget()
    for k in range(15):
        now = 9 * SECOND + k * 20 * MS
        assert stream.take(now, now)
        assert not list(stream.findings(now))


def test_a_slow_stream_is_told_with_its_period() -> None:
    stream = Stream("imu", MonitorConfig(), math.inf, slowest=0.06)
    for k in range(11):
        stream.take(k * 70 * MS, k * 70 * MS)
    (finding,) = stream.findings(700 * MS)
    assert str(finding) == "imu_slow: imu: every 0.070 s"


def test_a_message_as_old_as_may_be_is_taken() -> None:
    stream = Stream("scan", MonitorConfig(), 0.08)
    assert stream.take(920 * MS, SECOND)
    assert not Stream("scan", MonitorConfig(), 0.08).take(920 * MS - 1, SECOND)


def test_a_stream_expires_as_it_falls_silent_by_its_stamp_or_by_its_coming() -> None:
    stream = Stream("command", MonitorConfig(), 0.2, silence=0.08)
    assert stream.expires_ns == -math.inf
    for stamp_ms, left_ms in ((1000, 80), (870, 70)):
        stream.forget()
        assert stream.take(stamp_ms * MS, SECOND)
        assert stream.expires_ns == SECOND + left_ms * MS
        assert not list(stream.findings(int(stream.expires_ns)))
        assert list(stream.findings(int(stream.expires_ns) + 1))
