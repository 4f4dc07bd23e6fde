"""One flat vector of several sources: laid out as stated, watched part by part, no lie accepted."""

from __future__ import annotations

import math
from copy import deepcopy

import numpy as np
import pytest

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.contract import load_manifest
from autonomy_nodes.decision.errors import InferenceError, PolicyError
from autonomy_nodes.decision.features import Familiarity, FeatureEncoder, Observation

SCAN = {
    "source": {"kind": "scan", "beams": 4, "field_of_view": math.pi, "max_range": 10.0},
    "offset": [5.0],
    "scale": [2.0],
    "statistics": {
        "mean": [5.0],
        "std": [1.0],
        "minimum": [2.0],
        "maximum": [8.0],
        "score_limit": 3.0,
    },
}
GOAL = {
    "source": {"kind": "goal", "max_distance": 8.0},
    "scale": [8.0, 1.0, 1.0],
}
VELOCITY = {
    "source": {"kind": "velocity"},
    "statistics": {
        "mean": [0.5, 0.0],
        "std": [0.2, 0.2],
        "minimum": [0.0, -1.0],
        "maximum": [1.0, 1.0],
        "score_limit": 3.0,
    },
}


def _flat(parts=(SCAN, GOAL, VELOCITY), shape=(1, 9), **more):
    """An edit that makes the policy's inputs one flat vector."""
    entry = {"tensor": "obs", "shape": list(shape), "parts": deepcopy(list(parts)), **more}
    return lambda manifest: manifest.update(inputs=[entry])


def _load(write_policy, edit):
    return load_manifest(write_policy(edit=edit) / "manifest.yaml")


def _observation(near=4.0, vx=0.5, guide=((0.0, 0.0), (4.0, 0.0))):
    return Observation(
        LaserScan(0, np.full(181, near, np.float32), -math.pi / 2, math.pi / 180, 0.1, 30.0),
        Odometry(0, 0.0, 0.0, 0.0, vx, 0.0, -0.25),
        Pose2D(0.0, 2.0),
        np.array(guide).reshape(-1, 2),
        Costmap(0, 0.1, -2.0, -2.0, np.zeros((40, 40), np.int8)),
    )


def _frame(near, vx):
    """By hand: (scan - 5) / 2, distance / 8 with the bearing's cosine and sine, velocity."""
    return [*[(near - 5.0) / 2.0] * 4, 2.0 / 8.0, 0.0, 1.0, vx, -0.25]


def test_parts_lie_end_to_end_in_their_order_each_normalised_its_way(write_policy):
    tensors, features = FeatureEncoder(_load(write_policy, _flat())).encode(_observation())
    assert tensors["obs"].shape == (1, 9) and tensors["obs"].dtype == np.float32
    np.testing.assert_allclose(tensors["obs"][0], _frame(4.0, 0.5), atol=1e-7)
    assert [len(part) for part in features] == [4, 3, 2]
    turned = _load(write_policy, _flat((VELOCITY, SCAN, GOAL)))
    tensors, _ = FeatureEncoder(turned).encode(_observation())
    np.testing.assert_allclose(tensors["obs"][0, :2], [0.5, -0.25])


def test_vector_holds_the_bytes_of_the_tensors_of_its_sources(write_policy):
    """However a policy takes its inputs, they are the same numbers."""
    parts = {"scan": (SCAN, 4), "goal": (GOAL, 3), "velocity": (VELOCITY, 2)}
    entries = [{"tensor": k, "shape": [1, n], **deepcopy(p)} for k, (p, n) in parts.items()]
    apart = _load(write_policy, lambda manifest: manifest.update(inputs=entries))
    one, several = FeatureEncoder(_load(write_policy, _flat())), FeatureEncoder(apart)
    generator = np.random.default_rng(0)
    for near, vx in generator.uniform(0.1, 9.9, (20, 2)):
        flat, features = one.encode(_observation(near, vx))
        tensors, same_features = several.encode(_observation(near, vx))
        joined = np.concatenate([tensors[name] for name in parts], axis=1)
        assert flat["obs"].tobytes() == joined.tobytes()
        assert [a.tobytes() for a in features] == [b.tobytes() for b in same_features]


@pytest.mark.parametrize("shape", [(1, 27), (1, 3, 9)])
def test_history_of_the_vector_is_frame_by_frame(write_policy, shape):
    encoder = FeatureEncoder(_load(write_policy, _flat(shape=shape, history=3)))
    for near, vx in ((2.0, 0.1), (3.0, 0.2)):
        tensors, _ = encoder.encode(_observation(near, vx))
    assert tensors["obs"].shape == shape
    expected = _frame(2.0, 0.1) + _frame(2.0, 0.1) + _frame(3.0, 0.2)
    np.testing.assert_allclose(tensors["obs"].reshape(-1), expected, atol=1e-7)
    encoder.reset()
    tensors, _ = encoder.encode(_observation(6.0, 0.3))
    np.testing.assert_allclose(tensors["obs"].reshape(-1), _frame(6.0, 0.3) * 3, atol=1e-7)


