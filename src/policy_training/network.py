"""The policy network, in torch for training and as an ONNX graph for driving.

The scan goes through 1-D convolutions over bearing, in three views (range, and two exponentials
of it that resolve what is near); its code joins the guide, the goal and the velocity in dense
layers. The answer is squashed into the velocity limits, so that it cannot leave them. A linear
head on the last hidden layer says how likely it is that the answer is close to the expert's.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from policy_training.blueprint import ANSWER, CONFIDENCE, INPUT_NAMES, VX_LIMITS, WZ_LIMITS
from policy_training.config import Network

OPSET = 17
IR_VERSION = 9
KERNELS, STRIDES = (7, 5, 3), (3, 2, 2)
NEAR_SCALES = (1.0, 0.3)
"""Metres over which the exponential views of a range decay."""


class PolicyNetwork(nn.Module):
    """(vx m/s, wz rad/s) from the normalised input tensors."""

    def __init__(self, network: Network):
        super().__init__()
        if len(network.channels) != len(KERNELS):
            raise ValueError(f"channels: expected {len(KERNELS)}, got {len(network.channels)}")
        self._network = network
        widths = (1 + len(NEAR_SCALES), *network.channels)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(widths[i], widths[i + 1], KERNELS[i], STRIDES[i]) for i in range(len(KERNELS))
        )
        length = network.beams
        for kernel, stride in zip(KERNELS, STRIDES, strict=True):
            length = (length - kernel) // stride + 1
        self._code_size = length * widths[-1]
        sizes = (self._code_size + 2 * len(network.lookahead) + 3 + 2, *network.hidden, 2)
        self.layers = nn.ModuleList(
            nn.Linear(sizes[i], sizes[i + 1]) for i in range(len(sizes) - 1)
        )
        self.confidence = nn.Linear(sizes[-2], 1)
        low, high = np.array([VX_LIMITS, WZ_LIMITS], np.float32).T
        self.register_buffer("answer_centre", torch.from_numpy((low + high) / 2))
        self.register_buffer("answer_half", torch.from_numpy((high - low) / 2))

    def forward(self, scan: Tensor, guide: Tensor, goal: Tensor, velocity: Tensor) -> Tensor:
        """Batched: (B, beams), (B, 2 * points), (B, 3), (B, 2) to (B, 2)."""
        return self.answer(self.encode(scan, guide, goal, velocity))

    def encode(self, scan: Tensor, guide: Tensor, goal: Tensor, velocity: Tensor) -> Tensor:
        """The last hidden layer, (B, hidden)."""
        decays = [torch.exp(-scan * (self._network.max_range / scale)) for scale in NEAR_SCALES]
        code = torch.stack([scan, *decays], dim=1)
        for convolution in self.convolutions:
            code = torch.relu(convolution(code))
        hidden = torch.cat([code.flatten(1), guide, goal, velocity], dim=1)
        for layer in self.layers[:-1]:
            hidden = torch.relu(layer(hidden))
        return hidden

    def answer(self, hidden: Tensor) -> Tensor:
        """(B, 2) velocities from the last hidden layer."""
        squashed = torch.tanh(self.layers[-1](hidden))
        answer: Tensor = self.answer_centre + self.answer_half * squashed
        return answer

    def to_onnx(self) -> onnx.ModelProto:
        """The same function as an ONNX model for a batch of one."""
        builder = _GraphBuilder()
        code = self._scan_nodes(builder)
        hidden = builder.node("Concat", [code, "guide", "goal", "velocity"], axis=1)
        for layer in self.layers[:-1]:
            hidden = builder.node("Relu", [builder.linear(hidden, layer)])
        answer = builder.node("Tanh", [builder.linear(hidden, self.layers[-1])])
        scaled = builder.node("Mul", [answer, builder.weight(self.answer_half)])
        builder.node("Add", [scaled, builder.weight(self.answer_centre)], name=ANSWER)
        builder.node("Sigmoid", [builder.linear(hidden, self.confidence)], name=CONFIDENCE)
        sizes = (self._network.beams, 2 * len(self._network.lookahead), 3, 2)
        inputs = dict(zip(INPUT_NAMES, sizes, strict=True))
        return builder.model(inputs, {ANSWER: 2, CONFIDENCE: 1})

    def _scan_nodes(self, builder: _GraphBuilder) -> str:
        """Views, convolutions and flattening; the name of the (1, code size) result."""
        channel = builder.constant(np.array([1], np.int64))
        views = [builder.node("Unsqueeze", ["scan", channel])]
        for scale in NEAR_SCALES:
            rate = builder.constant(np.array(-self._network.max_range / scale, np.float32))
            decay = builder.node("Exp", [builder.node("Mul", [views[0], rate])])
            views.append(decay)
        code = builder.node("Concat", views, axis=1)
        for convolution, kernel, stride in zip(self.convolutions, KERNELS, STRIDES, strict=True):
            parameters = [builder.weight(convolution.weight), builder.weight(convolution.bias)]
            code = builder.node(
                "Conv", [code, *parameters], kernel_shape=[kernel], strides=[stride]
            )
            code = builder.node("Relu", [code])
        return builder.node("Flatten", [code], axis=1)


class _GraphBuilder:
    """Collects nodes and weights under running names."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def node(self, operator: str, inputs: list[str], name: str = "", **attributes: object) -> str:
        """Append a node with one output and return the output's name."""
        output = name or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value: NDArray[np.generic]) -> str:
        """Append a stored tensor and return its name."""
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, parameter: Tensor) -> str:
        """Append a torch parameter and return its name."""
        return self.constant(parameter.detach().cpu().numpy())

    def linear(self, value: str, layer: nn.Linear) -> str:
        """Append a dense layer and return its output's name."""
        parameters = [self.weight(layer.weight), self.weight(layer.bias)]
        return self.node("Gemm", [value, *parameters], transB=1)

    def model(self, inputs: dict[str, int], outputs: dict[str, int]) -> onnx.ModelProto:
        """The finished model; every input and output is (1, size) float32."""
        graph = helper.make_graph(
            self._nodes,
            "policy",
            *(
                [
                    helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width])
                    for name, width in tensors.items()
                ]
                for tensors in (inputs, outputs)
            ),
            self._weights,
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model
