from __future__ import annotations

from pathlib import Path

import pytest
import sdf_text

from autonomy_interfaces.share import share_directory
from world_sim.sdf.coverage import Status, element_rules, review
from world_sim.sdf.element import parse_xml
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
