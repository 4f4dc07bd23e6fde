"""The gate: may this software replace what made the baseline?

It fails on a run that no longer passes, on a safety assertion that no longer holds, on a run that
is missing, and on a KPI that became worse than its tolerance with statistical significance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenario_eval.judging.baseline import Baseline, BaselineRun, baseline_of
from scenario_eval.judging.pairs import holm, p_worse, paired
from scenario_eval.results import RunResult

ALL = "all"
MISSING_NAMED = 3
"""So many of the runs that are missing are named: a part of a library lacks most of it."""


class GateSettingsError(ValueError):
    """Settings of the gate that cannot be used; the message names file, key and remedy."""


class Tolerance(BaseModel):
    """How much worse a KPI may become.

    better: which direction is good. absolute, relative: the mean over runs may worsen by the
    larger of the two (relative to the baseline's mean). each: no single run may worsen by more;
    for KPIs that do not depend on the robot's exact way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    better: Literal["lower", "higher"]
    absolute: float = Field(0.0, ge=0.0)
    relative: float = Field(0.0, ge=0.0)
    each: float | None = Field(None, ge=0.0)

    def worsening(self, before: float, after: float) -> float:
        """By how much it became worse; negative where better."""
        return after - before if self.better == "lower" else before - after


class GateSettings(BaseModel):
    """What the gate watches. significance: of the campaign's tests together (Holm)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    significance: float = Field(0.01, gt=0.0, lt=0.5)
    kpis: dict[str, Tolerance]


@dataclass(frozen=True)
class Reason:
    """One reason to fail; kind: failure, safety, missing, kpi."""

    kind: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}: {self.text}"


@dataclass(frozen=True)
class GateVerdict:
    """What the gate says. new: runs that the baseline does not have; mended: that now pass."""

    reasons: tuple[Reason, ...]
    compared: int
    changed: int
    new: tuple[str, ...]
    mended: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the software may go on."""
        return not self.reasons

    def lines(self, most: int = 10) -> list[str]:
        """The verdict for people, in at most `most` lines."""
        head = "passed" if self.passed else f"failed, {len(self.reasons)} reason(s)"
        lines = [
            f"gate {head}: {self.compared} runs compared, {self.changed} differ, "
            f"{len(self.new)} new, {len(self.mended)} mended"
        ]
        room = most - 1
        shown = self.reasons if len(self.reasons) <= room else self.reasons[: room - 1]
        lines += [str(reason) for reason in shown]
        if len(shown) < len(self.reasons):
            lines.append(f"… and {len(self.reasons) - len(shown)} more")
        return lines


def read_settings(file: Path) -> GateSettings:
    """Read the gate's settings.

    Raises:
        GateSettingsError: they are missing or wrong.
    """
    try:
        return GateSettings.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GateSettingsError(f"{file}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise GateSettingsError(f"{file}: {place}: {first['msg']}") from error


def judge(results: Sequence[RunResult], baseline: Baseline, settings: GateSettings) -> GateVerdict:
    """Compare a campaign with the baseline."""
    now = baseline_of(results)
    common = sorted(baseline.runs.keys() & now.runs.keys())
    reasons = [
        *_missing(baseline, now),
        *_safety(baseline, now),
        *_failures(results, baseline),
        *_single_runs(common, baseline, now, settings),
        *_means(results, baseline, now, settings),
    ]
    mended = tuple(
        name
        for name in common
        if now.runs[name].verdict == "passed" and baseline.runs[name].verdict != "passed"
    )
    changed = sum(now.runs[name] != baseline.runs[name] for name in common)
    new = tuple(sorted(now.runs.keys() - baseline.runs.keys()))
    return GateVerdict(tuple(reasons), len(common), changed, new, mended)


def _missing(baseline: Baseline, now: Baseline) -> Iterable[Reason]:
    names = sorted(baseline.runs.keys() - now.runs.keys())
    if names:
        named = ", ".join(names[:MISSING_NAMED])
        more = f" and {len(names) - MISSING_NAMED} more" if len(names) > MISSING_NAMED else ""
        runs = "1 run" if len(names) == 1 else f"{len(names)} runs"
        yield Reason("missing", runs, f"in the baseline, but not run: {named}{more}")


def _safety(baseline: Baseline, now: Baseline) -> Iterable[Reason]:
    for name, run in sorted(now.runs.items()):
        known = baseline.runs[name].breaches if name in baseline.runs else ()
        for breach in run.breaches:
            if breach not in known:
                yield Reason("safety", name, f"broken: {breach}")


def _failures(results: Sequence[RunResult], baseline: Baseline) -> Iterable[Reason]:
    for result in sorted(results, key=lambda result: result.run):
        before = baseline.runs.get(result.run)
        if result.verdict.value == "passed" or (before and before.verdict == result.verdict.value):
            continue
        if before is None and result.as_expected:
            continue
        was = f"{before.verdict} before" if before else "new"
        yield Reason("failure", result.run, f"{result.verdict.value} ({was}): {_why(result)}")


def _why(result: RunResult) -> str:
    if result.error is not None:
        return f"{result.error.kind.value}: {result.error.message}"
    return "; ".join(f"{e.text}: {e.why}" for e in result.unmet) or "no expectation is unmet"


def _single_runs(
    common: Iterable[str], baseline: Baseline, now: Baseline, settings: GateSettings
) -> Iterable[Reason]:
    for name in common:
        for kpi, tolerance in settings.kpis.items():
            before, after = baseline.runs[name].kpis.get(kpi), now.runs[name].kpis.get(kpi)
            if tolerance.each is None or before is None:
                continue
            if after is None:
                yield Reason("kpi", name, f"{kpi}: was {before:g}, is not defined any more")
            elif tolerance.worsening(before, after) > tolerance.each:
                yield Reason(
                    "kpi", name, f"{kpi}: {before:g} → {after:g}, a run may lose {tolerance.each:g}"
                )


def _means(
    results: Sequence[RunResult], baseline: Baseline, now: Baseline, settings: GateSettings
) -> Iterable[Reason]:
    """The means over all runs and over each category."""
    p_values: dict[str, float] = {}
    texts: dict[str, tuple[str, str]] = {}
    for group, members in _groups(results).items():
        for kpi, tolerance in settings.kpis.items():
            before, after = paired(
                _column(baseline.runs, members, kpi), _column(now.runs, members, kpi)
            )
            if not before.size:
                continue
            sign = 1.0 if tolerance.better == "lower" else -1.0
            allowed = max(tolerance.absolute, tolerance.relative * abs(float(before.mean())))
            key = f"{group}/{kpi}"
            p_values[key] = p_worse(sign * (after - before), allowed)
            change = f"{before.mean():.4g} → {after.mean():.4g} over {before.size} runs"
            texts[key] = (f"{kpi} of {group}", f"{change}, may lose {allowed:.3g}")
    for key, p in holm(p_values).items():
        if p < settings.significance:
            subject, text = texts[key]
            yield Reason("kpi", subject, f"{text} (p = {p:.2g})")


def _groups(results: Sequence[RunResult]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {ALL: set()}
    for result in results:
        groups[ALL].add(result.run)
        groups.setdefault(result.category, set()).add(result.run)
    return groups


def _column(
    runs: Mapping[str, BaselineRun], members: set[str], kpi: str
) -> dict[str, float | None]:
    return {name: run.kpis.get(kpi) for name, run in runs.items() if name in members}
