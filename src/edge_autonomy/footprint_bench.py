"""What the stack costs a machine while it drives: `edge-autonomy bench footprint`.

Counted are the nodes of the launch but for the simulator, which stands for the robot.
"""

from __future__ import annotations

import time
from typing import Any

import psutil

from edge_autonomy.shuttle import driving

NOT_OURS = frozenset({"world_sim"})
MEGABYTE = 1 << 20


def bench_footprint(
    duration_s: float, world: str, arguments: dict[str, str] | None = None
) -> dict[str, Any]:
    """Drive to and fro for a while; CPU time and memory of every node's process.

    Returns:
        cpu_percent_of_core and rss_mb (and pss_mb, which counts shared pages once) of the stack,
        and of each process by node name; the simulator's beside them, not in the sums.

    Raises:
        ShuttleError: the robot does not drive.
    """
    with driving(world, frozenset({"/decision/status"}), arguments or {}) as shuttle:
        processes = {node: psutil.Process(pid) for node, pid in shuttle.launch.pids.items()}
        before = {node: _cpu_s(process) for node, process in processes.items()}
        decisions = 0

        def count(_: object) -> None:
            nonlocal decisions
            decisions += 1

        started = time.monotonic()
        shuttle.drive(duration_s, count)
        elapsed_s = time.monotonic() - started
        measured = {
            node: {
                "pid": process.pid,
                "cpu_percent_of_core": round(100 * (_cpu_s(process) - before[node]) / elapsed_s, 2),
                **_memory(process),
            }
            for node, process in processes.items()
        }
    ours = [figures for node, figures in measured.items() if node not in NOT_OURS]
    return {
        "world": world,
        "duration_s": round(elapsed_s, 2),
        "decisions_per_s": round(decisions / elapsed_s, 2),
        **{
            name: round(sum(figures[name] for figures in ours), 2)
            for name in ("cpu_percent_of_core", "rss_mb", "pss_mb")
        },
        "processes": {node: f for node, f in measured.items() if node not in NOT_OURS},
        "beside": {node: f for node, f in measured.items() if node in NOT_OURS},
    }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _memory(process: psutil.Process) -> dict[str, float]:
    memory = process.memory_full_info()
    return {
        "rss_mb": round(memory.rss / MEGABYTE, 1),
        "pss_mb": round(memory.pss / MEGABYTE, 1),
        "uss_mb": round(memory.uss / MEGABYTE, 1),
    }
