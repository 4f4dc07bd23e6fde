"""From a failure to zero on `/cmd_vel`: `edge-autonomy bench watchdog`.

A robot drives to and fro under the launched stack. In each trial, while it moves, something fails;
measured is the time until the safety monitor publishes the first zero (for the monitor's own
death: until the base stands), by the publishers' own time stamps. Then the failure is undone, the
robot drives on, and the next trial begins: hundreds of trials in two starts of the stack.

Sensors fall silent by faults of the simulator. Their time counts from when the first message that
did not come was due.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from autonomy_interfaces.messages import MILLISECOND
from edge_autonomy.demo.listener import RawMessage
from edge_autonomy.demo.stack import last_words
from edge_autonomy.held_thread import HoldError
from edge_autonomy.shuttle import Shuttle, driving
from edge_autonomy.watchdog_cases import CASES, SENSOR_PERIOD_MS, Case

MOVING_MPS = 0.35
SETTLED_COMMANDS = 20
"""Moving commands in a row, 0.4 s of them, before a trial may begin."""
FAR_FROM_GOAL_M = 2.0
"""A robot nearer to its goal would soon stop by itself."""
STILL = (0.02, 0.05)
DRIVING_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.005
GIVEN_UP_MS = 350.0
SILENT_PERIODS = 2.5
"""A sensor whose last message is older than so many periods at the stop caused it."""
SILENCE_S, SILENCE_PERIOD_S, FIRST_SILENCE_S = 0.4, 6.0, 20.0
TOPICS = frozenset({"/cmd_vel", "/mission/status", "/odom", "/scan"})

Progress = Callable[[str], None]


class WatchdogBenchError(RuntimeError):
    """A trial could not take place; the message says what did not happen."""


@dataclass
class _Seen:
    """What has been heard of the robot, times in nanoseconds of system time."""

    moving: int = 0
    far: bool = False
    failed_ns: int | None = None
    first_zero_ns: int | None = None
    first_still_ns: int | None = None


class Trials:
    """Trials with a robot that drives to and fro."""

    def __init__(self, shuttle: Shuttle) -> None:
        """Use a shuttle that hears `TOPICS`."""
        self._shuttle = shuttle
        self._seen = _Seen()
        self._last_ns: dict[str, int] = {}

    def run(self, case: Case) -> float:
        """One trial; returns milliseconds from the failure to the stop.

        Raises:
            WatchdogBenchError: the robot does not drive, or does not stop.
            HoldError: the system does not permit the failure.
        """
        self._seen = _Seen()
        if case.stream:
            return self._wait_for_silence(case)
        self._wait(self._drives, DRIVING_TIMEOUT_S, "the robot does not drive")
        assert case.failure is not None, "a case is of a node or of a stream"
        with case.failure(self._shuttle.launch, case.node) as failed_ns:
            self._seen.failed_ns = failed_ns
            return self._wait_for_stop(case)

    def _drives(self) -> bool:
        return self._seen.moving >= SETTLED_COMMANDS and self._seen.far

    def _wait_for_silence(self, case: Case) -> float:
        """Wait until the robot stops for the silence that the simulator brings about."""
        topic = f"/{case.stream}"
        deadline = time.monotonic() + DRIVING_TIMEOUT_S
        while time.monotonic() < deadline:
            self._seen = _Seen()
            self._wait(self._drives, DRIVING_TIMEOUT_S, "the robot does not drive")
            self._seen.failed_ns = time.time_ns()
            self._wait(
                lambda: self._seen.first_zero_ns is not None or self._gap_ms(topic) > GIVEN_UP_MS,
                DRIVING_TIMEOUT_S,
                f"no silence on {topic}",
            )
            if self._seen.first_zero_ns is None:
                raise WatchdogBenchError(f"no zero {GIVEN_UP_MS:g} ms after the last {topic}")
            silent_ms = (self._seen.first_zero_ns - self._last_ns[topic]) / MILLISECOND
            if silent_ms > SILENT_PERIODS * SENSOR_PERIOD_MS:
                return silent_ms - SENSOR_PERIOD_MS
        raise WatchdogBenchError(f"no silence on {topic} while the robot drives")

    def _gap_ms(self, topic: str) -> float:
        return (time.time_ns() - self._last_ns.get(topic, time.time_ns())) / MILLISECOND

    def _wait_for_stop(self, case: Case) -> float:
        def stopped_ns() -> int | None:
            return self._seen.first_still_ns if case.standstill else self._seen.first_zero_ns

        self._wait(lambda: stopped_ns() is not None, STOP_TIMEOUT_S, f"no stop after {case.name}")
        end_ns = stopped_ns()
        assert end_ns is not None and self._seen.failed_ns is not None, "waited for"
        return (end_ns - self._seen.failed_ns) / MILLISECOND

    def _wait(self, condition: Callable[[], bool], timeout_s: float, failure: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                words = last_words(self._shuttle.launch, "safety_monitor")
                raise WatchdogBenchError(
                    f"{failure} in {timeout_s:g} s; the monitor said:\n{words}"
                )
            self._shuttle.drive(POLL_S, self._hear)

    def _hear(self, message: RawMessage) -> None:
        if message.topic == "/scan":
            self._last_ns["/scan"] = message.published_ns
        elif message.topic == "/odom":
            self._last_ns["/odom"] = message.published_ns
            self._on_odometry(message)
        elif message.topic == "/mission/status":
            values = {pair.key: pair.value for pair in message.decode().values}
            self._seen.far = float(values["distance_m"]) > FAR_FROM_GOAL_M
        else:
            self._on_command(message)

    def _on_odometry(self, message: RawMessage) -> None:
        if not self._failed_before(message) or self._seen.first_still_ns is not None:
            return
        twist = message.decode().twist.twist
        if abs(twist.linear.x) < STILL[0] and abs(twist.angular.z) < STILL[1]:
            self._seen.first_still_ns = message.published_ns

    def _on_command(self, message: RawMessage) -> None:
        velocity = message.decode().twist
        vx, wz = velocity.linear.x, velocity.angular.z
        moving = abs(vx) >= MOVING_MPS
        self._seen.moving = self._seen.moving + 1 if moving else 0
        stopped = vx == 0.0 and wz == 0.0
        if self._seen.first_zero_ns is None and self._failed_before(message) and stopped:
            self._seen.first_zero_ns = message.published_ns

    def _failed_before(self, message: RawMessage) -> bool:
        failed_ns = self._seen.failed_ns
        return failed_ns is not None and message.published_ns >= failed_ns


def bench_watchdog(
    trials: int,
    cases: Sequence[Case] = CASES,
    world: str = "field",
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Run `trials` of each case in a world that ships.

    Returns:
        world, trials and cases: by name p50_ms, p99_ms, max_ms, trials, limit_ms, within, all_ms;
        `skipped` with the reason for a failure that this system does not permit, `failed` with
        that of a case that could not go on.

    Raises:
        ShuttleError: the robot does not drive at all.
    """
    results: dict[str, Any] = {}
    nodes = [case for case in cases if not case.stream]
    streams = [case for case in cases if case.stream]
    if nodes:
        with driving(world, TOPICS, {}) as shuttle:
            results.update(_run_cases(Trials(shuttle), nodes, trials, progress))
    if streams:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "silences.yaml"
            file.write_text(yaml.safe_dump(silences([case.stream for case in streams])))
            with driving(world, TOPICS, {"faults": str(file)}) as shuttle:
                results.update(_run_cases(Trials(shuttle), streams, trials, progress))
    ordered = {case.name: results[case.name] for case in cases}
    return {
        "world": world,
        "trials": trials,
        "within": all(figures.get("within", True) for figures in ordered.values()),
        "cases": ordered,
    }


