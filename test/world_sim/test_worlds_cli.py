from __future__ import annotations

import json
import sys

import cv2
import numpy as np
import pytest
import sdf_text

from edge_autonomy.cli import main
from world_sim.outlines import outlines_of
from world_sim.world import load_world


def run(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `edge-autonomy …`."""
    monkeypatch.setattr(sys, "argv", ["edge-autonomy", *map(str, arguments)])
    status = 0
    try:
        main()
    except SystemExit as end:
        status = int(end.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def world(tmp_path):
    robot = "<include><uri>model://rover</uri><name>robot</name></include>"
    wall = sdf_text.shape("wall", sdf_text.box(0.2, 6, 1), "4 0 0.5 0 0 0")
    return sdf_text.write(tmp_path, sdf_text.world(robot, wall))


def test_check_says_what_is_in_a_world_and_what_is_not_played(monkeypatch, capsys, world):
    status, out, _ = run(monkeypatch, capsys, "worlds", "check", world, "--json")
    summary = json.loads(out)
    assert status == 0
    assert summary["robots"] == ["robot"]
    assert summary["models"] == 3
    assert {"element": "ode/mu", "status": "approximated"}.items() <= next(
        note for note in summary["notes"] if note["element"] == "ode/mu"
    ).items()
    status, out, _ = run(monkeypatch, capsys, "worlds", "check", world)
    assert status == 0
    assert "can be played" in out


def test_check_of_a_bad_world_exits_2_with_one_line(monkeypatch, capsys, tmp_path):
    bad = sdf_text.write(tmp_path, sdf_text.world("<include><uri>model://none</uri></include>"))
    status, out, err = run(monkeypatch, capsys, "worlds", "check", bad)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert f"{bad}:" in err


def test_check_of_a_world_that_asks_for_more_exits_1_unless_that_is_allowed(
    monkeypatch, capsys, tmp_path
):
    more = "<population name='crowd'/><joint name='j' type='fixed'/>"
    world = sdf_text.write(tmp_path, sdf_text.world(more))
    status, out, _ = run(monkeypatch, capsys, "worlds", "check", world)
    assert status == 1
    assert "2 elements change the physics" in out
    status, out, _ = run(monkeypatch, capsys, "worlds", "check", world, "--json")
    assert (status, json.loads(out)["playable"]) == (1, False)
    allowed = ("--allow", "world/joint", "--allow", "population")
    assert run(monkeypatch, capsys, "worlds", "check", world, *allowed)[0] == 0
    assert run(monkeypatch, capsys, "worlds", "check", world, "--allow", "joint")[0] == 1
    assert run(monkeypatch, capsys, "worlds", "check", world, "--allow-unsupported")[0] == 0


def test_show_draws_a_png(monkeypatch, capsys, world, tmp_path):
    out = tmp_path / "pictures" / "world.png"
    assert run(monkeypatch, capsys, "worlds", "show", world, "--out", out)[0] == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_show_draws_ways_of_actors_terrain_and_outlines_that_are_not_convex(
    monkeypatch, capsys, tmp_path
):
    cv2.imwrite(str(tmp_path / "hill.png"), np.arange(81, dtype=np.uint8).reshape(9, 9))
    hill = "<heightmap><uri>hill.png</uri><size>8 8 1</size></heightmap>"
    corner = "".join(f"<point>{p}</point>" for p in ("0 0", "3 0", "3 1", "1 1", "1 3", "0 3"))
    angle = sdf_text.shape("angle", f"<polyline>{corner}<height>1</height></polyline>")
    walker = (
        "<actor name='walker'><script><trajectory id='0' type='w'><waypoint><time>0</time>"
        "</waypoint><waypoint><time>2</time><pose>3 3 0 0 0 0</pose></waypoint></trajectory>"
        "</script></actor>"
    )
    world = sdf_text.write(tmp_path, sdf_text.world(sdf_text.shape("hill", hill), angle, walker))
    out = tmp_path / "world.png"
    assert run(monkeypatch, capsys, "worlds", "show", world, "-o", out)[0] == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    outline = next(outlines_of(next(m for m in load_world(world).models if m.name == "angle")))
    np.testing.assert_allclose(outline.polygon[3], (1, 1))


def test_show_into_an_impossible_file_is_an_error_of_the_user(monkeypatch, capsys, world, tmp_path):
    status, _, err = run(monkeypatch, capsys, "worlds", "show", world, "--out", tmp_path / "a.nope")
    assert status == 2
    assert "cannot be written" in err


def test_bench_prints_one_json_object_with_its_figures(monkeypatch, capsys, world):
    options = ("--seconds", 0.2, "--repeats", 1, "--poses", 20, "--json")
    status, out, err = run(monkeypatch, capsys, "bench", "sim", "--world", world, *options)
    figures = json.loads(out)
    assert status == 0
    assert "lidar against" in err
    assert figures["scan_max_error_m"] < 1e-3
    for name in ("realtime_factor", "physics_us_per_step", "scan_ms", "scan_speedup_vs_multiray"):
        assert figures[name] > 0.0
