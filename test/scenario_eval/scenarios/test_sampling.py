"""Sweeps and draws: every combination, and the same values for the same run."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scenario_eval.scenarios.loading import RunPlan, load_runs
from scenario_eval.scenarios.sampling import Drawn, draw_values, sweep_combinations

TEXT = """\
description: a door that is swept and drawn
world:
  generate: gap
  width: {sweep: [0.8, 1.0, 1.2]}
  thickness: {sweep: [0.2, 1.0]}
  offset: {uniform: [-0.5, 0.5]}
goals: [[{normal: [5.0, 0.2]}, {choice: [0.0, 0.5]}]]
seeds: 2
"""


def load(directory: Path, text: str = TEXT, seed: int = 0) -> list[RunPlan]:
    file = directory / "edge" / "door.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return load_runs([file], seed)


def test_sweeps_multiply_with_each_other_and_with_seeds(tmp_path: Path) -> None:
    runs = load(tmp_path)
    assert [run.run for run in runs] == [f"edge/door:{s}@{n}" for s in range(6) for n in range(2)]
    swept = {(run.values["world.width"], run.values["world.thickness"]) for run in runs}
    assert len(swept) == 6


def test_a_draw_depends_on_seed_and_place_alone(tmp_path: Path) -> None:
    runs = load(tmp_path)
    longer = load(tmp_path, TEXT.replace("seeds: 2", "seeds: 5\nlimit_s: {uniform: [20, 30]}"))
    offsets = {(run.seed, run.values["world.offset"]) for run in runs}
    assert len(offsets) == 2
    assert offsets <= {(run.seed, run.values["world.offset"]) for run in longer}


def test_a_run_of_a_later_campaign_is_repeated_by_its_name(tmp_path: Path) -> None:
    drawn = next(run for run in load(tmp_path, seed=40) if run.run == "edge/door:3@41")
    again = load_runs([tmp_path / "edge" / "door.yaml"], 0, [41])
    assert drawn in again


@given(st.integers(0, 2**31), st.floats(-5, 5), st.floats(0, 5), st.integers(-9, 9))
def test_draws_stay_in_their_range(seed: int, low: float, width: float, first: int) -> None:
    drawn = {
        ("a",): Drawn(uniform=(low, low + width)),
        ("b",): Drawn(integer=(first, first + 2)),
        ("c",): Drawn(choice=("x", "y")),
    }
    values = draw_values(drawn, "edge/door", seed)
    assert low - 1e-6 <= values["a",] <= low + width + 1e-6
    assert first <= values["b",] <= first + 2
    assert values["c",] in ("x", "y")
    assert values == draw_values(drawn, "edge/door", seed)


def test_nothing_swept_is_one_sample() -> None:
    assert sweep_combinations({("a",): Drawn(uniform=(0.0, 1.0))}) == [{}]
