"""A small policy written to disk, whose manifest and graph a test may falsify."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

BEAMS = 8
Edit = Callable[[dict[str, Any]], None]


def linear_graph(
    bias: tuple[float, float] = (0.5, 0.1),
    beams: int = BEAMS,
    body: list[onnx.NodeProto] | None = None,
    outputs: int = 2,
) -> onnx.ModelProto:
    """velocity = scan @ 0 + goal @ 0 + bias, with `body` nodes from `answer` to `velocity`."""
    weights = [
        numpy_helper.from_array(np.zeros((beams, outputs), np.float32), "scan_weight"),
        numpy_helper.from_array(np.zeros((3, outputs), np.float32), "goal_weight"),
        numpy_helper.from_array(np.asarray([bias], np.float32), "bias"),
    ]
    nodes = [
        helper.make_node("MatMul", ["scan", "scan_weight"], ["from_scan"]),
        helper.make_node("MatMul", ["goal", "goal_weight"], ["from_goal"]),
        helper.make_node("Sum", ["from_scan", "from_goal", "bias"], ["answer"]),
        *(body or [helper.make_node("Identity", ["answer"], ["velocity"])]),
    ]
    graph = helper.make_graph(
        nodes,
        "policy",
        [
            helper.make_tensor_value_info("scan", TensorProto.FLOAT, [1, beams]),
            helper.make_tensor_value_info("goal", TensorProto.FLOAT, [1, 3]),
        ],
        [helper.make_tensor_value_info("velocity", TensorProto.FLOAT, [1, outputs])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def linear_manifest() -> dict[str, Any]:
    return {
        "manifest_version": 1,
        "name": "linear",
        "version": "1.0.0",
        "description": "Answers a constant.",
        "licence": "Apache-2.0",
        "model": {"file": "policy.onnx", "sha256": ""},
        "rate_hz": 20.0,
        "latency_budget_ms": 20.0,
        "inputs": [
            {
                "tensor": "scan",
                "source": {
                    "kind": "scan",
                    "beams": BEAMS,
                    "field_of_view": 4.0,
                    "max_range": 10.0,
                },
                "shape": [1, BEAMS],
                "scale": [10.0],
                "statistics": {
                    "mean": [5.0],
                    "std": [2.0],
                    "minimum": [0.1],
                    "maximum": [10.0],
                    "score_limit": 3.0,
                },
            },
            {
                "tensor": "goal",
                "source": {"kind": "goal", "max_distance": 10.0},
                "shape": [1, 3],
            },
        ],
        "output": {
            "kind": "velocity",
            "tensor": "velocity",
            "shape": [1, 2],
            "units": ["m/s", "rad/s"],
            "vx": {"low": -0.5, "high": 2.0},
            "wz": {"low": -4.0, "high": 4.0},
        },
        "provenance": {
            "data": "none",
            "code": "test",
            "configuration": "test",
            "seed": 0,
            "created": "2025-01-01",
        },
    }


class PolicyWriter:
    """Writes a policy directory; `edit` changes the manifest after the hash is filled in."""

    def __init__(self, root: Path):
        self._root = root
        self._count = 0

    def __call__(
        self, model: onnx.ModelProto | bytes | None = None, edit: Edit | None = None
    ) -> Path:
        self._count += 1
        directory = self._root / f"policy_{self._count}"
        directory.mkdir()
        content = (
            model if isinstance(model, bytes) else (model or linear_graph()).SerializeToString()
        )
        (directory / "policy.onnx").write_bytes(content)
        manifest = deepcopy(linear_manifest())
        manifest["model"]["sha256"] = hashlib.sha256(content).hexdigest()
        if edit is not None:
            edit(manifest)
        (directory / "manifest.yaml").write_text(yaml.safe_dump(manifest))
        return directory


@pytest.fixture
def write_policy(tmp_path: Path) -> PolicyWriter:
    return PolicyWriter(tmp_path)


@pytest.fixture
def graph() -> Callable[..., onnx.ModelProto]:
    return linear_graph
