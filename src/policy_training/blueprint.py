"""The shipped policy's inputs and outputs, as its manifest will state them."""

from __future__ import annotations

from typing import Any

from autonomy_nodes.decision.manifest import InputSpec
from policy_training.config import Network

VX_LIMITS = (-0.5, 2.0)
WZ_LIMITS = (-4.0, 4.0)
GOAL_DISTANCE = 5.0

INPUT_NAMES = ("scan", "guide", "goal", "velocity")
ANSWER, CONFIDENCE = "velocity_command", "confidence"

CLOSE_VX, CLOSE_WZ = 0.25, 0.5
"""An answer within these of the expert's, m/s and rad/s, is right; the confidence is how likely."""


def input_specs(network: Network) -> tuple[InputSpec, ...]:
    """The input tensors in the order of `INPUT_NAMES`, without statistics."""
    documents: list[dict[str, Any]] = [
        {
            "tensor": "scan",
            "source": {
                "kind": "scan",
                "beams": network.beams,
                "field_of_view": network.field_of_view,
                "max_range": network.max_range,
                "missing": "max_range",
            },
            "shape": [1, network.beams],
            "scale": [network.max_range],
        },
        {
            "tensor": "guide",
            "source": {"kind": "guide", "lookahead": list(network.lookahead)},
            "shape": [1, 2 * len(network.lookahead)],
        },
        {
            "tensor": "goal",
            "source": {"kind": "goal", "max_distance": GOAL_DISTANCE},
            "shape": [1, 3],
            "scale": [GOAL_DISTANCE, 1.0, 1.0],
        },
        {
            "tensor": "velocity",
            "source": {"kind": "velocity"},
            "shape": [1, 2],
            "scale": [2.0, 4.0],
        },
    ]
    return tuple(InputSpec.model_validate(document) for document in documents)
