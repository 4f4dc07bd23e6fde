"""A manifest to begin with, made from an ONNX file, and how to go on."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import onnx
import yaml

from autonomy_nodes.decision.contract import MAX_MODEL_BYTES
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.pointer import MANIFEST_FILE
from autonomy_nodes.decision.recurrence import REMEDY, state_inputs
from autonomy_nodes.decision.remarks import (
    DESCRIPTION_TO_FILL_IN,
    LICENCE_TO_FILL_IN,
    PROVENANCE,
    SOURCE_TO_FILL_IN,
    TO_FILL_IN,
)

OutputKind = Literal["velocity", "manoeuvre", "trajectory_scores", "waypoints"]
GUIDE_FILE = "GUIDE.md"
KINDS = ("scan", "goal", "guide", "velocity", "costmap")
AS_IT_STANDS = {"offset": [0.0, 0.0], "scale": [1.0, 1.0]}
LIMITS = {"vx": {"low": -0.5, "high": 2.0}, "wz": {"low": -4.0, "high": 4.0}}

GUIDE = """\
# What to fill in

`manifest.yaml` was made from the shapes in the ONNX file. A machine cannot know what they mean:

1. `inputs`: is each `source` the right one (scan, goal, guide, velocity, costmap)? Set its range,
   field of view and look-ahead to those of the training.
2. `offset` and `scale`: the tensor holds (feature - offset) / scale. Leave both out where the
   graph itself normalises.
3. `statistics` of each input (mean, std, minimum, maximum, score_limit), so that inputs unlike
   the training data are noticed. Without them they are not.
4. `output`: its kind, limits, and for tables what each entry is, in m/s and rad/s. A table of
   which nothing moves is refused. A velocity is tensor * scale + offset, after the tensor was
   clipped to `clip` where that is given; without them the tensor is in m/s and rad/s.
5. `description`, `licence`, `provenance`: what a person needs to trust it, or to make it again.

Then

    edge-autonomy policy check {directory}
    edge-autonomy policy card {directory}
    edge-autonomy policy bench {directory}
    edge-autonomy policy sign {directory} --key YOUR_KEY.pem
    edge-autonomy policy promote {directory}

A graph with new weights is a new version: raise `version`, and set `model.sha256` (`sha256sum`).
All fields are described in docs/policies.md.
{flat}"""


FLAT_GUIDE = """
## The flat vector `{tensor}`

It is one row of {size} numbers, and only who trained it knows which. List its `parts` in the order
in which the environment put them together. As long as a kind is '{to_fill_in}', or the
sizes do not add up to {size}, `policy check` refuses the manifest and says what is missing.

    parts:
    - source: {{kind: scan, beams: 36, field_of_view: 4.71, max_range: 10.0}}   # 36 numbers
      scale: [10.0]
    - source: {{kind: goal, max_distance: 10.0}}       # 3: distance, cosine, sine of the bearing
      scale: [10.0, 1.0, 1.0]
    - source: {{kind: velocity}}                       # 2: vx, wz
    - source: {{kind: guide, lookahead: [0.5, 1.0]}}   # 2 for each point: x, y
    - source: {{kind: costmap, size: 16, resolution: 0.1}}   # size * size, row by row

`history: H` of the input: the row holds H ticks, oldest first, each with all parts (stacked
frames). `history: H` of a part: that part alone holds H ticks, one after the other.
"""


def write_policy(directory: Path, model: bytes, manifest: Mapping[str, Any]) -> Path:
    """Write a policy's two files; the model's name and hash are filled in.

    Args:
        directory: made where it is not there.
        model: the ONNX file's content.
        manifest: all but `manifest_version` and `model`, which are set here.

    Returns:
        The manifest's file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "policy.onnx").write_bytes(model)
    digest = hashlib.sha256(model).hexdigest()
    file = {"file": "policy.onnx", "sha256": digest}
    document = {"manifest_version": 1, "model": file, **manifest}
    path = directory / MANIFEST_FILE
    path.write_text(yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=100))
    return path


def write_template(directory: Path, model: Path, kind: OutputKind, name: str) -> Path:
    """Write a policy directory around an ONNX file: it, a manifest to fill in, and a guide.

    Returns:
        The manifest's file.

    Raises:
        PolicyError: the directory has a manifest already, or the model cannot be read.
    """
    if (directory / MANIFEST_FILE).exists():
        raise PolicyError(directory, "manifest.yaml", "a file", "a directory without one")
    try:
        if model.stat().st_size > MAX_MODEL_BYTES:
            found = f"{model.stat().st_size} bytes"
            raise PolicyError(model, "model.file size", found, f"at most {MAX_MODEL_BYTES}")
        content = model.read_bytes()
        graph = onnx.load_model_from_string(content).graph
    except OSError as error:
        raise PolicyError(model, "model", error.strerror, "a readable file") from error
    except PolicyError:
        raise
    except Exception as error:  # protobuf's exceptions share no base class across versions
        raise PolicyError(model, "model", error, "an ONNX file") from error
    manifest = draft(graph, kind, name)
    path = write_policy(directory, content, manifest)
    first = manifest["inputs"][0]
    about = {"tensor": first["tensor"], "size": first["shape"][-1], "to_fill_in": SOURCE_TO_FILL_IN}
    flat = FLAT_GUIDE.format(**about) if "parts" in first else ""
    (directory / GUIDE_FILE).write_text(GUIDE.format(directory=directory, flat=flat))
    return path


