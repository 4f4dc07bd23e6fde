"""Schema of a policy's manifest: what feeds the ONNX file, what its outputs mean, where it is from.

A manifest is `manifest.yaml` beside the ONNX file. Unknown keys are refused, so that a misspelt
limit is an error and not a limit that is absent. Lengths are metres, angles radians, times as
the field's name says; frames are REP-105's `base_link` unless a field says otherwise.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from autonomy_nodes.decision.inputs import InputSpec
from autonomy_nodes.decision.outputs import Confidence, Output
from autonomy_nodes.decision.schema import Schema

__all__ = ["MANIFEST_VERSION", "InputSpec", "Manifest", "ModelFile", "Provenance"]

MANIFEST_VERSION: Literal[1] = 1


class ModelFile(Schema):
    """The ONNX file, beside the manifest, and its content's hash."""

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.onnx$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Provenance(Schema):
    """How the policy came to be: enough to make it again, and what it was measured to do."""

    data: str
    code: str
    configuration: str
    seed: int
    created: str
    metrics: dict[str, float] = Field(default_factory=dict)

    @field_validator("created")
    @classmethod
    def _possible_date(cls, created: str) -> str:
        if re.match(r"\d{4}-\d\d-\d\d", created):
            try:
                date.fromisoformat(created[:10])
            except ValueError as error:
                raise ValueError(f"found {created[:10]}, expected a possible date") from error
        return created


class Manifest(Schema):
    """The contract between a policy and the decision node."""

    manifest_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$")]
    description: str
    licence: Annotated[str, Field(min_length=1)]
    model: ModelFile
    rate_hz: Annotated[float, Field(gt=0.0, le=1000.0)]
    latency_budget_ms: Annotated[float, Field(gt=0.0, le=1000.0)]
    inputs: Annotated[tuple[InputSpec, ...], Field(min_length=1, max_length=32)]
    output: Output
    confidence: Confidence | None = None
    provenance: Provenance

    @property
    def reference(self) -> str:
        """NAME/VERSION, by which a registry knows it."""
        return f"{self.name}/{self.version}"

    @property
    def output_tensors(self) -> dict[str, tuple[int, ...]]:
        """Shapes of those outputs of the graph that are used, by name."""
        tensors: dict[str, tuple[int, ...]] = {self.output.tensor: tuple(self.output.shape)}
        if self.confidence is not None:
            tensors[self.confidence.tensor] = tuple(self.confidence.shape)
        return tensors

    @model_validator(mode="after")
    def _names_are_unique(self) -> Manifest:
        names = [spec.tensor for spec in self.inputs]
        if len(set(names)) != len(names):
            raise ValueError(f"inputs: found tensor names {names}, expected each only once")
        if self.confidence is not None and self.confidence.tensor == self.output.tensor:
            raise ValueError("confidence.tensor: found the output's, expected one of its own")
        return self

    @model_validator(mode="after")
    def _answers_within_a_period(self) -> Manifest:
        period_ms = 1e3 / self.rate_hz
        if self.latency_budget_ms > period_ms:
            raise ValueError(
                f"latency_budget_ms: found {self.latency_budget_ms:g}, expected at most the "
                f"period of rate_hz, {period_ms:g}"
            )
        return self
