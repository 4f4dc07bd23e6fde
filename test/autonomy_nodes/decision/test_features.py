"""Sensor data becomes exactly the tensors that the manifest binds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.errors import InferenceError
from autonomy_nodes.decision.features import (
    Familiarity,
    FeatureEncoder,
    Observation,
    encode_source,
    points_ahead,
)
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.sources import (
    CostmapSource,
    GoalSource,
    GuideSource,
    ScanSource,
    VelocitySource,
)

GUIDE = np.array([[0.0, 0.0], [4.0, 0.0]])


def _scan(ranges, angle_min=-math.pi / 2, span=math.pi) -> LaserScan:
    ranges = np.asarray(ranges, np.float32)
    increment = span / max(len(ranges) - 1, 1)
    return LaserScan(0, ranges, angle_min, increment, 0.1, 30.0)


def _observation(scan=None, odometry=None, goal=None, guide=GUIDE, costmap=None, lidar_yaw=0.0):
    return Observation(
        scan if scan is not None else _scan(np.full(181, 5.0)),
        odometry or Odometry(0, 0.0, 0.0, 0.0),
        goal or Pose2D(3.0, 0.0),
        guide,
        costmap or Costmap(0, 0.1, -2.0, -2.0, np.zeros((40, 40), np.int8)),
        lidar_yaw,
    )


def _scan_source(beams=4, missing="max_range", fov=math.pi) -> ScanSource:
    return ScanSource(kind="scan", beams=beams, field_of_view=fov, max_range=10.0, missing=missing)


def test_each_sector_holds_its_nearest_return():
    ranges = np.full(180, 8.0)
    ranges[20], ranges[100] = 1.5, 2.5
    features = encode_source(_scan_source(), _observation(_scan(ranges)))
    np.testing.assert_allclose(features, [1.5, 8.0, 2.5, 8.0])


def test_a_turned_lidar_is_turned_back():
    ranges = np.full(181, 8.0)
    ranges[90] = 1.0
    turned = _observation(_scan(ranges), lidar_yaw=math.radians(60.0))
    assert int(np.argmin(encode_source(_scan_source(), turned))) == 3


def test_no_return_is_free_and_invalid_is_missing():
    ranges = np.full(180, np.inf)
    ranges[45:90] = np.nan
    observation = _observation(_scan(ranges))
    np.testing.assert_allclose(encode_source(_scan_source(), observation), [10, 10, 10, 10])
    zeroed = encode_source(_scan_source(missing="zero"), observation)
    np.testing.assert_allclose(zeroed, [10, 0, 10, 10])
    with pytest.raises(InferenceError) as refusal:
        encode_source(_scan_source(missing="refuse"), observation)
    assert refusal.value.reason == "missing_input"


@given(
    arrays(
        np.float32,
        st.integers(0, 60),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    ),
    st.floats(-4.0, 4.0),
    st.floats(0.0, 7.0),
)
def test_scan_features_are_finite_and_in_range_whatever_arrives(ranges, angle_min, span):
    features = encode_source(_scan_source(7), _observation(_scan(ranges, angle_min, span)))
    assert features.shape == (7,)
    assert np.isfinite(features).all()
    assert (features >= 0.0).all() and (features <= 10.0).all()


def test_goal_is_polar_in_the_base_frame():
    odometry = Odometry(0, 1.0, 1.0, math.pi / 2)
    goal = encode_source(
        GoalSource(kind="goal", max_distance=10.0),
        _observation(odometry=odometry, goal=Pose2D(-1.0, 1.0)),
    )
    np.testing.assert_allclose(goal, [2.0, 0.0, 1.0], atol=1e-6)


def test_far_goal_is_clipped():
    goal = encode_source(
        GoalSource(kind="goal", max_distance=5.0), _observation(goal=Pose2D(30.0, 0.0))
    )
    assert goal[0] == 5.0


def test_guide_points_lie_ahead_of_the_robot_in_its_frame():
    source = GuideSource(kind="guide", lookahead=(0.5, 1.0, 9.0))
    odometry = Odometry(0, 1.0, 0.5, math.pi / 2)
    points = encode_source(source, _observation(odometry=odometry)).reshape(-1, 2)
    np.testing.assert_allclose(points, [[-0.5, -0.5], [-0.5, -1.0], [-0.5, -3.0]], atol=1e-6)


def test_guide_may_go_on_straight_past_its_end():
    """The last metre before the goal then looks like any other."""
    source = GuideSource(kind="guide", lookahead=(0.5, 3.0), beyond="straight")
    for x in (0.0, 3.0, 3.9, 4.0):
        near = _observation(odometry=Odometry(0, x, 0.0, 0.0))
        np.testing.assert_allclose(encode_source(source, near), [0.5, 0, 3.0, 0], atol=1e-6)
    bent = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    features = encode_source(source, _observation(guide=bent))
    np.testing.assert_allclose(features, [0.5, 0.0, 1.0, 2.0], atol=1e-6)


@pytest.mark.parametrize("guide", [[[0.0, 0.0]], [[0.05, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
def test_guide_without_length_goes_on_ahead_of_the_robot(guide):
    source = GuideSource(kind="guide", lookahead=(1.0,), beyond="straight")
    observation = _observation(odometry=Odometry(0, 0.0, 0.0, 0.3), guide=np.array(guide))
    ahead = encode_source(source, observation)
    np.testing.assert_allclose(np.hypot(*ahead), 1.0, atol=0.06)
    assert ahead[0] > 0.9


def test_no_guide_means_no_inference():
    source = GuideSource(kind="guide", lookahead=(1.0,))
    with pytest.raises(InferenceError) as refusal:
        encode_source(source, _observation(guide=np.empty((0, 2))))
    assert refusal.value.reason == "missing_input"


@pytest.mark.parametrize("seed", range(5))
def test_points_ahead_lie_on_the_path_past_the_nearest_place(seed):
    generator = np.random.default_rng(seed)
    path = np.cumsum(generator.uniform(0.0, 0.2, (60, 2)), axis=0)
    path[20:23] = path[20]
    at = path[20] + 0.3 * (path[23] - path[20])
    lengths = np.hypot(*np.diff(path, axis=0).T)
    arc = np.concatenate(([0.0], np.cumsum(lengths)))
    wanted = arc[22] + 0.3 * lengths[22] + np.array([0.0, 0.5, 2.0, 100.0])
    expected = np.column_stack([np.interp(wanted, arc, path[:, axis]) for axis in range(2)])
    found = points_ahead(path, Pose2D(*at), np.array([0.0, 0.5, 2.0, 100.0]))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert tuple(found[-1]) == tuple(path[-1])


def test_points_ahead_of_a_path_of_one_point_are_that_point():
    points = points_ahead(np.array([[1.0, 2.0]]), Pose2D(0.0, 0.0), np.array([0.5, 1.0]))
    np.testing.assert_allclose(points, [[1.0, 2.0], [1.0, 2.0]])


def test_velocity_is_the_measured_one():
    odometry = Odometry(0, 0.0, 0.0, 0.0, 0.7, 0.0, -0.2)
    velocity = encode_source(VelocitySource(kind="velocity"), _observation(odometry=odometry))
    np.testing.assert_allclose(velocity, [0.7, -0.2])


def test_costmap_patch_turns_with_the_robot():
    data = np.zeros((40, 40), np.int8)
    data[20:22, 30:32] = 100  # at (1.0 … 1.2, 0.0 … 0.2) in odom
    costmap = Costmap(0, 0.1, -2.0, -2.0, data)
    source = CostmapSource(kind="costmap", size=20, resolution=0.2, unknown=-1.0)
    ahead = encode_source(source, _observation(costmap=costmap)).reshape(20, 20)
    assert ahead[10, 15] == 1.0 and (ahead > 0).sum() == 1
    turned = _observation(costmap=costmap, odometry=Odometry(0, 0.0, 0.0, math.pi / 2))
    right = encode_source(source, turned).reshape(20, 20)
    assert right[4, 10] == 1.0


def test_costmap_patch_off_the_map_is_unknown():
    source = CostmapSource(kind="costmap", size=4, resolution=0.5, unknown=-1.0)
    away = _observation(odometry=Odometry(0, 50.0, 0.0, 0.0))
    assert (encode_source(source, away) == -1.0).all()


def _manifest(write_policy, history=1) -> Manifest:
    from autonomy_nodes.decision.contract import load_manifest

    def edit(manifest):
        manifest["inputs"][0]["history"] = history
        if history > 1:
            manifest["inputs"][0]["shape"] = [1, history, 8]

    return load_manifest(write_policy(edit=edit) / "manifest.yaml")


def test_tensors_are_normalised_and_shaped_as_declared(write_policy):
    tensors, features = FeatureEncoder(_manifest(write_policy)).encode(_observation())
    assert tensors["scan"].shape == (1, 8) and tensors["scan"].dtype == np.float32
    np.testing.assert_allclose(tensors["scan"][0], features[0] / 10.0)


def test_history_is_oldest_first_and_starts_filled(write_policy):
    encoder = FeatureEncoder(_manifest(write_policy, history=3))
    for distance in (2.0, 3.0):
        tensors, _ = encoder.encode(_observation(_scan(np.full(181, distance))))
    np.testing.assert_allclose(tensors["scan"][0, :, 4], [0.2, 0.2, 0.3])
    encoder.reset()
    tensors, _ = encoder.encode(_observation(_scan(np.full(181, 4.0))))
    np.testing.assert_allclose(tensors["scan"][0, :, 4], [0.4, 0.4, 0.4])


def test_familiarity_tells_training_data_from_other(write_policy):
    familiarity = Familiarity(_manifest(write_policy))
    usual, unusual = np.full(8, 5.0, np.float32), np.full(8, 14.0, np.float32)
    goal = np.zeros(3, np.float32)
    assert familiarity.score([usual, goal])[0] < 1.0
    score, tensor = familiarity.score([unusual, goal])
    assert score > 1.0 and tensor == "scan"
    assert familiarity.score([np.full(8, np.nan, np.float32), goal])[0] == math.inf
