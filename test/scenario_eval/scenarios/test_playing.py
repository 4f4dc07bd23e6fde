"""Real runs, short ones, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scenario_eval.cli import evaluation
from scenario_eval.results import RESULTS, TRACES, Outcome, read_results
from scenario_eval.runner.play import Played, play
from scenario_eval.runner.world_setup import set_up
from scenario_eval.scenarios.schema import Scenario
from world_sim.simulator import RobotSpawn, Simulator

HERE = Path(__file__).parent


def played(text: dict[str, object], seed: int = 0) -> Played:
    return play(Scenario.model_validate({"description": "one for a test", **text}), HERE, seed)


def test_goals_are_given_one_after_the_other() -> None:
    run = played({"world": {"generate": "empty"}, "goals": [[1.2, 0.0], [2.4, 0.0]]})
    assert run.outcome is Outcome.REACHED
    assert (run.goals_given, run.goals_reached) == (2, 2)
    goals = run.trace.number("goal")
    assert set(goals) == {0.0, 1.0, 2.0}
    assert np.all(np.diff(goals[:-1]) >= 0.0)


def test_an_actor_moves_as_it_is_told_and_can_be_met() -> None:
    walker = {"name": "walker", "path": [[1.5, 0.0], [-1.0, 0.0]], "speed": 1.0, "start_s": 0.2}
    run = played({"world": {"generate": "empty"}, "goals": [], "actors": [walker], "limit_s": 3})
    assert run.outcome is Outcome.COLLIDED
    assert run.trace.word("contact")[-1] == "walker"
    steps = -np.diff(run.trace.actors[:, 0, 0])
    assert steps[:8].max() == 0.0
    assert steps[12:] == pytest.approx(0.02)
    assert run.trace.number("clearance")[-1] < 0.03


def test_an_actor_that_stops_for_the_robot_does_not_touch_it() -> None:
    walker = {"name": "w", "path": [[1.5, 0.0], [-1.0, 0.0]], "stops_for_robot_m": 0.7}
    run = played({"world": {"generate": "empty"}, "goals": [], "actors": [walker], "limit_s": 3})
    assert run.outcome is Outcome.FINISHED
    assert 0.1 < run.trace.number("clearance").min() < 0.3


def test_a_lone_turned_wall_stands_where_it_was_put() -> None:
    world = {"generate": "empty", "shapes": [{"wall": [4.0, -2.0, 4.0, 2.0]}]}
    text = {"description": "one for a test", "world": world}
    setup = set_up(Scenario.model_validate(text), HERE, 0)
    simulator = Simulator(setup.world, [RobotSpawn()])
    simulator.advance(200_000_000)
    assert simulator.ground_truth().contact == ""


def test_a_cancelled_goal_ends_the_run_as_cancelled() -> None:
    run = played(
        {
            "world": {"generate": "empty"},
            "goals": [[9.0, 0.0]],
            "events": [{"at_s": 0.5, "do": "cancel"}],
        }
    )
    assert run.outcome is Outcome.CANCELLED
    assert run.events_s == pytest.approx((0.5,))


FILE = """\
description: a wall that the robot meets or not
world:
  generate: empty
  shapes: [{wall: [1.2, -1.0, 1.2, 1.0], glass: {sweep: [true]}}]
goals: [[2.0, 0.0]]
limit_s: {uniform: [2.0, 2.5]}
"""


def test_a_failing_sample_is_reported_with_what_repeats_it(tmp_path: Path) -> None:
    file = tmp_path / "edge" / "glass.yaml"
    file.parent.mkdir()
    file.write_text(FILE)
    command = ["run", str(file), "--workers", "1", "--json", "--seed", "5"]
    result = CliRunner().invoke(evaluation, [*command, "--out", str(tmp_path / "a")])
    assert result.exit_code == 1
    figures = json.loads(result.stdout)
    assert (figures["total"], figures["failed"], figures["passed"]) == (1, 1, 0)
    assert figures["unexpected"] == ["edge/glass@5"]
    (run,) = read_results(tmp_path / "a")
    assert run.outcome is Outcome.COLLIDED
    assert run.failure == "perception"
    again = run.reproduce.split()[3:]
    CliRunner().invoke(evaluation, ["run", *again, "--workers", "1", "--out", str(tmp_path / "b")])
    for name in (RESULTS, f"{TRACES}/edge_glass@5.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_wrong_input_is_one_line_and_names_the_remedy(tmp_path: Path) -> None:
    result = CliRunner().invoke(evaluation, ["run", str(tmp_path / "none")])
    assert result.exit_code != 0
    assert "give scenario files" in str(result.exception)


def test_the_library_can_be_listed_and_its_schema_printed() -> None:
    listed = CliRunner().invoke(evaluation, ["list", "--json"])
    assert len(json.loads(listed.stdout)["scenarios"]) >= 80
    schema = CliRunner().invoke(evaluation, ["schema"])
    assert json.loads(schema.stdout)["required"] == ["description", "world"]
