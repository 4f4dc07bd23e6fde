"""Campaign figures, and one short campaign over processes."""

import numpy as np
import pytest

from scenario_eval.barn import BarnResult, BarnStatus, find_worlds
from scenario_eval.barn_campaign import BarnRun, RunOptions, figures, run_campaign
from scenario_eval.worldgen import FieldParameters, generate, write_sdf


def run_of(world, run, status=BarnStatus.SUCCEEDED, score=0.5, interventions=0):
    return BarnRun(world, run, BarnResult(status, 10.0, score), 1.0, interventions, 5.0)


def test_the_score_is_the_mean_over_worlds_of_the_mean_over_runs():
    runs = [run_of(1, 0, score=0.5), run_of(2, 0, score=0.1), run_of(2, 1, score=0.3)]
    assert figures(runs, 1.0)["score"] == pytest.approx((0.5 + 0.2) / 2)


def test_rates_and_interventions():
    runs = [
        run_of(1, 0, interventions=2),
        run_of(1, 1, BarnStatus.COLLIDED, 0.0),
        run_of(1, 2, BarnStatus.TIMED_OUT, 0.0),
        run_of(1, 3),
    ]
    result = figures(runs, 7.0)
    assert result["success_rate"] == 0.5
    assert result["collision_rate"] == 0.25
    assert result["timeout_rate"] == 0.25
    assert result["interventions_per_m"] == pytest.approx(0.1)
    assert result["wall_s"] == 7.0
    assert [run["status"] for run in result["runs"]][:2] == ["succeeded", "collided"]


@pytest.mark.slow
def test_a_campaign_over_processes_equals_one_in_this_process(tmp_path):
    write_sdf(generate(5, FieldParameters(fill=(0.2, 0.25))), tmp_path / "world_5.world")
    np.save(tmp_path / "path_5.npy", np.array([[15, 0], [15, 30]]))
    worlds = find_worlds(tmp_path, tmp_path)
    options = RunOptions(driver="fallback")
    heard = []
    parallel = run_campaign(worlds, 2, options, 2, heard.append)
    alone = run_campaign(worlds, 2, options, 1, heard.append)
    assert parallel == alone
    assert len(heard) == 4
    assert all(run.result.status is BarnStatus.SUCCEEDED for run in alone)
    assert alone[0].path_m != alone[1].path_m, "another seed, another noise"
