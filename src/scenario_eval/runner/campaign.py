"""A campaign: its runs, played in parallel, resumable, and the files it leaves."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from autonomy_interfaces.share import share_directory
from scenario_eval.results import (
    CAMPAIGN,
    JOURNAL,
    JUNIT,
    RESULTS,
    TIMINGS,
    TRACES,
    ResultsError,
    RunResult,
    RunTiming,
    Summary,
    write_lines,
    write_summary,
)
from scenario_eval.runner.job import JobSettings
from scenario_eval.runner.junit import write_junit
from scenario_eval.runner.pool import PLAY, Limits, Report, run_pool
from scenario_eval.runner.summary import summarise
from scenario_eval.scenarios.loading import RunPlan

FORMAT = 1


class Backend(Protocol):
    """Plays runs somewhere: local processes, a cluster."""

    def __call__(self, plans: Sequence[RunPlan], settings: JobSettings, report: Report) -> None:
        """Play every plan and report each as it ends."""


@dataclass(frozen=True)
class CampaignOptions:
    """How a campaign is run.

    seed: added to every seed. resume: keep the runs that `out` has of this very campaign. play:
    module:function that plays a run. backend: instead of local processes.
    """

    out: Path
    seed: int = 0
    workers: int = 1
    resume: bool = False
    limits: Limits = field(default_factory=Limits)
    play: str = PLAY
    backend: Backend | None = None


@dataclass(frozen=True)
class Campaign:
    """A campaign that has run; results and timings in the order of the plans."""

    results: tuple[RunResult, ...]
    timings: tuple[RunTiming, ...]
    summary: Summary


def run_campaign(
    plans: Sequence[RunPlan],
    options: CampaignOptions,
    report: Callable[[RunResult, RunTiming], None],
) -> Campaign:
    """Play every run and write the files of `scenario_eval.results`.

    Args:
        plans: the runs.
        options: how.
        report: hears of each run as it ends, resumed ones first.

    Raises:
        ResultsError: the directory cannot be written.
    """
    out = options.out
    software = software_digest()
    digests = {plan.run: _digest(plan, software) for plan in plans}
    done = _resumed(out, digests) if options.resume else {}
    _prepare(out, keep=options.resume)
    _write_manifest(out, options.seed, plans, digests)
    for result, timing in done.values():
        report(result, timing)
    with (out / JOURNAL).open("a", encoding="utf-8") as journal:

        def ended(plan: RunPlan, result: RunResult, timing: RunTiming) -> None:
            done[plan.run] = result, timing
            entry = {"digest": digests[plan.run]}
            entry |= {"result": result.model_dump_json(), "timing": timing.model_dump_json()}
            journal.write(json.dumps(entry) + "\n")
            journal.flush()
            report(result, timing)

        waiting = [plan for plan in plans if plan.run not in done]
        if waiting and options.backend is not None:
            options.backend(waiting, JobSettings(out), ended)
        elif waiting:
            settings = JobSettings(out)
            run_pool(waiting, settings, options.workers, options.limits, ended, options.play)
    return _finish(out, plans, done, options.seed)


def _finish(
    out: Path,
    plans: Sequence[RunPlan],
    done: dict[str, tuple[RunResult, RunTiming]],
    seed: int,
) -> Campaign:
    results = tuple(done[plan.run][0] for plan in plans)
    timings = tuple(done[plan.run][1] for plan in plans)
    summary = summarise(results, seed)
    write_lines(out / RESULTS, results)
    write_lines(out / TIMINGS, timings)
    write_summary(out, summary)
    write_junit(out / JUNIT, results, {timing.run: timing.wall_s for timing in timings})
    return Campaign(results, timings, summary)


def _prepare(out: Path, keep: bool) -> None:
    try:
        if not keep:
            for name in (RESULTS, TIMINGS, CAMPAIGN, JUNIT, JOURNAL):
                (out / name).unlink(missing_ok=True)
            shutil.rmtree(out / TRACES, ignore_errors=True)
        (out / TRACES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"{out}: {error.strerror}; give another --out") from error


def _write_manifest(
    out: Path, seed: int, plans: Sequence[RunPlan], digests: dict[str, str]
) -> None:
    runs = [{"run": plan.run, "digest": digests[plan.run]} for plan in plans]
    text = json.dumps({"format": FORMAT, "seed": seed, "runs": runs}, indent=1)
    (out / CAMPAIGN).write_text(text + "\n", encoding="utf-8")


def _resumed(out: Path, digests: dict[str, str]) -> dict[str, tuple[RunResult, RunTiming]]:
    """The runs of an interrupted campaign that are still what would be played now."""
    try:
        lines = (out / JOURNAL).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    found = {}
    for entry in (_entry(line) for line in lines):
        if entry is not None and digests.get(entry[1].run) == entry[0]:
            found[entry[1].run] = entry[1], entry[2]
    return found


def _entry(line: str) -> tuple[str, RunResult, RunTiming] | None:
    """A line of the journal; None if it was cut off as it was written."""
    try:
        entry: dict[str, Any] = json.loads(line)
        result = RunResult.model_validate_json(entry["result"])
        return entry["digest"], result, RunTiming.model_validate_json(entry["timing"])
    except (ValueError, KeyError, ValidationError):
        return None


def _digest(plan: RunPlan, software: str) -> str:
    content = json.dumps([plan.run, plan.file, plan.seed, plan.data, software], default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def software_digest() -> str:
    """Digest of our code, parameters, worlds and policies: what results depend on."""
    import scenario_eval

    source = Path(scenario_eval.__file__).parents[1]
    share = share_directory()
    digest = hashlib.sha256()
    packages = ("autonomy_interfaces", "autonomy_nodes", "autonomy_governance", "safety_monitor")
    folders = [source / name for name in (*packages, "scenario_eval", "world_sim")]
    for folder in (*folders, share / "config", share / "gazebo_worlds", share / "models"):
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(folder)).encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()
