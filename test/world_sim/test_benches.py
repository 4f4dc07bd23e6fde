"""The benches of the simulator measure what they say; no figure of speed is judged here."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import sdf_text
from typer.testing import CliRunner

from autonomy_interfaces.share import share_directory
from world_sim.bench.cli import bench
from world_sim.bench.determinism import compare_processes, digest, every_fault
from world_sim.bench.scaling import generate_world, measure, robot_places, write_plot
from world_sim.bench.speed import BenchError, bench_simulator, whole_numbers
from world_sim.bench.worlds import run_worlds, world_files
from world_sim.errors import WorldError
from world_sim.faults import REGISTRY
from world_sim.world import load_world

FIELD = share_directory() / "gazebo_worlds" / "field.sdf"
POST = sdf_text.shape("post", sdf_text.cylinder(0.1, 1), "2 1 0.5 0 0 0")


def test_a_run_with_every_fault_is_the_same_in_two_processes() -> None:
    figures = compare_processes(FIELD, 4.0, seed=3)
    assert figures["equal"]
    assert len(set(figures["hashes"])) == 1
    assert figures["faults"] == len(REGISTRY)
    assert figures["measurements"] > 400


def test_the_hash_of_a_run_depends_on_its_seed_and_on_its_faults() -> None:
    faults = every_fault(1.0)
    assert {fault.kind for fault in faults} == set(REGISTRY)
    runs = [
        digest(FIELD, 0.4, seed, played) for seed, played in ((1, faults), (2, faults), (1, ()))
    ]
    assert len({run.sha256 for run in runs}) == 3


def test_every_world_is_driven_in_and_each_warning_says_why(tmp_path: Path) -> None:
    sdf_text.write(tmp_path, sdf_text.world(POST), "world_10.world")
    sdf_text.write(tmp_path, sdf_text.world(sdf_text.two_wheeler()), "world_9.sdf")
    (tmp_path / "broken.sdf").write_text("<sdf version='1.9'><world")
    files = world_files([tmp_path])
    assert [file.name for file in files] == ["broken.sdf", "world_9.sdf", "world_10.world"]
    figures = run_worlds(files, seconds=1.0)
    assert (figures["ran"], figures["failed"], figures["unexplained"]) == (2, 1, 0)
    assert "broken.sdf" in figures["worlds"][str(files[0])]["error"]
    for file in files[1:]:
        # Half a metre per second on a circle, from standstill.
        assert 0.3 < figures["worlds"][str(file)]["driven_m"] < 0.55
        assert figures["worlds"][str(file)]["contacts"] == 0


def test_a_place_without_worlds_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"holds no world; expected \*\.sdf or \*\.world"):
        world_files([tmp_path])


def test_generated_worlds_are_equally_dense_and_leave_the_robots_room(tmp_path: Path) -> None:
    places = robot_places(5)
    extents = []
    for count in (50, 200):
        world = generate_world(tmp_path, count, robots=5)
        obstacles = [model.pose.position for model in world.models if model.name != "ground"]
        assert len(obstacles) == count
        extents.append(max(max(abs(p.x), abs(p.y)) for p in obstacles))
        for place in places:
            assert min(math.hypot(p.x - place.x, p.y - place.y) for p in obstacles) > 1.2
    assert extents[1] == pytest.approx(2.0 * extents[0], rel=0.1)
    gaps = [math.hypot(a.x - b.x, a.y - b.y) for i, a in enumerate(places) for b in places[i + 1 :]]
    assert min(gaps) > 2.0


def test_scaling_measures_each_number_and_draws_it(tmp_path: Path) -> None:
    figures = measure((10, 20), (1, 2), seconds=0.5, repeats=1)
    assert list(figures["obstacles"]) == ["10", "20"]
    assert list(figures["robots"]) == ["1", "2"]
    for entry in (*figures["obstacles"].values(), *figures["robots"].values()):
        assert entry["contacts"] == 0
        assert entry["realtime_factor"] > 0.0
    write_plot(figures, tmp_path / "images" / "scaling.png")
    assert (tmp_path / "images" / "scaling.png").read_bytes().startswith(b"\x89PNG")


def test_the_lidar_is_compared_with_mujocos_own_rays(tmp_path: Path) -> None:
    wall = sdf_text.shape("wall", sdf_text.box(0.2, 4, 1), "4 0 0.5 0 0 0.3")
    world = load_world(sdf_text.write(tmp_path, sdf_text.world(POST, wall)))
    figures = bench_simulator(world, seconds=0.2, repeats=1, poses=50)
    assert figures["scan_poses"] == 50
    assert figures["scan_max_error_m"] < 1e-6
    assert [figures[f"{topic}_hz"] for topic in ("scan", "imu", "odom")] == [50, 100, 50]
    assert figures["beams"] == 720
    assert figures["contacts"] == 0
    assert {"realtime_factor", "physics_us_per_step", "scan_speedup_vs_multiray"} <= set(figures)


def test_the_commands_print_one_json_object(tmp_path: Path) -> None:
    file = sdf_text.write(tmp_path, sdf_text.world(POST))
    run = CliRunner().invoke(bench, ["worlds", str(file), "--seconds", "0.2", "--json"])
    assert run.exit_code == 0
    assert json.loads(run.stdout)["ran"] == 1
    assert str(file) in run.stderr


@pytest.mark.parametrize("text", ["", "0", "1,x", "-2"])
def test_numbers_that_are_none_are_refused_by_their_option(text: str) -> None:
    with pytest.raises(BenchError, match=f"--robots '{text}': give positive whole numbers"):
        whole_numbers(text, "--robots")
