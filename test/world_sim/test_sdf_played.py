"""What the table calls played changes what the simulation does, as it would in Gazebo."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import mujoco
import numpy as np
import pytest
import sdf_text
from mesh_text import TETRAHEDRON_DAE

from autonomy_interfaces.messages import SECOND
from world_sim.sdf.pose import Vector3
from world_sim.sdf.types import World
from world_sim.simulator import Simulator
from world_sim.slices import slice_models
from world_sim.world import WorldError, load_world

# Two tetrahedra one metre apart.
TWO_PARTS = """
v 0 0 0\nv 0.2 0 0\nv 0 0.2 0\nv 0 0 0.2
v 1 0 0\nv 1.2 0 0\nv 1 0.2 0\nv 1 0 0.2
f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4
f 5 7 6\nf 5 6 8\nf 5 8 7\nf 6 7 8
"""


def load(tmp_path: Path, *content: str) -> World:
    return load_world(sdf_text.write(tmp_path, sdf_text.world(*content)))


def play(tmp_path: Path, *content: str, seconds: float = 1.0) -> Simulator:
    simulator = Simulator(load(tmp_path, *content))
    simulator.advance(round(seconds * SECOND / 2e6) * 2_000_000)
    return simulator


def joint(simulator: Simulator, name: str) -> float:
    return float(simulator.data.joint(name).qpos[0])


def height(simulator: Simulator, body: str) -> float:
    return float(simulator.data.body(body).xpos[2])


def arm(name: str, axis: str, kind: str = "revolute", content: str = "", x: float = 0.0) -> str:
    """A link of 1 kg, its centre 0.5 m beside a joint to the world at 2 m height."""
    return f"""
<model name="{name}"><pose>{x} 0 2 0 0 0</pose><link name="l">
  <inertial><pose>0.5 0 0 0 0 0</pose><mass>1</mass>
    <inertia><ixx>0.01</ixx><iyy>0.01</iyy><izz>0.01</izz></inertia></inertial></link>
