"""Two scanners that do not scan at the same time, nor the same way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import body_of
from safety_monitor.memory import SeenSpace
from safety_monitor.monitor import SafetyMonitor
from safety_monitor.scanner import Scanner

MS = 1_000_000
BEAMS, FIRST = 720, -2.35619
STEP = -2.0 * FIRST / (BEAMS - 1)
CONFIG = MonitorConfig(
    scan_sources=("front", "rear"), lidar_pose=(0.05, 0.0, 0.0, -0.05, 0.0, math.pi)
)


@pytest.mark.parametrize("earlier", [0, 5, 19])
def test_scanners_need_not_be_in_phase(earlier: int) -> None:
    monitor, rng, now = SafetyMonitor(CONFIG), np.random.default_rng(0), 1000 * MS
    states = []
    for _ in range(round(CONFIG.memory_time / 4 / 0.02) + 50):
        now += 20 * MS
        monitor.on_odometry(now, 0.0, 0.0, now)
        monitor.on_imu(now, 0.0, now)
        for source, age in (("front", 0), ("rear", earlier * MS)):
            ranges = (3.0 + rng.normal(0.0, 0.001, BEAMS)).astype(np.float32)
            monitor.on_scan(source, now - age, ranges, (FIRST, STEP, 0.1, 30.0), now)
        monitor.on_command(now, 0.2, 0.0, now)
        states.append(monitor.step(now).state)
    assert set(states[40:]) == {"nominal"}


def free_cells(*sources: str) -> int:
    """So many cells are free after each source has looked around, of which one alone can see."""
    space, now = SeenSpace(CONFIG, body_of(CONFIG)), 0
    scanner = Scanner(CONFIG, "front", (0.05, 0.0, 0.0))
    space.start((0.0, 0.0, 0.0), vouched=False)
    for k in range(16 * len(sources)):
        now += 20 * MS
        sees = sources[k % len(sources)] == "front"
        ranges = np.full(BEAMS, 5.0 if sees else math.nan, np.float32)
        scanner.take(ranges, (FIRST, STEP, 0.1, 30.0), now, now)
        space.remember(sources[k % len(sources)], scanner.scan, (0.0, 0.0, 0.0))
    return int((space._grid > 0).sum())


def test_what_one_scanner_sees_is_remembered_whoever_else_looks() -> None:
    alone = free_cells("front")
    assert alone > 10_000
    assert free_cells("front", "rear") == alone
    assert free_cells("front", "left", "rear", "right") == alone


@pytest.mark.parametrize(
    ("mask", "hidden"),
    [
        ((-1.0, 1.0), [0.0, -0.99, 0.99]),
        ((3.0, -3.0), [math.pi, 3.1, -3.1]),
        ((3.0, 3.5), [math.pi, 3.1, -3.1]),
        ((-3.2, -3.0), [math.pi, -3.1]),
    ],
)
@pytest.mark.parametrize("first", [-math.pi, 0.0])
def test_a_mask_hides_beams_however_their_angles_are_counted(first: float, mask, hidden) -> None:
    config = MonitorConfig(scan_mask=mask)
    scanner = Scanner(config, "scan", config.lidar_pose)
    scanner.take(np.full(720, 3.0, np.float32), (first, math.tau / 720, 0.1, 30.0), MS, MS)
    said_nothing = scanner.scan.free == 0.0
    beams = [round((angle - first) % math.tau / (math.tau / 720)) % 720 for angle in hidden]
    assert said_nothing[beams].all()
    width = (mask[1] - mask[0]) % math.tau
    assert said_nothing.sum() == pytest.approx(720 * width / math.tau, abs=1.5)
