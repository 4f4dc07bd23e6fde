"""What the user of a policy should know that is no reason to refuse it."""

from __future__ import annotations

import numpy as np

from autonomy_nodes.decision.answers import LIMIT_TOLERANCE
from autonomy_nodes.decision.features import rms_z
from autonomy_nodes.decision.inputs import Part, Statistics
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.outputs import VelocityOutput

DESCRIPTION_TO_FILL_IN = "What it drives, where, and how it was trained."
LICENCE_TO_FILL_IN = "LicenseRef-unknown"
TO_FILL_IN = "unknown"
"""What a template says of what only a person knows."""
SOURCE_TO_FILL_IN = "to be filled in"
"""The kind of a source that only a person knows; no manifest with it is accepted."""
BLIND_RATIO = 2.0
"""Of a score_limit to the score of an input with every feature at its training extreme."""
PROVENANCE = ("data", "code", "configuration", "created")


def remarks_on(manifest: Manifest) -> list[str]:
    """What a manifest leaves open: fields as in the template, inputs that nothing watches."""
    unfilled = [
        name
        for name in PROVENANCE
        if getattr(manifest.provenance, name).strip() in ("", TO_FILL_IN)
    ]
    remarks = []
    if manifest.description.strip() in ("", DESCRIPTION_TO_FILL_IN):
        remarks.append("its description is not filled in")
    if manifest.licence == LICENCE_TO_FILL_IN:
        remarks.append(f"its licence is not filled in ({LICENCE_TO_FILL_IN})")
    if unfilled:
        fields = ", ".join(f"provenance.{name}" for name in unfilled)
        remarks.append(f"not known where it is from: {fields}")
    bindings = [item for spec in manifest.inputs for item in spec.bindings.items()]
    if isinstance(manifest.output, VelocityOutput):
        remarks += _remarks_on_reach(manifest.output)
    return remarks + [words for name, part in bindings for words in _remarks_on_input(name, part)]


def _remarks_on_input(name: str, part: Part) -> list[str]:
    if part.statistics is None:
        return [f"input '{name}' has no statistics: strange values of it are not noticed"]
    limit, farthest = part.statistics.score_limit, farthest_score(part.statistics)
    if limit > BLIND_RATIO * farthest:
        return [
            f"input '{name}' has score_limit {limit:g}, far above the {farthest:.3g} of "
            "every feature at its training extreme: strange values of it are hardly noticed"
        ]
    return []


def _remarks_on_reach(output: VelocityOutput) -> list[str]:
    """That what the tensor is clipped to stands for velocities beyond the limits."""
    reach = output.reach()
    if reach is None:
        return []
    return [
        f"its {name} may be anything from {low:g} to {high:g}, and outside [{limits.low:g}, "
        f"{limits.high:g}] it does not drive"
        for name, limits, (low, high) in zip(
            ("vx", "wz"), (output.vx, output.wz), reach, strict=True
        )
        if low < limits.low - LIMIT_TOLERANCE or high > limits.high + LIMIT_TOLERANCE
    ]


def farthest_score(statistics: Statistics) -> float:
    """Root mean square z-score of an input whose every feature is at its farther extreme.

    No sample within the extremes of training scores higher.
    """
    mean, std, low, high = (
        np.asarray(getattr(statistics, name), np.float32)
        for name in ("mean", "std", "minimum", "maximum")
    )
    farther = mean + np.maximum(mean - low, high - mean)
    return rms_z(farther, mean, std)
