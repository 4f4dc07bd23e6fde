"""What a policy's answer means: one class per kind of output, with units and limits.

A new kind is a class here, an entry in `Output`, and its meaning in `answers`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, model_validator

from autonomy_nodes.decision.schema import (
    NO_OFFSET,
    NO_SCALE,
    Finite,
    PerFeature,
    Positive,
    Schema,
    TensorName,
)

COMPONENTS: Final = 2
"""Of a body velocity: vx, wz."""


class Limits(Schema):
    """A closed interval [low, high]; an answer outside it is a failure of the policy."""

    low: Finite
    high: Finite

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        if self.low > self.high:
            raise ValueError(f"found low {self.low} above high {self.high}, expected low <= high")
        return self


class Clip(Schema):
    """What a tensor is clipped to before anything else, one value or one per component."""

    low: PerFeature
    high: PerFeature

    @model_validator(mode="after")
    def _ordered(self) -> Clip:
        for name, values in (("low", self.low), ("high", self.high)):
            _check_components(name, values)
        for i in range(COMPONENTS):
            low, high = component(self.low, i), component(self.high, i)
            if low >= high:
                raise ValueError(f"found low {low} and high {high}, expected low < high")
        return self


class VelocityOutput(Schema):
    """A body velocity: (vx m/s, wz rad/s), each inside its limits.

    As with inputs, the tensor holds (velocity - offset) / scale, so that the velocity is
    tensor * scale + offset. With `clip` the tensor is clipped first. Limits are of the velocity.
    """

    kind: Literal["velocity"]
    tensor: TensorName
    shape: tuple[Literal[1], Literal[2]] = (1, 2)
    units: tuple[Literal["m/s"], Literal["rad/s"]]
    clip: Clip | None = None
    offset: PerFeature = NO_OFFSET
    scale: PerFeature = NO_SCALE
    vx: Limits
    wz: Limits

    def velocity(self, values: Sequence[float]) -> tuple[float, float]:
        """Body velocity (vx m/s, wz rad/s) that the tensor's two values stand for."""
        vx, wz = (self._physical(float(value), i) for i, value in enumerate(values))
        return vx, wz

    def reach(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Least and most vx and wz, m/s and rad/s, that it can answer; None without `clip`."""
        if self.clip is None:
            return None
        ends = [self.velocity([bound] * COMPONENTS) for bound in (-math.inf, math.inf)]
        vx, wz = (sorted(values) for values in zip(*ends, strict=True))
        return (vx[0], vx[1]), (wz[0], wz[1])

    def _physical(self, value: float, i: int) -> float:
        if self.clip is not None:
            value = min(max(value, component(self.clip.low, i)), component(self.clip.high, i))
        return value * component(self.scale, i) + component(self.offset, i)

    @model_validator(mode="after")
    def _possible(self) -> VelocityOutput:
        for name, values in (("offset", self.offset), ("scale", self.scale)):
            _check_components(name, values)
        if any(value == 0.0 for value in self.scale):
            raise ValueError("scale: found 0, expected non-zero values")
        reach = self.reach()
        if reach is None:
            return self
        for name, limits, (low, high) in zip(("vx", "wz"), (self.vx, self.wz), reach, strict=True):
            if high < limits.low or low > limits.high:
                raise ValueError(
                    f"{name}: found limits [{limits.low:g}, {limits.high:g}], expected some of "
                    f"[{low:g}, {high:g}] in them, to which clip, scale and offset lead"
                )
        return self


class Confidence(Schema):
    """How sure the policy is of its answer, 0 to 1, as a second output of the graph.

    Below `minimum` the policy does not drive.
    """

    tensor: TensorName
    shape: tuple[Literal[1], Literal[1]] = (1, 1)
    minimum: Annotated[float, Field(ge=0.0, le=1.0)]


class Motion(Schema):
    """One entry of a table of motions: an arc at (vx m/s, wz rad/s)."""

    name: str
    vx: Finite
    wz: Finite


class ManoeuvreOutput(Schema):
    """Scores of a fixed table of manoeuvres; the highest score is driven for the tick."""

    kind: Literal["manoeuvre"]
    tensor: TensorName
    shape: tuple[Literal[1], int]
    units: tuple[Literal["m/s"], Literal["rad/s"]] = ("m/s", "rad/s")
    manoeuvres: Annotated[tuple[Motion, ...], Field(min_length=2, max_length=1024)]

    @model_validator(mode="after")
    def _sound_table(self) -> ManoeuvreOutput:
        _check_table(self.shape[1], self.manoeuvres)
        return self


class TrajectoryScoresOutput(Schema):
    """Scores of a fixed table of trajectories; the highest that is free of collision is driven.

    Trajectories whose score is more than `tolerance` below the best are never driven: then the
    policy has no answer, and the fallback drives.
    """

    kind: Literal["trajectory_scores"]
    tensor: TensorName
    shape: tuple[Literal[1], int]
    units: tuple[Literal["m/s"], Literal["rad/s"]] = ("m/s", "rad/s")
    trajectories: Annotated[tuple[Motion, ...], Field(min_length=2, max_length=1024)]
    tolerance: Positive

    @model_validator(mode="after")
    def _sound_table(self) -> TrajectoryScoresOutput:
        _check_table(self.shape[1], self.trajectories)
        return self


class WaypointsOutput(Schema):
    """Future positions in base_link, metres, `interval_s` apart: (x0, y0), (x1, y1), …

    Driven by pure pursuit: the arc from the robot through waypoint `tracked`, at the speed that
    reaches it in time, within the limits.
    """

    kind: Literal["waypoints"]
    tensor: TensorName
    shape: tuple[Literal[1], Annotated[int, Field(ge=1, le=256)], Literal[2]]
    units: Literal["m"]
    interval_s: Positive
    tracked: Annotated[int, Field(ge=0)]
    vx: Limits
    wz: Limits

    @model_validator(mode="after")
    def _tracked_exists(self) -> WaypointsOutput:
        if self.tracked >= self.shape[1]:
            raise ValueError(f"tracked: found {self.tracked}, expected below {self.shape[1]}")
        return self


def component(values: tuple[float, ...], i: int) -> float:
    """Value i of one per component, or the one for all."""
    return values[i % len(values)]


def _check_components(name: str, values: tuple[float, ...]) -> None:
    if len(values) not in (1, COMPONENTS):
        raise ValueError(f"{name}: found {len(values)} values, expected 1 or {COMPONENTS}")


def _check_table(scores: int, motions: tuple[Motion, ...]) -> None:
    if all(motion.vx == 0.0 and motion.wz == 0.0 for motion in motions):
        raise ValueError(f"found {len(motions)} motions of vx 0 and wz 0, expected one that moves")
    if scores != len(motions):
        raise ValueError(f"shape: found {scores} scores, expected {len(motions)}")


Output: TypeAlias = Annotated[
    VelocityOutput | ManoeuvreOutput | TrajectoryScoresOutput | WaypointsOutput,
    Field(discriminator="kind"),
]
