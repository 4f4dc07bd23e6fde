"""What a campaign leaves behind: its files, and the models of what stands in them.

    OUT/campaign.json   which campaign this is: its runs, in order, and what they depend on
    OUT/results.jsonl   one `RunResult` per line, in the order of campaign.json
    OUT/timings.jsonl   one `RunTiming` per line, in the same order: all that a clock measured
    OUT/summary.json    counts, and KPIs of the campaign, its tags and its scenarios (`Summary`)
    OUT/junit.xml       the same runs for a CI server
    OUT/journal.jsonl   the runs as they ended: what a campaign is resumed from
    OUT/traces/*.npz    one trace per run that ended (`scenario_eval.trace`)

results.jsonl, summary.json and the traces depend on scenarios, seeds and software alone: the
same campaign gives the same bytes, on one worker or many. What depends on the machine (wall and
CPU time, latencies) is in timings.jsonl, the journal and junit.xml.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

RESULTS, TIMINGS, SUMMARY = "results.jsonl", "timings.jsonl", "summary.json"
CAMPAIGN, JOURNAL, JUNIT, TRACES = "campaign.json", "journal.jsonl", "junit.xml", "traces"


class ResultsError(ValueError):
    """Results that cannot be read; the message names file, line and remedy."""


class Outcome(str, Enum):
    """How the robot's task ended, expected or not.

    reached: the mission reached all its goals. collided: the robot touched something. unreachable,
    timed_out, cancelled: what the mission said of its last goal. refused: the safety gate denied
    the last goal. emergency_stop: latched at the end. finished: the scenario's time was up and no
    goal was open. time_limit: its time was up while one was.
    """

    REACHED = "reached"
    COLLIDED = "collided"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    EMERGENCY_STOP = "emergency_stop"
    FINISHED = "finished"
    TIME_LIMIT = "time_limit"


class Verdict(str, Enum):
    """passed: every expectation met; failed: one not met; error: the run did not end by itself."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


class ErrorKind(str, Enum):
    """How a run was lost.

    exception: the code under test, or ours, raised. crash: the process died, as of a segmentation
    fault. hang: simulated time stood still too long. timeout: it advanced, too slowly. memory: it
    took more than its limit.
    """

    EXCEPTION = "exception"
    CRASH = "crash"
    HANG = "hang"
    TIMEOUT = "timeout"
    MEMORY = "memory"


class FailureClass(str, Enum):
    """Which part a failure most likely belongs to; rules in `runner.classify`."""

    PERCEPTION = "perception"
    POLICY = "policy"
    PLANNER = "planner"
    MONITOR = "monitor"
    SIMULATOR = "simulator"
    MISSION = "mission"
    SCENARIO = "scenario"


