"""Runs are isolated: one that is lost is a result, and the campaign goes on."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scenario_eval.results import (
    JUNIT,
    RESULTS,
    SUMMARY,
    ErrorKind,
    Verdict,
    read_results,
    read_summary,
    read_timings,
)
from scenario_eval.runner.campaign import Campaign, CampaignOptions, run_campaign
from scenario_eval.runner.pool import Limits
from scenario_eval.scenarios.loading import RunPlan, load_runs

SCENARIO = "description: one that a test plays\nworld: {generate: empty}\nseeds: 2\n"
LIMITS = Limits(wall_s=6.0, hang_s=3.0, memory_mb=400.0)
JOB = "scenario_jobs:play"


def plans(directory: Path, *names: str) -> list[RunPlan]:
    folder = directory / "jobs"
    folder.mkdir(exist_ok=True)
    files = [folder / f"{name}.yaml" for name in names]
    for file in files:
        file.write_text(SCENARIO)
    return load_runs(files)


def campaign(directory: Path, runs: list[RunPlan], workers: int, **options: object) -> Campaign:
    settings = CampaignOptions(directory, workers=workers, limits=LIMITS, play=JOB, **options)  # type: ignore[arg-type]
    return run_campaign(runs, settings, lambda *_: None)


@pytest.fixture(scope="module")
def lost_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Campaign]:
    out = tmp_path_factory.mktemp("lost")
    names = ("well", "segfault", "exit", "hang", "slow", "memory", "well_too")
    runs = [run for run in plans(out, *names) if run.seed == 0 or run.file.endswith("too.yaml")]
    return out, campaign(out, runs, 2)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("segfault", ErrorKind.CRASH, "SIGSEGV"),
        ("exit", ErrorKind.CRASH, "status 3"),
        ("hang", ErrorKind.HANG, "stood still for 3 s"),
        ("slow", ErrorKind.TIMEOUT, "not over after 6 s"),
        ("memory", ErrorKind.MEMORY, "more than 400 MB"),
    ],
)
def test_a_lost_run_is_a_result_that_says_how(
    lost_runs: tuple[Path, Campaign], name: str, kind: ErrorKind, words: str
) -> None:
    result = next(r for r in read_results(lost_runs[0]) if r.run == f"jobs/{name}@0")
    assert result.verdict is Verdict.ERROR
    assert result.error is not None
    assert result.error.kind is kind
    assert words in result.error.message
    assert result.reproduce.endswith(f"--run jobs/{name}@0")


def test_the_campaign_completes_after_lost_runs(lost_runs: tuple[Path, Campaign]) -> None:
    out, played = lost_runs
    well = [r.run for r in played.results if r.verdict is Verdict.PASSED]
    assert well == ["jobs/well@0", "jobs/well_too@0", "jobs/well_too@1"]
    assert read_summary(out).campaign.errors == 5
    assert [t.run for t in read_timings(out)] == [r.run for r in played.results]


def test_junit_counts_the_lost_runs_as_errors(lost_runs: tuple[Path, Campaign]) -> None:
    suite = ET.parse(lost_runs[0] / JUNIT).getroot()[0]
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("8", "5", "0")
    kinds = {case.get("name"): case[0].get("type") for case in suite if len(case)}
    assert kinds["jobs/segfault@0"] == "crash"


def test_results_are_the_same_bytes_on_one_worker_and_on_three(tmp_path: Path) -> None:
    runs = plans(tmp_path, "a", "b", "c")
    written = []
    for workers in (1, 3):
        out = tmp_path / str(workers)
        campaign(out, runs, workers)
        written.append([(out / name).read_bytes() for name in (RESULTS, SUMMARY)])
    assert written[0] == written[1]


def test_an_interrupted_campaign_plays_only_what_it_lacks(tmp_path: Path) -> None:
    runs = plans(tmp_path, "a", "b", "c")
    out = tmp_path / "out"
    campaign(out, runs[:4], 1)
    first = (out / "played").read_text().split()
    whole = campaign(out, runs, 1, resume=True)
    again = (out / "played").read_text().split()
    assert again == first + [run.run for run in runs[4:]]
    assert [r.run for r in whole.results] == [run.run for run in runs]


def test_a_changed_scenario_is_played_again(tmp_path: Path) -> None:
    runs = plans(tmp_path, "a")
    out = tmp_path / "out"
    campaign(out, runs, 1)
    file = Path(runs[0].file)
    file.write_text(SCENARIO + "limit_s: 5\n")
    campaign(out, load_runs([file]), 1, resume=True)
    assert (out / "played").read_text().split() == ["jobs/a@0", "jobs/a@1"] * 2


def test_without_resuming_a_campaign_begins_anew(tmp_path: Path) -> None:
    runs = plans(tmp_path, "a")
    out = tmp_path / "out"
    for _ in range(2):
        campaign(out, runs, 1)
    assert (out / "played").read_text().split() == ["jobs/a@0", "jobs/a@1"] * 2
