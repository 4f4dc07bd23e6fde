from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sdf_text

from autonomy_interfaces.share import share_directory
from world_sim.sdf.coverage import Status, element_rules, review
from world_sim.sdf.element import Element, parse_xml
from world_sim.sdf.support_table import support_table
from world_sim.world import WorldError, load_world

WORLDS = sorted((share_directory() / "gazebo_worlds").glob("*.sdf"))


def notes_of(tmp_path: Path, *content: str, allow: bool = True):
    path = sdf_text.write(tmp_path, sdf_text.world(*content))
    return {note.path: note for note in load_world(path, allow_unsupported=allow).notes}


@pytest.mark.parametrize("path", WORLDS, ids=lambda path: path.stem)
def test_our_own_worlds_use_no_unknown_or_refused_element(path):
    unplayed = {
        note.path for note in load_world(path).notes if note.status in ("unknown", "refused")
    }
    assert unplayed == set()


EVERYTHING = """
<physics type="p"><max_step_size>0.002</max_step_size></physics>
<gravity>0 0 -9.8</gravity><frame name="f"><pose>0 0 0 0 0 0</pose></frame>
<scene><ambient>1 1 1 1</ambient><background>1 1 1 1</background></scene>
<spherical_coordinates><latitude_deg>1</latitude_deg></spherical_coordinates>
<light name="l" type="spot"><pose>0 0 5 0 0 0</pose></light>
<actor name="a"><link name="body"/><script><trajectory id="0" type="w"><waypoint><time>0</time>
<pose>1 1 0 0 0 0</pose></waypoint></trajectory></script></actor>
<include><uri>model://rover_camera</uri><pose>9 9 0 0 0 0</pose></include>
<model name="m"><static>0</static><link name="a"><inertial><pose>0 0 0 0 0 0</pose><mass>1</mass>
<inertia><ixx>1</ixx></inertia></inertial>
<visual name="v"><geometry><box><size>1 1 1</size></box></geometry><material><diffuse>1 1 1 1
</diffuse></material></visual><visual name="w"><geometry><box><size>1 1 1</size></box></geometry>
<material><ambient>1 1 1 1</ambient></material></visual><collision name="c"><geometry>
<plane><normal>0 0 1</normal></plane></geometry>
<surface><friction><ode><mu>1</mu></ode></friction></surface></collision>
<sensor name="g" type="gps"><gps><position_sensing><horizontal><noise type="gaussian"/></horizontal>
<vertical><noise type="gaussian_quantized"/></vertical></position_sensing></gps></sensor>
<sensor name="r" type="ray"><ray><scan><horizontal/></scan><range><max>3</max></range></ray>
</sensor></link><link name="b"/><joint name="j" type="revolute"><parent>a</parent><child>b</child>
<axis><xyz>0 0 1</xyz><limit/><dynamics/><mimic joint="k"/></axis></joint><link name="c"/>
<joint name="k" type="revolute"><parent><link>a</link></parent><child><link>c</link></child></joint>
<model name="n"><link name="l"/></model></model>
<model name="shapes"><static>1</static><link name="l">{shapes}</link></model>"""
SHAPES = (
    "<sphere><radius>1</radius></sphere>",
    "<cylinder><radius>1</radius><length>1</length></cylinder>",
    "<capsule><radius>1</radius><length>1</length></capsule>",
    "<ellipsoid><radii>1 1 1</radii></ellipsoid>",
    "<mesh><uri>m.obj</uri></mesh>",
    "<heightmap><uri>h.png</uri></heightmap>",
    "<polyline><point>0 0</point><point>1 0</point><point>0 1</point></polyline>",
    "<empty/>",
)
# Read by what they stand in: the element itself is what its reader is given.
BY_PRESENCE = {"geometry/empty", "lidar/noise", "world/plugin"}
# Approximated by leaving it out.
LEFT_OUT = {"surface/bounce"}
# The shapes of an actor are read as those of a model, whose motion it does not have.
OF_MODELS = {"actor/joint", "actor/self_collide", "actor/plugin", "actor/static"}


