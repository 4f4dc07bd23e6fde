"""Generated fields can be crossed, differ by seed, and are the same for the same seed."""

import numpy as np
import pytest

from scenario_eval.worldgen import (
    CYLINDER_RADIUS,
    GOAL,
    START,
    FieldParameters,
    generate,
    write_sdf,
)
from world_sim.world import load_world


@pytest.mark.parametrize("seed", range(5))
def test_the_path_keeps_its_clearance_from_start_to_goal(seed):
    world = generate(seed)
    gaps = np.linalg.norm(world.cylinders[:, None] - world.path[None], axis=2) - CYLINDER_RADIUS
    assert gaps.min() >= 0.32 - 0.04, "the passage that was asked for, up to the search's cells"
    assert np.hypot(world.path[0, 0] - START.x, world.path[0, 1] - START.y) < 0.1
    assert np.hypot(world.path[-1, 0] - GOAL.x, world.path[-1, 1] - GOAL.y) < 0.1
    assert np.hypot(*np.diff(world.path, axis=0).T).max() < 0.08


def test_the_same_seed_gives_the_same_world_and_another_another():
    first, again, other = generate(3), generate(3), generate(4)
    assert first.cylinders.tobytes() == again.cylinders.tobytes()
    assert first.cylinders.tobytes() != other.cylinders.tobytes()


def test_the_robot_starts_in_the_clear():
    world = generate(11)
    gap = np.hypot(world.cylinders[:, 0] - START.x, world.cylinders[:, 1] - START.y).min()
    assert gap > 1.0


def test_a_field_that_cannot_be_crossed_is_an_error_with_its_remedy():
    with pytest.raises(RuntimeError, match="lower fill or passage"):
        generate(0, FieldParameters(fill=(0.9, 0.95)))


def test_the_world_file_holds_every_cylinder(tmp_path):
    world = generate(2)
    write_sdf(world, tmp_path / "world.sdf")
    loaded = load_world(tmp_path / "world.sdf")
    names = {model.name for model in loaded.models}
    assert len([name for name in names if name.startswith("unit_cylinder_")]) == len(
        world.cylinders
    )
