"""Hostile drivers: reproducible, biting without a monitor, contained with it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from autonomy_interfaces.messages import LaserScan
from scenario_eval.safety_bench.containment import (
    ContainmentError,
    EpisodeJob,
    figures,
    find_worlds,
    plan_episodes,
    run_episode,
)
from scenario_eval.safety_bench.hostile import DRIVERS, Restless, View


def view(tick: int = 0) -> View:
    ranges = np.full(720, np.inf, np.float32)
    ranges[500:520] = 0.8
    scan = LaserScan(0, ranges, -2.35619, 4.71238 / 719, 0.1, 30.0)
    return View(tick, scan, np.random.default_rng(0))


@pytest.mark.parametrize("name", DRIVERS)
def test_every_driver_drives(name: str) -> None:
    driver = DRIVERS[name](np.random.default_rng(1))
    wishes = {driver(view(tick)) for tick in range(100)}
    assert any(vx != 0.0 or wz != 0.0 for vx, wz in wishes)


def test_a_driver_that_has_stood_for_a_second_tries_elsewhere() -> None:
    restless = Restless(lambda seen: (1.0, 0.0))
    looked = view()
    wishes = [
        restless.drive(View(tick, looked.scan, looked.rng), moving=False) for tick in range(120)
    ]
    assert set(wishes[:49]) == {(1.0, 0.0)}
    assert wishes[60] != (1.0, 0.0)


def test_every_driver_gets_its_share_of_the_episodes(field_file: Path) -> None:
    jobs = plan_episodes([field_file], 2 * len(DRIVERS), seed=3)
    assert set(Counter(job.driver for job in jobs).values()) == {2}
    assert jobs == plan_episodes([field_file], 2 * len(DRIVERS), seed=3)
    assert jobs != plan_episodes([field_file], 2 * len(DRIVERS), seed=4)


def test_a_directory_without_worlds_is_told(tmp_path: Path) -> None:
    with pytest.raises(ContainmentError, match=r"holds no \.world"):
        find_worlds(tmp_path)


def test_an_episode_runs_the_same_again(field_file: Path) -> None:
    job = EpisodeJob(field_file, 11, "random_held", duration_s=1.5)
    first = run_episode(job)
    assert first == run_episode(job)
    assert first.path_m > 0.1


def test_the_test_bites_without_the_monitor(field_file: Path) -> None:
    jobs = [
        EpisodeJob(field_file, seed, name, monitor=False, duration_s=3.0)
        for seed, name in enumerate(["full_speed_at_the_nearest", "reversing", "grazing"])
    ]
    results = [run_episode(job) for job in jobs]
    assert all(result.contact for result in results)
    found = figures(results)
    assert found["contacts"] == 3
    assert found["worst"][0]["closest_m"] < 0.05


@pytest.mark.parametrize("name", DRIVERS)
def test_no_driver_makes_contact_under_the_monitor(field_file: Path, name: str) -> None:
    result = run_episode(EpisodeJob(field_file, 5, name, duration_s=3.0))
    assert result.contact == ""
    assert result.bad_commands == 0
    assert result.closest_m > 0.0
