"""Checks of the data before anything is fitted to it: what is wrong stops the training.

Every tick is summed up in one row of a frame, and pandera holds the frame to a schema: types,
ranges, no nulls, nothing twice; then, over the whole frame: no world in two splits, the families
of worlds as asked, left as often as right, no episode that outweighs the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandera.polars as pa
import polars as pl
from numpy.typing import NDArray

from policy_training.blueprint import GOAL_DISTANCE, VX_LIMITS, WZ_LIMITS
from policy_training.config import Mix, Network, TrainingError
from policy_training.dataset import FAMILIES, Dataset
from policy_training.rig import LARGEST_VX, LARGEST_WZ

MEASURED_VX, MEASURED_WZ = LARGEST_VX + 0.01, 1.1 * LARGEST_WZ
"""Beyond what the rig can do: a larger velocity is a fault of the data."""
SMALLEST_SHARE = 1.0 / 3.0
"""Of its weight that a family of worlds must at least have among the episodes."""
LARGEST_SHARE_OF_AN_EPISODE = 0.1
LARGEST_TURN_BIAS = 0.5
DUPLICATE_SHARE = 0.02
FEWEST_EPISODES_TO_JUDGE = 20
"""Balance is judged from so many episodes on: fewer say nothing about it."""


def summarise_ticks(parts: Mapping[str, Dataset]) -> pl.DataFrame:
    """One row per tick of every split.

    Args:
        parts: the data by split.
    """
    return pl.concat([_rows(split, dataset) for split, dataset in parts.items() if len(dataset)])


def _rows(split: str, dataset: Dataset) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "split": [split] * len(dataset),
        "episode": dataset.episode,
        "tick": dataset.tick,
        "family": [FAMILIES[index] for index in dataset.family],
        "by_policy": dataset.by_policy,
        "nearest": dataset.scan.min(axis=1),
        "farthest": dataset.scan.max(axis=1),
        "guide_reach": np.abs(dataset.guide).max(axis=1),
        "goal_distance": dataset.goal[:, 0],
        "goal_direction": np.hypot(dataset.goal[:, 1], dataset.goal[:, 2]),
        "vx": dataset.velocity[:, 0],
        "wz": dataset.velocity[:, 1],
        "label_vx": dataset.label[:, 0],
        "label_wz": dataset.label[:, 1],
        "clearance": dataset.clearance,
        "digest": _digests(dataset),
    }
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float32).fill_nan(None))


def _digests(dataset: Dataset) -> list[str]:
    """A name for the inputs of each tick: equal inputs, equal names."""
    inputs = (dataset.scan, dataset.guide, dataset.goal, dataset.velocity)
    rows: NDArray[np.float32] = np.ascontiguousarray(np.concatenate(inputs, axis=1))
    return [hashlib.blake2b(row.tobytes(), digest_size=12).hexdigest() for row in rows]


def tick_schema(network: Network) -> pa.DataFrameSchema:
    """What every row of `summarise_ticks` must be; NaN counts as null."""
    between, least = pa.Check.in_range, pa.Check.ge
    reach = max(network.lookahead) + 0.01
    return pa.DataFrameSchema(
        {
            "split": pa.Column(str, pa.Check.isin(["train", "validation", "test"])),
            "episode": pa.Column(pl.Int64, least(0)),
            "tick": pa.Column(pl.Int32, least(0)),
            "family": pa.Column(str, pa.Check.isin(list(FAMILIES))),
            "by_policy": pa.Column(bool),
            "nearest": pa.Column(pl.Float32, least(0.0)),
            "farthest": pa.Column(pl.Float32, between(0.0, network.max_range + 1e-3)),
            "guide_reach": pa.Column(pl.Float32, between(0.0, reach)),
            "goal_distance": pa.Column(pl.Float32, between(0.0, GOAL_DISTANCE + 1e-3)),
            "goal_direction": pa.Column(pl.Float32, between(0.999, 1.001)),
            "vx": pa.Column(pl.Float32, between(-MEASURED_VX, MEASURED_VX)),
            "wz": pa.Column(pl.Float32, between(-MEASURED_WZ, MEASURED_WZ)),
            "label_vx": pa.Column(pl.Float32, between(*VX_LIMITS)),
            "label_wz": pa.Column(pl.Float32, between(*WZ_LIMITS)),
            "clearance": pa.Column(pl.Float32, least(0.0)),
            "digest": pa.Column(str),
        },
        unique=["split", "episode", "tick"],
        strict=True,
    )


def check(parts: Mapping[str, Dataset], network: Network, families: Mix) -> pl.DataFrame:
    """Hold the data to all of it.

    Args:
        parts: the data by split.
        network: what the features must look like.
        families: weights of the families of worlds that the training episodes were drawn by.

    Returns:
        The frame of `summarise_ticks`.

    Raises:
        TrainingError: with the first thing that is wrong and where.
    """
    frame = summarise_ticks(parts)
    try:
        tick_schema(network).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        raise TrainingError(f"data: {_first_failure(error, frame)}") from error
    _refuse_leakage(frame)
    _refuse_duplicates(frame)
    train = frame.filter(pl.col("split") == "train")
    if train["episode"].n_unique() >= FEWEST_EPISODES_TO_JUDGE:
        _refuse_imbalance(train, families)
    return frame


def _first_failure(error: pa.errors.SchemaErrors, frame: pl.DataFrame) -> str:
    """The first failed check with its column, its count and an example, in one line."""
    cases = error.failure_cases
    first = cases.row(0, named=True)
    same = cases.filter(
        pl.col("column").eq_missing(pl.lit(first["column"]))
        & (pl.col("check") == pl.lit(first["check"]))
    )
    where = ""
    if first["index"] is not None:
        tick = frame.row(int(first["index"]), named=True)
        where = f", first in episode {tick['episode']} tick {tick['tick']} of {tick['split']}"
    return (
        f"{first['column']}: {first['check']} fails for {len(same)} of {len(frame)} ticks "
        f"(found {first['failure_case']}{where}); gather it anew"
    )


def _refuse_leakage(frame: pl.DataFrame) -> None:
    """No world, and no input, may be in two splits."""
    for column, what in (("episode", "world seed"), ("digest", "input")):
        shared = (
            frame.group_by(column)
            .agg(pl.col("split").unique())
            .filter(pl.col("split").list.len() > 1)
        )
        if len(shared):
            row = shared.row(0, named=True)
            splits = " and ".join(sorted(row["split"]))
            raise TrainingError(
                f"data: {len(shared)} {what}s are in two splits ({row[column]} in {splits}); "
                "a policy would be judged on what it learnt"
            )


def _refuse_duplicates(frame: pl.DataFrame) -> None:
    share = 1.0 - frame["digest"].n_unique() / len(frame)
    if share > DUPLICATE_SHARE:
        raise TrainingError(
            f"data: {share:.1%} of the ticks repeat another's inputs, more than "
            f"{DUPLICATE_SHARE:.0%}; a part was gathered twice"
        )


def _refuse_imbalance(train: pl.DataFrame, families: Mix) -> None:
    episodes = train.unique("episode")
    weight = sum(families.values())
    for family, wanted in families.items():
        share = int((episodes["family"] == family).sum()) / len(episodes)
        if share < SMALLEST_SHARE * wanted / weight:
            raise TrainingError(
                f"data: family '{family}' is in {share:.1%} of the episodes, asked were "
                f"{wanted / weight:.1%}; its episodes hold no usable tick"
            )
    largest = train.group_by("episode").len().sort("len", descending=True).row(0)
    if largest[1] > max(LARGEST_SHARE_OF_AN_EPISODE, 2.5 / len(episodes)) * len(train):
        raise TrainingError(f"data: episode {largest[0]} holds {largest[1]} of {len(train)} ticks")
    left = int((train["label_wz"] > 0.2).sum())
    right = int((train["label_wz"] < -0.2).sum())
    if abs(left - right) > LARGEST_TURN_BIAS * max(left + right, 1):
        raise TrainingError(f"data: the expert turns left in {left} ticks and right in {right}")