class Record(BaseModel):
    """A line of a results file: immutable, without surplus fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ExpectationResult(Record):
    """One expectation of a scenario and whether it was met.

    kind: outcome, never, always, eventually, within or kpi. text: as the scenario has it. safety:
    whether a breach is one of safety (contact, never, always and within are, unless the scenario
    says otherwise). why: what was seen instead, empty where met. at_s: simulated time of the
    breach.
    """

    kind: str
    text: str
    safety: bool
    met: bool
    why: str = ""
    at_s: float | None = None


class FaultReaction(Record):
    """How the stack reacted to one injected fault; definitions in docs/kpis.md.

    onset_s: simulated time. detected_s, mitigated_s: seconds after the onset, None where it was
    not. by: what showed it first, as "monitor: scan_silent" or "decision: stale_scan".
    """

    kind: str
    target: str
    onset_s: float
    detected_s: float | None
    mitigated_s: float | None
    by: str = ""


class RunError(Record):
    """A run that was lost: how, and what is known of it."""

    kind: ErrorKind
    message: str


class RunResult(Record):
    """One run of one scenario.

    run: unique in the campaign: SCENARIO[:SAMPLE]@SEED; `eval run FILE --run RUN` repeats it.
    scenario: category/name. sample: place in the scenario's sweep. values: what was swept or
    drawn, by its path in the file. category: first part of the scenario's id, as in the taxonomy.
    tier: risk tier, 1 (low) to 3 (harm to people). known_defect: heading in
    docs/known_defects.md that explains an expected failure, or "". kpis: by name, None where
    undefined. trace: path in the results directory, or "". reproduce: shell command.
    """

    run: str
    scenario: str
    file: str
    sample: int
    seed: int
    values: dict[str, Any]
    category: str
    tags: tuple[str, ...]
    tier: int
    policy: str
    driver: str
    verdict: Verdict
    outcome: Outcome | None
    simulated_s: float
    expectations: tuple[ExpectationResult, ...] = ()
    reactions: tuple[FaultReaction, ...] = ()
    kpis: dict[str, float | None] = {}
    failure: FailureClass | None = None
    known_defect: str = ""
    error: RunError | None = None
    trace: str = ""
    reproduce: str = ""

    @property
    def unmet(self) -> tuple[ExpectationResult, ...]:
        """The expectations that were not met."""
        return tuple(e for e in self.expectations if not e.met)

    @property
    def as_expected(self) -> bool:
        """Whether it passed, or failed by a defect that is known."""
        return self.verdict is Verdict.PASSED or (
            self.verdict is Verdict.FAILED and bool(self.known_defect)
        )


class RunTiming(Record):
    """What one run took on the machine that played it.

    layer_ms: wall milliseconds per 50 Hz tick in perception, decision, mission and monitor
    together: p50, p95, p99, mean, max. layer_ms_per_m: their sum per metre driven.
    """

    run: str
    worker: int
    wall_s: float
    cpu_s: float
    peak_rss_mb: float
    layer_ms: dict[str, float] = {}
    layer_ms_per_m: float | None = None


class Estimate(Record):
    """A KPI over some runs, with its 95 % confidence interval (None below two runs)."""

    value: float
    low: float | None
    high: float | None
    runs: int


class Group(Record):
    """Counts and KPIs of some runs; failed includes those with a known defect."""

    total: int
    passed: int
    failed: int
    errors: int
    known_defects: int
    safety_breaches: int
    outcomes: dict[str, int]
    kpis: dict[str, Estimate]


class Summary(Record):
    """A campaign at a glance."""

    seed: int
    campaign: Group
    categories: dict[str, Group]
    tags: dict[str, Group]
    scenarios: dict[str, Group]
    failures: dict[str, tuple[str, ...]]
    """Runs that did not pass, by failure class, or by kind of error."""


RecordT = TypeVar("RecordT", bound=Record)


def write_lines(file: Path, records: Iterable[Record]) -> None:
    """Write one JSON object per line, keys in order of the model, floats as Python prints them."""
    file.write_text("".join(line(record) + "\n" for record in records), encoding="utf-8")


def line(record: Record) -> str:
    """The record as one line of JSON."""
    return json.dumps(record.model_dump(mode="json"), ensure_ascii=False, allow_nan=False)


def read_lines(file: Path, record_type: type[RecordT]) -> list[RecordT]:
    """Read a file of `write_lines`.

    Raises:
        ResultsError: it is missing, or a line is not such a record.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(
            f"{file}: cannot be read ({error}); give the directory that 'eval run --out' wrote"
        ) from error
    lines = enumerate(text.splitlines(), start=1)
    return [_record(record_type, content, f"{file}:{number}") for number, content in lines]


def _record(record_type: type[RecordT], content: str, place: str) -> RecordT:
    try:
        return record_type.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ResultsError(
            f"{place}: {field}: {first['msg']}; written by another version? run the campaign again"
        ) from error


def read_results(directory: Path) -> list[RunResult]:
    """The runs of a campaign.

    Raises:
        ResultsError: see `read_lines`.
    """
    return read_lines(directory / RESULTS, RunResult)


def read_timings(directory: Path) -> list[RunTiming]:
    """The timings of a campaign.

    Raises:
        ResultsError: see `read_lines`.
    """
    return read_lines(directory / TIMINGS, RunTiming)


def write_summary(directory: Path, summary: Summary) -> None:
    """Write summary.json."""
    text = json.dumps(summary.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (directory / SUMMARY).write_text(text + "\n", encoding="utf-8")


def read_summary(directory: Path) -> Summary:
    """Read summary.json.

    Raises:
        ResultsError: it is missing or is none.
    """
    file = directory / SUMMARY
    try:
        return Summary.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ResultsError(f"{file}: {reason}; run the campaign again") from error
