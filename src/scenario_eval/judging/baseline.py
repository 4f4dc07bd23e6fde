"""The baseline: what each run of the library gave when people last looked and agreed.

A reviewed file of the repository, one run per line, so that a diff of it can be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from scenario_eval.results import RunResult

FORMAT = 1
DIGITS = 4


class BaselineError(ValueError):
    """A baseline that cannot be used; the message names the file and the remedy."""


class BaselineRun(BaseModel):
    """What a run gave.

    breaches: texts of the safety expectations that were not met. kpis: rounded to `DIGITS`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: str
    outcome: str | None = None
    known_defect: str = ""
    breaches: tuple[str, ...] = ()
    kpis: dict[str, float | None] = {}

    @staticmethod
    def of(result: RunResult) -> BaselineRun:
        """What is kept of a result."""
        kpis = {
            name: None if value is None else round(value, DIGITS)
            for name, value in sorted(result.kpis.items())
        }
        return BaselineRun(
            verdict=result.verdict.value,
            outcome=result.outcome.value if result.outcome else None,
            known_defect=result.known_defect,
            breaches=tuple(e.text for e in result.unmet if e.safety),
            kpis=kpis,
        )


class Baseline(BaseModel):
    """The runs of a campaign by their names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    runs: dict[str, BaselineRun]


def baseline_of(results: Iterable[RunResult]) -> Baseline:
    """The baseline that a campaign would make."""
    return Baseline(runs={result.run: BaselineRun.of(result) for result in results})


def read_baseline(file: Path) -> Baseline:
    """Read a baseline.

    Raises:
        BaselineError: it is missing or is none.
    """
    try:
        baseline = Baseline.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BaselineError(
            f"{file}: cannot be read ({error}); 'eval baseline RESULTS -o {file}' writes one"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BaselineError(f"{file}: {place}: {first['msg']}; write it anew") from error
    if baseline.format != FORMAT:
        raise BaselineError(f"{file}: format {baseline.format}, expected {FORMAT}; write it anew")
    return baseline


def write_baseline(file: Path, baseline: Baseline) -> None:
    """Write a baseline, one run per line, in order of their names."""
    lines = [
        f"  {json.dumps(name)}: {json.dumps(run.model_dump(mode='json'))}"
        for name, run in sorted(baseline.runs.items())
    ]
    text = f'{{"format": {FORMAT}, "runs": {{\n' + ",\n".join(lines) + "\n}}\n"
    file.parent.mkdir(parents=True, exist_ok=True)
    # A disk that is full must not cost the baseline that there was.
    fresh = file.with_name(file.name + ".new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def changes(before: Baseline, after: Baseline) -> list[str]:
    """What an update would change, a line each: runs that come, go, or end otherwise."""
    lines = []
    for name in sorted(before.runs.keys() | after.runs.keys()):
        old, new = before.runs.get(name), after.runs.get(name)
        if old is None and new is not None:
            lines.append(f"+ {name}: {_ended(new)}")
        elif new is None and old is not None:
            lines.append(f"- {name}: {_ended(old)}")
        elif old is not None and new is not None and _ended(old) != _ended(new):
            lines.append(f"~ {name}: {_ended(old)} → {_ended(new)}")
    return lines


def _ended(run: BaselineRun) -> str:
    parts: list[Any] = [run.verdict, run.outcome or "no outcome"]
    if run.known_defect:
        parts.append(f"known defect: {run.known_defect}")
    return ", ".join([*parts, *(f"breach: {breach}" for breach in run.breaches)])
