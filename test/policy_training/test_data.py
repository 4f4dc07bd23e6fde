"""The data: gathered the same from the same seed, mirrored the way a mirror does."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.features import Observation
from policy_training.blueprint import input_specs
from policy_training.config import Gathering, Network
from policy_training.dataset import Dataset, concatenate
from policy_training.gather import EpisodePlan, gather, run_episode
from policy_training.gather import _Mark as Mark
from policy_training.gather import _tick as tick_of

pytest.importorskip("pyarrow", reason="training needs the extra 'train'")

from policy_training.config import TrainingError
from policy_training.store import part_file, read_part, write_part

NETWORK = Network(beams=90)
GATHERING = Gathering(rounds=({"episodes": 1, "families": {"clutter": 1.0}},), episode_s=1.5)


def _episode(seed: int) -> Dataset:
    return run_episode(EpisodePlan("clutter", seed), GATHERING, NETWORK, None)


def _equal(first: Dataset, second: Dataset) -> bool:
    return all(
        np.array_equal(getattr(first, field.name), getattr(second, field.name))
        for field in fields(Dataset)
    )


def test_same_seed_gives_the_same_bytes():
    first = _episode(3)
    assert len(first) > 10
    assert _equal(first, _episode(3))
    assert not _equal(first, _episode(4))


def test_episodes_come_in_the_order_of_their_plans():
    plans = (EpisodePlan("clutter", 3), EpisodePlan("clutter", 4))
    parts = list(gather(plans, GATHERING, NETWORK, None, workers=1))
    assert [set(part.episode) for part in parts] == [{3}, {4}]


def test_what_is_written_is_what_is_read(tmp_path):
    dataset = _episode(3)
    file = part_file(tmp_path, "train", 0, 7)
    write_part(dataset, file)
    assert _equal(dataset, read_part(file))
    assert [path.name for path in file.parent.iterdir()] == ["part-00007.parquet"]
    assert len(concatenate([dataset, dataset])) == 2 * len(dataset)


def test_every_column_on_disk_states_its_unit(tmp_path):
    import pyarrow.parquet as pq

    file = part_file(tmp_path, "train", 0, 0)
    write_part(_episode(3), file)
    found = pq.read_schema(file)
    assert set(found.names) == {field.name for field in fields(Dataset)}
    assert all(found.field(name).metadata[b"unit"] for name in found.names)


def test_a_file_that_is_no_part_is_named(tmp_path):
    file = tmp_path / "part-00000.parquet"
    file.write_bytes(b"PAR1 not really")
    with pytest.raises(TrainingError, match=r"part-00000\.parquet"):
        read_part(file)


def _observe(mirror: float) -> Dataset:
    """One tick in a scene, or in the scene's mirror image for `mirror` = -1."""
    ranges = np.random.default_rng(0).uniform(0.5, 9.0, 720).astype(np.float32)
    if mirror < 0:
        ranges = ranges[::-1].copy()
    scan = LaserScan(0, ranges, -2.35619, 2 * 2.35619 / 719, 0.1, 30.0)
    guide = np.array([[0.0, 0.0], [1.0, 0.4 * mirror], [2.0, 1.5 * mirror]])
    costmap = Costmap(0, 0.1, 0.0, 0.0, np.zeros((2, 2), np.int8))
    odometry = Odometry(0, 0.0, 0.0, 0.2 * mirror, 0.5, 0.0, 0.3 * mirror)
    observation = Observation(scan, odometry, Pose2D(3.0, 1.0 * mirror), guide, costmap)
    mark = Mark(EpisodePlan("clutter", 0), 0, False, 0.5)
    return tick_of(input_specs(NETWORK), observation, (0.7, 0.4 * mirror), mark)


def test_mirrored_data_is_the_data_of_the_mirrored_scene():
    mirrored, expected = _observe(1.0).mirrored(), _observe(-1.0)
    for field in fields(Dataset):
        found, wanted = getattr(mirrored, field.name), getattr(expected, field.name)
        if field.name == "scan":
            # A beam on the edge between two sectors falls to one of them, not to both.
            assert np.mean(np.abs(found - wanted) < 1e-4) > 0.9
        else:
            np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=field.name)


def test_mirroring_twice_changes_nothing():
    dataset = _episode(3)
    assert _equal(dataset.mirrored().mirrored(), dataset)


@pytest.mark.parametrize("name", [field.name for field in fields(Dataset)])
def test_gathered_values_are_finite(name):
    assert np.isfinite(getattr(_episode(5), name)).all()
