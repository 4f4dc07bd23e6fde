"""Train a policy that scores arcs by a small random-feature regression, in a few seconds.

Usage: python docs/examples/arc_scorer.py DIRECTORY
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import yaml
from onnx import TensorProto, helper, numpy_helper

BEAMS, HIDDEN, SCENES = 36, 400, 20_000
ARCS = [(vx, wz) for vx in (0.2, 0.5, 0.9) for wz in np.linspace(-1.5, 1.5, 11).round(2)]
draw = np.random.default_rng(0)

# Random scenes: smooth scans (metres, over 270 degrees) and goals (distance, cosine, sine).
knots = draw.uniform(0.3, 6.0, (SCENES, 9))
scan = np.array([np.interp(np.linspace(0, 8, BEAMS), range(9), k) for k in knots])
bearing = draw.uniform(-np.pi, np.pi, SCENES)
goal = np.column_stack((draw.uniform(0.5, 6.0, SCENES), np.cos(bearing), np.sin(bearing)))

# What each arc is worth: progress to the goal in 1.5 s, minus what it loses to obstacles.
angles = (np.arange(BEAMS) + 0.5) / BEAMS * 4.71 - 4.71 / 2
worth = np.empty((SCENES, len(ARCS)))
for i, (vx, wz) in enumerate(ARCS):
    turn = 1.5 * wz
    reach = 1.5 * vx * (np.sin(turn / 2) / (turn / 2) if turn else 1.0)
    room = scan[:, np.abs(angles - turn / 2) < 0.45].min(axis=1)
    worth[:, i] = reach * np.cos(bearing - turn / 2) + 0.3 * np.cos(bearing - turn)
    worth[:, i] -= 2.0 * np.clip(reach + 0.5 - room, 0.0, 1.0)

# Ridge regression on random rectified features.
inputs = np.hstack((scan / 6.0, goal / (6.0, 1.0, 1.0)))
weight = draw.normal(0.0, 0.6, (BEAMS + 3, HIDDEN)).astype(np.float32)
bias = draw.normal(0.0, 0.6, HIDDEN).astype(np.float32)
hidden = np.maximum(inputs @ weight + bias, 0.0)
gram = hidden.T @ hidden + 1.0 * np.eye(HIDDEN)
readout = np.linalg.solve(gram, hidden.T @ worth).astype(np.float32)

tensors = {"weight": weight, "bias": bias, "readout": readout}
graph = helper.make_graph(
    [
        helper.make_node("Concat", ["scan", "goal"], ["inputs"], axis=1),
        helper.make_node("Gemm", ["inputs", "weight", "bias"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "readout"], ["scores"]),
    ],
    "arc_scorer",
    [
        helper.make_tensor_value_info("scan", TensorProto.FLOAT, [1, BEAMS]),
        helper.make_tensor_value_info("goal", TensorProto.FLOAT, [1, 3]),
    ],
    [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, len(ARCS)])],
    [numpy_helper.from_array(value, name) for name, value in tensors.items()],
)
opset = [helper.make_opsetid("", 17)]
content = helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()

directory = Path(sys.argv[1])
directory.mkdir(parents=True, exist_ok=True)
(directory / "arc_scorer.onnx").write_bytes(content)
manifest = {
    "manifest_version": 1,
    "name": "arc_scorer",
    "version": "1.0.0",
    "description": "Scores 33 arcs from a coarse scan and the goal; has no memory and no guide.",
    "licence": "Apache-2.0",
    "model": {"file": "arc_scorer.onnx", "sha256": hashlib.sha256(content).hexdigest()},
    "rate_hz": 20.0,
    "latency_budget_ms": 20.0,
    "inputs": [
        {
            "tensor": "scan",
            "source": {"kind": "scan", "beams": BEAMS, "field_of_view": 4.71, "max_range": 6.0},
            "shape": [1, BEAMS],
            "scale": [6.0],
        },
        {
            "tensor": "goal",
            "source": {"kind": "goal", "max_distance": 6.0},
            "shape": [1, 3],
            "scale": [6.0, 1.0, 1.0],
        },
    ],
    "output": {
        "kind": "trajectory_scores",
        "tensor": "scores",
        "shape": [1, len(ARCS)],
        "trajectories": [
            {"name": f"arc {vx} {wz}", "vx": float(vx), "wz": float(wz)} for vx, wz in ARCS
        ],
        "tolerance": 1.0,
    },
    "provenance": {
        "data": f"{SCENES} random scenes",
        "code": "docs/examples/arc_scorer.py",
        "configuration": "constants in the script",
        "seed": 0,
        "created": "2025-01-01",
    },
}
(directory / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
