"""Plays a campaign's runs on a Ray cluster.

Every task plays a few runs in a worker process of its own, under the same limits as on one
machine, and brings results and traces back as bytes. A node that dies takes nothing along: Ray
plays its tasks again elsewhere. Every node needs this software and the scenario files at the same
paths.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenario_eval.results import RunResult, RunTiming
from scenario_eval.runner.job import JobSettings
from scenario_eval.runner.pool import PLAY, Limits, Report, run_pool
from scenario_eval.scenarios.loading import RunPlan

RUNS_PER_TASK = 4
"""Enough that starting a worker does not matter, few enough that little is played again."""

RETRIES = 10


class ClusterError(RuntimeError):
    """The cluster cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Played:
    """What a task brings back of one run; trace: the file's bytes, None where there is none."""

    run: str
    result: RunResult
    timing: RunTiming
    trace: bytes | None


def play_some(plans: Sequence[RunPlan], limits: Limits, play: str) -> list[Played]:
    """Play runs one after the other, isolated; what a task does on its node."""
    played: list[Played] = []
    with tempfile.TemporaryDirectory(prefix="edge_autonomy_") as folder:
        out = Path(folder)

        def ended(plan: RunPlan, result: RunResult, timing: RunTiming) -> None:
            trace = (out / result.trace).read_bytes() if result.trace else None
            played.append(Played(plan.run, result, timing, trace))

        run_pool(plans, JobSettings(out), 1, limits, ended, play)
    return played


@dataclass(frozen=True)
class RayBackend:
    """A backend of `run_campaign`. address: of the cluster, as `ray start --head` prints it."""

    address: str
    limits: Limits
    play: str = PLAY

    def __call__(self, plans: Sequence[RunPlan], settings: JobSettings, report: Report) -> None:
        """Play every plan and report each as it ends.

        Raises:
            ClusterError: Ray is not installed, or no cluster answers at the address.
        """
        ray = _connected(self.address)
        by_name = {plan.run: plan for plan in plans}
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(play_some)
        chunks = [plans[i : i + RUNS_PER_TASK] for i in range(0, len(plans), RUNS_PER_TASK)]
        waiting = [task.remote(list(chunk), self.limits, self.play) for chunk in chunks]
        while waiting:
            ready, waiting = ray.wait(waiting, num_returns=1)
            for played in _fetched(ray, ready[0]):
                if played.trace is not None:
                    (settings.out / played.result.trace).write_bytes(played.trace)
                report(by_name[played.run], played.result, played.timing)


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError as error:
        raise ClusterError("Ray is not installed; pip install 'edge_autonomy[ray]'") from error
    if not ray.is_initialized():
        _check_that_somebody_listens(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ClusterError(
                f"no Ray cluster at {address}: {error}; start one with 'ray start --head'"
            ) from error
    return ray


def _check_that_somebody_listens(address: str) -> None:
    """Ray itself would wait for minutes, and then end the process."""
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal() or "://" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster at {address}: {error}; start one with 'ray start --head'"
        ) from error


def _fetched(ray: Any, reference: Any) -> list[Played]:
    try:
        played: list[Played] = ray.get(reference)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ClusterError(
            f"the cluster lost a task for good: {reason}; run again with --resume"
        ) from error
    return played
