"""What feeds a tensor of a policy's graph: one source, or several end to end.

A policy of this stack has a tensor for each source. One that was trained elsewhere often has a
single flat vector, of which each stretch is a part with a source of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated

from pydantic import Field, model_validator

from autonomy_nodes.decision.schema import (
    NO_OFFSET,
    NO_SCALE,
    PerFeature,
    Positive,
    Schema,
    TensorName,
)
from autonomy_nodes.decision.sources import Source

ROUNDING = 1e-3

History = Annotated[int, Field(ge=1, le=64)]


class Statistics(Schema):
    """What the input was in training, before normalisation; one value per feature or one for all.

    score_limit: largest root mean square of the features' z-scores that is still familiar;
    beyond it the input is out of distribution and the policy does not drive.
    """

    mean: PerFeature
    std: PerFeature
    minimum: PerFeature
    maximum: PerFeature
    score_limit: Positive

    @model_validator(mode="after")
    def _possible(self) -> Statistics:
        if any(value < 0.0 for value in self.std):
            raise ValueError(f"std: found {min(self.std)}, expected no negative value")
        lengths = (len(self.minimum), len(self.mean), len(self.maximum))
        size = max(lengths)
        if any(length not in (1, size) for length in lengths):
            return self  # the input's own check names the wrong length
        low, mean, high = (
            values * size if len(values) == 1 else values
            for values in (self.minimum, self.mean, self.maximum)
        )
        for index, (least, middle, most) in enumerate(zip(low, mean, high, strict=True)):
            # Figures are rounded to four decimals.
            if not least - ROUNDING <= middle <= most + ROUNDING:
                raise ValueError(
                    f"feature {index}: found minimum {least}, mean {middle}, maximum {most}, "
                    "expected minimum <= mean <= maximum"
                )
        return self


class Part(Schema):
    """A stretch of a tensor, filled by one source.

    It holds (feature - offset) / scale. With a history of H > 1 it holds the last H ticks of its
    source, oldest first, one after the other.

    name: by which messages call it; the source's kind where it is empty.
    """

    source: Source
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,32}$")] = ""
    history: History = 1
    offset: PerFeature = NO_OFFSET
    scale: PerFeature = NO_SCALE
    statistics: Statistics | None = None

    @property
    def title(self) -> str:
        """Its name, or its source's kind."""
        return self.name or self.source.kind

    @property
    def features(self) -> int:
        """Numbers that its source gives in a tick."""
        return math.prod(self.source.shape)

    @property
    def size(self) -> int:
        """Numbers that it holds, its history included."""
        return self.history * self.features

    @model_validator(mode="after")
    def _one_value_per_feature(self) -> Part:
        _check_values(self.features, self.offset, self.scale, self.statistics)
        return self


class InputSpec(Schema):
    """One input tensor of the graph, float32: of one `source`, or of `parts` in a stated order.

    With a history of H > 1 the last H ticks are stacked, oldest first, in a dimension after the
    batch's; those of a tensor of parts may lie in one row too, each tick with all of its parts.
    The tensor holds (feature - offset) / scale; each part has an offset, a scale and statistics
    of its own.
    """

    tensor: TensorName
    source: Source | None = None
    parts: Annotated[tuple[Part, ...], Field(max_length=64)] = ()
    shape: tuple[int, ...]
    history: History = 1
    offset: PerFeature = NO_OFFSET
    scale: PerFeature = NO_SCALE
    statistics: Statistics | None = None

    @property
    def bindings(self) -> dict[str, Part]:
        """What feeds the tensor, in its order, by the name that messages use.

        That is TENSOR where it has one source, TENSOR.PART for each of several.
        """
        if self.source is None:
            return {f"{self.tensor}.{part.title}": part for part in self.parts}
        only = Part(
            source=self.source, offset=self.offset, scale=self.scale, statistics=self.statistics
        )
        return {self.tensor: only}

    @model_validator(mode="after")
    def _consistent(self) -> InputSpec:
        if self.source is None:
            self._check_parts()
        elif self.parts:
            raise ValueError("source: found beside parts, expected one of the two")
        else:
            history = (self.history,) if self.history > 1 else ()
            expected = (1, *history, *self.source.shape)
            if self.shape != expected:
                raise ValueError(
                    f"shape: found {list(self.shape)}, expected {list(expected)} "
                    f"from source '{self.source.kind}' and history {self.history}"
                )
            features = math.prod(self.source.shape)
            _check_values(features, self.offset, self.scale, self.statistics)
        return self

    def _check_parts(self) -> None:
        if not self.parts:
            raise ValueError(
                "source: found neither it nor parts, expected `source` for a tensor of one source, "
                "or `parts` for a vector of several"
            )
        unshared = {"offset": NO_OFFSET, "scale": NO_SCALE, "statistics": None}
        for name, default in unshared.items():
            if getattr(self, name) != default:
                raise ValueError(f"{name}: found beside parts, expected in each part")
        name, times = Counter(part.title for part in self.parts).most_common(1)[0]
        if times > 1:
            raise ValueError(
                f"parts: found '{name}' {times} times, expected each name once: leave out what is "
                "there by mistake, or give each a `name`"
            )
        past = [part.title for part in self.parts if part.history > 1]
        if self.history > 1 and past:
            raise ValueError(
                f"history: found {self.history} of the tensor and one of part '{past[0]}', "
                "expected one of the two"
            )
        self._check_sum()

    def _check_sum(self) -> None:
        """Refuse a shape that does not hold the parts end to end."""
        width = sum(part.size for part in self.parts)
        row, stacked = (1, self.history * width), (1, self.history, width)
        if self.shape == row or (self.history > 1 and self.shape == stacked):
            return
        found = " + ".join(f"{part.title} {part.size}" for part in self.parts)
        if self.history > 1:
            found = f"({found}) x history {self.history}"
        if math.prod(self.shape) == row[1]:
            raise ValueError(f"shape: found {list(self.shape)}, expected {list(row)}: {found}")
        raise ValueError(
            f"parts: found {found} = {row[1]}, expected the {math.prod(self.shape)} of shape "
            f"{list(self.shape)}: add what is missing, or correct a part's settings"
        )


def _check_values(
    features: int, offset: PerFeature, scale: PerFeature, statistics: Statistics | None
) -> None:
    """Refuse values that are not one for all or one per feature, and a scale of zero."""
    lengths: dict[str, tuple[float, ...]] = {"offset": offset, "scale": scale}
    if statistics is not None:
        for name in ("mean", "std", "minimum", "maximum"):
            lengths[f"statistics.{name}"] = getattr(statistics, name)
    for name, values in lengths.items():
        if len(values) not in (1, features):
            raise ValueError(f"{name}: found {len(values)} values, expected 1 or {features}")
    if any(value == 0.0 for value in scale):
        raise ValueError("scale: found 0, expected non-zero values")
