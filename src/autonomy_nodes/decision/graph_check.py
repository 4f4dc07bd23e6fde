"""Checks of an untrusted ONNX graph, before a runtime sees it.

A policy is data from somewhere else. What it may contain is a list: operators that compute a
bounded function of its inputs. Loops, branches, random numbers, dynamic shapes, functions,
custom operators and files outside the model are refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.graph_cost import (
    MAX_OPERATIONS,
    MAX_TOTAL_ELEMENTS,
    elements,
    operations,
)
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.recurrence import REMEDY, state_inputs

MAX_TENSOR_ELEMENTS = 16 * 1024 * 1024
MAX_NODES = 4096

ALLOWED_OPERATORS = frozenset(
    """
    Abs Add ArgMax ArgMin AveragePool BatchNormalization Cast Clip Concat Constant
    ConstantOfShape Conv Cos DequantizeLinear Div DynamicQuantizeLinear Elu Equal Erf Exp Expand
    Flatten GRU Gather Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
    HardSigmoid HardSwish Identity InstanceNormalization LSTM LayerNormalization LeakyRelu Less
    LessOrEqual Log LogSoftmax MatMul MatMulInteger Max MaxPool Min Mish Mul Neg Not PRelu Pad
    Pow QLinearConv QLinearMatMul QuantizeLinear Reciprocal ReduceL2 ReduceMax ReduceMean
    ReduceMin ReduceSum Relu Reshape Selu Shape Sigmoid Sign Sin Slice Softmax Softplus Split
    Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where
    """.split()  # noqa: SIM905 - eighty quoted names would hide the list
)


def check_graph(content: bytes, manifest: Manifest, where: Path) -> None:
    """Refuse a graph that is not safe to run or does not match its manifest.

    Args:
        content: the ONNX file's bytes.
        manifest: what the graph must look like.
        where: the file, for messages.

    Raises:
        PolicyError: with the part of the graph, what was found and what was expected.
    """
    model = _parse(content, where)
    _check_operators(model, where)
    _check_data_is_inside(model, where)
    _check_well_formed(model, where)
    _check_inputs(model, manifest, where)
    _check_outputs(model, manifest, where)
    _check_sizes(model, where)


def _parse(content: bytes, where: Path) -> ModelProto:
    try:
        return onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's exceptions share no base class across versions
        raise PolicyError(where, "file", _first_line(error), "a valid ONNX model") from error


def _check_well_formed(model: ModelProto, where: Path) -> None:
    """Run ONNX's own checker, which would open external data: only after it is ruled out."""
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # onnx raises its own C++ exception types
        raise PolicyError(where, "file", _first_line(error), "a valid ONNX model") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _check_operators(model: ModelProto, where: Path) -> None:
    for opset in model.opset_import:
        if opset.domain not in ("", "ai.onnx"):
            raise PolicyError(where, "opset_import", f"'{opset.domain}'", "the ONNX domain only")
    if model.functions:
        raise PolicyError(where, "functions", len(model.functions), "none")
    if len(model.graph.node) > MAX_NODES:
        raise PolicyError(where, "graph.node", len(model.graph.node), f"at most {MAX_NODES}")
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in ALLOWED_OPERATORS:
            name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            raise PolicyError(where, f"operator of node '{node.name}'", name, "an allowed operator")


def _check_data_is_inside(model: ModelProto, where: Path) -> None:
    if model.graph.sparse_initializer or any(_sparse(node) for node in model.graph.node):
        raise PolicyError(where, "weights", "sparse tensors", "dense tensors")
    for tensor in _tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            found = f"external data of tensor '{tensor.name}'"
            raise PolicyError(where, "weights", found, "weights inside the file")


