"""Loading a policy: manifest and ONNX file must agree, and it must answer once, before it drives.

    policy = load_policy(Path("models/default"))

Whatever disagrees is a `PolicyError` that names the field, what was found and what was expected.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from autonomy_nodes.decision.errors import InferenceError, PolicyError
from autonomy_nodes.decision.graph_check import MAX_MODEL_BYTES, check_graph
from autonomy_nodes.decision.manifest import MANIFEST_VERSION, InputSpec, Manifest
from autonomy_nodes.decision.runtime import Policy, Tensor, create_session

__all__ = ["MANIFEST_FILE", "Manifest", "Policy", "PolicyError", "load_manifest", "load_policy"]

MANIFEST_FILE = "manifest.yaml"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024


def load_policy(path: Path) -> Policy:
    """Load, check and warm up the policy in a directory (or at its manifest).

    The order matters: size and hash before parsing, the graph's checks before the runtime, and
    a dry run on the inputs' means and extremes last.

    Raises:
        PolicyError: the policy may not drive, with the reason.
    """
    manifest_path = path / MANIFEST_FILE if path.is_dir() else path
    manifest = load_manifest(manifest_path)
    model_path = manifest_path.parent / manifest.model.file
    content = _read(model_path, "model.file", MAX_MODEL_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.model.sha256:
        raise PolicyError(model_path, "model.sha256", digest, manifest.model.sha256)
    check_graph(content, manifest, model_path)
    try:
        session = create_session(content)
    except Exception as error:  # onnxruntime's exceptions share no public base class
        raise PolicyError(model_path, "file", error, "a graph that onnxruntime opens") from error
    policy = Policy(manifest, session)
    _dry_run(policy, model_path)
    return policy


def load_manifest(path: Path) -> Manifest:
    """Read and validate a manifest file.

    Raises:
        PolicyError: it is missing, not YAML, of another version, or against the schema.
    """
    content = _read(path, "file", MAX_MANIFEST_BYTES)
    try:
        document: Any = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise PolicyError(path, "file", str(error).replace("\n", " "), "valid YAML") from error
    if not isinstance(document, dict):
        raise PolicyError(path, "file", type(document).__name__, "a mapping")
    version = document.get("manifest_version")
    if version != MANIFEST_VERSION:
        raise PolicyError(path, "manifest_version", version, MANIFEST_VERSION)
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "manifest"
        found = first["input"] if first["type"] not in ("missing", "value_error") else first["type"]
        raise PolicyError(path, field, _short(found), first["msg"]) from error


def _short(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _read(path: Path, field: str, limit: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > limit:
            raise PolicyError(path, f"{field} size", f"{size} bytes", f"at most {limit} bytes")
        return path.read_bytes()
    except OSError as error:
        raise PolicyError(path, field, error.strerror, "a readable file") from error


def _dry_run(policy: Policy, where: Path) -> None:
    """Run typical and extreme inputs; every answer must be finite and of the declared shape."""
    manifest = policy.manifest
    expected = tuple(manifest.output.shape)
    for which in ("mean", "minimum", "maximum"):
        tensors = {spec.tensor: _probe(spec, which) for spec in manifest.inputs}
        try:
            output = policy.infer(tensors).output
        except InferenceError as error:
            raise PolicyError(where, f"dry run on {which}", error, "an answer") from error
        if output.shape != expected:
            raise PolicyError(where, f"dry run on {which}", output.shape, f"shape {expected}")
        if not np.isfinite(output).all():
            raise PolicyError(where, f"dry run on {which}", output.tolist(), "finite values")


def _probe(spec: InputSpec, which: str) -> Tensor:
    """A tensor with the named statistic in every tick of the history; zeros without statistics."""
    values = getattr(spec.statistics, which) if spec.statistics is not None else (0.0,)
    normalised = (np.asarray(values, np.float32) - np.asarray(spec.offset)) / np.asarray(spec.scale)
    frame = np.broadcast_to(normalised, (int(np.prod(spec.source.shape)),))
    return np.tile(frame, spec.history).reshape(spec.shape).astype(np.float32)
