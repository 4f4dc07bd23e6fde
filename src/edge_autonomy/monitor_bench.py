"""How long a cycle of the monitor takes, between obstacles as near as they get."""

from __future__ import annotations

import gc
import math
import time

import numpy as np
from numpy.typing import NDArray

from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import SafetyMonitor
from safety_monitor.rehearsal import rehearse

_PERIOD_NS = 20_000_000
_POSTS = np.array(
    [(0.25 * k - 1.0, side * (0.36 + 0.08 * (k % 3))) for k in range(24) for side in (-1, 1)]
)
_RADIUS = 0.075


def measure(cycles: int) -> dict[str, float]:
    """Figures in milliseconds, for 720 beams and for two scanners of 1,440."""
    one = MonitorConfig()
    two = MonitorConfig(scan_sources=("front", "rear"), lidar_pose=(0.05, 0, 0, -0.05, 0, math.pi))
    rehearse(one)
    first, times = _drive(one, 720, cycles)
    _, double = _drive(two, 1440, cycles)
    return {
        "cycle_ms_p50": round(float(np.percentile(times, 50)), 4),
        "cycle_ms_p99": round(float(np.percentile(times, 99)), 4),
        "first_cycle_ms": round(first, 4),
        "two_scanners_cycle_ms_p50": round(float(np.percentile(double, 50)), 4),
        "two_scanners_cycle_ms_p99": round(float(np.percentile(double, 99)), 4),
        "cycles": cycles,
    }


def _drive(config: MonitorConfig, beams: int, cycles: int) -> tuple[float, NDArray[np.float64]]:
    """Drive up and down between posts; returns the first cycle's time and all others', ms."""
    monitor = SafetyMonitor(config)
    rng = np.random.default_rng(0)
    angles = np.linspace(-2.35619, 2.35619, beams)
    now, x, v, w = 10**9, 0.0, 0.0, 0.0
    times = []
    gc.collect()
    gc.freeze()
    for _ in range(cycles + 1):
        now += _PERIOD_NS
        forth = (x % 8.0) < 4.0
        scans = [
            _scan(angles, pose, x % 4.0, rng) for pose in np.reshape(config.lidar_pose, (-1, 3))
        ]
        started = time.perf_counter()
        monitor.on_odometry(now, v, w, now)
        monitor.on_imu(now, w, now)
        for source, ranges in zip(config.scan_sources, scans, strict=True):
            monitor.on_scan(source, now, ranges, angles[0], angles[1] - angles[0], 0.1, 30.0, now)
        monitor.on_command(now, 1.5, 0.4 if forth else -0.4, now)
        output = monitor.step(now)
        times.append(1e3 * (time.perf_counter() - started))
        v, w = output.vx, output.wz
        x += v * _PERIOD_NS * 1e-9
    gc.unfreeze()
    return times[0], np.array(times[1:])


def _scan(
    angles: NDArray[np.float64], pose: NDArray[np.float64], x: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Ranges to the posts from a robot at `x` on the middle line that looks along it."""
    beams = np.column_stack([np.cos(angles + pose[2]), np.sin(angles + pose[2])])
    centres = _POSTS - (x + pose[0], pose[1])
    along = beams @ centres.T
    under = along**2 - (centres**2).sum(1) + _RADIUS**2
    hit = (under > 0.0) & (along > 0.0)
    ranges = np.where(hit, along - np.sqrt(np.maximum(under, 0.0)), 6.0).min(1)
    noisy: NDArray[np.float32] = (ranges + rng.normal(0.0, 0.001, len(angles))).astype(np.float32)
    return noisy