<joint name="j" type="{kind}"><parent>world</parent><child>l</child>{axis}</joint>{content}
</model>"""


def test_a_polyline_is_a_prism_with_holes(tmp_path):
    ring = "".join(
        "<polyline>"
        + "".join(f"<point>{x} {y}</point>" for x, y in ((-s, -s), (s, -s), (s, s), (-s, s)))
        + "<height>1.5</height></polyline>"
        for s in (2, 1)
    )
    dropped = sdf_text.shape("ball", sdf_text.sphere(0.1), "0 0 3 0 0 0", static=False)
    on_top = sdf_text.shape("stone", sdf_text.box(0.2, 0.2, 0.2), "1.5 0 2 0 0 0", static=False)
    simulator = play(tmp_path, sdf_text.shape("wall", ring), dropped, on_top, seconds=2)
    assert height(simulator, "ball::link") == pytest.approx(0.1, abs=0.02)
    assert height(simulator, "stone::link") == pytest.approx(1.6, abs=0.02)
    cut = slice_models([m for m in simulator.world.models if m.name == "wall"], 0.3).segments
    outside = np.abs(cut[:, :2]).max(axis=1)
    # Each wall is two triangles: a cut of the whole outline is as long as the outline.
    lengths = np.hypot(cut[:, 2] - cut[:, 0], cut[:, 3] - cut[:, 1])
    assert lengths[outside > 1.5].sum() == pytest.approx(16)
    assert lengths[outside < 1.5].sum() == pytest.approx(8)


def test_a_heightmap_is_ground_as_high_as_its_image_is_bright(tmp_path):
    image = np.zeros((33, 33), np.uint8)
    image[:, 17:] = 255
    image[:12, :] = 51
    cv2.imwrite(str(tmp_path / "hill.png"), image)
    shape = "<heightmap><uri>hill.png</uri><size>32 32 2</size><pos>0 0 0.5</pos></heightmap>"
    balls = [
        sdf_text.shape(f"b{i}", sdf_text.sphere(0.2), f"{x} {y} 4 0 0 0", static=False)
        for i, (x, y) in enumerate(((-8, -8), (8, -8), (8, 14)))
    ]
    text = sdf_text.world(sdf_text.shape("hill", shape), *balls, ground=False)
    simulator = Simulator(load_world(sdf_text.write(tmp_path, text)))
    simulator.advance(2 * SECOND)
    heights = [height(simulator, f"b{i}::link") - 0.2 for i in range(3)]
    np.testing.assert_allclose(heights, [0.5, 2.5, 0.9], atol=0.02)
    hill = [m for m in simulator.world.models if m.name == "hill"]
    assert len(slice_models(hill, 1.5).segments) > 20


def test_a_heightmap_cannot_move_and_needs_an_image(tmp_path):
    shape = "<heightmap><uri>hill.png</uri><size>8 8 2</size></heightmap>"
    (tmp_path / "hill.png").write_bytes(b"no image")
    with pytest.raises(WorldError, match=r"<uri>: hill.png is not readable as an image; save"):
        play(tmp_path, sdf_text.shape("hill", shape))
    cv2.imwrite(str(tmp_path / "hill.png"), np.zeros((9, 9), np.uint8))
    with pytest.raises(WorldError, match="cannot move; make its model static"):
        play(tmp_path, sdf_text.shape("hill", shape, static=False))


def test_a_collada_mesh_is_in_metres(tmp_path):
    (tmp_path / "part.dae").write_text(TETRAHEDRON_DAE)
    mesh = "<mesh><uri>part.dae</uri><scale>2 2 2</scale></mesh>"
    ball = sdf_text.shape("ball", sdf_text.sphere(0.05), "0.1 0.1 3 0 0 0", static=False)
    simulator = play(tmp_path, sdf_text.shape("part", mesh), ball)
    cut = slice_models([m for m in simulator.world.models if m.name == "part"], 1.0).segments
    assert cut.reshape(-1, 2).max(axis=0) == pytest.approx((1.0, 1.0))
    assert "ball" in {m.name for m in simulator.world.models}


def test_a_collada_file_with_entities_is_refused(tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]>'
    (tmp_path / "part.dae").write_text(TETRAHEDRON_DAE.replace("<COLLADA", bomb + "<COLLADA"))
    with pytest.raises(WorldError, match=r"world.sdf:\d+: <uri>: part.dae .* entities"):
        play(tmp_path, sdf_text.shape("part", "<mesh><uri>part.dae</uri></mesh>"))


def test_between_the_parts_of_a_static_mesh_there_is_nothing(tmp_path):
    (tmp_path / "two.obj").write_text(TWO_PARTS)
    wall = sdf_text.shape("two", "<mesh><uri>two.obj</uri></mesh>")
    between = sdf_text.shape("ball", sdf_text.sphere(0.05), "0.6 0.05 1 0 0 0", static=False)
    assert height(play(tmp_path, wall, between), "ball::link") == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    ("shape", "rests_at"),
    [
        ("<capsule><radius>0.1</radius><length>0.4</length></capsule>", 0.3),
        ("<ellipsoid><radii>0.3 0.3 0.1</radii></ellipsoid>", 0.1),
        (sdf_text.box(0.2, 0.2, 0.6), 0.3),
        (sdf_text.cylinder(0.2, 0.5), 0.25),
        (sdf_text.sphere(0.2), 0.2),
    ],
)
def test_a_shape_comes_to_rest_on_its_underside(tmp_path, shape, rests_at):
    thing = sdf_text.shape("thing", shape, f"0 0 {rests_at + 0.05} 0 0 0", static=False)
    simulator = play(tmp_path, thing, seconds=0.5)
    assert height(simulator, "thing::link") == pytest.approx(rests_at, abs=0.01)


def axis_text(content: str = "") -> str:
    return f"<axis><xyz>0 1 0</xyz>{content}</axis>"


def test_a_spring_carries_and_damping_slows(tmp_path):
    spring = "<dynamics><spring_stiffness>200</spring_stiffness><damping>20</damping></dynamics>"
    slow = "<dynamics><damping>50</damping></dynamics>"
    simulator = play(
        tmp_path,
        arm("sprung", axis_text(spring)),
        arm("slowed", axis_text(slow), x=3),
        arm("free", axis_text(), x=6),
    )
    # The weight of 1 kg half a metre out against 200 N m/rad.
    assert joint(simulator, "sprung::j") == pytest.approx(9.8 * 0.5 / 200, rel=0.02)
    assert 0.05 < joint(simulator, "slowed::j") < 0.12
    assert joint(simulator, "free::j") > 1.0


def test_a_joint_stops_at_its_limit(tmp_path):
    limit = "<limit><lower>-0.2</lower><upper>0.3</upper></limit>"
    simulator = play(tmp_path, arm("a", axis_text(limit)), seconds=3)
    assert joint(simulator, "a::j") == pytest.approx(0.3, abs=0.03)


def test_a_prismatic_joint_slides_and_a_ball_joint_swings_any_way(tmp_path):
    slide = "<axis><xyz>0 0 1</xyz><limit><lower>-0.5</lower><upper>0</upper></limit></axis>"
    simulator = play(tmp_path, arm("s", slide, "prismatic"), arm("b", "", "ball", x=3), seconds=0.4)
    assert joint(simulator, "s::j") == pytest.approx(-0.5, abs=0.05)
    assert abs(float(simulator.data.joint("b::j").qpos[0])) < 0.999


def test_a_joint_mimics_another(tmp_path):
    follower = """
