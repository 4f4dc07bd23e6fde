"""Train a policy that scores arcs, in seconds: python docs/examples/arc_scorer.py DIRECTORY."""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from autonomy_nodes.decision.template import draft, write_policy

BEAMS, HIDDEN, SCENES, VIEW = 36, 400, 20_000, 4.71
SCAN = {"beams": BEAMS, "field_of_view": VIEW}
ARCS = [(vx, wz) for vx in (0.2, 0.5, 0.9) for wz in np.linspace(-1.5, 1.5, 11).round(2)]
draw = np.random.default_rng(0)
knots = draw.uniform(0.3, 6.0, (SCENES, 9))  # smooth scans, metres
scan = np.array([np.interp(np.linspace(0, 8, BEAMS), range(9), k) for k in knots])
bearing = draw.uniform(-np.pi, np.pi, SCENES)
goal = np.column_stack((draw.uniform(0.5, 6.0, SCENES), np.cos(bearing), np.sin(bearing)))

# What each arc is worth: progress to the goal in 1.5 s, minus what it loses to obstacles.
angles = ((np.arange(BEAMS) + 0.5) / BEAMS - 0.5) * VIEW
worth = np.empty((SCENES, len(ARCS)))
for i, (vx, wz) in enumerate(ARCS):
    reach, turn = 1.5 * vx * np.sinc(0.75 * wz / np.pi), 1.5 * wz
    room = scan[:, np.abs(angles - turn / 2) < 0.45].min(axis=1)
    worth[:, i] = reach * np.cos(bearing - turn / 2) + 0.3 * np.cos(bearing - turn)
    worth[:, i] -= 2.0 * np.clip(reach + 0.5 - room, 0.0, 1.0)

weight, bias = draw.normal(0.0, 0.6, (BEAMS + 3, HIDDEN)), draw.normal(0.0, 0.6, HIDDEN)
hidden = np.maximum(np.hstack((scan / 6.0, goal / (6.0, 1.0, 1.0))) @ weight + bias, 0.0)
readout = np.linalg.solve(hidden.T @ hidden + np.eye(HIDDEN), hidden.T @ worth)
tensors = {"weight": weight, "bias": bias, "readout": readout}
sizes = {"scan": BEAMS, "goal": 3, "scores": len(ARCS)}
ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, k]) for n, k in sizes.items()]
nodes = [
    helper.make_node("Concat", ["scan", "goal"], ["inputs"], axis=1),
    helper.make_node("Gemm", ["inputs", "weight", "bias"], ["sums"]),
    helper.make_node("Relu", ["sums"], ["hidden"]),
    helper.make_node("MatMul", ["hidden", "readout"], ["scores"]),
]
stored = [numpy_helper.from_array(v.astype(np.float32), name) for name, v in tensors.items()]
graph = helper.make_graph(nodes, "arc_scorer", ports[:2], ports[2:], stored)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

manifest = draft(model.graph, "trajectory_scores", "arc_scorer")
manifest["inputs"][0] |= {"scale": [6.0], "source": {"kind": "scan", "max_range": 6.0, **SCAN}}
manifest["inputs"][1] |= {"scale": [6.0, 1.0, 1.0], "source": {"kind": "goal", "max_distance": 6.0}}
for motion, (vx, wz) in zip(manifest["output"]["trajectories"], ARCS, strict=True):
    motion |= {"name": f"{vx} {wz}", "vx": float(vx), "wz": float(wz)}
write_policy(Path(sys.argv[1]), model.SerializeToString(), manifest)
