"""Worker processes that play runs, each within its limits.

A worker stays warm from run to run. One that crashes, hangs, is too slow or takes too much memory
is ended and replaced, its run is lost with that reason, and the others go on.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import psutil

from scenario_eval.results import ErrorKind, RunResult, RunTiming
from scenario_eval.runner.job import JobSettings, lost
from scenario_eval.scenarios.loading import RunPlan

PLAY = "scenario_eval.runner.job:play_job"
POLL_S = 0.05
Report = Callable[[RunPlan, RunResult, RunTiming], None]


@dataclass(frozen=True)
class Limits:
    """What one run may take: wall seconds, seconds without progress, and memory.

    hang_s covers building the world and, in a fresh installation, compiling; a worker's start
    counts for no run.
    """

    wall_s: float = 300.0
    hang_s: float = 90.0
    memory_mb: float = 2048.0


def run_pool(
    plans: Sequence[RunPlan],
    settings: JobSettings,
    workers: int,
    limits: Limits,
    report: Report,
    play: str = PLAY,
) -> None:
    """Play every plan; `report` hears of each as it ends, in no certain order.

    Args:
        plans: the runs.
        settings: common to all.
        workers: processes, at least one.
        limits: of each run.
        report: called in this process.
        play: module:function that a worker calls, with the signature of `play_job`.
    """
    waiting = deque(plans)
    pool = [_Worker(number, settings, play) for number in range(min(workers, len(plans)))]
    try:
        while waiting or any(worker.plan for worker in pool):
            for worker in pool:
                if worker.plan is None and waiting:
                    worker.give(waiting.popleft())
            wait([worker.connection for worker in pool if worker.plan], POLL_S)
            for worker in pool:
                ended = worker.look(limits)
                if ended is not None:
                    report(*ended)
    finally:
        for worker in pool:
            worker.close()


class _Worker:
    """One child process and the run it has."""

    def __init__(self, number: int, settings: JobSettings, play: str) -> None:
        self.plan: RunPlan | None = None
        self._number = number
        self._settings = settings
        self._play = play
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._beat = context.Value("d", 0.0, lock=False)
        arguments = (theirs, self._beat, self._number, self._settings, self._play)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        with _single_threaded():
            self._process.start()
        theirs.close()
        self._ready = False
        self._memory = psutil.Process(self._process.pid)

    def give(self, plan: RunPlan) -> None:
        """Let the worker play a run."""
        self.plan = plan
        self._start_clocks()
        self._beat.value, self._peak_mb = 0.0, 0.0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(plan)

    def _start_clocks(self) -> None:
        self._began = self._beaten = time.monotonic()
        self._last_beat = -1.0

    def look(self, limits: Limits) -> tuple[RunPlan, RunResult, RunTiming] | None:
        """How the run ended, None while it goes on."""
        if self.plan is None:
            return None
        plan = self.plan
        try:
            if self.connection.poll():
                received = self.connection.recv()
                if received is None:
                    self._ready = True
                    self._start_clocks()
                    return None
                result, timing = received
                self.plan = None
                return plan, result, timing.model_copy(update={"peak_rss_mb": self._peak()})
        except (EOFError, ConnectionResetError):
            return self._replace(ErrorKind.CRASH, self._cause_of_death())
        if not self._process.is_alive() and not self.connection.poll():
            return self._replace(ErrorKind.CRASH, self._cause_of_death())
        broken = self._broken_limit(limits) if self._ready else None
        return self._replace(*broken) if broken else None

    def _broken_limit(self, limits: Limits) -> tuple[ErrorKind, str] | None:
        now = time.monotonic()
        if self._beat.value != self._last_beat:
            self._last_beat, self._beaten = self._beat.value, now
        if self._peak() > limits.memory_mb:
            return ErrorKind.MEMORY, f"took more than {limits.memory_mb:g} MB"
        if now - self._beaten > limits.hang_s:
            return ErrorKind.HANG, f"simulated time stood still for {limits.hang_s:g} s"
        if now - self._began > limits.wall_s:
            return ErrorKind.TIMEOUT, f"not over after {limits.wall_s:g} s"
        return None

    def _peak(self) -> float:
        with contextlib.suppress(psutil.Error):
            self._peak_mb = max(self._peak_mb, self._memory.memory_info().rss / 2**20)
        return round(self._peak_mb, 1)

    def _cause_of_death(self) -> str:
        self._process.join(5.0)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"the process died of {signal.Signals(-code).name}"
        return f"the process ended with status {code}"

    def _replace(self, kind: ErrorKind, message: str) -> tuple[RunPlan, RunResult, RunTiming]:
        plan = self.plan
        assert plan is not None, "only a run that was given can be lost"
        wall_s = round(time.monotonic() - self._began, 4)
        timing = RunTiming(
            run=plan.run, worker=self._number, wall_s=wall_s, cpu_s=0.0, peak_rss_mb=self._peak_mb
        )
        self.close()
        self.plan = None
        self._start()
        return plan, lost(plan, kind, message), timing

    def close(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


def _serve(
    connection: Connection, beat: Any, number: int, settings: JobSettings, play: str
) -> None:
    """A worker's life: say that it is ready, take a plan, play it, send what came of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, _, function = play.partition(":")
    job = getattr(importlib.import_module(module), function)

    def hear(simulated_s: float) -> None:
        beat.value = simulated_s

    connection.send(None)
    while True:
        try:
            plan = connection.recv()
        except EOFError:
            return
        connection.send(job(plan, settings, number, hear))


@contextlib.contextmanager
def _single_threaded() -> Any:
    """Let a child start with one thread per library: there is one worker per core."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
