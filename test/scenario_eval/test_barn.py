"""The BARN protocol: clock, ends of a run, score, and the dataset's files."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy_interfaces.messages import SECOND, Pose2D
from scenario_eval.barn import (
    BarnError,
    BarnJudge,
    BarnStatus,
    find_worlds,
    optimal_length,
    score,
)

LENGTH = 10.0


def judged(samples):
    """The result of (seconds, x, y, contact) samples, and how many were taken in."""
    judge = BarnJudge(LENGTH)
    for count, (time_s, x, y, contact) in enumerate(samples, start=1):
        result = judge.observe(round(time_s * SECOND), x, y, contact)
        if result is not None:
            return result, count
    return None, len(samples)


@pytest.mark.parametrize(
    ("time_s", "expected"),
    [(1.0, 0.5), (10.0, 0.5), (20.0, 0.25), (40.0, 0.125), (99.0, 0.125)],
)
def test_score_is_clipped_between_an_eighth_and_a_half(time_s, expected):
    assert score(BarnStatus.SUCCEEDED, time_s, LENGTH) == pytest.approx(expected)


@pytest.mark.parametrize("status", [BarnStatus.COLLIDED, BarnStatus.TIMED_OUT])
def test_only_success_scores(status):
    assert score(status, 1.0, LENGTH) == 0.0


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_a_slower_run_never_scores_more(a, b):
    quick, slow = min(a, b), max(a, b)
    assert score(BarnStatus.SUCCEEDED, slow, LENGTH) <= score(BarnStatus.SUCCEEDED, quick, LENGTH)


def test_the_clock_starts_when_the_robot_has_moved():
    result, _ = judged(
        [(0, -2.25, 3.0, ""), (5, -2.25, 3.05, ""), (6, -2.25, 3.2, ""), (16, -2.25, 12.1, "")]
    )
    assert result.status is BarnStatus.SUCCEEDED
    assert result.time_s == pytest.approx(10.0)
    assert result.score == pytest.approx(0.5)


def test_a_contact_ends_the_run_even_at_the_goal():
    result, count = judged([(0, -2.25, 3.0, ""), (9, -2.25, 12.5, "cylinder"), (10, 0, 0, "")])
    assert (result.status, result.score, count) == (BarnStatus.COLLIDED, 0.0, 2)


def test_one_metre_from_the_goal_is_enough_and_a_little_more_is_not():
    assert judged([(0, -2.25, 11.99, "")])[0] is None
    assert judged([(0, -2.25, 12.01, "")])[0].status is BarnStatus.SUCCEEDED


def test_times_out_after_a_hundred_seconds_of_driving():
    result, _ = judged([(0, -2.25, 3.0, ""), (1, -2.25, 4.0, ""), (101, -2.25, 5.0, "")])
    assert (result.status, result.time_s) == (BarnStatus.TIMED_OUT, 100.0)


def test_a_robot_that_never_starts_times_out_too():
    samples = [(t, -2.25, 3.0, "") for t in range(0, 200, 10)]
    result, count = judged(samples)
    assert result.status is BarnStatus.TIMED_OUT
    assert samples[count - 1][0] == 110


def test_optimal_length_goes_from_start_over_the_cells_to_the_goal():
    cells = np.array([[15.5, 0.0], [15.5, 10.0]])
    start, goal = Pose2D(-2.25, 5.075), Pose2D(-2.25, 7.575)
    assert optimal_length(cells, start, goal) == pytest.approx(2.5)


@pytest.fixture
def dataset(tmp_path):
    for index in (3, 12):
        (tmp_path / f"world_{index}.world").write_text("<sdf/>")
        np.save(tmp_path / f"path_{index}.npy", np.array([[15, 0], [15, 30]]))
    return tmp_path


def test_finds_the_worlds_of_a_directory_in_order(dataset):
    found = find_worlds(dataset, dataset)
    assert [world.index for world in found] == [3, 12]
    assert all(math.isclose(world.length_m, 10.0, abs_tol=0.1) for world in found)


def test_takes_the_worlds_asked_for(dataset):
    assert [world.index for world in find_worlds(dataset, dataset, [12])] == [12]


def test_what_is_missing_is_named_with_what_there_is(dataset, tmp_path_factory):
    with pytest.raises(BarnError, match=r"no world of index 5; there are: 3, 12"):
        find_worlds(dataset, dataset, [5])
    with pytest.raises(BarnError, match="no such directory"):
        find_worlds(dataset / "nowhere", dataset)
    with pytest.raises(BarnError, match=r"holds no world_N\.world"):
        find_worlds(tmp_path_factory.mktemp("empty"), dataset)
    (dataset / "path_3.npy").unlink()
    with pytest.raises(BarnError, match=r"path_3\.npy: not a path"):
        find_worlds(dataset, dataset)


def test_a_path_of_the_wrong_shape_is_refused(dataset):
    np.save(dataset / "path_3.npy", np.zeros(4))
    with pytest.raises(BarnError, match=r"expected an \(M, 2\) array"):
        find_worlds(dataset, dataset)
