"""Data that are wrong stop the training, and the message says where."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

pytest.importorskip("pandera", reason="training needs the extra 'train'")

from policy_training.config import Network, TrainingError
from policy_training.dataset import FAMILIES, Dataset, concatenate
from policy_training.quality import check

NETWORK = Network(beams=12, lookahead=(0.5, 1.0))
MIX = {"barn": 0.5, "rooms": 0.5}


def _ticks(first_seed: int, episodes: int, each: int = 10) -> Dataset:
    """Valid ticks: every family in turn, left as often as right."""
    draw = np.random.default_rng(first_seed)
    count = episodes * each

    def array(low, high, *shape):
        return draw.uniform(low, high, (count, *shape)).astype(np.float32)

    bearing = array(-3.0, 3.0)
    names = [FAMILIES.index(name) for name in MIX]
    goal = np.column_stack((array(0.5, 5.0), np.cos(bearing), np.sin(bearing)))
    return Dataset(
        scan=array(0.2, 10.0, NETWORK.beams),
        guide=array(-0.5, 0.5, 4),
        goal=goal.astype(np.float32),
        velocity=array(-0.5, 2.0, 2),
        label=np.column_stack((array(0.0, 2.0), array(-1.0, 1.0))),
        episode=np.repeat(np.arange(first_seed, first_seed + episodes), each),
        tick=np.tile(np.arange(each, dtype=np.int32), episodes),
        family=np.repeat(np.resize(np.array(names, np.int8), episodes), each),
        by_policy=np.zeros(count, np.bool_),
        clearance=array(0.0, 1.0),
    )


TRAIN, VALIDATION = _ticks(0, 40), _ticks(1000, 5)


def _check(train: Dataset, validation: Dataset = VALIDATION) -> None:
    check({"train": train, "validation": validation}, NETWORK, MIX)


def _with(name: str, value: float, row: int = 123) -> Dataset:
    changed = getattr(TRAIN, name).copy()
    changed[row] = value
    return replace(TRAIN, **{name: changed})


def test_good_data_pass():
    _check(TRAIN)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (_with("label", np.nan), r"label_vx: .*1 of 450 ticks.*episode 12 tick 3 of train"),
        (_with("label", 7.0), r"label_vx: in_range\(-0.5, 2.0\)"),
        (_with("scan", -1.0), "nearest"),
        (_with("scan", 11.0), "farthest"),
        (_with("velocity", 99.0), "vx"),
        (_with("clearance", -0.1), "clearance"),
        (_with("goal", 0.5), "goal_direction"),
        (_with("tick", 4), "episode.*tick"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(dataset, message):
    with pytest.raises(TrainingError, match=message):
        _check(dataset)


def test_a_world_in_two_splits_is_leakage():
    with pytest.raises(TrainingError, match=r"world seeds are in two splits.*train and validation"):
        _check(TRAIN, _ticks(39, 3))


def test_an_input_in_two_splits_is_leakage_whatever_its_seed():
    rows = {field.name: getattr(TRAIN, field.name)[:50] for field in fields(Dataset)}
    copied = Dataset(**{**rows, "episode": rows["episode"] + 2000})
    with pytest.raises(TrainingError, match="inputs are in two splits"):
        _check(TRAIN, copied)


def test_a_part_gathered_twice_is_found():
    again = replace(TRAIN, episode=TRAIN.episode + 500)
    with pytest.raises(TrainingError, match="repeat another's inputs"):
        _check(concatenate([TRAIN, again]))


def test_a_family_that_is_missing_is_named():
    barn = TRAIN.family == FAMILIES.index("barn")
    only = replace(TRAIN, family=np.where(barn, TRAIN.family, FAMILIES.index("aisles")))
    with pytest.raises(TrainingError, match=r"family 'rooms' is in 0\.0%"):
        _check(replace(only, family=only.family.astype(np.int8)))


def test_an_expert_that_only_turns_left_is_refused():
    label = np.column_stack((TRAIN.label[:, 0], np.abs(TRAIN.label[:, 1])))
    with pytest.raises(TrainingError, match="turns left in"):
        _check(replace(TRAIN, label=label))


def test_few_episodes_are_not_judged_for_balance():
    label = TRAIN.label[:50].copy()
    label[:, 1] = 0.5
    few = replace(_ticks(0, 5), label=label)
    _check(few)