def test_the_table_calls_played_what_the_readers_look_for_and_nothing_else(tmp_path, monkeypatch):
    looked_for: set[str] = set()
    iterated: set[str] = set()
    find, find_all, iterate = Element.find, Element.find_all, Element.__iter__

    def noting_find(self: Element, name: str) -> Element | None:
        looked_for.add(f"{self.name}/{name}")
        return find(self, name)

    def noting_find_all(self: Element, name: str) -> list[Element]:
        looked_for.add(f"{self.name}/{name}")
        return find_all(self, name)

    def noting_iterate(self: Element) -> Iterator[Element]:
        iterated.add(self.name)
        return iterate(self)

    for name in ("m.obj", "h.png"):
        (tmp_path / name).touch()
    shapes = "".join(
        f'<collision name="c{index}"><geometry>{shape}</geometry></collision>'
        for index, shape in enumerate(SHAPES)
    )
    path = sdf_text.write(tmp_path, sdf_text.world(EVERYTHING.format(shapes=shapes)))
    with monkeypatch.context() as patch:
        patch.setattr(Element, "find", noting_find)
        patch.setattr(Element, "find_all", noting_find_all)
        patch.setattr(Element, "__iter__", noting_iterate)
        patch.setattr("world_sim.world.review", lambda documents: ())
        load_world(path)
    rules = element_rules()
    known_parents = {rule.partition("/")[0] for rule in rules}
    played = {
        name for name, rule in rules.items() if rule.status in (Status.PLAYED, Status.APPROXIMATED)
    }
    unread = {
        name for name in played - looked_for - BY_PRESENCE if name.partition("/")[0] not in iterated
    }
    assert unread == LEFT_OUT
    unlisted = {name for name in looked_for - played if name.partition("/")[0] in known_parents}
    assert unlisted == OF_MODELS


def test_an_unknown_element_is_reported_once_with_its_first_line(tmp_path):
    notes = notes_of(tmp_path, "\n<mystery/>", "\n<mystery/>")
    assert notes["world/mystery"].status == "unknown"
    assert notes["world/mystery"].location.line == 9


def test_elements_of_other_tools_are_ignored(tmp_path):
    assert notes_of(tmp_path, '<drake:gravity xmlns:drake="d"/>')["world/drake:gravity"].status == (
        "ignored"
    )


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ("<population name='crowd'/>", "world/population"),
        (
            "<model name='m'><link name='l'><kinematic>1</kinematic></link></model>",
            "link/kinematic",
        ),
        (
            "<model name='m'><link name='l'/><plugin filename='gz-sim-thruster-system' name='t'/>"
            "</model>",
            "plugin gz-sim-thruster-system",
        ),
    ],
)
def test_physics_that_is_not_played_is_refused_unless_allowed(tmp_path, content, path):
    with pytest.raises(WorldError, match=r"world.sdf:\d+: <.*allow unsupported"):
        notes_of(tmp_path, content, allow=False)
    assert notes_of(tmp_path, content)[path].status == "refused"


def test_a_value_that_changes_nothing_is_not_refused(tmp_path):
    model = "<model name='m'><link name='l'><kinematic>0</kinematic></link></model>"
    assert not {"link/kinematic"} & set(notes_of(tmp_path, model, allow=False))


def test_nothing_below_an_ignored_element_is_reviewed():
    document = parse_xml(
        b"<sdf version='1.9'><world name='w'><audio><new_thing/></audio></world></sdf>", "x"
    )
    assert [note.path for note in review([document])] == ["world/audio"]


def test_every_approximation_and_refusal_says_how_or_why():
    for name, rule in element_rules().items():
        if rule.status in (Status.APPROXIMATED, Status.REFUSED):
            assert rule.how, name


def test_the_page_in_docs_is_the_table_of_the_code():
    page = share_directory() / "docs" / "sdf_support.md"
    if not page.is_file():
        pytest.skip("docs/ is only in a source tree, not in an installed package")
    assert page.read_text() == support_table()
