"""Two campaigns side by side: paired differences on the same seeds, per scenario and in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scenario_eval.judging.pairs import PairedDifference, difference, p_worse, paired
from scenario_eval.results import RunResult


@dataclass(frozen=True)
class KpiComparison:
    """A KPI in both campaigns; p: two-sided, of the mean difference being none."""

    name: str
    paired: PairedDifference
    p: float


@dataclass(frozen=True)
class ScenarioComparison:
    """A scenario in both: runs that passed, and the KPIs that differ."""

    scenario: str
    runs: int
    passed_before: int
    passed_after: int
    kpis: tuple[KpiComparison, ...]


@dataclass(frozen=True)
class Comparison:
    """All of it; only_before, only_after: runs that the other campaign does not have."""

    campaign: ScenarioComparison
    scenarios: tuple[ScenarioComparison, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return asdict(self)


def compare(before: Sequence[RunResult], after: Sequence[RunResult]) -> Comparison:
    """Compare two campaigns run by run."""
    first, second = ({result.run: result for result in runs} for runs in (before, after))
    common = [result.run for result in before if result.run in second]
    by_scenario: dict[str, list[str]] = {}
    for name in common:
        by_scenario.setdefault(first[name].scenario, []).append(name)
    return Comparison(
        campaign=_compared("all", common, first, second),
        scenarios=tuple(
            _compared(scenario, names, first, second)
            for scenario, names in sorted(by_scenario.items())
        ),
        only_before=tuple(sorted(first.keys() - second.keys())),
        only_after=tuple(sorted(second.keys() - first.keys())),
    )


def _compared(
    scenario: str, names: Sequence[str], first: dict[str, RunResult], second: dict[str, RunResult]
) -> ScenarioComparison:
    kpis = []
    known = dict.fromkeys(kpi for name in names for kpi in first[name].kpis)
    for kpi in known:
        values = paired(
            {name: first[name].kpis.get(kpi) for name in names},
            {name: second[name].kpis.get(kpi) for name in names},
        )
        found = difference(*values)
        if found is not None and found.changed:
            delta = values[1] - values[0]
            p = min(1.0, 2.0 * min(p_worse(delta, 0.0), p_worse(-delta, 0.0)))
            kpis.append(KpiComparison(kpi, found, p))
    return ScenarioComparison(
        scenario,
        len(names),
        int(np.sum([first[name].verdict.value == "passed" for name in names], dtype=int)),
        int(np.sum([second[name].verdict.value == "passed" for name in names], dtype=int)),
        tuple(kpis),
    )