def silences(streams: Sequence[str]) -> list[dict[str, Any]]:
    """Faults that silence each stream in turn, again and again."""
    apart_s = SILENCE_PERIOD_S / max(1, len(streams))
    return [
        {
            "kind": "silence",
            "target": stream,
            "at_s": FIRST_SILENCE_S + number * apart_s,
            "duration_s": SILENCE_S,
            "repeat_s": SILENCE_PERIOD_S,
        }
        for number, stream in enumerate(streams)
    ]


def _run_cases(
    driver: Trials, cases: Sequence[Case], trials: int, progress: Progress
) -> dict[str, Any]:
    return {case.name: _run_case(driver, case, trials, progress) for case in cases}


def _run_case(driver: Trials, case: Case, trials: int, progress: Progress) -> dict[str, Any]:
    """The trials of one case; one that cannot go on keeps what it has and says why."""
    times: list[float] = []
    try:
        for number in range(trials):
            times.append(driver.run(case))
            progress(f"{case.name} {number + 1}/{trials}: {times[-1]:.1f} ms")
    except HoldError as error:
        progress(f"{case.name}: skipped, {error}")
        return {"trials": 0, "skipped": str(error)}
    except WatchdogBenchError as error:
        progress(f"{case.name}: {error}")
        figures = figures_of(times, case.limit_ms) if times else {"trials": 0}
        return {**figures, "within": False, "failed": str(error)}
    return figures_of(times, case.limit_ms)


def figures_of(times_ms: Sequence[float], limit_ms: float) -> dict[str, Any]:
    """The figures of one case."""
    p99 = float(np.percentile(times_ms, 99))
    return {
        "p50_ms": round(statistics.median(times_ms), 2),
        "p99_ms": round(p99, 2),
        "max_ms": round(max(times_ms), 2),
        "trials": len(times_ms),
        "limit_ms": limit_ms,
        "within": p99 <= limit_ms,
        "all_ms": [round(value, 2) for value in times_ms],
    }
