"""Faults in what a sensor says, for every sensor alike: bias, scale, noise, not a number."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import numpy as np
from pydantic import Field, model_validator
from typing_extensions import Self

from world_sim.faults.fields import FIELDS, Values, change_values, default_field
from world_sim.faults.model import Message, Release, Share, Stream, ValueFault, register


class FieldFault(ValueFault):
    """A fault in one named field of a sensor's message."""

    field: str = Field("", description="which values; empty: the sensor's first in the table")

    @model_validator(mode="after")
    def _field_exists(self) -> Self:
        if self.field and self.field not in FIELDS[self.target]:
            known = ", ".join(FIELDS[self.target])
            raise ValueError(f"{self.target} has no field '{self.field}'; it has: {known}")
        return self

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Pass on the message with its field changed."""
        field = self.field or default_field(self.target)
        changed = change_values(
            message, self.target, field, lambda values: self.change(values, stream)
        )
        return [(now_ns, changed)]

    @abstractmethod
    def change(self, values: Values, stream: Stream) -> Values:
        """The faulty form of `values`, (K,) float64 in the field's unit."""


@register
class Bias(FieldFault):
    """A constant is added to the values."""

    kind: Literal["bias"] = "bias"
    offset: float = Field(0.2, description="in the field's unit: m, rad, m/s, rad/s, m/s²")

    def change(self, values: Values, stream: Stream) -> Values:
        """Add the offset."""
        return values + self.offset


@register
class Scale(FieldFault):
    """The values are multiplied by a constant; -1 flips their sign."""

    kind: Literal["scale"] = "scale"
    factor: float = 1.3

    def change(self, values: Values, stream: Stream) -> Values:
        """Multiply by the factor."""
        return values * self.factor


@register
class Noise(FieldFault):
    """Gaussian noise is added to the values, fresh for each message."""

    kind: Literal["noise"] = "noise"
    sigma: float = Field(0.1, gt=0.0, description="standard deviation, in the field's unit")

    def change(self, values: Values, stream: Stream) -> Values:
        """Add the noise."""
        return values + stream.rng.normal(0.0, self.sigma, values.shape)


@register
class NotANumber(FieldFault):
    """Values are replaced by NaN, at random places in each message."""

    kind: Literal["nan"] = "nan"
    share: Share = Field(1.0, description="share of the values")

    def change(self, values: Values, stream: Stream) -> Values:
        """Replace the share by NaN."""
        return np.where(stream.rng.random(values.shape) < self.share, np.nan, values)


@register
class Infinite(FieldFault):
    """Values are replaced by +inf, at random places in each message."""

    kind: Literal["inf"] = "inf"
    share: Share = Field(1.0, description="share of the values")

    def change(self, values: Values, stream: Stream) -> Values:
        """Replace the share by +inf."""
        return np.where(stream.rng.random(values.shape) < self.share, np.inf, values)
