"""After the rehearsal nothing is left to compile: shown in a process of its own."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import itertools

import numpy as np

from safety_monitor import kernels, memory
from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import SafetyMonitor
from safety_monitor.rehearsal import rehearse

def compiled():
    found = {}
    for module in (kernels, memory):
        for name, value in vars(module).items():
            if hasattr(value, "signatures"):
                found[name] = len(value.signatures)
    return found

rehearse(MonitorConfig())
before = compiled()
monitor = SafetyMonitor(MonitorConfig())
rng = np.random.default_rng(0)
now, moving = 10**10, (0.0, 0.0)
wishes = [(0.0, 0.0), (1.0, 0.0), (2.0, 0.5), (0.7, -1.0), (0.0, 3.0), (-0.5, 0.5), (-2.0, 0.0)]
for distance, wish in itertools.product((0.4, 2.0, np.inf), wishes):
    for _ in range(30):
        now += 20_000_000
        ranges = (distance + rng.normal(0.0, 0.001, 720)).astype(np.float32)
        monitor.on_odometry(now, *moving, now)
        monitor.on_imu(now, moving[1], now)
        monitor.on_scan("scan", now, ranges, (-2.35619, 4.71238 / 719, 0.1, 30.0), now)
        monitor.on_command(now, *wish, now)
        output = monitor.step(now, now)
        moving = (output.vx, output.wz)
late = {name for name, count in compiled().items() if count != before[name]}
assert not late, f"compiled in a cycle: {late}"
print(f"{sum(before.values())} compiled before")
"""


def test_no_cycle_has_to_compile() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "compiled before" in done.stdout
