"""Loading a policy: manifest and ONNX file must agree, and it must answer once, before it drives.

    policy = load_policy(Path("models/default"))

Whatever disagrees is a `PolicyError` that names the field, what was found and what was expected.
"""

from __future__ import annotations

import hashlib
import reprlib
from pathlib import Path

from autonomy_nodes.decision.document import (
    MAX_MANIFEST_BYTES,
    read_document,
    read_file,
    validated,
)
from autonomy_nodes.decision.dry_run import dry_run
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.manifest import MANIFEST_VERSION, Manifest
from autonomy_nodes.decision.pointer import MANIFEST_FILE, manifest_of
from autonomy_nodes.decision.providers import CPU, Execution
from autonomy_nodes.decision.runtime import Policy, create_session
from autonomy_nodes.decision.signature import Trust, check_signature

__all__ = ["MANIFEST_FILE", "Manifest", "Policy", "PolicyError", "load_manifest", "load_policy"]

MAX_MODEL_BYTES = 64 * 1024 * 1024
RATE_TOLERANCE = 0.1
"""Share by which a policy's rate may differ from the stack's."""


def load_policy(
    path: Path,
    trust: Trust | None = None,
    rate_hz: float | None = None,
    execution: Execution = CPU,
    vetted_sha256: str = "",
) -> Policy:
    """Load, check and warm up a policy.

    The order matters: signature, size and hash before parsing, the graph's checks before the
    runtime, and a dry run on the inputs' means and extremes last.

    Args:
        path: its directory, its manifest, or a channel of a registry (`models/default`).
        trust: who must have signed it; None asks for nobody.
        rate_hz: at which it will be asked; None where that is not known.
        execution: what runs the graph.
        vetted_sha256: of a file whose graph a process of its own has checked (`vetting`).

    Raises:
        PolicyError: the policy may not drive, with the reason.
    """
    manifest_path = manifest_of(path)
    if trust is not None and manifest_path.is_file():
        check_signature(manifest_path, trust)
    manifest = load_manifest(manifest_path)
    if rate_hz is not None and abs(manifest.rate_hz / rate_hz - 1.0) > RATE_TOLERANCE:
        expected = f"{rate_hz:g} within {RATE_TOLERANCE:.0%}, at which decisions are made"
        raise PolicyError(manifest_path, "rate_hz", f"{manifest.rate_hz:g}", expected)
    model_path = manifest_path.parent / manifest.model.file
    content = read_file(model_path, "model.file", MAX_MODEL_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.model.sha256:
        raise PolicyError(model_path, "model.sha256", digest, manifest.model.sha256)
    if digest != vetted_sha256:
        # Parser, checker and tables of operators: a process that lets another vet holds none.
        from autonomy_nodes.decision.graph_check import check_graph

        check_graph(content, manifest, model_path)
    try:
        session = create_session(content, execution)
    except PolicyError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no public base class
        raise PolicyError(model_path, "file", error, "a graph that onnxruntime opens") from error
    policy = Policy(manifest, session)
    dry_run(policy, model_path)
    return policy


def load_manifest(path: Path) -> Manifest:
    """Read and validate a manifest file.

    Raises:
        PolicyError: it is missing, not YAML, of another version, or against the schema.
    """
    document = read_document(path, MAX_MANIFEST_BYTES)
    if not isinstance(document, dict):
        raise PolicyError(path, "file", type(document).__name__, "a mapping")
    version = document.get("manifest_version")
    if version != MANIFEST_VERSION:
        raise PolicyError(path, "manifest_version", reprlib.repr(version), MANIFEST_VERSION)
    return validated(Manifest, document, path)