def test_history_of_a_part_is_in_that_part(write_policy):
    parts = (SCAN, GOAL, {**VELOCITY, "history": 3})
    encoder = FeatureEncoder(_load(write_policy, _flat(parts, (1, 13))))
    for vx in (0.1, 0.2):
        tensors, features = encoder.encode(_observation(4.0, vx))
    expected = [*_frame(4.0, 0.1)[:7], 0.1, -0.25, 0.1, -0.25, 0.2, -0.25]
    np.testing.assert_allclose(tensors["obs"][0], expected, atol=1e-7)
    np.testing.assert_allclose(features[2], [0.2, -0.25])


def test_tick_with_a_missing_part_is_in_no_history(write_policy):
    guide = {"source": {"kind": "guide", "lookahead": [1.0]}}
    encoder = FeatureEncoder(_load(write_policy, _flat((VELOCITY, guide), (1, 8), history=2)))
    encoder.encode(_observation(vx=0.1))
    with pytest.raises(InferenceError, match="guide"):
        encoder.encode(_observation(vx=0.2, guide=()))
    tensors, _ = encoder.encode(_observation(vx=0.3))
    np.testing.assert_allclose(tensors["obs"][0, [0, 4]], [0.1, 0.3])


def test_strange_part_is_named_and_the_others_do_not_hide_it(write_policy):
    manifest = _load(write_policy, _flat())
    encoder, familiarity = FeatureEncoder(manifest), Familiarity(manifest)
    assert familiarity.score(encoder.encode(_observation())[1])[0] < 1.0
    for observation, name in (
        (_observation(near=9.5), "obs.scan"),
        (_observation(vx=1.9), "obs.velocity"),
    ):
        score, found = familiarity.score(encoder.encode(observation)[1])
        assert score > 1.0 and found == name


def test_two_parts_of_one_kind_have_names_of_their_own(write_policy):
    wide = deepcopy(SCAN)
    wide["source"]["field_of_view"] = 4.0
    parts = ({**SCAN, "name": "front"}, {**wide, "name": "round"})
    (spec,) = _load(write_policy, _flat(parts, (1, 8))).inputs
    assert list(spec.bindings) == ["obs.front", "obs.round"]


OTHER_SCAN = deepcopy(SCAN)
OTHER_SCAN["source"]["beams"] = 6


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            _flat(shape=(1, 10)),
            "inputs.0.parts: found scan 4 + goal 3 + velocity 2 = 9, expected the 10 of shape "
            "[1, 10]: add what is missing, or correct a part's settings",
        ),
        (_flat((OTHER_SCAN, GOAL, VELOCITY)), "found scan 6 + goal 3 + velocity 2 = 11, expected"),
        (
            _flat(shape=(1, 20), history=2),
            "found (scan 4 + goal 3 + velocity 2) x history 2 = 18, expected the 20 of shape",
        ),
        (_flat(shape=(9,)), "inputs.0.shape: found [9], expected [1, 9]"),
        (_flat(shape=(2, 9), history=2), "inputs.0.shape: found [2, 9], expected [1, 18]"),
        (
            _flat((SCAN, VELOCITY, VELOCITY), (1, 8)),
            "inputs.0.parts: found 'velocity' 2 times, expected each name once",
        ),
        (
            _flat(({"source": {"kind": "sonar"}},)),
            "inputs.0.parts.0.source: found kind 'sonar', expected one of 'scan', 'goal', 'guide'",
        ),
        (_flat(()), "inputs.0.source: found neither it nor parts"),
        (_flat(source=GOAL["source"]), "inputs.0.source: found beside parts"),
        (_flat(scale=[2.0]), "inputs.0.scale: found beside parts, expected in each part"),
        (_flat(offset=[2.0]), "inputs.0.offset: found beside parts"),
        (_flat(statistics=SCAN["statistics"]), "inputs.0.statistics: found beside parts"),
        (_flat(({**GOAL, "scale": [1.0, 2.0]},)), "inputs.0.parts.0.scale: found 2 values"),
        (_flat(({**GOAL, "scale": [1.0, 0.0, 1.0]},)), "inputs.0.parts.0.scale: found 0"),
        (_flat(({**GOAL, "offset": [math.nan]},)), "inputs.0.parts.0.offset.0: found nan"),
        (_flat(({**GOAL, "shape": [1, 3]},)), "inputs.0.parts.0.shape: found [1, 3]"),
        (
            _flat((SCAN, GOAL, {**VELOCITY, "history": 2}), (1, 22), history=2),
            "inputs.0.history: found 2 of the tensor and one of part 'velocity'",
        ),
    ],
)
def test_vector_that_is_not_what_it_says_is_refused_with_the_remedy(write_policy, edit, message):
    with pytest.raises(PolicyError) as refusal:
        _load(write_policy, edit)
    assert message in str(refusal.value)