def draft(graph: onnx.GraphProto, kind: OutputKind, name: str) -> dict[str, Any]:
    """A manifest guessed from the names and shapes of a graph's tensors, to be filled in.

    The parts of a flat vector cannot be guessed: they are left open, so that it is refused.

    Raises:
        PolicyError: the graph has no inputs or no outputs, or a state between ticks.
    """
    stored = {tensor.name for tensor in graph.initializer}
    values = [value for value in graph.input if value.name not in stored]
    if not values or not graph.output:
        raise PolicyError(name, "model", "no inputs or no outputs", "a graph with both")
    states = state_inputs(graph)
    if states:
        raise PolicyError(name, "inputs", f"{states} of a recurrent layer", REMEDY)
    flat = len(values) == 1 and _is_flat(values[0])
    return {
        "name": name,
        "version": "0.1.0",
        "description": DESCRIPTION_TO_FILL_IN,
        "licence": LICENCE_TO_FILL_IN,
        "rate_hz": 20.0,
        "latency_budget_ms": 20.0,
        "inputs": [_flat_input(values[0])] if flat else [_input(value) for value in values],
        "output": _output(_answer(graph, kind), kind),
        "provenance": {
            **dict.fromkeys(PROVENANCE, TO_FILL_IN),
            "seed": 0,
        },
    }


def _is_flat(value: onnx.ValueInfoProto) -> bool:
    """Whether a graph's only input is a row of numbers that is not named after one source."""
    return len(_shape(value)) == 2 and sum(kind in value.name.lower() for kind in KINDS) != 1


def _flat_input(value: onnx.ValueInfoProto) -> dict[str, Any]:
    part = {"source": {"kind": SOURCE_TO_FILL_IN}, "offset": [0.0], "scale": [1.0]}
    return {"tensor": value.name, "shape": _shape(value), "history": 1, "parts": [part]}


def _answer(graph: onnx.GraphProto, kind: OutputKind) -> onnx.ValueInfoProto:
    """The first output whose shape fits the kind, or the first of all."""
    for value in graph.output:
        shape = _shape(value)
        fits = {"velocity": shape == [1, 2], "waypoints": len(shape) == 3 and shape[2] == 2}
        if fits.get(kind, len(shape) == 2 and shape[1] > 1):
            return value
    return graph.output[0]


def _input(value: onnx.ValueInfoProto) -> dict[str, Any]:
    """A guess by the shape: 3 numbers are a goal, 2 a velocity, a square a costmap, else a scan."""
    shape = _shape(value)
    features = math.prod(shape[1:])
    source: dict[str, Any]
    if "guide" in value.name and features % 2 == 0:
        source = {"kind": "guide", "lookahead": [0.25 * (i + 1) for i in range(features // 2)]}
    elif features == 3:
        source = {"kind": "goal", "max_distance": 10.0}
    elif features == 2:
        source = {"kind": "velocity"}
    elif len(shape) == 3 and shape[1] == shape[2]:
        source = {"kind": "costmap", "size": shape[1], "resolution": 0.05}
    else:
        source = {"kind": "scan", "beams": shape[-1], "field_of_view": 4.71, "max_range": 10.0}
    history = {"history": shape[1]} if len(shape) == 3 and source["kind"] != "costmap" else {}
    return {"tensor": value.name, "source": source, "shape": shape, **history}


def _output(value: onnx.ValueInfoProto, kind: OutputKind) -> dict[str, Any]:
    shape = _shape(value)
    common: dict[str, Any] = {"kind": kind, "tensor": value.name, "shape": shape}
    if kind == "velocity":
        return {**common, "units": ["m/s", "rad/s"], **AS_IT_STANDS, **LIMITS}
    if kind == "waypoints":
        return {**common, "units": "m", "interval_s": 0.25, "tracked": shape[1] // 2, **LIMITS}
    motions = [{"name": f"motion {i}", "vx": 0.0, "wz": 0.0} for i in range(shape[-1])]
    if kind == "manoeuvre":
        return {**common, "manoeuvres": motions}
    return {**common, "trajectories": motions, "tolerance": 1.0}


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    """Static shape; 1 for a dimension without a size, which the check will name."""
    return [max(1, dimension.dim_value) for dimension in value.type.tensor_type.shape.dim]
