"""The gate: passes what is the same, fails what is worse, says why."""

from __future__ import annotations

import numpy as np
import pytest

from autonomy_interfaces.share import share_directory
from scenario_eval.judging.baseline import (
    BaselineError,
    baseline_of,
    changes,
    read_baseline,
    write_baseline,
)
from scenario_eval.judging.comparison import compare
from scenario_eval.judging.gate import GateSettings, GateSettingsError, judge, read_settings
from scenario_eval.judging.pairs import holm, p_worse
from scenario_eval.results import (
    ErrorKind,
    ExpectationResult,
    Outcome,
    RunError,
    RunResult,
    Verdict,
)
from scenario_eval.scenarios.kpi_names import KPI_NAMES


def run(number: int, verdict: Verdict = Verdict.PASSED, **changed: object) -> RunResult:
    fields: dict[str, object] = {
        "run": f"edge/case@{number}",
        "scenario": "edge/case",
        "file": "scenarios/edge/case.yaml",
        "sample": 0,
        "seed": number,
        "values": {},
        "category": "edge",
        "tags": (),
        "tier": 1,
        "policy": "smoke",
        "driver": "default",
        "verdict": verdict,
        "outcome": Outcome.REACHED,
        "simulated_s": 9.0,
        "kpis": {"duration_s": 9.0 + 0.1 * number, "min_clearance_m": 0.3, "detect_s": None},
        **changed,
    }
    return RunResult.model_validate(fields)


def campaign(count: int = 40) -> list[RunResult]:
    return [run(number) for number in range(count)]


def with_kpi(results: list[RunResult], name: str, change) -> list[RunResult]:
    return [
        result.model_copy(update={"kpis": {**result.kpis, name: change(i, result.kpis[name])}})
        for i, result in enumerate(results)
    ]


@pytest.fixture(scope="module")
def settings() -> GateSettings:
    return read_settings(share_directory() / "config/eval/gate.yaml")


def test_shipped_settings_name_kpis_that_exist(settings):
    assert set(settings.kpis) <= set(KPI_NAMES)


def test_the_same_campaign_passes(settings):
    verdict = judge(campaign(), baseline_of(campaign()), settings)
    assert verdict.passed
    assert (verdict.compared, verdict.changed, verdict.new, verdict.mended) == (40, 0, (), ())


def test_a_failure_that_is_new_fails(settings):
    breach = ExpectationResult(
        kind="always", text="speed < 1", safety=True, met=False, why="1.4 at 3 s"
    )
    broken = run(7, Verdict.FAILED, expectations=(breach,), outcome=Outcome.COLLIDED)
    now = [*campaign()[:7], broken, *campaign()[8:]]
    verdict = judge(now, baseline_of(campaign()), settings)
    assert [reason.kind for reason in verdict.reasons] == ["safety", "failure"]
    assert "edge/case@7" in verdict.lines()[1]
    assert "1.4 at 3 s" in verdict.lines()[2]


def test_a_failure_that_was_there_passes_and_is_counted_when_mended(settings):
    before = [run(0, Verdict.FAILED), *campaign()[1:]]
    assert judge(before, baseline_of(before), settings).passed
    assert judge(campaign(), baseline_of(before), settings).mended == ("edge/case@0",)


def test_a_run_that_is_lost_or_missing_fails(settings):
    error = RunError(kind=ErrorKind.CRASH, message="died by SIGSEGV")
    now = [run(0, Verdict.ERROR, error=error, outcome=None), *campaign()[2:]]
    verdict = judge(now, baseline_of(campaign()), settings)
    assert [reason.kind for reason in verdict.reasons] == ["missing", "failure"]
    assert "SIGSEGV" in str(verdict.reasons[1])


def test_most_of_a_library_that_was_not_run_is_one_reason(settings):
    before = campaign()
    verdict = judge(before[:1], baseline_of(before), settings)
    missing = f"missing: {len(before) - 1} runs: in the baseline, but not run: edge/case@1"
    assert len(verdict.reasons) == 1 and str(verdict.reasons[0]).startswith(missing)
    assert str(verdict.reasons[0]).endswith(f"and {len(before) - 4} more")


def test_a_mean_that_drifts_fails_and_noise_does_not(settings):
    slower = with_kpi(campaign(), "duration_s", lambda i, value: value * 1.06)
    verdict = judge(slower, baseline_of(campaign()), settings)
    assert {reason.kind for reason in verdict.reasons} == {"kpi"}
    assert "duration_s" in str(verdict.reasons[0])
    noise = np.random.default_rng(3).normal(0.0, 0.5, 40)
    to_and_fro = with_kpi(
        campaign(), "duration_s", lambda i, value: value + noise[i] - noise.mean()
    )
    assert judge(to_and_fro, baseline_of(campaign()), settings).passed


def test_better_is_never_worse(settings):
    faster = with_kpi(campaign(), "duration_s", lambda i, value: 0.5 * value)
    wider = with_kpi(faster, "min_clearance_m", lambda i, value: 2.0 * value)
    assert judge(wider, baseline_of(campaign()), settings).passed


def test_one_slow_reaction_fails(settings):
    before = with_kpi(campaign(), "detect_s", lambda i, value: 0.08)
    later = with_kpi(before, "detect_s", lambda i, value: 0.24 if i == 5 else value)
    verdict = judge(later, baseline_of(before), settings)
    assert [reason.subject for reason in verdict.reasons] == ["edge/case@5"]


def test_ten_lines_say_it(settings):
    now = [run(number, Verdict.FAILED) for number in range(40)]
    lines = judge(now, baseline_of(campaign()), settings).lines()
    assert len(lines) == 10
    assert lines[-1] == "… and 32 more"


def test_baseline_survives_its_file_and_names_changes(tmp_path):
    baseline = baseline_of(campaign(3))
    write_baseline(tmp_path / "b.json", baseline)
    assert read_baseline(tmp_path / "b.json") == baseline
    now = baseline_of([run(0), run(2, Verdict.FAILED), run(5)])
    assert changes(baseline, now) == [
        "- edge/case@1: passed, reached",
        "~ edge/case@2: passed, reached → failed, reached",
        "+ edge/case@5: passed, reached",
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 9, "runs": {}}', '{"runs": {"a": 1}}'])
def test_a_broken_baseline_is_named(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(BaselineError, match=r"b\.json"):
        read_baseline(tmp_path / "b.json")


def test_broken_settings_are_named(tmp_path):
    (tmp_path / "g.yaml").write_text("kpis: {success: {better: sideways}}")
    with pytest.raises(GateSettingsError, match=r"g\.yaml.*better"):
        read_settings(tmp_path / "g.yaml")


def test_p_of_a_clear_drift_is_small_and_of_none_is_not():
    generator = np.random.default_rng(1)
    drift = generator.normal(0.3, 0.2, 50)
    assert p_worse(drift, 0.0) < 1e-3
    assert p_worse(drift, 0.5) == 1.0
    assert p_worse(generator.normal(0.0, 0.2, 50), 0.0) > 0.01


def test_holm_corrects_in_order():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "c": 0.06, "b": 0.06}
    )


def test_a_comparison_shows_what_differs_and_only_that():
    after = with_kpi(campaign(10), "duration_s", lambda i, value: value - 1.0)
    found = compare(campaign(10), [*after, run(90)])
    assert [kpi.name for kpi in found.campaign.kpis] == ["duration_s"]
    kpi = found.campaign.kpis[0]
    assert kpi.paired.difference == pytest.approx(-1.0)
    assert kpi.p < 0.05
    assert found.only_after == ("edge/case@90",)