def _sparse(node: NodeProto) -> bool:
    """Whether a node holds a sparse tensor: a few bytes of file may be gigabytes of memory."""
    return any(a.HasField("sparse_tensor") or a.sparse_tensors for a in node.attribute)


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor stored in the model: initialisers and node attributes."""
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _check_inputs(model: ModelProto, manifest: Manifest, where: Path) -> None:
    """Compare the graph's inputs with the manifest's: each is fed, and none is a state."""
    stored = {tensor.name for tensor in model.graph.initializer}
    found = {value.name: value for value in model.graph.input if value.name not in stored}
    expected = {spec.tensor: spec.shape for spec in manifest.inputs}
    states = state_inputs(model.graph)
    if states:
        raise PolicyError(where, "inputs", f"{states} of a recurrent layer", REMEDY)
    if set(found) != set(expected):
        unfed = sorted(set(found) - set(expected))
        advice = f"; nothing feeds {unfed}, be it a state between ticks or data" if unfed else ""
        raise PolicyError(
            where, "inputs tensor names", sorted(found), f"{sorted(expected)}{advice}"
        )
    for name, shape in expected.items():
        _check_value("inputs", found[name], shape, where)


def _check_outputs(model: ModelProto, manifest: Manifest, where: Path) -> None:
    """Compare those of the graph's outputs that the manifest uses; it may have others."""
    found = {value.name: value for value in model.graph.output}
    expected = manifest.output_tensors
    if not set(expected) <= set(found):
        raise PolicyError(where, "output tensor names", sorted(found), sorted(expected))
    for name, shape in expected.items():
        _check_value("output", found[name], shape, where)


def _check_value(field: str, value: ValueInfoProto, expected: tuple[int, ...], where: Path) -> None:
    """Compare element type and shape of an input or output with the manifest."""
    tensor = value.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        found_type = TensorProto.DataType.Name(tensor.elem_type)
        raise PolicyError(where, f"{field} '{value.name}' type", found_type, "FLOAT")
    shape = _shape_of(value)
    if shape != expected:
        found, advice = (
            ("dynamic", ", exported with fixed sizes") if shape is None else (list(shape), "")
        )
        raise PolicyError(
            where, f"{field} '{value.name}' shape", found, f"{list(expected)}{advice}"
        )


def _shape_of(value: ValueInfoProto) -> tuple[int, ...] | None:
    """Static shape, or None where a dimension is symbolic or absent."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    dimensions = tensor.shape.dim
    if not all(dimension.HasField("dim_value") for dimension in dimensions):
        return None
    return tuple(dimension.dim_value for dimension in dimensions)


def _check_sizes(stated: ModelProto, where: Path) -> None:
    """Refuse a graph with tensors that are huge or of unknown size, or that takes long to run.

    Sizes follow from the inputs' alone: what the file states of the others may be a lie.
    """
    model = _without_stated_shapes(stated)
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except Exception as error:  # onnx raises its own C++ exception types
        raise PolicyError(where, "graph shapes", _first_line(error), "consistent shapes") from error
    shapes = _shapes(inferred)
    for node in model.graph.node:
        for name in node.output:
            if name and name not in shapes:
                raise PolicyError(
                    where, f"shape of tensor '{name}' ({node.op_type})", "unknown", "a static one"
                )
    for value in stated.graph.output:
        shape = _shape_of(value)
        if shape is not None and shape != shapes.get(value.name):
            computed = shapes.get(value.name, "none")
            raise PolicyError(
                where, f"output '{value.name}' shape", shape, f"{computed}, as computed"
            )
    for name, shape in shapes.items():
        if math.prod(shape) > MAX_TENSOR_ELEMENTS:
            raise PolicyError(
                where,
                f"tensor '{name}' elements",
                math.prod(shape),
                f"at most {MAX_TENSOR_ELEMENTS}",
            )
    for field, found, limit in (
        ("elements of all tensors", elements(shapes), MAX_TOTAL_ELEMENTS),
        ("operations of one run", operations(model, shapes), MAX_OPERATIONS),
    ):
        if found > limit:
            raise PolicyError(where, field, found, f"at most {limit}")


def _without_stated_shapes(model: ModelProto) -> ModelProto:
    """A copy that states no shape but those of its inputs and of stored tensors."""
    bare = ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    return bare


def _shapes(model: ModelProto) -> dict[str, tuple[int, ...]]:
    """Static shape of every tensor that has one, by name."""
    graph = model.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shape = _shape_of(value)
        if shape is not None:
            shapes[value.name] = shape
    return shapes
