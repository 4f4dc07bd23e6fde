"""A run log that is made up, for what is computed and drawn from one."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from autonomy_interfaces.messages import MILLISECOND, SECOND
from edge_autonomy.demo.run_log import (
    Clearance,
    Mission,
    Motion,
    RunLog,
    Safety,
    Tick,
    Velocity,
)

START_NS = 5 * SECOND


def straight_run(
    duration_s: float = 10.0, speed_mps: float = 1.5, outcome: str = "reached"
) -> RunLog:
    """Along +x from (-5, 0); slowed from 4 to 5 s, under the fallback from 6 to 7 s."""
    log = RunLog()
    log.missions.append(Mission(0, "idle", "no goal yet", math.nan))
    length_m = duration_s * speed_mps
    log.missions.append(Mission(START_NS, "active", "goal accepted", length_m))
    for tick in range(round(duration_s * 50) + 1):
        at_s = tick / 50
        stamp_ns = START_NS + tick * 20 * MILLISECOND
        x = -5.0 + at_s * speed_mps
        log.motions.append(Motion(stamp_ns, x, 0.0, 0.0, speed_mps, 0.0))
        log.wishes.append(Velocity(stamp_ns, speed_mps + 0.3, 0.0))
        log.commands.append(Velocity(stamp_ns, speed_mps, 0.0))
        if tick % 5 == 0:
            log.clearances.append(Clearance(stamp_ns, 0.6 + 0.3 * math.sin(at_s)))
            slowed = 4.0 <= at_s < 5.0
            intervention = "slowed" if slowed else "none"
            cause = "obstacle ahead" if slowed else ""
            log.safety.append(Safety(stamp_ns, "nominal", cause, 1.0, intervention))
            driver = "fallback" if 6.0 <= at_s < 7.0 else "policy"
            log.ticks.append(Tick(stamp_ns, driver, "late" if driver == "fallback" else ""))
            left_m = length_m - at_s * speed_mps
            log.missions.append(Mission(stamp_ns, "active", "goal accepted", left_m))
        log.seen.add((math.floor(x / 0.05), 30))
    end_ns = START_NS + round(duration_s * SECOND)
    log.missions.append(Mission(end_ns, outcome, f"it is {outcome}", 0.3))
    return log


@pytest.fixture
def make_run() -> Callable[..., RunLog]:
    """`straight_run`, for tests that choose its arguments."""
    return straight_run


@pytest.fixture
def run_log() -> RunLog:
    """A run that went well."""
    return straight_run()
