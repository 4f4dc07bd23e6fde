"""The runs of a fault matrix as they end, so that an interrupted one can go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from scenario_eval.jobs import run_jobs
from scenario_eval.runner.campaign import software_digest
from scenario_eval.safety_bench.fault_cases import FaultCase
from scenario_eval.safety_bench.fault_run import FaultRun, run_faults

Job = tuple[FaultCase, int]


class FaultJournal:
    """A file with one run a line; those of other software than this are not looked at."""

    def __init__(self, file: Path, digest: str | None = None) -> None:
        """Open a journal that may exist; digest: of the software, None for what runs now."""
        self._file = file
        self._digest = digest or software_digest()

    def add(self, run: FaultRun) -> None:
        """Write a run at the end.

        Raises:
            OSError: the file cannot be written.
        """
        entry = {"software": self._digest, **asdict(run)}
        with self._file.open("a", encoding="utf-8") as file:
            # On a line of its own, also after one that was cut off.
            file.write(f"\n{json.dumps(entry)}\n")

    def runs(self, jobs: Iterable[Job]) -> dict[Job, FaultRun]:
        """Those of some jobs that are in the journal.

        Raises:
            OSError: the file is there and cannot be read.
        """
        if not self._file.exists():
            return {}
        lines = self._file.read_text(encoding="utf-8").splitlines()
        found = [run for run in map(self._read, lines) if run is not None]
        done = {(run.case, run.seed): run for run in found}
        return {job: done[job] for job in jobs if job in done}

    def _read(self, line: str) -> FaultRun | None:
        """A line's run; None if it is of other software or was cut off as it was written."""
        try:
            entry = json.loads(line)
            if entry.pop("software") != self._digest:
                return None
            case = entry.pop("case")
            entries = tuple((kind, target) for kind, target in case["entries"])
            return FaultRun(case=FaultCase(case["name"], entries), **entry)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


def play(
    jobs: Sequence[Job], workers: int, journal: Path | None, report: Callable[[FaultRun], None]
) -> list[FaultRun]:
    """The runs of all jobs, in their order; those that a journal has are not played again.

    Args:
        jobs: cases with their seeds.
        workers: processes.
        journal: read first and written as runs end; None for none.
        report: hears of each run as it ends, those of the journal first.

    Raises:
        OSError: the journal cannot be read or written.
    """
    kept = None if journal is None else FaultJournal(journal)
    done = {} if kept is None else kept.runs(jobs)
    for run in done.values():
        report(run)

    def ended(run: FaultRun) -> None:
        done[run.case, run.seed] = run
        if kept is not None:
            kept.add(run)
        report(run)

    run_jobs(run_faults, [job for job in jobs if job not in done], workers, ended)
    return [done[job] for job in jobs]
