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
# An avenue of posts that repeats every _PERIOD metres, just wide enough for the robot.
_POSTS = np.array(
    [(0.25 * k - 2.0, side * (0.41 + 0.08 * (k % 3))) for k in range(36) for side in (-1, 1)]
)
_PERIOD, _RADIUS, _FAR = 0.75, 0.075, 6.0
_WISHED_SPEED, _SWAY = 1.5, 0.2


def measure(cycles: int) -> dict[str, float]:
    """Figures in milliseconds, for 720 beams and for two scanners of 1,440."""
    one = MonitorConfig()
    two = MonitorConfig(scan_sources=("front", "rear"), lidar_pose=(0.05, 0, 0, -0.05, 0, math.pi))
    rehearse(one)
    first, figures = _drive(one, 720, cycles)
    _, double = _drive(two, 1440, cycles)
    figures |= {f"two_scanners_{name}": value for name, value in double.items()}
    return {"first_cycle_ms": round(first, 4), **figures, "cycles": cycles}


def _drive(config: MonitorConfig, beams: int, cycles: int) -> tuple[float, dict[str, float]]:
    """Drive along the avenue; returns the first cycle's time, ms, and figures of the others.

    cycle: from what arrives to the velocity. remember: what is done once that is out.
    """
    monitor = SafetyMonitor(config)
    rng = np.random.default_rng(0)
    angles = np.linspace(-2.35619, 2.35619, beams)
    layout = float(angles[0]), float(angles[1] - angles[0]), 0.1, 30.0
    now, x, y, yaw, v, w = 10**9, 0.0, 0.0, 0.0, 0.0, 0.0
    times, cpu, after, slowed, way = [], [], [], 0, 0.0
    gc.collect()
    gc.freeze()
    for _ in range(cycles + 1):
        now += _PERIOD_NS
        mounts = np.reshape(config.lidar_pose, (-1, 3))
        scans = [_scan(angles, mount, (x % _PERIOD, y, yaw), rng) for mount in mounts]
        wish = _WISHED_SPEED, -4.0 * y - 2.0 * yaw + _SWAY * math.sin(2.0 * x)
        started, started_cpu = time.perf_counter(), time.thread_time()
        monitor.on_odometry(now, v, w, now)
        monitor.on_imu(now, w, now)
        for source, ranges in zip(config.scan_sources, scans, strict=True):
            monitor.on_scan(source, now, ranges, layout, now)
        monitor.on_command(now, *wish, now)
        output = monitor.step(now)
        cpu.append(1e3 * (time.thread_time() - started_cpu))
        times.append(1e3 * (time.perf_counter() - started))
        started = time.perf_counter()
        monitor.remember()
        after.append(1e3 * (time.perf_counter() - started))
        slowed += output.intervention != "none"
        v, w, seconds = output.vx, output.wz, _PERIOD_NS * 1e-9
        x += v * seconds * math.cos(yaw)
        y += v * seconds * math.sin(yaw)
        yaw += w * seconds
        way += abs(v) * seconds
    gc.unfreeze()
    figures = {"slowed_share": round(slowed / (cycles + 1), 3), "way_m": round(way, 2)}
    for name, values in (("cycle_ms", times), ("cycle_cpu_ms", cpu), ("remember_ms", after)):
        for percent in (50, 99):
            figures[f"{name}_p{percent}"] = round(float(np.percentile(values[1:], percent)), 4)
    return times[0], figures


def _scan(
    angles: NDArray[np.float64],
    mount: NDArray[np.float64],
    pose: tuple[float, float, float],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Ranges to the posts of a scanner that is mounted so on a robot at that pose."""
    c, s = math.cos(pose[2]), math.sin(pose[2])
    heading = angles + mount[2] + pose[2]
    beams = np.column_stack([np.cos(heading), np.sin(heading)])
    at = pose[0] + c * mount[0] - s * mount[1], pose[1] + s * mount[0] + c * mount[1]
    centres = _POSTS - at
    along = beams @ centres.T
    under = along**2 - (centres**2).sum(1) + _RADIUS**2
    hit = (under > 0.0) & (along > 0.0)
    ranges = np.where(hit, along - np.sqrt(np.maximum(under, 0.0)), _FAR).min(1)
    noisy: NDArray[np.float32] = (ranges + rng.normal(0.0, 0.001, len(angles))).astype(np.float32)
    return noisy
