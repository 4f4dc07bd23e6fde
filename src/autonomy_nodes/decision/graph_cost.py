"""What a graph costs to run, from its shapes alone: an upper bound before a runtime sees it.

Every allowed operator does a number of multiplications and additions that its shapes fix; the
sum bounds the time of an inference, and of what a runtime folds when it opens the graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from onnx import ModelProto, NodeProto

MAX_OPERATIONS = 2_000_000_000
"""Multiply-adds: about a second of one core, fifty times what fits into a tick."""
MAX_TOTAL_ELEMENTS = 64 * 1024 * 1024
"""Of all tensors together, computed and stored."""

Shapes = Mapping[str, tuple[int, ...]]
RECURRENT_GATES = {"LSTM": 4, "GRU": 3}


def operations(model: ModelProto, shapes: Shapes) -> int:
    """Multiply-adds of one run, at least one per element read or written.

    Args:
        model: a graph of allowed operators.
        shapes: static shape of every tensor in it, by name.
    """
    return sum(_operations_of(node, shapes) for node in model.graph.node)


def elements(shapes: Shapes) -> int:
    """Elements of all tensors together."""
    return sum(math.prod(shape) for shape in shapes.values())


def _operations_of(node: NodeProto, shapes: Shapes) -> int:
    inputs = [shapes.get(name, ()) for name in node.input]
    outputs = [shapes.get(name, ()) for name in node.output]
    written = sum(math.prod(shape) for shape in outputs)
    touched = written + sum(math.prod(shape) for shape in inputs)
    if not inputs or not outputs:
        return touched
    return max(touched, written * _terms(node, inputs))


def _terms(node: NodeProto, inputs: list[tuple[int, ...]]) -> int:
    """Multiply-adds per element of the output."""
    kind = node.op_type
    if kind in ("MatMul", "MatMulInteger", "QLinearMatMul"):
        return inputs[0][-1] if inputs[0] else 1
    if kind == "Gemm":
        return max(inputs[0])
    if kind in ("Conv", "QLinearConv"):
        return math.prod(inputs[3 if kind == "QLinearConv" else 1][1:])
    if kind in ("MaxPool", "AveragePool"):
        return math.prod(_integers(node, "kernel_shape"))
    if kind in RECURRENT_GATES:
        hidden = next(iter(_integers(node, "hidden_size")), 1)
        return RECURRENT_GATES[kind] * (hidden + inputs[0][-1])
    return 1


def _integers(node: NodeProto, name: str) -> list[int]:
    for attribute in node.attribute:
        if attribute.name == name:
            return list(attribute.ints) or [attribute.i]
    return []
