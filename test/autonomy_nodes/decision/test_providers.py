"""What runs a graph is configured; what this machine lacks is named with its remedy."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime
import pytest

from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.providers import PROVIDERS, Execution
from autonomy_nodes.decision.runtime import BoundedPolicy


def test_unknown_provider_is_refused_with_those_that_are_known(write_policy):
    with pytest.raises(PolicyError, match="cpu, cuda, tensorrt, openvino"):
        load_policy(write_policy(), execution=Execution("tpu"))


@pytest.mark.parametrize("name", ["cuda", "tensorrt", "openvino"])
def test_absent_provider_is_refused_with_what_to_install(write_policy, name, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(PolicyError, match=r"lacks.*pip install onnxruntime-"):
        load_policy(write_policy(), execution=Execution(name))


def test_present_provider_comes_before_the_cpu_that_backs_it(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()))
    execution = Execution("cuda", options={"device_id": 0})
    assert execution.providers() == [
        ("CUDAExecutionProvider", {"device_id": 0}),
        ("CPUExecutionProvider", {}),
    ]


def test_inference_thread_is_bound_and_the_others_are_not(write_policy):
    before = os.sched_getaffinity(0)
    core = max(before)
    policy = load_policy(write_policy())
    seen = []
    infer = policy.infer

    def watched(tensors, options=None):
        seen.append(os.sched_getaffinity(0))
        return infer(tensors, options)

    policy.infer = watched
    bounded = BoundedPolicy(policy, 10.0, core)
    bounded.infer({"scan": np.zeros((1, 8), np.float32), "goal": np.zeros((1, 3), np.float32)})
    bounded.close()
    assert seen == [{core}]
    assert os.sched_getaffinity(0) == before


def test_core_that_is_not_there_is_refused(write_policy):
    with pytest.raises(PolicyError, match="inference_core: found 4096"):
        BoundedPolicy(load_policy(write_policy()), 1.0, 4096)
