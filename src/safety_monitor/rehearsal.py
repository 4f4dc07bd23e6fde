"""Everything compiled before it counts."""

from __future__ import annotations

import numpy as np

from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import SafetyMonitor

_CYCLE_NS = 20_000_000


def rehearse(config: MonitorConfig) -> None:
    """Drive a monitor of its own through nominal cycles, so that no later one has to compile."""
    monitor = SafetyMonitor(config)
    rng = np.random.default_rng(0)
    now = 10**9
    for _ in range(round(config.recovery_time / 0.02) + 5):
        now += _CYCLE_NS
        monitor.on_odometry(now, 0.0, 0.0, now)
        monitor.on_imu(now, 0.0, now)
        for source in config.scan_sources:
            ranges = rng.normal(1.0, 0.001, 90).astype(np.float32)
            ranges[0] = np.nan
            monitor.on_scan(source, now, ranges, -2.0, 0.05, 0.1, 30.0, now)
        monitor.on_command(now, 0.1, 0.1, now)
        monitor.step(now, now)
