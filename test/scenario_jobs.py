"""Jobs that end as the scenario's name says, for tests of what isolates them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from scenario_eval.results import ErrorKind, Outcome, RunResult, RunTiming, Verdict
from scenario_eval.runner.job import Beat, JobSettings, lost
from scenario_eval.scenarios.loading import RunPlan


def play(
    plan: RunPlan, settings: JobSettings, worker: int, beat: Beat
) -> tuple[RunResult, RunTiming]:
    """End well, or as the name of the scenario says."""
    name = Path(plan.file).stem
    if name.startswith("segfault"):
        os.kill(os.getpid(), signal.SIGSEGV)
    elif name.startswith("exit"):
        os._exit(3)
    elif name.startswith("hang"):
        while True:
            time.sleep(0.05)
    elif name.startswith("slow"):
        for tick in range(10_000):
            beat(float(tick))
            time.sleep(0.01)
    elif name.startswith("memory"):
        hoard = []
        for tick in range(10_000):
            hoard.append(bytearray(os.urandom(1 << 16)) * 512)
            beat(float(tick))
    played = settings.out / "played"
    with played.open("a") as file:
        file.write(plan.run + "\n")
    result = lost(plan, ErrorKind.EXCEPTION, "").model_copy(
        update={"verdict": Verdict.PASSED, "outcome": Outcome.REACHED, "error": None}
    )
    timing = RunTiming(run=plan.run, worker=worker, wall_s=0.1, cpu_s=0.1, peak_rss_mb=0.0)
    return result, timing
