"""Swept and drawn values: `{sweep: [1, 2]}`, `{uniform: [0, 1]}` and the like in place of any.

Sweeps multiply: every combination is one sample. Draws depend on the scenario, the value's place
in the file and the run's seed alone, so that a run is repeated by its name.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import Self

from scenario_eval.scenarios.shapes import Spec
from scenario_eval.scenarios.source import ValuePath, dotted

Range = Annotated[tuple[float, float], Field(description="lowest and highest")]


class Drawn(Spec):
    """A value that is swept or drawn: exactly one of the fields."""

    sweep: Annotated[tuple[Any, ...], Field(min_length=1)] | None = Field(
        default=None, description="each in turn; several sweeps multiply"
    )
    uniform: Range | None = None
    integer: tuple[int, int] | None = Field(
        default=None, description="lowest and highest, both included"
    )
    normal: tuple[float, float] | None = Field(
        default=None, description="mean and standard deviation"
    )
    choice: Annotated[tuple[Any, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of {', '.join(KINDS)}")
        for bounds in (self.uniform, self.integer):
            if bounds is not None and bounds[0] > bounds[1]:
                raise ValueError(f"{given[0]}: the first bound is above the second")
        return self

    def draw(self, rng: np.random.Generator) -> Any:
        """One value."""
        if self.uniform is not None:
            return round(float(rng.uniform(*self.uniform)), 6)
        if self.integer is not None:
            return int(rng.integers(self.integer[0], self.integer[1] + 1))
        if self.normal is not None:
            return round(float(rng.normal(*self.normal)), 6)
        assert self.choice is not None, "a sweep is not drawn"
        return self.choice[int(rng.integers(len(self.choice)))]


KINDS = tuple(Drawn.model_fields)


def is_drawn(value: Any) -> bool:
    """Whether a value is to be swept or drawn."""
    return isinstance(value, dict) and any(kind in value for kind in KINDS)


def find_drawn(data: Any, path: ValuePath = ()) -> Iterator[tuple[ValuePath, Any]]:
    """The swept and drawn values of a scenario, in the order of the file."""
    if is_drawn(data):
        yield path, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from find_drawn(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from find_drawn(value, (*path, index))


def sweep_combinations(drawn: dict[ValuePath, Drawn]) -> list[dict[ValuePath, Any]]:
    """Every combination of the swept values; one empty one where nothing is swept."""
    swept = {path: d.sweep for path, d in drawn.items() if d.sweep is not None}
    return [dict(zip(swept, values, strict=True)) for values in itertools.product(*swept.values())]


def draw_values(drawn: dict[ValuePath, Drawn], scenario: str, seed: int) -> dict[ValuePath, Any]:
    """The drawn values of a run, swept ones left out."""
    return {
        path: d.draw(np.random.default_rng((_hash(scenario), seed, _hash(dotted(path)))))
        for path, d in drawn.items()
        if d.sweep is None
    }


def replaced(data: Any, values: dict[ValuePath, Any], path: ValuePath = ()) -> Any:
    """A copy of `data` with `values` at their paths."""
    if path in values:
        return values[path]
    if isinstance(data, dict):
        return {key: replaced(value, values, (*path, key)) for key, value in data.items()}
    if isinstance(data, list):
        return [replaced(value, values, (*path, index)) for index, value in enumerate(data)]
    return data


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())
