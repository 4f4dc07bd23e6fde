"""Running a policy's ONNX graph: one thread, warmed up, and bounded in time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from autonomy_nodes.decision.errors import InferenceError
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.providers import CPU, Execution, bind_thread, check_core

Tensor = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Inference:
    """Answer of one inference: the output tensor, float32, and the wall time it took.

    confidence: what the policy says of its answer, 0 to 1; None where it says nothing.
    """

    output: Tensor
    latency_ms: float
    confidence: float | None = None


class PolicyRunner(Protocol):
    """What the decision core asks a policy to be."""

    @property
    def manifest(self) -> Manifest:
        """The policy's contract."""

    def infer(self, tensors: Mapping[str, Tensor]) -> Inference:
        """Run the graph once.

        Raises:
            InferenceError: reason `late` or `failed`.
        """


def create_session(content: bytes, execution: Execution = CPU) -> onnxruntime.InferenceSession:
    """Open an ONNX graph with one thread that never spins.

    The model is given as bytes, so that nothing it names on disk can be opened.

    Raises:
        PolicyError: this onnxruntime does not have the execution provider.
    """
    providers = execution.providers()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(content, options, providers=providers)


class Policy:
    """A checked policy, run in the caller's thread: deterministic, without a bound in time."""

    def __init__(self, manifest: Manifest, session: onnxruntime.InferenceSession):
        self._manifest = manifest
        self._session = session
        self._outputs = list(manifest.output_tensors)

    @property
    def manifest(self) -> Manifest:
        """The policy's contract."""
        return self._manifest

    @property
    def unused_outputs(self) -> list[str]:
        """Outputs of the graph that its manifest does not name, and nobody looks at."""
        return [o.name for o in self._session.get_outputs() if o.name not in self._outputs]

    def infer(self, tensors: Mapping[str, Tensor], options: Any = None) -> Inference:
        """Run the graph once.

        Args:
            tensors: by input name, float32 in the manifest's shapes.
            options: `onnxruntime.RunOptions`, through which another thread may end the run.

        Raises:
            InferenceError: the runtime failed (`failed`).
        """
        started = time.perf_counter()
        try:
            answers = self._session.run(self._outputs, dict(tensors), options)
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise InferenceError("failed", str(error)) from error
        latency_ms = 1e3 * (time.perf_counter() - started)
        confidence = float(np.asarray(answers[1]).item()) if len(answers) > 1 else None
        return Inference(np.asarray(answers[0]), latency_ms, confidence)


class BoundedPolicy:
    """Runs a policy in a thread of its own and never waits longer than a deadline for it.

    An answer that misses the deadline is dropped and its run is told to end; until it has,
    every further call is late at once.
    """

    def __init__(self, policy: Policy, deadline_s: float, core: int = -1):
        """Start the thread, bound to CPU core `core` unless that is -1.

        Raises:
            PolicyError: this process may not run on that core.
        """
        check_core(core)
        self._policy = policy
        self._core = core
        self._deadline_s = deadline_s
        self._requests: queue.SimpleQueue[tuple[Mapping[str, Tensor], Any] | None]
        self._requests = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Inference | InferenceError] = queue.SimpleQueue()
        self._pending = 0
        self._thread = threading.Thread(target=self._serve, name="inference", daemon=True)
        self._thread.start()

    @property
    def manifest(self) -> Manifest:
        """The policy's contract."""
        return self._policy.manifest

    def infer(self, tensors: Mapping[str, Tensor]) -> Inference:
        """Run the graph once, within the deadline.

        Raises:
            InferenceError: no answer in time, or an earlier run still going (`late`); the
                runtime failed (`failed`).
        """
        self._drop_late_answers()
        if self._pending:
            raise InferenceError("late", "an earlier inference is still running")
        options = onnxruntime.RunOptions()
        self._requests.put((tensors, options))
        self._pending += 1
        try:
            answer = self._answers.get(timeout=self._deadline_s)
        except queue.Empty:
            options.terminate = True
            limit_ms = 1e3 * self._deadline_s
            raise InferenceError("late", f"no answer within {limit_ms:.1f} ms") from None
        self._pending -= 1
        if isinstance(answer, InferenceError):
            raise answer
        return answer

    def close(self) -> None:
        """End the thread once its present run has ended."""
        self._requests.put(None)

    def _drop_late_answers(self) -> None:
        while self._pending:
            try:
                self._answers.get_nowait()
            except queue.Empty:
                return
            self._pending -= 1

    def _serve(self) -> None:
        bind_thread(self._core)
        while (request := self._requests.get()) is not None:
            tensors, options = request
            try:
                self._answers.put(self._policy.infer(tensors, options))
            except InferenceError as error:
                self._answers.put(error)


def close(policy: PolicyRunner) -> None:
    """End the thread of a policy that is needed no more, where it has one."""
    if isinstance(policy, BoundedPolicy):
        policy.close()
