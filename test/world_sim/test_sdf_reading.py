from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import sdf_text
from hypothesis import given
from hypothesis import strategies as st

from world_sim.sdf.pose import Pose3, Vector3, from_euler
from world_sim.sdf.types import Cylinder, LidarSpec
from world_sim.world import WorldError, load_model, load_world

angles = st.floats(-3.1, 3.1)
lengths = st.floats(-100, 100)
pose_values = st.tuples(lengths, lengths, lengths, angles, angles, angles)


def text_of(values: tuple[float, ...]) -> str:
    return " ".join(repr(value) for value in values)


def pose_of(values: tuple[float, ...]) -> Pose3:
    return Pose3(Vector3(*values[:3]), from_euler(*values[3:]))


def matrix(pose: Pose3) -> np.ndarray:
    columns = [pose.orientation.rotate(Vector3(*axis)) for axis in np.eye(3)]
    result = np.eye(4)
    result[:3, :3] = np.array(columns).T
    result[:3, 3] = pose.position
    return result


def load_text(tmp_path: Path, text: str):
    return load_world(sdf_text.write(tmp_path, text))


@given(pose_values, pose_values)
def test_composition_of_poses_is_that_of_their_matrices(a, b):
    expected = matrix(pose_of(a)) @ matrix(pose_of(b))
    np.testing.assert_allclose(matrix(pose_of(a).compose(pose_of(b))), expected, atol=1e-9)


@given(pose_values)
def test_inverse_undoes_a_pose(a):
    identity = matrix(pose_of(a).compose(pose_of(a).inverse()))
    np.testing.assert_allclose(identity, np.eye(4), atol=1e-9)


def test_roll_pitch_yaw_turns_about_fixed_axes():
    turned = from_euler(math.pi / 2, 0.0, math.pi / 2).rotate(Vector3(0, 0, 1))
    np.testing.assert_allclose(turned, (1.0, 0.0, 0.0), atol=1e-12)


def test_poses_follow_frames_and_relative_to(tmp_path):
    text = sdf_text.world(
        """
<frame name="aisle"><pose>10 0 0 0 0 1.5707963267948966</pose></frame>
<model name="shelf"><static>1</static><pose relative_to="aisle">1 0 0 0 0 0</pose>
  <frame name="board"><pose>0 0 1 0 0 0</pose></frame>
  <link name="link"><pose relative_to="board">0 2 0 0 0 0</pose>
    <collision name="c"><geometry><sphere><radius>1</radius></sphere></geometry></collision>
  </link>
</model>"""
    )
    shelf = load_text(tmp_path, text).models[-1]
    place = shelf.pose.compose(shelf.links[0].pose).position
    np.testing.assert_allclose(place, (8.0, 1.0, 1.0), atol=1e-9)


def test_degrees_and_quaternions_are_rotations_too(tmp_path):
    def yaw(pose: str) -> float:
        model = sdf_text.shape("thing", sdf_text.sphere(1)).replace(
            "<pose>0 0 0 0 0 0</pose>", pose
        )
        world = load_text(tmp_path, sdf_text.world(model))
        return world.models[-1].pose.orientation.yaw

    assert yaw('<pose degrees="true">0 0 0 0 0 90</pose>') == pytest.approx(math.pi / 2)
    quaternion = '<pose rotation_format="quat_xyzw">0 0 0 0 0 1 1</pose>'
    assert yaw(quaternion) == pytest.approx(math.pi / 2)


def test_links_of_nested_models_get_prefixed_names_and_composed_poses(tmp_path):
    text = sdf_text.world(
        """
<model name="outer"><pose>1 0 0 0 0 0</pose>
  <link name="base"/>
  <model name="inner"><pose>0 2 0 0 0 0</pose><link name="arm"><pose>0 0 3 0 0 0</pose></link>
  </model>
  <joint name="weld" type="fixed"><parent>base</parent><child>inner::arm</child></joint>
</model>"""
    )
    outer = load_text(tmp_path, text).models[-1]
    arm = next(link for link in outer.links if link.name == "inner::arm")
    np.testing.assert_allclose(arm.pose.position, (0, 2, 3), atol=1e-12)
    assert outer.joints[0].child == "inner::arm"


