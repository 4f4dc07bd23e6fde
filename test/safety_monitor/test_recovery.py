from __future__ import annotations

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import _advance
from safety_monitor.monitor import MonitorOutput, SafetyMonitor

TICK = 20_000_000
STEP = 4.71238 / 719


class Drive:
    """A monitor on a robot that does what it is told, in the open."""

    def __init__(self) -> None:
        self.monitor = SafetyMonitor(MonitorConfig())
        self.rng = np.random.default_rng(0)
        self.now = 10_000_000_000
        self.steady = 0
        self.moving = (0.0, 0.0)
        self.pose = (0.0, 0.0, 0.0)

    def tick(self, wish: tuple[float, float], clock_jump_ns: int = 0) -> MonitorOutput:
        self.now += TICK + clock_jump_ns
        self.steady += TICK
        now = self.now
        ranges = (5.0 + self.rng.normal(0.0, 0.001, 720)).astype(np.float32)
        self.monitor.on_odometry(now, *self.moving, now)
        self.monitor.on_imu(now, self.moving[1], now)
        self.monitor.on_scan("scan", now, ranges, -2.35619, STEP, 0.1, 30.0, now)
        self.monitor.on_command(now, *wish, now)
        output = self.monitor.step(now, self.steady)
        self.moving = (output.vx, output.wz)
        self.pose = _advance(self.pose, *self.moving, 0.02)
        return output


@pytest.mark.parametrize("wish", [(1.0, 0.0), (0.4, 0.0)])
def test_drives_straight_on_after_a_jump_of_the_clock_wiped_its_memory(
    wish: tuple[float, float],
) -> None:
    drive = Drive()
    for _ in range(50):
        drive.tick(wish)
    drive.tick(wish, clock_jump_ns=9_000_000_000)
    before = drive.pose
    outputs = [drive.tick(wish) for _ in range(500)]
    assert outputs[0].vx == 0.0, "a jump stops the robot first"
    assert outputs[-1].state == "nominal"
    assert outputs[-1].scale == 1.0
    assert np.hypot(drive.pose[0] - before[0], drive.pose[1] - before[1]) > 0.5


@pytest.mark.parametrize("wish", [(0.0, 1.0), (0.7, -1.0)])
def test_a_robot_that_has_not_moved_may_turn_after_a_jump_of_the_clock(
    wish: tuple[float, float],
) -> None:
    drive = Drive()
    for _ in range(20):
        drive.tick((0.0, 0.0))
    drive.tick((0.0, 0.0), clock_jump_ns=9_000_000_000)
    outputs = [drive.tick(wish) for _ in range(100)]
    assert outputs[-1].state == "nominal"
    assert outputs[-1].scale == 1.0
