"""An INT8 variant of a policy: weights and activations in 8 bits, calibrated on training ticks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from autonomy_nodes.decision.contract import MANIFEST_FILE, load_policy
from policy_training.blueprint import INPUT_NAMES
from policy_training.config import TrainingConfig
from policy_training.dataset import Array, Dataset
from policy_training.export import MODEL_FILE, rounded_figures, write_policy
from policy_training.fit import normalised

CALIBRATION_TICKS = 512


def quantise(source: Path, directory: Path, train: Dataset, config: TrainingConfig) -> None:
    """Write the INT8 variant of the policy in `source` to `directory`, and load it once.

    Its manifest is that of `source` but for its name, its description, the model's hash and the
    figures: those of `source` were not measured on it (`state_figures`).

    Args:
        source: a policy that `export` wrote.
        directory: created where it is not there.
        train: ticks that the ranges of the activations are taken from.
        config: the run.

    Raises:
        PolicyError: the quantised graph does not keep the contract.
    """
    rows = np.linspace(0, len(train) - 1, min(CALIBRATION_TICKS, len(train))).astype(int)
    ticks = _Ticks(tuple(array[rows] for array in normalised(train, config)))
    with tempfile.TemporaryDirectory() as scratch:
        prepared, quantised = Path(scratch) / "prepared.onnx", Path(scratch) / "int8.onnx"
        quant_pre_process(source / MODEL_FILE, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantised,
            ticks,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv", "Gemm"],
        )
        model = onnx.load(quantised)
    _drop_unused_domains(model)
    manifest = yaml.safe_load((source / MANIFEST_FILE).read_text())
    manifest["name"] += "_int8"
    manifest["description"] += " Weights and activations in 8 bits."
    manifest["provenance"]["metrics"] = {}
    write_policy(directory, manifest, model.SerializeToString())
    load_policy(directory)


def state_figures(source: Path, directory: Path, metrics: Mapping[str, float]) -> None:
    """Write the policy in `source`, which they were measured on, with its figures to `directory`.

    Raises:
        PolicyError: what is in `source` is no policy.
    """
    load_policy(source)
    manifest = yaml.safe_load((source / MANIFEST_FILE).read_text())
    manifest["provenance"]["metrics"] = rounded_figures(metrics)
    write_policy(directory, manifest, (source / MODEL_FILE).read_bytes())


class _Ticks(CalibrationDataReader):
    """Hands ticks to the calibration, one at a time."""

    def __init__(self, inputs: tuple[Array, ...]):
        self._feeds: Iterator[dict[str, Array]] = (
            {name: array[row : row + 1] for name, array in zip(INPUT_NAMES, inputs, strict=True)}
            for row in range(len(inputs[0]))
        )

    def get_next(self) -> dict[str, Array] | None:
        """The next tick, None at the end."""
        return next(self._feeds, None)


def _drop_unused_domains(model: Any) -> None:
    """The quantiser imports its vendor's operators whether or not it uses one."""
    used = {node.domain for node in model.graph.node}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
