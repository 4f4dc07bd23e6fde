"""Generated messages: the same again, outrageous enough, and never a bad command."""

from __future__ import annotations

import json
import math

import numpy as np

from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import SafetyMonitor
from scenario_eval.safety_bench.containment import within_limits
from scenario_eval.safety_bench.fuzz import figures, plan_fuzz, run_fuzz
from scenario_eval.safety_bench.fuzz_cores import fuzz_core
from scenario_eval.safety_bench.fuzz_monitor import fuzz_monitor
from scenario_eval.safety_bench.fuzz_values import Values


def test_quiet_values_are_healthy_and_wild_ones_are_anything() -> None:
    values = Values(np.random.default_rng(0))
    assert all(abs(values.number(2.0)) <= 2.0 for _ in range(100))
    assert values.stamp(7) == 7
    values.wildness = 1.0
    drawn = [values.number(2.0) for _ in range(500)]
    assert any(math.isnan(value) for value in drawn)
    assert any(math.isinf(value) for value in drawn)
    assert any(value < -1e100 for value in drawn)
    assert {len(values.ranges(180)) for _ in range(100)} >= {0, 1, 20_001}
    assert min(values.stamp(7) for _ in range(100)) < 0


def test_no_message_brings_a_bad_command_or_an_exception_out_of_the_monitor() -> None:
    counts = [fuzz_monitor(10_000, seed) for seed in (0, 1)]
    for count in counts:
        assert count.messages >= 10_000
        assert (count.bad_commands, count.exceptions) == (0, 0), count.examples
        assert set(count.states) == {"nominal", "degraded", "safe_stop", "emergency_stop"}
        # What never moves would prove nothing about commands.
        assert count.moving > 30


def test_the_fuzzer_sees_a_monitor_that_passes_anything(monkeypatch) -> None:
    monkeypatch.setattr(SafetyMonitor, "_tier", lambda self, *wish: 1e6)
    monkeypatch.setattr("safety_monitor.envelope.MotionEnvelope.evaluate", _free)
    assert fuzz_monitor(1500, 0).bad_commands > 0


def _free(self, *args: object):
    from safety_monitor.envelope import Verdict

    return Verdict(1.0, math.inf)


def test_limits_refuse_what_a_base_must_not_get() -> None:
    config = MonitorConfig()
    assert within_limits(config, 2.0, -4.0)
    assert not within_limits(config, math.nan, 0.0)
    assert not within_limits(config, 2.1, 0.0)
    assert not within_limits(config, 0.0, 4.1)


def test_no_message_brings_mission_or_perception_down() -> None:
    for name, messages in (("mission", 1500), ("perception", 150)):
        count = fuzz_core(name, messages, 1)
        assert (count.bad_commands, count.exceptions) == (0, 0), count.examples
        assert count.cycles > messages / 4


def test_odometry_that_cannot_be_brings_no_driver_over_the_limits() -> None:
    """The planner ramps its commands from the measured velocity, be it 1e6 rad/s."""
    count = fuzz_core("decision", 90, 3)
    assert (count.bad_commands, count.exceptions) == (0, 0), count.examples
    assert count.moving > 10


def test_a_plan_is_made_of_jobs_with_their_own_seeds() -> None:
    jobs = plan_fuzz(60_000, 2)
    monitor = [job for job in jobs if job[0] == "safety_monitor"]
    assert sum(messages for _, messages, _ in monitor) == 60_000
    assert len({seed for _, _, seed in monitor}) == len(monitor)
    found = figures([run_fuzz(("mission", 40, 3)), run_fuzz(("mission", 40, 3))], 1.0)
    assert found["messages"] == 80
    assert found["cores"]["mission"]["messages"] == 80
    states = json.loads(json.dumps(found))["cores"]["mission"]["states"]
    assert sum(states.values()) == found["cores"]["mission"]["cycles"]
