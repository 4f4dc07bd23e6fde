"""The worlds that ship: valid for Gazebo, playable here, and fit to drive in."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from autonomy_interfaces.messages import Pose2D
from edge_autonomy.demo.floor_plan import floor_plan
from edge_autonomy.demo.places import read_places, worlds_directory
from world_sim.world import World, load_world

PLACES = read_places()
NAMES = sorted(PLACES)

LIDAR_HEIGHT_M = 0.3
BODY_HEIGHTS_M = (0.03, 0.1, 0.2, 0.3)
BODY_RADIUS_M = math.hypot(0.254, 0.215)
CELL_M = 0.02
SIZE_M = (24.0, 16.0)


@cache
def world(name: str) -> World:
    return load_world(PLACES[name].file)


@cache
def occupied(name: str, height_m: float) -> NDArray[np.bool_]:
    """Cells of the world that are solid at one height; (row, column) as of `cell`."""
    grid = np.zeros([round(size / CELL_M) for size in reversed(SIZE_M)], dtype=np.uint8)
    for outline in floor_plan(world(name), height_m):
        corners = (outline.polygon + np.array(SIZE_M) / 2) / CELL_M
        cv2.fillPoly(grid, [np.round(corners).astype(np.int32)], 1)
    return grid.astype(bool)


@cache
def clearance(name: str) -> NDArray[np.float64]:
    """Metres from each cell to the nearest thing that the robot could touch."""
    solid = np.any([occupied(name, height) for height in BODY_HEIGHTS_M], axis=0)
    distance: NDArray[np.float64] = distance_transform_edt(~solid) * CELL_M
    return distance


def cell(place: Pose2D) -> tuple[int, int]:
    return (
        round((place.y + SIZE_M[1] / 2) / CELL_M),
        round((place.x + SIZE_M[0] / 2) / CELL_M),
    )


def test_every_world_has_its_start_and_goal() -> None:
    shipped = {file.stem for file in worlds_directory().glob("*.sdf")}
    assert shipped - {"plaza"} == set(NAMES), "plaza is there to be looked at, not crossed"
    assert len(NAMES) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_gazebo_finds_no_fault_with(name: str) -> None:
    checker = shutil.which("ign") or shutil.which("gz")
    if checker is None:
        pytest.skip("Gazebo's parser is not installed (Debian: libsdformat-dev ignition-tools)")
    models = str(worlds_directory() / "models")
    checked = subprocess.run(
        [checker, "sdf", "--check", str(PLACES[name].file)],
        env={**os.environ, "SDF_PATH": models, "GZ_SIM_RESOURCE_PATH": models},
        capture_output=True,
        text=True,
        timeout=60,
    )
    complaints = [
        line
        for line in (checked.stdout + checked.stderr).splitlines()
        if "error" in line.lower() and "backtrace" not in line
    ]
    assert complaints == []
    assert checked.returncode == 0
    assert "Valid" in checked.stdout


@pytest.mark.parametrize("name", NAMES)
def test_brings_what_gazebo_needs_to_play_it(name: str) -> None:
    text = PLACES[name].file.read_text()
    for system in ("physics", "user-commands", "scene-broadcaster", "sensors", "imu", "contact"):
        assert f"gz-sim-{system}-system" in text
    assert "<render_engine>ogre2</render_engine>" in text


@pytest.mark.parametrize("name", NAMES)
def test_includes_the_robot_at_the_start(name: str) -> None:
    robot = next(model for model in world(name).models if model.name == "robot")
    start = PLACES[name].start
    assert (robot.pose.position.x, robot.pose.position.y) == (start.x, start.y)
    assert robot.pose.orientation.yaw == pytest.approx(start.yaw)
    assert not robot.static


@pytest.mark.parametrize("name", NAMES)
def test_is_a_crossing_of_12_to_20_m(name: str) -> None:
    start, goal = PLACES[name].start, PLACES[name].goal
    assert 12.0 <= math.hypot(goal.x - start.x, goal.y - start.y) <= 20.0


@pytest.mark.parametrize("name", NAMES)
def test_start_and_goal_are_clear(name: str) -> None:
    for place in (PLACES[name].start, PLACES[name].goal):
        assert clearance(name)[cell(place)] >= BODY_RADIUS_M + 0.2


@pytest.mark.parametrize("name", NAMES)
def test_a_way_at_least_80_cm_wide_leads_to_the_goal(name: str) -> None:
    regions, _ = label(clearance(name) >= 0.4)
    start, goal = (regions[cell(place)] for place in (PLACES[name].start, PLACES[name].goal))
    assert start == goal != 0


@pytest.mark.parametrize("name", NAMES)
def test_the_way_is_not_a_straight_line(name: str) -> None:
    start, goal = PLACES[name].start, PLACES[name].goal
    line = [
        clearance(name)[cell(Pose2D(float(x), float(y)))]
        for x, y in np.linspace((start.x, start.y), (goal.x, goal.y), 500)
    ]
    assert min(line) < 0.2


@pytest.mark.parametrize("name", NAMES)
def test_what_the_robot_can_touch_its_lidar_can_see(name: str) -> None:
    seen = occupied(name, LIDAR_HEIGHT_M)
    within_two_cells = distance_transform_edt(~seen) <= 2.0
    for height in BODY_HEIGHTS_M:
        assert not np.any(occupied(name, height) & ~within_two_cells)


@pytest.mark.parametrize("name", NAMES)
def test_gazebo_draws_what_it_collides_with(name: str) -> None:
    # Gazebo's lidar sees visuals, its physics collisions.
    for model in world(name).models:
        for link in model.links if model.static else ():
            drawn = [(visual.geometry, visual.pose) for visual in link.visuals]
            for collision in link.collisions:
                assert (collision.geometry, collision.pose) in drawn, model.name
