"""A campaign's runs, counted and averaged by category, tag and scenario."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from scenario_eval.results import Estimate, Group, RunResult, Summary, Verdict
from scenario_eval.runner.statistics import estimate
from scenario_eval.scenarios.kpi_names import KPI_NAMES


def summarise(results: Sequence[RunResult], seed: int) -> Summary:
    """The summary of a campaign."""
    return Summary(
        seed=seed,
        campaign=group(results),
        categories=_grouped((r.category, r) for r in results),
        tags=_grouped((tag, r) for r in results for tag in r.tags),
        scenarios=_grouped((r.scenario, r) for r in results),
        failures=_failures(results),
    )


def group(results: Sequence[RunResult]) -> Group:
    """Counts and KPIs of some runs."""
    verdicts = Counter(r.verdict for r in results)
    failed = [r for r in results if r.verdict is Verdict.FAILED]
    outcomes = Counter(r.outcome.value for r in results if r.outcome is not None)
    return Group(
        total=len(results),
        passed=verdicts[Verdict.PASSED],
        failed=verdicts[Verdict.FAILED],
        errors=verdicts[Verdict.ERROR],
        known_defects=sum(bool(r.known_defect) for r in failed),
        safety_breaches=sum(any(e.safety for e in r.unmet) for r in failed),
        outcomes=dict(sorted(outcomes.items())),
        kpis=_kpis(results),
    )


def _kpis(results: Sequence[RunResult]) -> dict[str, Estimate]:
    estimates = {}
    for name in KPI_NAMES:
        found = (r.kpis.get(name) for r in results)
        values = [value for value in found if value is not None]
        if values:
            estimates[name] = estimate(name, values)
    driven = [r for r in results if r.kpis.get("path_m")]
    metres = sum(r.kpis["path_m"] or 0.0 for r in driven)
    if metres > 1.0:
        # Per kilometre of the group, not the mean of the runs' own: short runs would dominate.
        count = sum(r.kpis["interventions"] or 0.0 for r in driven)
        estimates["interventions_per_km"] = _per_km(count, metres, len(driven), driven)
    return estimates


def _per_km(count: float, metres: float, runs: int, driven: Sequence[RunResult]) -> Estimate:
    spread = estimates_of_runs(driven)
    value = round(1000.0 * count / metres, 6)
    return Estimate(value=value, low=spread[0], high=spread[1], runs=runs)


def estimates_of_runs(driven: Sequence[RunResult]) -> tuple[float | None, float | None]:
    """95 % interval of the interventions per kilometre, by resampling whole runs."""
    import numpy as np

    if len(driven) < 2:
        return None, None
    pairs = np.array([(r.kpis["interventions"], r.kpis["path_m"]) for r in driven], dtype=float)
    rng = np.random.default_rng((len(pairs), 0xB007))
    sums = pairs[rng.integers(0, len(pairs), (2000, len(pairs)))].sum(axis=1)
    low, high = np.percentile(1000.0 * sums[:, 0] / np.maximum(sums[:, 1], 1e-9), (2.5, 97.5))
    return round(float(low), 6), round(float(high), 6)


def _grouped(pairs: Iterable[tuple[str, RunResult]]) -> dict[str, Group]:
    members: dict[str, list[RunResult]] = defaultdict(list)
    for name, result in pairs:
        members[name].append(result)
    return {name: group(members[name]) for name in sorted(members)}


def _failures(results: Sequence[RunResult]) -> dict[str, tuple[str, ...]]:
    by_class: dict[str, list[str]] = defaultdict(list)
    for result in results:
        if result.error is not None:
            by_class[result.error.kind.value].append(result.run)
        elif result.failure is not None:
            by_class[result.failure.value].append(result.run)
    return {name: tuple(by_class[name]) for name in sorted(by_class)}
