"""Finding the state that a recurrent graph wants to be given back in the next tick."""

from __future__ import annotations

from onnx import GraphProto

RECURRENT = {"LSTM", "GRU"}
INITIAL_STATES = slice(5, 7)
"""Among the inputs of a recurrent operator: initial_h and, of an LSTM, initial_c."""
PASSES_ON = frozenset(
    """
    Cast Concat Flatten Gather Identity Mul Reshape Slice Split Squeeze Transpose Unsqueeze
    """.split()  # noqa: SIM905 - a list of words reads better
)
"""Between an input and the operator these leave a state a state."""
REMEDY = "no state between ticks: train without it, with `history` in its place"


def state_inputs(graph: GraphProto) -> list[str]:
    """Inputs of a graph that are the state of a recurrent layer, in the graph's order."""
    producers = {name: node for node in graph.node for name in node.output}
    names = [
        name
        for node in graph.node
        if node.op_type in RECURRENT
        for name in node.input[INITIAL_STATES]
    ]
    found: set[str] = set()
    while names:
        name = names.pop()
        if name in found:
            continue
        found.add(name)
        producer = producers.get(name)
        if producer is not None and producer.op_type in PASSES_ON:
            names.extend(producer.input)
    stored = {tensor.name for tensor in graph.initializer}
    return [value.name for value in graph.input if value.name in found - stored]
