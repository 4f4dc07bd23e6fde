"""Inference is bounded in time; a late answer never reaches a later tick."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.errors import InferenceError, PolicyError
from autonomy_nodes.decision.features import Observation
from autonomy_nodes.decision.proposal import PolicyPilot
from autonomy_nodes.decision.rollout import RolloutConfig, StoppingRollout
from autonomy_nodes.decision.runtime import BoundedPolicy, Inference
from autonomy_nodes.decision.velocity_limits import VelocityLimits

TENSORS = {"scan": np.zeros((1, 8), np.float32), "goal": np.zeros((1, 3), np.float32)}


class GatedPolicy:
    """Answers with a running number once the test opens the gate."""

    manifest = None

    def __init__(self):
        self.gate = threading.Event()
        self.terminated = []
        self.runs = 0

    def infer(self, tensors, options=None):
        assert self.gate.wait(10.0)
        self.terminated.append(options.terminate)
        self.runs += 1
        return Inference(np.array([self.runs]), 0.0)


def _answer_or_none(bounded):
    try:
        return bounded.infer({})
    except InferenceError:
        return None


def test_answer_in_time_is_returned():
    policy = GatedPolicy()
    policy.gate.set()
    bounded = BoundedPolicy(policy, 10.0)
    assert bounded.infer({}).output == [1]
    bounded.close()


def test_late_answer_is_dropped_and_its_run_told_to_end():
    policy = GatedPolicy()
    bounded = BoundedPolicy(policy, 0.001)
    for message in ("no answer within", "still running"):
        with pytest.raises(InferenceError, match=message) as late:
            bounded.infer({})
        assert late.value.reason == "late"
    policy.gate.set()
    while (answer := _answer_or_none(bounded)) is None:
        pass
    assert answer.output > [1]
    assert policy.terminated[0]
    bounded.close()


def test_failure_is_passed_on_and_the_next_answer_is_its_own(write_policy):
    bounded = BoundedPolicy(load_policy(write_policy()), 10.0)
    with pytest.raises(InferenceError) as failure:
        bounded.infer({"scan": np.zeros((1, 3), np.float32)})
    assert failure.value.reason == "failed"
    np.testing.assert_allclose(bounded.infer(TENSORS).output, [[0.5, 0.1]], rtol=1e-6)
    bounded.close()


def test_same_inputs_give_the_same_bytes(write_policy):
    policy = load_policy(write_policy())
    assert policy.infer(TENSORS).output.tobytes() == policy.infer(TENSORS).output.tobytes()


def _with_confidence(graph, value):
    """The linear policy with a second output that says `value`."""
    model = graph()
    model.graph.initializer.append(numpy_helper.from_array(np.array([[value]], np.float32), "c"))
    model.graph.node.append(helper.make_node("Identity", ["c"], ["sure"]))
    model.graph.output.append(helper.make_tensor_value_info("sure", TensorProto.FLOAT, [1, 1]))
    return model


@pytest.mark.parametrize(("minimum", "reason"), [(0.5, None), (0.9, "unsure")])
def test_policy_that_is_not_sure_enough_may_not_drive(write_policy, graph, minimum, reason):
    def say(manifest):
        manifest["confidence"] = {"tensor": "sure", "minimum": minimum}

    policy = load_policy(write_policy(_with_confidence(graph, 0.7), say))
    body = (0.2, 0.2, -0.2, 0.2, -0.2, -0.2, 0.2, -0.2)
    rollout = StoppingRollout(RolloutConfig(body, 0.0, 0.1, 5.0, 5.0, 5.0, 5.0))
    scan = LaserScan(0, np.full(181, 5.0, np.float32), -1.57, 0.0174, 0.1, 30.0)
    costmap = Costmap(0, 0.1, -2.0, -2.0, np.zeros((40, 40), np.int8))
    observation = Observation(
        scan, Odometry(0, 0.0, 0.0, 0.0), Pose2D(2.0, 0.0), np.zeros((1, 2)), costmap
    )
    limits = VelocityLimits(-2.0, 2.0, 4.0)
    proposal = PolicyPilot(policy, rollout, limits).propose(observation)
    assert proposal.confidence == pytest.approx(0.7)
    assert (proposal.fault.reason if proposal.fault else None) == reason


def test_confidence_outside_its_range_is_refused_before_it_drives(write_policy, graph):
    def say(manifest):
        manifest["confidence"] = {"tensor": "sure", "minimum": 0.5}

    with pytest.raises(PolicyError, match="confidence"):
        load_policy(write_policy(_with_confidence(graph, 7.0), say))