<link name="f"><pose>0 2 0 0 0 0</pose></link>
<joint name="follows" type="revolute"><parent>world</parent><child>f</child>
<axis><xyz>0 1 0</xyz><mimic joint="j"><multiplier>-0.5</multiplier><offset>0.1</offset></mimic>
</axis></joint>"""
    limit = "<limit><lower>-1</lower><upper>0.4</upper></limit>"
    simulator = play(tmp_path, arm("a", axis_text(limit), content=follower), seconds=3)
    follows = -0.5 * joint(simulator, "a::j") + 0.1
    assert joint(simulator, "a::follows") == pytest.approx(follows, abs=0.03)


def test_a_mimic_without_its_leader_is_refused(tmp_path):
    mimic = axis_text('<mimic joint="none"/>')
    with pytest.raises(WorldError, match="'j' mimics 'none', which is no joint"):
        load(tmp_path, arm("a", mimic))


def test_gravity_can_be_off_for_a_link(tmp_path):
    ball = sdf_text.shape("ball", sdf_text.sphere(0.1), "0 0 2 0 0 0", static=False)
    floats = ball.replace('<link name="link">', '<link name="link"><gravity>0</gravity>')
    assert height(play(tmp_path, floats), "ball::link") == pytest.approx(2.0, abs=1e-6)


def test_links_touch_each_other_where_the_model_says_so(tmp_path):
    pair = f"""
<model name="pair">{{flag}}<link name="low"><pose>0 0 0.5 0 0 0</pose>
  <collision name="c"><geometry>{sdf_text.box(1, 1, 1)}</geometry></collision></link>
<link name="high"><pose>0 0 1.8 0 0 0</pose>
  <collision name="c"><geometry>{sdf_text.box(0.5, 0.5, 0.5)}</geometry></collision></link>
</model>"""
    alone = play(tmp_path, pair.format(flag="<self_collide>true</self_collide>"))
    assert height(alone, "pair::high") == pytest.approx(1.25, abs=0.02)
    through = play(tmp_path, pair.format(flag=""))
    assert height(through, "pair::high") < 1.0


def part(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    sdf_text.write(
        tmp_path / "part",
        '<sdf version="1.9"><model name="part"><link name="base"/><link name="top">'
        '<pose>0 0 1 0 0 0</pose></link><frame name="grip" attached_to="top">'
        "<pose>0.5 0 0 0 0 0</pose></frame></model></sdf>",
        "model.sdf",
    )


def test_a_model_is_placed_by_the_frame_that_the_world_names(tmp_path):
    part(tmp_path)
    include = (
        "<include><uri>model://part</uri><placement_frame>grip</placement_frame>"
        f"<pose>3 0 2 0 0 {math.pi / 2}</pose></include>"
    )
    model = load(tmp_path, include).models[-1]
    np.testing.assert_allclose(model.pose.position, (3.0, -0.5, 1.0), atol=1e-9)
    with pytest.raises(WorldError, match="'part' has no frame 'no'; has: base, "):
        load(tmp_path, include.replace("grip", "no"))


def test_poses_and_joints_may_use_frames_within_nested_models(tmp_path):
    part(tmp_path)
    text = """
<model name="robot"><include><uri>model://part</uri><pose>1 0 0 0 0 0</pose></include>
<link name="tool"><pose relative_to="part::grip">0 0 0.2 0 0 0</pose></link>
<joint name="j" type="fixed"><parent>part::grip</parent><child>tool</child></joint></model>"""
    robot = load(tmp_path, text).models[-1]
    tool = next(link for link in robot.links if link.name == "tool")
    np.testing.assert_allclose(tool.pose.position, (1.5, 0, 1.2), atol=1e-9)
    assert robot.joints[0].parent == "part::top"


def test_a_merged_model_is_part_of_the_outer_one(tmp_path):
    part(tmp_path)
    text = (
        '<model name="robot"><include merge="true"><uri>model://part</uri>'
        "<pose>1 0 0 0 0 0</pose></include></model>"
    )
    robot = load(tmp_path, text).models[-1]
    assert {link.name: link.pose.position for link in robot.links} == {
        "base": Vector3(1, 0, 0),
        "top": Vector3(1, 0, 1),
    }


def test_every_dynamic_body_of_a_world_has_what_mujoco_needs(tmp_path):
    simulator = play(tmp_path, arm("a", axis_text()), seconds=0.1)
    assert np.isfinite(simulator.data.qpos).all()
    assert simulator.model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
