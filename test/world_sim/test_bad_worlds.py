"""What is not a world, or not one that can be played, ends in one line within bounds."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sdf_text

from world_sim.sdf.element import MAX_ATTRIBUTE, MAX_ELEMENTS
from world_sim.world import WorldError, load_world

MEGABYTE = 1024 * 1024
CPU_SECONDS = 2
MEMORY = 500 * MEGABYTE


def model(content: str) -> str:
    return sdf_text.world(f'<model name="m">\n{content}</model>')


def shaped(geometry: str) -> str:
    return model(
        f'<static>1</static><link name="l"><collision name="c"><geometry>{geometry}</geometry>'
        "</collision></link>"
    )


def moments(text: str) -> str:
    return model(
        f'<link name="l"><inertial><mass>1</mass><inertia>{text}</inertia></inertial></link>'
    )


ENTITY_BOMB = (
    '<!DOCTYPE sdf [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + ']>\n<sdf version="1.9"><world name="&i;"/></sdf>'
)
JOINT = (
    '<link name="base"/>\n<joint name="axle" type="revolute"><parent>base</parent>'
    "<child>wheel</child></joint>"
)
HUGE = "9" * 400
MANY_ATTRIBUTES = " ".join(f'a{i}=""' for i in range(200_000))

TEXTS = {
    "empty": ("", "no element found"),
    "truncated": ('<sdf version="1.9">\n<world name="w"><model name="a">', ":2: .*inside <sdf>"),
    "not XML": ("a world\n", ":1: not well-formed"),
    "wrong root": ("<robot name='r'/>", "<robot>: is not an SDF file; the root element is <sdf"),
    "no world": ('<sdf version="1.9"><model name="m"/></sdf>', "holds no <world>; give a world"),
    "entity bomb": (ENTITY_BOMB, ":1: declares a document type or entities; remove the DOCTYPE"),
    "external entity": (
        '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><sdf version="1.9">&x;</sdf>',
        "remove the DOCTYPE",
    ),
    "missing mesh": (shaped("<mesh><uri>model://a/b.stl</uri></mesh>"), "<uri>: 'model://a/b.stl'"),
    "NaN": (shaped("<box><size>1 nan 1</size></box>"), r":\d+: <size>: nan .*finite"),
    "infinite": (shaped("<sphere><radius>inf</radius></sphere>"), r":\d+: <radius>: inf .*finite"),
    "overflow": (shaped(f"<sphere><radius>{HUGE}</radius></sphere>"), "<radius>: inf .*finite"),
    "negative": (shaped("<box><size>1 -1 1</size></box>"), "<size>: must be above zero"),
    "negative mass": (
        model('<link name="l"><inertial><mass>-1</mass></inertial></link>'),
        "<mass>: must be above zero",
    ),
    "indefinite inertia": (
        moments("<ixx>1</ixx><iyy>1</iyy><izz>1</izz><ixy>5</ixy>"),
        "<inertia>: has no positive principal moments; make",
    ),
    "inertia of no body": (
        moments("<ixx>1</ixx><iyy>1</iyy><izz>9</izz>"),
        "<inertia>: no body has .* 9; each must be at most",
    ),
    "joint to a missing link": (model(JOINT), "'axle' .*child 'wheel'.*no link.*base"),
    "joint to itself": (model(JOINT.replace("wheel", "base")), "'axle' .*itself"),
    "two sensors of one name": (
        model('<link name="l"><sensor name="s" type="imu"/>\n<sensor name="s" type="imu"/></link>'),
        r":\d+: <sensor>: a second sensor named 's'; rename",
    ),
    "deep": ('<sdf version="1.9">' + "<a>" * 100_000, "levels; split the world"),
    "wide": (
        f'<sdf version="1.9"><world name="w">{"<a/>" * (MAX_ELEMENTS + 1)}</world></sdf>',
        f"more than {MAX_ELEMENTS} elements",
    ),
    "long attribute": (
        f'<sdf version="1.9"><world name="{"w" * (MAX_ATTRIBUTE + 1)}"/></sdf>',
        "an attribute of more than",
    ),
    "many attributes": (
        f'<sdf version="1.9"><world {MANY_ATTRIBUTES}/></sdf>',
        "attributes; remove",
    ),
    "long text": (
        f'<sdf version="1.9"><world name="w"><gravity>{"1 " * 2_000_000}</gravity></world></sdf>',
        "<gravity>: more than .* characters",
    ),
}
BYTES = {
    "bytes at random": (bytes(range(256)) * 100, "not well-formed"),
    "bad encoding": (b'<sdf version="1.9"><world name="\xff\xfe"/></sdf>', ":1: not well-formed"),
    "unknown encoding": (
        b'<?xml version="1.0" encoding="klingon"?><sdf/>',
        "klingon; save it as UTF-8",
    ),
    "null bytes": (b'<sdf version="1.9"><world name="w">' + bytes(100), ":1: not well-formed"),
}
CASES = {name: (text.encode(), expected) for name, (text, expected) in TEXTS.items()} | BYTES


@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES)
def test_a_bad_file_is_one_line_that_names_place_cause_and_remedy(tmp_path, data, expected):
    path = tmp_path / "world.sdf"
    path.write_bytes(data)
    with pytest.raises(WorldError, match=expected) as caught:
        load_world(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert "; " in message
    assert len(message) < 600


def test_text_in_another_encoding_that_it_names_is_read(tmp_path):
    path = tmp_path / "world.sdf"
    text = '<?xml version="1.0" encoding="utf-16"?><sdf version="1.9"><world name="höhle"/></sdf>'
    path.write_bytes(text.encode("utf-16"))
    assert load_world(path).name == "höhle"


def test_what_is_no_file_is_not_opened(tmp_path):
    pipe = tmp_path / "pipe.sdf"
    os.mkfifo(pipe)
    (tmp_path / "link.sdf").symlink_to(tmp_path / "link.sdf")
    for path in (pipe, tmp_path, Path("/dev/zero"), tmp_path / "link.sdf", tmp_path / "none.sdf"):
        with pytest.raises(WorldError, match="check the path"):
            load_world(path)
    with pytest.raises(WorldError, match="check the path"):
        load_world("a\0b.sdf")


def test_a_file_that_may_not_be_read_is_an_error(tmp_path, monkeypatch):
    path = sdf_text.write(tmp_path, sdf_text.world())

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(WorldError, match=r"world.sdf: cannot be read: Permission denied; check"):
        load_world(path)


def test_a_cycle_of_includes_names_the_file_that_closes_it(tmp_path):
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).mkdir()
        sdf_text.write(
            tmp_path / name,
            f'<sdf version="1.9"><model name="{name}">\n<include><uri>model://{other}</uri>'
            "</include></model></sdf>",
            "model.sdf",
        )
    path = sdf_text.write(tmp_path, sdf_text.world("<include><uri>model://a</uri></include>"))
    with pytest.raises(WorldError, match=r"b/model.sdf:2: <include>: 'model://a' includes itself"):
        load_world(path)


def test_includes_that_multiply_are_bounded(tmp_path):
    deepest = 12
    for level in range(deepest + 1):
        (tmp_path / f"m{level}").mkdir()
        twice = "".join(
            f"<include><uri>model://m{level + 1}</uri><name>i{n}</name></include>" for n in range(4)
        )
        content = twice if level < deepest else '<link name="l"/>'
        text = f'<sdf version="1.9"><model name="m">{content}</model></sdf>'
        sdf_text.write(tmp_path / f"m{level}", text, "model.sdf")
    path = sdf_text.write(tmp_path, sdf_text.world("<include><uri>model://m0</uri></include>"))
    with pytest.raises(WorldError, match=r"more than .* included models"):
        load_world(path)


def test_a_mesh_that_is_none_names_the_element(tmp_path):
    (tmp_path / "bad.stl").write_bytes(b"no mesh")
    path = sdf_text.write(tmp_path, shaped("<mesh><uri>bad.stl</uri></mesh>"))
    from world_sim.simulator import Simulator

    with pytest.raises(WorldError, match=r"world.sdf:\d+: <uri>: .*bad.stl.* mesh"):
        Simulator(load_world(path))


def _large(path: Path) -> None:
    """200 MB, of which next to nothing is on the disk."""
    with path.open("wb") as file:
        file.write(b'<sdf version="1.9"><world name="w">')
        file.truncate(200 * MEGABYTE)


def _text(name: str) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(CASES[name][0]) and None


COMMAND = "from edge_autonomy.cli import main; main()"
PROCESSES = {
    "200 MB": (_large, "larger than"),
    "entity bomb": (_text("entity bomb"), "remove the DOCTYPE"),
    "wide": (_text("wide"), "elements"),
}


@pytest.mark.parametrize(("write", "expected"), PROCESSES.values(), ids=PROCESSES)
def test_the_command_ends_with_2_within_its_bounds(tmp_path, write, expected):
    path = tmp_path / "world.sdf"
    write(path)

    def bound() -> None:
        # Seconds of this process's own time: another process on the machine costs it none.
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS * 4, CPU_SECONDS * 4))

    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    command = [sys.executable, "-c", COMMAND, "worlds", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=bound)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert expected in done.stderr
    assert max(before, peak) * 1024 < MEMORY or before == peak
