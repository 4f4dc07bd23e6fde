"""What a policy's answer means: one class per kind of output, with units and limits.

A new kind is a class here, an entry in `Output`, and its meaning in `answers`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from autonomy_nodes.decision.schema import Finite, Positive, Schema, TensorName


class Limits(Schema):
    """A closed interval [low, high]; an answer outside it is a failure of the policy."""

    low: Finite
    high: Finite

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        if self.low > self.high:
            raise ValueError(f"found low {self.low} above high {self.high}, expected low <= high")
        return self


class VelocityOutput(Schema):
    """A body velocity: (vx m/s, wz rad/s), each inside its limits."""

    kind: Literal["velocity"]
    tensor: TensorName
    shape: tuple[Literal[1], Literal[2]] = (1, 2)
    units: tuple[Literal["m/s"], Literal["rad/s"]]
    vx: Limits
    wz: Limits


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


def _check_table(scores: int, motions: tuple[Motion, ...]) -> None:
    if all(motion.vx == 0.0 and motion.wz == 0.0 for motion in motions):
        raise ValueError(f"found {len(motions)} motions of vx 0 and wz 0, expected one that moves")
    if scores != len(motions):
        raise ValueError(f"shape: found {scores} scores, expected {len(motions)}")


Output: TypeAlias = Annotated[
    VelocityOutput | ManoeuvreOutput | TrajectoryScoresOutput | WaypointsOutput,
    Field(discriminator="kind"),
]