def test_state_block_repeats_no_models(tmp_path):
    text = sdf_text.world(
        sdf_text.shape("post", sdf_text.cylinder(0.1, 1)),
        '<state world_name="test"><model name="post"><pose>5 5 5 0 0 0</pose></model></state>',
    )
    assert [m.name for m in load_text(tmp_path, text).models] == ["ground_plane", "post"]


def test_include_takes_name_pose_and_static_from_the_including_file(tmp_path):
    model = tmp_path / "pillar"
    model.mkdir()
    sdf_text.write(
        model,
        '<sdf version="1.9"><model name="pillar"><link name="l"><collision name="c"><geometry>'
        f"{sdf_text.cylinder(0.2, 1)}</geometry></collision></link></model></sdf>",
        "model.sdf",
    )
    text = sdf_text.world(
        "<include><uri>model://pillar</uri><name>north</name><static>true</static>"
        "<pose>0 4 0 0 0 0</pose></include>"
    )
    pillar = load_text(tmp_path, text).models[-1]
    assert (pillar.name, pillar.static, pillar.pose.position.y) == ("north", True, 4.0)
    assert pillar.links[0].collisions[0].geometry == Cylinder(0.2, 1.0)


def test_model_is_found_on_the_resource_path_of_gazebo(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere" / "pillar"
    elsewhere.mkdir(parents=True)
    sdf_text.write(
        elsewhere, '<sdf version="1.9"><model name="p"><link name="l"/></model></sdf>', "model.sdf"
    )
    text = sdf_text.world("<include><uri>model://pillar</uri></include>")
    with pytest.raises(WorldError, match="GZ_SIM_RESOURCE_PATH"):
        load_text(tmp_path, text)
    monkeypatch.setenv("GZ_SIM_RESOURCE_PATH", str(elsewhere.parent))
    assert load_text(tmp_path, text).models[-1].name == "p"


def test_rover_is_the_robot_of_the_benchmark():
    rover = load_model("model://rover")
    lidar = next(s for s in rover.links[0].sensors if s.kind == "lidar")
    assert isinstance(lidar.spec, LidarSpec)
    assert (lidar.spec.samples, lidar.spec.range_max, lidar.update_rate) == (720, 30.0, 50.0)
    assert lidar.pose.position == Vector3(0.055, 0.0, 0.3)
    assert sum(link.inertial.mass for link in rover.links) == pytest.approx(16.5, abs=0.01)


CYCLE = '<sdf version="1.9"><model name="a"><include><uri>model://a</uri></include></model></sdf>'
LINK = '<link name="l"><collision name="c"><geometry>{}</geometry></collision></link>'


def model_with(geometry: str) -> str:
    return sdf_text.world(f'<model name="m"><static>1</static>\n{LINK.format(geometry)}</model>')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not well-formed"),
        ('<sdf version="1.9"><world name="w">', r"world.sdf:1: not well-formed"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><sdf version="1.9"/>', "DOCTYPE"),
        ("<robot/>", "not an SDF file"),
        ('<sdf version="0.9"/>', "SDF 0.9 is not played; use 1.4 to"),
        ('<sdf version="new"/>', "not a version"),
        ('<sdf version="1.9"><model name="m"/></sdf>', "holds no <world>"),
        (model_with("<box><size>1 nan 1</size></box>"), r"world.sdf:\d+: <size>: nan"),
        (model_with("<box><size>1 -1 1</size></box>"), "above zero"),
        (model_with("<box><size>1 1</size></box>"), r"expected 3 number"),
        (model_with("<box/>"), "<box>: lacks <size>"),
        (model_with("<sphere><radius>1e300</radius></sphere>"), "finite"),
        (model_with("<cylinder><radius>x</radius><length>1</length></cylinder>"), "<radius>"),
        (model_with("<mesh><uri>nothing.stl</uri></mesh>"), "'nothing.stl' not found"),
        (model_with("<mesh><uri>http://x/y.stl</uri></mesh>"), "'http://' is not played"),
        (model_with("<image/>"), "image geometry is not played; remove it"),
        (sdf_text.world("<include><uri>model://no_such</uri></include>"), "'model://no_such'"),
        (sdf_text.world("<include/>"), "lacks <uri>"),
        (sdf_text.world("<model><link name='l'/></model>"), "lacks the attribute 'name'"),
        (sdf_text.world('<model name="a"/>', '<model name="a"/>'), "second .* named 'a'"),
        (
            sdf_text.world('<model name="m"><pose relative_to="no">0 0 0 0 0 0</pose></model>'),
            "no frame 'no' here",
        ),
        (
            sdf_text.world(
                '<frame name="a"><pose relative_to="b">0 0 0 0 0 0</pose></frame>'
                '<frame name="b"><pose relative_to="a">0 0 0 0 0 0</pose></frame>'
                '<model name="m"><pose relative_to="a">0 0 0 0 0 0</pose></model>'
            ),
            "circle: m → a → b → a",
        ),
        (
            sdf_text.world(
                '<model name="m"><link name="l"/><joint name="j" type="revolute">'
                "<parent>l</parent><child>wheel</child></joint></model>"
            ),
            "'wheel'",
        ),
    ],
)
def test_a_bad_world_is_one_line_that_names_the_place(tmp_path, text, expected):
    with pytest.raises(WorldError, match=expected) as caught:
        load_text(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(tmp_path / "world.sdf"))


