"""What the parts of a manifest's schema share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

TensorName: TypeAlias = Annotated[str, Field(min_length=1, max_length=128)]
Positive: TypeAlias = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
PerFeature: TypeAlias = Annotated[tuple[Finite, ...], Field(min_length=1)]

NO_OFFSET: PerFeature = (0.0,)
NO_SCALE: PerFeature = (1.0,)


class Schema(BaseModel):
    """Base of every part: immutable, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
