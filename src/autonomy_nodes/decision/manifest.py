"""Schema of a policy's manifest: what feeds the ONNX file, what its outputs mean, where it is from.

A manifest is `manifest.yaml` beside the ONNX file. Unknown keys are refused, so that a misspelt
limit is an error and not a limit that is absent. Lengths are metres, angles radians, times as
the field's name says; frames are REP-105's `base_link` unless a field says otherwise.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

MANIFEST_VERSION: Literal[1] = 1

TensorName: TypeAlias = Annotated[str, Field(min_length=1, max_length=128)]
Positive: TypeAlias = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
PerFeature: TypeAlias = Annotated[tuple[Finite, ...], Field(min_length=1)]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScanSource(_Schema):
    """/scan, min-pooled: feature i is the nearest return in sector i, metres.

    Sectors divide `field_of_view` evenly, counter-clockwise from -field_of_view/2 about the
    base's x axis; ranges are from the lidar's origin and clipped to `max_range`. A sector with
    no usable beam follows `missing`: read as free (`max_range`), as blocked (`zero`), or no
    inference in that tick (`refuse`). A return of +inf is a free beam, not a missing one.
    """

    kind: Literal["scan"]
    beams: Annotated[int, Field(ge=1, le=4096)]
    field_of_view: Annotated[float, Field(gt=0.0, le=math.tau)]
    max_range: Positive
    missing: Literal["max_range", "zero", "refuse"] = "max_range"

    @property
    def shape(self) -> tuple[int, ...]:
        """(beams,)."""
        return (self.beams,)


class GoalSource(_Schema):
    """The goal in polar form: (distance clipped to `max_distance`, cos bearing, sin bearing)."""

    kind: Literal["goal"]
    max_distance: Positive

    @property
    def shape(self) -> tuple[int, ...]:
        """(3,)."""
        return (3,)


class GuideSource(_Schema):
    """Points of the planner's guide path, base_link: x0, y0, x1, y1, …

    Point i lies `lookahead[i]` metres along the path from the robot's place on it; past the
    path's end it is the end. Without a path there is no inference in that tick.
    """

    kind: Literal["guide"]
    lookahead: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=64)]

    @property
    def shape(self) -> tuple[int, ...]:
        """(2 * points,)."""
        return (2 * len(self.lookahead),)


class VelocitySource(_Schema):
    """The measured body velocity from /odom: (vx m/s, wz rad/s)."""

    kind: Literal["velocity"]

    @property
    def shape(self) -> tuple[int, ...]:
        """(2,)."""
        return (2,)


class CostmapSource(_Schema):
    """A square of /perception/costmap that moves and turns with the base, row 0 at its right.

    Cell (row, column) is sampled at x = (column - size/2 + 0.5) * resolution, y likewise by
    row; values 0 (free) to 1 (occupied), `unknown` for what was not seen or is off the map.
    """

    kind: Literal["costmap"]
    size: Annotated[int, Field(ge=2, le=512)]
    resolution: Positive
    unknown: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        """(size, size)."""
        return (self.size, self.size)


Source: TypeAlias = Annotated[
    ScanSource | GoalSource | GuideSource | VelocitySource | CostmapSource,
    Field(discriminator="kind"),
]


class Statistics(_Schema):
    """What the input was in training, before normalisation; one value per feature or one for all.

    score_limit: largest root mean square of the features' z-scores that is still familiar;
    beyond it the input is out of distribution and the policy does not drive.
    """

    mean: PerFeature
    std: PerFeature
    minimum: PerFeature
    maximum: PerFeature
    score_limit: Positive


class InputSpec(_Schema):
    """One input tensor of the graph, float32.

    With a history of H > 1 the last H ticks are stacked, oldest first, in a dimension after the
    batch's. The tensor holds (feature - offset) / scale.
    """

    tensor: TensorName
    source: Source
    shape: tuple[int, ...]
    history: Annotated[int, Field(ge=1, le=64)] = 1
    offset: PerFeature = (0.0,)
    scale: PerFeature = (1.0,)
    statistics: Statistics | None = None

    @model_validator(mode="after")
    def _consistent(self) -> InputSpec:
        history = (self.history,) if self.history > 1 else ()
        expected = (1, *history, *self.source.shape)
        if self.shape != expected:
            raise ValueError(
                f"shape: found {list(self.shape)}, expected {list(expected)} "
                f"from source '{self.source.kind}' and history {self.history}"
            )
        lengths: dict[str, tuple[float, ...]] = {"offset": self.offset, "scale": self.scale}
        if self.statistics is not None:
            for name in ("mean", "std", "minimum", "maximum"):
                lengths[f"statistics.{name}"] = getattr(self.statistics, name)
        features = math.prod(self.source.shape)
        for name, values in lengths.items():
            if len(values) not in (1, features):
                raise ValueError(f"{name}: found {len(values)} values, expected 1 or {features}")
        if any(value == 0.0 for value in self.scale):
            raise ValueError("scale: found 0, expected non-zero values")
        return self


class Limits(_Schema):
    """A closed interval [low, high]; an answer outside it is a failure of the policy."""

    low: Finite
    high: Finite

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        if self.low > self.high:
            raise ValueError(f"found low {self.low} above high {self.high}, expected low <= high")
        return self


class VelocityOutput(_Schema):
    """A body velocity: (vx m/s, wz rad/s), each inside its limits."""

    kind: Literal["velocity"]
    tensor: TensorName
    shape: tuple[Literal[1], Literal[2]] = (1, 2)
    units: tuple[Literal["m/s"], Literal["rad/s"]]
    vx: Limits
    wz: Limits


class Manoeuvre(_Schema):
    """One entry of a table of motions: hold (vx m/s, wz rad/s) for a tick."""

    name: str
    vx: Finite
    wz: Finite


class ManoeuvreOutput(_Schema):
    """Scores of a fixed table of manoeuvres; the highest score is driven."""

    kind: Literal["manoeuvre"]
    tensor: TensorName
    shape: tuple[Literal[1], int]
    manoeuvres: Annotated[tuple[Manoeuvre, ...], Field(min_length=2, max_length=1024)]

    @model_validator(mode="after")
    def _one_score_each(self) -> ManoeuvreOutput:
        if self.shape[1] != len(self.manoeuvres):
            raise ValueError(f"shape: found {self.shape[1]}, expected {len(self.manoeuvres)}")
        return self


Output: TypeAlias = Annotated[VelocityOutput | ManoeuvreOutput, Field(discriminator="kind")]


class ModelFile(_Schema):
    """The ONNX file, beside the manifest, and its content's hash."""

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.onnx$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Provenance(_Schema):
    """How the policy came to be: enough to make it again, and what it was measured to do."""

    data: str
    code: str
    configuration: str
    seed: int
    created: str
    metrics: dict[str, float] = Field(default_factory=dict)


class Manifest(_Schema):
    """The contract between a policy and the decision node."""

    manifest_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    version: Annotated[str, Field(min_length=1, max_length=64)]
    description: str
    licence: Annotated[str, Field(min_length=1)]
    model: ModelFile
    rate_hz: Annotated[float, Field(gt=0.0, le=1000.0)]
    latency_budget_ms: Annotated[float, Field(gt=0.0, le=1000.0)]
    inputs: Annotated[tuple[InputSpec, ...], Field(min_length=1, max_length=32)]
    output: Output
    provenance: Provenance

    @model_validator(mode="after")
    def _names_are_unique(self) -> Manifest:
        names = [spec.tensor for spec in self.inputs]
        if len(set(names)) != len(names):
            raise ValueError(f"inputs: found tensor names {names}, expected each only once")
        return self
