"""Everything compiled before it counts."""

from __future__ import annotations

import numpy as np

from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import SafetyMonitor

_CYCLE_NS = 20_000_000
# Slow and fast, turning and backing: together they look at everything that a cycle can look at.
_WISHES = ((0.1, 0.1), (1.0, 0.0), (0.7, -1.0), (0.0, 1.0), (-0.5, 0.5))
_CYCLES_EACH = 10


def rehearse(config: MonitorConfig) -> None:
    """Drive a monitor of its own through nominal cycles, so that no later one has to compile."""
    monitor = SafetyMonitor(config)
    rng = np.random.default_rng(0)
    now, moving = 10**9, (0.0, 0.0)
    calm = round(config.recovery_time * 1e9 / _CYCLE_NS) + 5
    wishes = [*[_WISHES[0]] * calm, *(w for w in _WISHES for _ in range(_CYCLES_EACH))]
    for number, wish in enumerate(wishes):
        # The last cycle comes after a gap of odometry.
        now += _CYCLE_NS if number + 1 < len(wishes) else 5 * _CYCLE_NS
        monitor.on_odometry(now, *moving, now)
        monitor.on_imu(now, moving[1], now)
        for source in config.scan_sources:
            ranges = rng.normal(3.0, 0.001, 90).astype(np.float32)
            ranges[0] = np.nan
            monitor.on_scan(source, now, ranges, (-2.0, 0.05, 0.1, 30.0), now)
        monitor.on_command(now, *wish, now)
        output = monitor.step(now, now)
        moving = output.vx, output.wz