def test_includes_in_a_circle_are_an_error(tmp_path):
    (tmp_path / "a").mkdir()
    sdf_text.write(tmp_path / "a", CYCLE, "model.sdf")
    with pytest.raises(WorldError, match="includes itself"):
        load_text(tmp_path, sdf_text.world("<include><uri>model://a</uri></include>"))


def test_absent_file_and_directory_are_errors(tmp_path):
    for path in (tmp_path / "no.sdf", tmp_path):
        with pytest.raises(WorldError, match="check the path"):
            load_world(path)


def test_a_deep_file_is_refused(tmp_path):
    deep = "<a>" * 5000 + "</a>" * 5000
    with pytest.raises(WorldError, match="levels"):
        load_text(tmp_path, f'<sdf version="1.9">{deep}</sdf>')


def test_an_unsupported_element_is_left_out_when_that_is_allowed(tmp_path):
    path = sdf_text.write(tmp_path, model_with("<image/>"))
    world = load_world(path, allow_unsupported=True)
    assert world.models[-1].links[0].collisions == ()
    assert any(note.path == "geometry/image" for note in world.notes)


fragments = st.lists(
    st.sampled_from(
        [
            "<model name='a'>", "</model>", "<link name='l'>", "</link>", "<pose>1 2 3</pose>",
            "<include>", "</include>", "<joint name='j' type='ball'>", "</joint>", "<collision>",
            "<geometry>", "<box>", "</box>", "<size>1 1 1</size>", "&amp;", "<frame name='f'>",
            "</frame>", "<static>maybe</static>", "<uri>model://rover</uri>", "\x00", "ä",
        ]
    ),
    max_size=12,
)  # fmt: skip


@given(fragments)
def test_any_text_is_read_or_refused(tmp_path_factory, parts):
    path = tmp_path_factory.getbasetemp() / "fuzzed.sdf"
    path.write_text(f'<sdf version="1.9"><world name="w">{"".join(parts)}</world></sdf>')
    try:
        load_world(path)
    except WorldError as error:
        assert str(error)
