"""What runs a policy's graph: execution providers of onnxruntime, by short names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import onnxruntime

from autonomy_nodes.decision.errors import PolicyError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
REMEDIES = {
    "cuda": "pip install onnxruntime-gpu",
    "tensorrt": "pip install onnxruntime-gpu and TensorRT",
    "openvino": "pip install onnxruntime-openvino",
}


@dataclass(frozen=True)
class Execution:
    """How a graph is run.

    Attributes:
        provider: cpu, cuda, tensorrt or openvino.
        core: CPU core that the inference thread is bound to; -1 for any.
        options: of the provider, as onnxruntime names them.
    """

    provider: str = "cpu"
    core: int = -1
    options: dict[str, Any] = field(default_factory=dict)

    def providers(self) -> list[tuple[str, dict[str, Any]]]:
        """As onnxruntime takes them: the chosen one, and the CPU for what it cannot run.

        Raises:
            PolicyError: the provider is unknown, or this onnxruntime does not have it.
        """
        if self.provider not in PROVIDERS:
            known = ", ".join(PROVIDERS)
            raise PolicyError("runtime", "execution_provider", f"'{self.provider}'", known)
        name = PROVIDERS[self.provider]
        available = onnxruntime.get_available_providers()
        if name not in available:
            remedy = REMEDIES[self.provider]
            raise PolicyError(
                "runtime",
                "execution_provider",
                f"'{self.provider}', which this onnxruntime lacks",
                f"one of {', '.join(available)}, or {remedy}",
            )
        cpu: tuple[str, dict[str, Any]] = (PROVIDERS["cpu"], {})
        return [cpu] if self.provider == "cpu" else [(name, dict(self.options)), cpu]


CPU = Execution()


def check_core(core: int) -> None:
    """Refuse a core that this process may not run on; -1 stands for any.

    Raises:
        PolicyError: there is no such core for this process.
    """
    allowed = os.sched_getaffinity(0)
    if core >= 0 and core not in allowed:
        raise PolicyError("runtime", "inference_core", core, f"one of {sorted(allowed)}, or -1")


def bind_thread(core: int) -> None:
    """Bind the calling thread to a core; -1 leaves it where it may run."""
    if core >= 0:
        os.sched_setaffinity(0, {core})
