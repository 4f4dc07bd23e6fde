"""A policy whose manifest and file disagree is refused, with what was found and expected."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from autonomy_nodes.decision.contract import PolicyError, load_manifest, load_policy


def _set(path, value):
    def edit(manifest):
        *parents, last = path
        for key in parents:
            manifest = manifest[key]
        manifest[last] = value

    return edit


def test_honest_policy_loads_and_answers(write_policy):
    policy = load_policy(write_policy())
    tensors = {"scan": np.zeros((1, 8), np.float32), "goal": np.zeros((1, 3), np.float32)}
    np.testing.assert_allclose(policy.infer(tensors).output, [[0.5, 0.1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("manifest_version",), 2, "manifest_version"),
        (("model", "sha256"), "0" * 64, "model.sha256"),
        (("model", "sha256"), "none", "model.sha256"),
        (("model", "file"), "../policy.onnx", "model.file"),
        (("model", "file"), "absent.onnx", "model.file"),
        (("speed_limit",), 1.0, "speed_limit"),
        (("inputs", 0, "shape"), [1, 9], "inputs.0.shape"),
        (("inputs", 0, "source", "beams"), 9, "inputs.0.shape"),
        (("inputs", 0, "source", "kind"), "sonar", "inputs.0.source"),
        (("inputs", 0, "source", "field_of_view"), 7.0, "inputs.0.source.scan.field_of_view"),
        (("inputs", 0, "history"), 2, "inputs.0.shape"),
        (("inputs", 0, "scale"), [0.0], "inputs.0.scale"),
        (("inputs", 0, "offset"), [float("nan")], "inputs.0.offset.0"),
        (("inputs", 0, "statistics", "mean"), [1.0, 2.0], "inputs.0.statistics.mean"),
        (("inputs", 1, "tensor"), "scan", "inputs"),
        (("inputs", 1, "tensor"), "target", "inputs tensor names"),
        (("output", "tensor"), "twist", "output tensor names"),
        (("output", "units"), ["km/h", "rad/s"], "output.velocity.units.0"),
        (("output", "vx"), {"low": 1.0, "high": -1.0}, "output.velocity.vx"),
        (("output", "vx"), {"low": -1.0, "high": float("inf")}, "output.velocity.vx.high"),
        (("latency_budget_ms",), 0.0, "latency_budget_ms"),
        (("latency_budget_ms",), 60.0, "latency_budget_ms"),
        (("rate_hz",), 500.0, "latency_budget_ms"),
        (("version",), "../2", "version"),
        (("inputs", 0, "source", "topic"), "/front/scan", "inputs.0.source.scan.topic"),
        (
            ("inputs", 0, "source", "message"),
            "sensor_msgs/msg/Range",
            "inputs.0.source.scan.message",
        ),
        (("inputs", 0, "source", "frame"), "map", "inputs.0.source.scan.frame"),
        (("inputs", 0, "source", "unit"), "mm", "inputs.0.source.scan.unit"),
        (("inputs", 0, "statistics", "std"), [-1.0], "inputs.0.statistics.std"),
        (("inputs", 0, "statistics", "maximum"), [4.0], "inputs.0.statistics.feature 0"),
        (("inputs", 0, "statistics", "score_limit"), 0.0, "inputs.0.statistics.score_limit"),
        (("output", "shape"), [1, 3], "output.velocity.shape.1"),
        (("confidence",), {"tensor": "sure", "minimum": 0.5}, "output tensor names"),
        (("confidence",), {"tensor": "velocity", "minimum": 0.5}, "confidence.tensor"),
        (("licence",), "", "licence"),
    ],
)
def test_each_lie_in_the_manifest_is_refused_by_name(write_policy, path, value, field):
    with pytest.raises(PolicyError) as refusal:
        load_policy(write_policy(edit=_set(path, value)))
    assert refusal.value.field == field


def test_limits_that_the_typical_answer_leaves_are_refused(write_policy):
    def lie(manifest):
        manifest["output"]["vx"] = {"low": 0.0, "high": 0.3}
        manifest["inputs"] = [
            {**spec, "statistics": manifest["inputs"][0]["statistics"]}
            for spec in manifest["inputs"]
        ]

    with pytest.raises(PolicyError, match=r"dry run on mean: found vx 0.500 outside \[0.0, 0.3\]"):
        load_policy(write_policy(edit=lie))


def test_rate_that_the_stack_does_not_decide_at_is_refused(write_policy):
    directory = write_policy(edit=_set(("rate_hz",), 10.0))
    assert load_policy(directory, rate_hz=10.5).manifest.rate_hz == 10.0
    with pytest.raises(PolicyError, match="rate_hz: found 10, expected 20"):
        load_policy(directory, rate_hz=20.0)


def test_missing_key_is_refused_by_name(write_policy):
    with pytest.raises(PolicyError, match="provenance"):
        load_policy(write_policy(edit=lambda manifest: manifest.pop("provenance")))


def test_message_names_file_field_found_and_expected(write_policy):
    directory = write_policy(edit=_set(("model", "sha256"), "0" * 64))
    with pytest.raises(PolicyError) as refusal:
        load_policy(directory)
    message = str(refusal.value)
    assert str(directory / "policy.onnx") in message
    assert "found" in message and "expected " + "0" * 64 in message


@pytest.mark.parametrize("content", ["", "- 1\n", "a: [", "\x00"])
def test_manifest_that_is_no_mapping_is_refused(tmp_path, content):
    (tmp_path / "manifest.yaml").write_text(content)
    with pytest.raises(PolicyError):
        load_manifest(tmp_path / "manifest.yaml")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x09" * 50])
def test_file_that_is_no_model_is_refused(write_policy, content):
    with pytest.raises(PolicyError):
        load_policy(write_policy(content))


def test_graph_of_another_shape_is_refused(write_policy, graph):
    with pytest.raises(PolicyError, match=r"'scan' shape.*\[1, 9\].*\[1, 8\]"):
        load_policy(write_policy(graph(beams=9)))


def test_dynamic_shape_is_refused(write_policy, graph):
    model = graph()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    with pytest.raises(PolicyError, match="dynamic"):
        load_policy(write_policy(model))


def test_other_element_type_is_refused(write_policy, graph):
    body = [helper.make_node("Cast", ["answer"], ["velocity"], to=TensorProto.DOUBLE)]
    model = graph(body=body)
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    with pytest.raises(PolicyError, match="type: found DOUBLE, expected FLOAT"):
        load_policy(write_policy(model))


def test_external_data_is_refused(write_policy, graph, tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"\x00" * 1024)
    model = graph()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../weights.bin"), ("offset", "0"), ("length", "64")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    with pytest.raises(PolicyError, match="external data"):
        load_policy(write_policy(model))


def test_huge_file_is_refused_before_it_is_read(write_policy):
    directory = write_policy()
    with (directory / "policy.onnx").open("r+b") as file:
        file.truncate(65 * 1024 * 1024)
    with pytest.raises(PolicyError, match=r"model.file size: found 68157440 bytes"):
        load_policy(directory)


def test_huge_intermediate_tensor_is_refused(write_policy, graph):
    body = [
        helper.make_node("Constant", [], ["pads"], value_ints=[0, 0, 2**16, 2**16]),
        helper.make_node("Pad", ["answer", "pads"], ["wide"]),
        helper.make_node("ReduceMean", ["wide"], ["mean"], axes=[1]),
        helper.make_node("ReduceMean", ["mean"], ["one"], axes=[0]),
        helper.make_node("Add", ["answer", "one"], ["velocity"]),
    ]
    with pytest.raises(PolicyError, match="elements"):
        load_policy(write_policy(graph(body=body)))


def test_tensor_of_unknown_size_is_refused(write_policy, graph):
    body = [
        helper.make_node("Cast", ["answer"], ["pads_2"], to=TensorProto.INT64),
        helper.make_node("Concat", ["pads_2", "pads_2"], ["pads_4"], axis=1),
        helper.make_node("Squeeze", ["pads_4"], ["pads"]),
        helper.make_node("Pad", ["answer", "pads"], ["wide"]),
        helper.make_node("ReduceMean", ["wide"], ["one"], keepdims=0),
        helper.make_node("Add", ["answer", "one"], ["velocity"]),
    ]
    with pytest.raises(PolicyError, match=r"shape of tensor 'wide' \(Pad\): found unknown"):
        load_policy(write_policy(graph(body=body)))


def test_sparse_tensor_is_refused(write_policy, graph):
    model = graph()
    values = helper.make_tensor("dense", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("dense_at", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, indices, [2**31, 2**20])
    )
    with pytest.raises(PolicyError, match="sparse"):
        load_policy(write_policy(model))


def test_graph_that_takes_long_is_refused_unrun(write_policy, graph):
    """A hundred products of 1024 by 1024: no loop, no huge tensor, and minutes of work."""
    side, links = 1024, 100
    body = [
        helper.make_node("Constant", [], ["pads"], value_ints=[0, 0, side - 1, side - 2]),
        helper.make_node("Pad", ["answer", "pads"], ["m0"]),
        *(helper.make_node("MatMul", [f"m{i}", f"m{i}"], [f"m{i + 1}"]) for i in range(links)),
        helper.make_node("ReduceMean", [f"m{links}"], ["one"], keepdims=0),
        helper.make_node("Add", ["answer", "one"], ["velocity"]),
    ]
    with pytest.raises(PolicyError, match=r"elements of all tensors|operations of one run"):
        load_policy(write_policy(graph(body=body)))


def test_deep_chain_is_refused(write_policy, graph):
    names = ["answer", *(f"t{i}" for i in range(5000)), "velocity"]
    body = [helper.make_node("Tanh", [a], [b]) for a, b in itertools.pairwise(names)]
    with pytest.raises(PolicyError, match=r"graph\.node: found 500\d, expected at most 4096"):
        load_policy(write_policy(graph(body=body)))


def test_answer_slower_than_its_budget_is_refused(write_policy):
    with pytest.raises(PolicyError, match="dry run latency"):
        load_policy(write_policy(edit=_set(("latency_budget_ms",), 1e-4)))


def _looping_body() -> list[onnx.NodeProto]:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Identity", ["x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2]),
        ],
    )
    return [
        helper.make_node("Constant", [], ["times"], value_int=2**40),
        helper.make_node("Loop", ["times", "", "answer"], ["velocity"], body=body),
    ]


def _scanning_body() -> list[onnx.NodeProto]:
    body = helper.make_graph(
        [helper.make_node("Add", ["state", "x"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("state", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, []),
        ],
        [helper.make_tensor_value_info("next", TensorProto.FLOAT, [])],
    )
    return [
        helper.make_node("Scan", ["zero", "answer"], ["velocity"], body=body, num_scan_inputs=1)
    ]


def _branching_body() -> list[onnx.NodeProto]:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["answer"], ["y"])],
        "branch",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
    )
    return [helper.make_node("If", ["true"], ["velocity"], then_branch=branch, else_branch=branch)]


@pytest.mark.parametrize(
    ("operator", "body"),
    [
        ("Loop", _looping_body()),
        ("Scan", _scanning_body()),
        ("If", _branching_body()),
        ("RandomNormalLike", [helper.make_node("RandomNormalLike", ["answer"], ["velocity"])]),
        ("Dropout", [helper.make_node("Dropout", ["answer"], ["velocity"])]),
    ],
)
def test_operator_outside_the_list_is_refused(write_policy, graph, operator, body):
    with pytest.raises(PolicyError, match=f"operator.*found {operator}"):
        load_policy(write_policy(graph(body=body)))


def test_custom_operator_is_refused(write_policy, graph):
    model = graph(body=[helper.make_node("Evil", ["answer"], ["velocity"], domain="com.evil")])
    model.opset_import.append(helper.make_opsetid("com.evil", 1))
    with pytest.raises(PolicyError, match=r"com\.evil"):
        load_policy(write_policy(model))


def test_non_finite_answer_is_refused_by_the_dry_run(write_policy, graph):
    with pytest.raises(PolicyError, match="dry run"):
        load_policy(write_policy(graph(bias=(float("nan"), 0.0))))


def test_non_finite_answer_at_the_edge_of_the_training_data_is_refused(write_policy, graph):
    body = [
        helper.make_node("ReduceMax", ["scan"], ["far"], axes=[1]),
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Sub", ["one", "far"], ["room"]),
        helper.make_node("Div", ["answer", "room"], ["velocity"]),
    ]
    with pytest.raises(PolicyError, match="dry run on maximum"):
        load_policy(write_policy(graph(body=body)))
