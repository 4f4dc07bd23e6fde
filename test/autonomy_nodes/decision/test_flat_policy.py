"""A policy exported elsewhere: flat vector, actions in [-1, 1], outputs that nobody needs."""

from __future__ import annotations

import math
import re
from copy import deepcopy

import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from autonomy_interfaces.messages import SECOND, Costmap, LaserScan, Odometry, Pose2D
from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.card import render
from autonomy_nodes.decision.contract import load_manifest, load_policy
from autonomy_nodes.decision.decision import Decision, DecisionConfig, DecisionInputs
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.template import write_template
from autonomy_nodes.decision.vetting import examine
from autonomy_nodes.planning.planner import Planner, PlannerConfig

FRAME, HISTORY = 9, 3
WEIGHT = np.zeros((FRAME * HISTORY, 2), np.float32)
WEIGHT[7, 0], WEIGHT[18, 0] = 2.0, 0.5  # vx two ticks ago, the right-hand sector now
WEIGHT[24, 1], WEIGHT[17, 1] = 4.0, -0.5  # sine of the bearing now, wz of the last tick
BIAS = np.array([[-0.25, 0.0]], np.float32)
DOCUMENT = share_directory() / "docs" / "policies.md"


def actor_critic(size=FRAME * HISTORY, value_bias=0.0):
    """The graph that an actor-critic's forward pass exports: actions, values, log_prob."""
    stored = {
        "weight": WEIGHT[:size],
        "bias": BIAS,
        "critic": np.full((size, 1), 0.1, np.float32),
        "critic_bias": np.array([value_bias], np.float32),
        "log_std": np.array([0.5, 0.5], np.float32),
        "axes": np.array([1]),
        "two": np.array(2.0, np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["obs", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["mean"]),
        helper.make_node("Gemm", ["obs", "critic", "critic_bias"], ["values"]),
        helper.make_node("Shape", ["mean"], ["mean_shape"]),
        helper.make_node(
            "ConstantOfShape",
            ["mean_shape"],
            ["ones"],
            value=helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
        ),
        helper.make_node("Exp", ["log_std"], ["std"]),
        helper.make_node("Mul", ["ones", "std"], ["wide"]),
        helper.make_node("Expand", ["wide", "mean_shape"], ["deviation"]),
        helper.make_node("Sub", ["mean", "mean"], ["distance"]),
        helper.make_node("Pow", ["distance", "two"], ["square"]),
        helper.make_node("Div", ["square", "deviation"], ["surprise"]),
        helper.make_node("ReduceSum", ["surprise", "axes"], ["log_prob"], keepdims=0),
        helper.make_node("Identity", ["mean"], ["actions"]),
    ]
    shapes = {"actions": [1, 2], "values": [1, 1], "log_prob": [1]}
    graph = helper.make_graph(
        nodes,
        "actor_critic",
        [helper.make_tensor_value_info("obs", TensorProto.FLOAT, [1, size])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


INPUT = {
    "tensor": "obs",
    "shape": [1, FRAME * HISTORY],
    "history": HISTORY,
    "parts": [
        {
            "source": {"kind": "scan", "beams": 4, "field_of_view": math.pi, "max_range": 8.0},
            "offset": [4.0],
            "scale": [4.0],
            "statistics": {
                "mean": [5.0],
                "std": [1.5],
                "minimum": [1.0],
                "maximum": [8.0],
                "score_limit": 3.0,
            },
        },
        {"source": {"kind": "goal", "max_distance": 8.0}, "scale": [8.0, 1.0, 1.0]},
        {"source": {"kind": "velocity"}},
    ],
}
OUTPUT = {
    "kind": "velocity",
    "tensor": "actions",
    "units": ["m/s", "rad/s"],
    "clip": {"low": [-1.0], "high": [1.0]},
    "offset": [0.5, 0.0],
    "scale": [0.5, 1.5],
    "vx": {"low": 0.0, "high": 1.0},
    "wz": {"low": -1.5, "high": 1.5},
}


def _edit(output=(), inputs=(), **more):
    def edit(manifest):
        manifest["inputs"] = [{**deepcopy(INPUT), **dict(inputs)}]
        manifest["output"] = {**deepcopy(OUTPUT), **dict(output)}
        manifest.update(more)

    return edit


@pytest.fixture
def write(write_policy):
    """Writes the actor-critic's directory, with changes of its output's and input's entries."""

    def write(output=(), inputs=(), model=None, **more):
        return write_policy(model or actor_critic(), _edit(output, inputs, **more))

    return write


def _inputs(tick, near, vx, bearing=0.25):
    now = tick * SECOND // 20
    return DecisionInputs(
        LaserScan(now, np.full(181, near, np.float32), -math.pi / 2, math.pi / 180, 0.1, 30.0),
        Odometry(now, 0.0, 0.0, 0.0, vx, 0.0, 0.5),
        Costmap(now, 0.05, -4.0, -4.0, np.zeros((160, 160), np.int8)),
        Pose2D(3.0 * math.cos(bearing), 3.0 * math.sin(bearing)),
    )


def _frame(near, vx, bearing=0.25):
    """One tick of the vector by hand."""
    scan = [(near - 4.0) / 4.0] * 4
    return np.array([*scan, 3.0 / 8.0, math.cos(bearing), math.sin(bearing), vx, 0.5], np.float32)


def _reference(frames):
    """Commands by hand: linear in the stacked frames, clipped to [-1, 1], then to m/s, rad/s."""
    row = np.concatenate(frames)
    raw = [row[7] * 2.0 + row[18] * 0.5 - 0.25, row[24] * 4.0 - row[17] * 0.5]
    clipped = np.clip(np.array(raw, np.float32).astype(float), -1.0, 1.0)
    return clipped[0] * 0.5 + 0.5, clipped[1] * 1.5


@pytest.mark.parametrize("bearing", [0.25, -0.25, 0.1])
def test_policy_from_elsewhere_drives_by_exactly_what_numpy_says(write, bearing):
    """The action is clipped in some of the ticks, in the others it is not."""
    decision = Decision(DecisionConfig(), load_policy(write()), Planner(PlannerConfig()))
    seen = [(4.0, 0.1), (5.0, 0.2), (6.0, 0.7), (5.5, 0.4), (5.0, 0.45)]
    frames = [_frame(*seen[0], bearing)] * HISTORY
    for tick, (near, vx) in enumerate(seen, 1):
        output = decision.step(_inputs(tick, near, vx, bearing), tick * SECOND // 20)
        frames = [*frames[1:], _frame(near, vx, bearing)]
        expected = _reference(frames)
        assert (output.driver, output.reason) == ("policy", "")
        np.testing.assert_allclose(
            (output.command.vx, output.command.wz), expected, rtol=0.0, atol=5e-7
        )


def test_limits_are_those_of_the_velocity_after_the_mapping(write):
    directory = write({"vx": {"low": 0.0, "high": 0.6}})
    decision = Decision(DecisionConfig(), load_policy(directory), Planner(PlannerConfig()))
    output = decision.step(_inputs(1, 6.0, 0.6), SECOND // 20)
    assert (output.driver, output.reason) == ("fallback", "over_limits")
    assert "its vx may be anything from 0 to 1, and outside [0, 0.6]" in " ".join(
        examine(directory, None, None).remarks
    )


def test_action_that_is_not_clipped_is_mapped_as_it_is(write):
    output = load_manifest(write({"clip": None}) / "manifest.yaml").output
    assert output.velocity([2.0, -2.0]) == (1.5, -3.0)
    each = {"low": [0.0, -1.0], "high": [0.5, 1.0]}
    clipped = load_manifest(write({"clip": each}) / "manifest.yaml").output
    assert clipped.velocity([2.0, -2.0]) == (0.75, -1.5)
    assert clipped.velocity([-2.0, 0.5]) == (0.5, 0.75)


@pytest.mark.parametrize("answer", [math.nan, math.inf])
def test_clip_hides_no_answer_that_is_no_number(write, answer):
    model = actor_critic()
    model.graph.initializer[1].CopyFrom(
        numpy_helper.from_array(np.array([[answer, 0.0]], np.float32), "bias")
    )
    with pytest.raises(PolicyError, match="expected finite values"):
        load_policy(write(model=model))


def test_outputs_that_nobody_uses_are_told_and_may_hold_anything(write):
    directory = write(model=actor_critic(value_bias=math.nan))
    remarks = examine(directory, None, None).remarks
    assert "outputs that are not used: values, log_prob" in remarks
    answer = load_policy(directory).infer({"obs": np.zeros((1, FRAME * HISTORY), np.float32)})
    assert answer.output.shape == (1, 2) and answer.confidence is None


def test_critic_may_be_used_as_confidence_by_name(write):
    with pytest.raises(PolicyError, match="confidence"):
        load_policy(
            write(
                confidence={"tensor": "values", "minimum": 0.5}, model=actor_critic(value_bias=7.0)
            )
        )


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            {"tensor": "action"},
            "output tensor names: found ['actions', 'log_prob', 'values'], expected ['action']",
        ),
        ({"tensor": "values"}, "output 'values' shape: found [1, 1], expected [1, 2]"),
        ({"scale": [0.0]}, "output.velocity.scale: found 0, expected non-zero values"),
        ({"scale": [1.0, 1.0, 1.0]}, "output.velocity.scale: found 3 values, expected 1 or 2"),
        ({"offset": [math.inf]}, "output.velocity.offset.0: found inf"),
        ({"clip": {"low": [math.nan], "high": [1.0]}}, "output.velocity.clip.low.0: found nan"),
        ({"clip": {"low": [1.0], "high": [-1.0]}}, "clip: found low 1.0 and high -1.0, expected"),
        ({"clip": {"low": [-1.0, -1.0, 0.0], "high": [1.0]}}, "clip.low: found 3 values"),
        ({"clip": {"high": [1.0]}}, "output.velocity.clip.low: found missing"),
        ({"offset": [4.0, 0.0]}, "velocity.vx: found limits [0, 1], expected some of [3.5, 4.5]"),
    ],
)
def test_output_that_is_not_what_it_says_is_refused_by_name(write, output, message):
    with pytest.raises(PolicyError) as refusal:
        load_policy(write(output))
    assert message in str(refusal.value)


def test_vector_of_another_size_than_the_graphs_is_refused(write):
    with pytest.raises(PolicyError, match=r"'obs' shape: found \[1, 18\], expected \[1, 27\]"):
        load_policy(write(model=actor_critic(2 * FRAME)))


def _with_state(model, passes_on):
    """The graph as a recurrent one: a GRU over the vector, its state an input and an output."""
    zeros = {
        "w": np.zeros((1, 6, FRAME * HISTORY)),
        "r": np.zeros((1, 6, 2)),
        "b": np.zeros((1, 12)),
    }
    graph = model.graph
    for name, value in zeros.items():
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
    graph.initializer.append(numpy_helper.from_array(np.array([0]), "first"))
    state = "h" if passes_on else "h_in"
    if passes_on:
        graph.node.append(helper.make_node("Identity", ["h_in"], ["h"]))
    graph.node.append(helper.make_node("Unsqueeze", ["obs", "first"], ["sequence"]))
    graph.node.append(
        helper.make_node(
            "GRU", ["sequence", "w", "r", "b", "", state], ["", "h_out"], hidden_size=2
        )
    )
    graph.input.append(helper.make_tensor_value_info("h_in", TensorProto.FLOAT, [1, 1, 2]))
    graph.output.append(helper.make_tensor_value_info("h_out", TensorProto.FLOAT, [1, 1, 2]))
    return model


@pytest.mark.parametrize("passes_on", [False, True])
def test_recurrent_policy_is_refused_with_the_reason(write, tmp_path, passes_on):
    model = _with_state(actor_critic(), passes_on)
    with pytest.raises(PolicyError, match=r"\['h_in'\] of a recurrent layer, expected no state"):
        load_policy(write(model=model))
    file = tmp_path / "recurrent.onnx"
    file.write_bytes(model.SerializeToString())
    with pytest.raises(PolicyError, match="of a recurrent layer"):
        write_template(tmp_path / "drafted", file, "velocity", "drafted")


def test_input_that_nothing_feeds_is_named(write):
    model = actor_critic()
    model.graph.input.append(helper.make_tensor_value_info("c_in", TensorProto.FLOAT, [1, 2]))
    model.graph.node.append(helper.make_node("Identity", ["c_in"], ["c_out"]))
    model.graph.output.append(helper.make_tensor_value_info("c_out", TensorProto.FLOAT, [1, 2]))
    with pytest.raises(PolicyError, match=r"nothing feeds \['c_in'\]"):
        load_policy(write(model=model))


def test_size_that_a_file_states_is_not_believed(write):
    """An unused output whose size depends on the data, said to be small."""
    model = actor_critic()
    model.graph.node.append(helper.make_node("Cast", ["log_prob"], ["many"], to=TensorProto.INT64))
    model.graph.node.append(helper.make_node("ConstantOfShape", ["many"], ["bomb"]))
    for stated in (model.graph.value_info, model.graph.output):
        stated.append(helper.make_tensor_value_info("bomb", TensorProto.FLOAT, [1]))
        with pytest.raises(PolicyError, match=r"shape of tensor 'bomb'.*found unknown"):
            load_policy(write(model=model))
        del stated[-1]


def test_unused_output_counts_in_the_checks_of_size(write):
    model = actor_critic()
    size = helper.make_tensor("size", TensorProto.INT64, [2], [2**13, 2**13])
    model.graph.node.append(helper.make_node("Constant", [], ["size"], value=size))
    model.graph.node.append(helper.make_node("ConstantOfShape", ["size"], ["huge"]))
    model.graph.output.append(
        helper.make_tensor_value_info("huge", TensorProto.FLOAT, [2**13, 2**13])
    )
    with pytest.raises(PolicyError, match="tensor 'huge' elements"):
        load_policy(write(model=model))


def test_card_shows_where_each_part_lies_and_how_an_action_becomes_a_velocity(write):
    card = render(load_manifest(write() / "manifest.yaml"))
    for words in (
        "| obs | 3 parts, 9 numbers a tick | [1, 27] | 3 | by part |",
        "| obs.goal | goal, topic /mission/goal, max_distance 8.0 | 4 … 6 | 1 | unchecked |",
        "| obs.velocity | velocity, topic /odom | 7 … 8 | 1 | unchecked |",
        "clipped to [-1.0] … [1.0], times [0.5, 1.5] plus [0.5, 0.0], vx 0 … 1 m/s",
    ):
        assert words in card


def test_template_leaves_the_parts_open_and_is_refused_until_they_are_stated(tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(actor_critic().SerializeToString())
    path = write_template(tmp_path / "mine", model, "velocity", "mine")
    with pytest.raises(PolicyError, match=r"inputs\.0\.parts\.0\.source: found kind 'to be filled"):
        load_policy(path)
    guide = (path.parent / "GUIDE.md").read_text()
    assert "one row of 27 numbers" in guide
    example = yaml.safe_load(guide[guide.index("    parts:") : guide.index("`history: H` of")])
    draft = yaml.safe_load(path.read_text())
    assert draft["output"]["tensor"] == "actions"
    draft["inputs"][0]["parts"] = example["parts"]
    path.write_text(yaml.safe_dump(draft))
    with pytest.raises(PolicyError, match=r"costmap 256 = 301, expected the 27 of shape"):
        load_policy(path)
    draft["inputs"][0] |= {"parts": INPUT["parts"], "history": 3}
    path.write_text(yaml.safe_dump(draft))
    assert "input 'obs.goal' has no statistics" in " ".join(examine(path, None, None).remarks)


def test_manifest_of_the_guide_is_one():
    section = DOCUMENT.read_text().split("## A policy from Stable-Baselines3")[1]
    (text,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    manifest = Manifest.model_validate(yaml.safe_load(text))
    assert [part.size for part in manifest.inputs[0].bindings.values()] == [36, 3, 2]
    assert manifest.output.tensor == "actions"
