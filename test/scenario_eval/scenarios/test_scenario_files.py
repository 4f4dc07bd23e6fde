"""Scenario files: what is right loads, what is wrong says where and what would be right."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from autonomy_interfaces.share import share_directory
from scenario_eval.scenarios.json_schema import json_schema
from scenario_eval.scenarios.loading import RunPlan, ScenarioError, find_files, load_runs

LIBRARY = share_directory() / "scenarios"
DOCS = share_directory() / "docs"
GOOD = """\
description: a door of some width
tags: [door]
world:
  generate: gap
  width: {uniform: [0.8, 1.2]}
faults:
  - {kind: silence, target: scan, at_s: 2.0}
expect:
  never: [speed > 2.1, {that: clearance < 0.01, from_s: 1}]
  within: [{that: state == safe_stop|emergency_stop, s: 0.3}]
  kpi: [duration_s < 12]
"""

BROKEN = [
    # What is replaced in GOOD, by what, line of the error, its place, and what it says.
    ("generate: gap", "generate: gapp", 3, "world", "did you mean 'gap'"),
    ("  width:", "  widht:", 5, "world.widht", "did you mean 'width'"),
    ("{uniform: [0.8, 1.2]}", "-1.0", 5, "world.width", "greater than 0, got -1.0"),
    ("[0.8, 1.2]", "[-1.0, -0.8]", 5, "world.width", "(drawn)"),
    ("{uniform: [0.8, 1.2]}", "{uniform: 0.8}", 5, "world.width.uniform", "tuple"),
    ("kind: silence", "kind: silense", 7, "faults[0]", "did you mean 'silence'"),
    ("target: scan", "target: skan", 7, "faults[0].target", "'scan', 'imu'"),
    ("at_s: 2.0", "at_s: -2.0", 7, "faults[0].at_s", "got -2.0"),
    ("speed > 2.1", "sped > 2.1", 9, "expect.never[0]", "did you mean 'speed'"),
    ("speed > 2.1", "speed ~ fast", 9, "expect.never[0]", "is a number"),
    ("from_s: 1", "from: 1", 9, "expect.never[1].from", "did you mean 'from_s'"),
    (", s: 0.3}", "}", 10, "expect.within[0].s", "missing"),
    ("duration_s < 12", "duration < 12", 11, "expect.kpi[0]", "did you mean 'duration_s'"),
    ("description: a", "beschreibung: a", 1, "description", "missing"),
    ("  kpi:", "  outcome: reachd\n  kpi:", 11, "expect.outcome", "'reached', 'collided'"),
    ("tags: [door]", "seeds: 0", 2, "seeds", "1 to 10000"),
    ("tags: [door]", "tier: 4", 2, "tier", "1, 2 or 3"),
    ("tags: [door]", "limit_s: soon", 2, "limit_s", "'soon'"),
    ("tags: [door]", "stack: {gate: {polcy: x}}", 2, "stack.gate.polcy", "did you mean 'policy'"),
    ("tags: [door]", "events: [{at_s: 1, do: aprove}]", 2, "events[0].do", "'approve'"),
]


def write(directory: Path, text: str, name: str = "door") -> Path:
    file = directory / "edge" / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


@cache
def validator() -> Any:
    return jsonschema.Draft202012Validator(json_schema())


@pytest.mark.parametrize(("old", "new", "line", "place", "words"), BROKEN)
def test_an_error_names_file_line_place_and_remedy(
    tmp_path: Path, old: str, new: str, line: int, place: str, words: str
) -> None:
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ScenarioError) as caught:
        load_runs([file])
    lines = str(caught.value).splitlines()
    matching = [text for text in lines if text.startswith(f"{file}:{line}: {place}: ")]
    assert matching, lines
    assert words in matching[0]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    # A draw that can only fall outside is no error of form: the schema cannot see it.
    [(old, new, place) for old, new, _, place, words in BROKEN if words != "(drawn)"],
)
def test_the_editors_schema_refuses_the_same_places(old: str, new: str, place: str) -> None:
    errors = list(validator().iter_errors(yaml.safe_load(GOOD.replace(old, new, 1))))
    found = {error.json_path.removeprefix("$").removeprefix(".") for error in errors}
    # A field that is unknown or missing is an error of what it is in.
    parent = place.rpartition(".")[0] if "." in place else ""
    assert found & {place, parent, f"{place}.kind", f"{place}.generate"}, found


def test_the_schema_accepts_what_the_command_accepts(tmp_path: Path) -> None:
    assert load_runs([write(tmp_path, GOOD)])
    assert not list(validator().iter_errors(yaml.safe_load(GOOD)))


def test_all_errors_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    first = write(tmp_path, GOOD.replace("speed", "sped").replace("skan", "scan"), "a")
    second = write(tmp_path, "world: 3\n", "b")
    with pytest.raises(ScenarioError) as caught:
        load_runs([first, second])
    text = str(caught.value)
    assert "edge/a.yaml:9" in text
    assert "edge/b.yaml:1: world: expected a mapping with 'generate'" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("description: [", "not YAML"),
        ("", "expected a scenario"),
        ("- a\n- b\n", "expected a scenario"),
        ("world: {generate: empty}\nworld: {generate: empty}\n", ":2: world: stands there twice"),
    ],
)
def test_what_is_no_scenario_at_all(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        load_runs([write(tmp_path, text)])


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such file or directory"):
        find_files([tmp_path / "none"])


@pytest.fixture(scope="module")
def library() -> list[RunPlan]:
    return load_runs(find_files([LIBRARY]))


def test_the_library_covers_its_taxonomy(library: list[RunPlan]) -> None:
    scenarios = {plan.scenario_id: plan for plan in library}
    assert len(scenarios) >= 80
    categories = {"representative", "edge", "adversarial", "mission", "performance"}
    assert {plan.category for plan in library} == categories
    assert all(plan.data.get("tags") for plan in scenarios.values())


def test_every_kind_of_fault_is_in_the_library(library: list[RunPlan]) -> None:
    from world_sim.faults import REGISTRY

    played = {fault["kind"] for plan in library for fault in plan.data.get("faults", ())}
    # A repeated or overtaken message changes nothing that these would show.
    assert set(REGISTRY) - played <= {"reorder", "duplicate", "repeated_stamp"}


def test_the_schema_is_one_and_accepts_the_library() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    check = validator()
    for file in find_files([LIBRARY]):
        problems = [e.message for e in check.iter_errors(yaml.safe_load(file.read_text()))]
        assert not problems, (file, problems)


def test_every_known_defect_has_its_section(library: list[RunPlan]) -> None:
    headings = (DOCS / "known_defects.md").read_text().splitlines()
    for defect in {plan.data["known_defect"] for plan in library if "known_defect" in plan.data}:
        assert f"## {defect}" in headings
