"""The data on disk: Parquet parts with a schema that states each column's meaning and unit.

    data/split=train/round=0/part-00000.parquet

A part holds the ticks of some whole episodes and is written at once, so that an interrupted run
leaves only parts that are complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from policy_training.config import TrainingError
from policy_training.dataset import FAMILIES, Dataset

SCHEMA_VERSION = "1"

_LISTS: Mapping[str, str] = {
    "scan": "m; nearest return per sector, counter-clockwise about base_link x",
    "guide": "m, base_link; x0, y0, x1, y1, … ahead along the planner's path",
    "goal": "m, cosine, sine; distance (clipped) and bearing in base_link",
    "velocity": "m/s, rad/s; measured vx, wz",
    "label": "m/s, rad/s; vx, wz that the expert answered",
}
_SCALARS: Mapping[str, tuple[pa.DataType, str]] = {
    "episode": (pa.int64(), "seed of the world and of everything drawn in the episode"),
    "tick": (pa.int32(), "number of the tick in its episode, 20 per second"),
    "by_policy": (pa.bool_(), "whether the policy under training was driving"),
    "clearance": (pa.float32(), "m; true distance from the robot's box to the nearest surface"),
}


def schema(widths: Mapping[str, int]) -> pa.Schema:
    """The schema of a part.

    Args:
        widths: number of values in a row of each list column.
    """
    columns = [
        pa.field(name, pa.list_(pa.float32(), widths[name]), False, {"unit": unit})
        for name, unit in _LISTS.items()
    ]
    columns += [
        pa.field(name, kind, False, {"unit": unit}) for name, (kind, unit) in _SCALARS.items()
    ]
    family = pa.dictionary(pa.int8(), pa.string())
    columns.append(pa.field("family", family, False, {"unit": "kind of generated world"}))
    return pa.schema(columns, {"schema_version": SCHEMA_VERSION})


def part_file(data: Path, split: str, index: int, part: int) -> Path:
    """Where a part of a round of a split lies."""
    return data / f"split={split}" / f"round={index}" / f"part-{part:05}.parquet"


def write_part(dataset: Dataset, file: Path) -> None:
    """Write a part; it is there completely or not at all."""
    widths = {name: int(getattr(dataset, name).shape[1]) for name in _LISTS}
    columns: dict[str, Any] = {
        name: pa.FixedSizeListArray.from_arrays(
            pa.array(np.ascontiguousarray(getattr(dataset, name)).reshape(-1)), width
        )
        for name, width in widths.items()
    }
    columns |= {
        name: pa.array(getattr(dataset, name), kind) for name, (kind, _) in _SCALARS.items()
    }
    columns["family"] = pa.DictionaryArray.from_arrays(pa.array(dataset.family), list(FAMILIES))
    table = pa.Table.from_pydict(columns, schema=schema(widths))
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    pq.write_table(table, partial, compression="zstd")
    partial.replace(file)


def read_part(file: Path) -> Dataset:
    """Read what `write_part` wrote.

    Raises:
        TrainingError: the file is not a part, or of another schema.
    """
    try:
        table = pq.read_table(file, partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        raise TrainingError(f"{file}: not a Parquet file ({error}); remove it") from error
    found = (table.schema.metadata or {}).get(b"schema_version", b"none").decode()
    if found != SCHEMA_VERSION:
        raise TrainingError(
            f"{file}: schema version {found}, expected {SCHEMA_VERSION}; gather it anew"
        )
    columns: dict[str, Any] = {
        name: _flat(table, name).reshape(table.num_rows, -1) for name in _LISTS
    }
    columns |= {name: table.column(name).to_numpy() for name in _SCALARS}
    names = table.column("family").to_pylist()
    columns["family"] = np.array([FAMILIES.index(name) for name in names], np.int8)
    return Dataset(**columns)


def _flat(table: pa.Table, name: str) -> Any:
    return table.column(name).combine_chunks().flatten().to_numpy()
