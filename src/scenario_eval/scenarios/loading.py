"""From scenario files to the runs of a campaign."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from scenario_eval.scenarios.sampling import (
    Drawn,
    draw_values,
    find_drawn,
    is_drawn,
    replaced,
    sweep_combinations,
)
from scenario_eval.scenarios.schema import Scenario, WorldFile
from scenario_eval.scenarios.source import ScenarioError, Source, ValuePath, dotted, read_source
from scenario_eval.scenarios.worlds import REGISTRY
from world_sim.faults import REGISTRY as FAULTS

_DRAWN = TypeAdapter(list[Drawn])

__all__ = ["RunPlan", "ScenarioError", "find_files", "load_runs"]


@dataclass(frozen=True)
class RunPlan:
    """One run to be played: everything that its result depends on, as plain data.

    run: SCENARIO[:SAMPLE]@SEED. values: what was swept or drawn, by its path. data: the scenario
    with these values in place; `scenario` validates it.
    """

    run: str
    scenario_id: str
    file: str
    sample: int
    seed: int
    values: dict[str, Any]
    data: dict[str, Any]

    @property
    def category(self) -> str:
        """First part of the scenario's id."""
        return self.scenario_id.partition("/")[0]

    @property
    def scenario(self) -> Scenario:
        """The concrete scenario."""
        return Scenario.model_validate(self.data)


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The scenario files under `paths`, sorted.

    Raises:
        ScenarioError: a path is not there, or there is no scenario under it.
    """
    files: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found = sorted(path.rglob("*.yaml"))
            if not found:
                raise ScenarioError(f"{path}: holds no scenario; expected *.yaml below it")
            files.update(found)
        elif path.is_file():
            files.add(path)
        else:
            raise ScenarioError(f"{path}: no such file or directory; give scenario files (*.yaml)")
    return sorted(files)


def load_runs(
    files: Iterable[Path], base_seed: int = 0, further_seeds: Sequence[int] = ()
) -> list[RunPlan]:
    """Every run of the scenarios, in the order of files, samples and seeds.

    Args:
        files: scenario files.
        base_seed: added to every seed of every scenario.
        further_seeds: played beside those of each scenario, as they are.

    Raises:
        ScenarioError: files are wrong; the message has one line for each thing that is.
    """
    problems: list[str] = []
    runs: list[RunPlan] = []
    for file in files:
        found, wrong = _runs_or_problems(file, base_seed, further_seeds)
        runs += found
        problems += wrong
    if problems:
        raise ScenarioError("\n".join(problems))
    first: dict[str, str] = {}
    for plan in runs:
        if first.setdefault(plan.scenario_id, plan.file) != plan.file:
            raise ScenarioError(
                f"{plan.file}: scenario '{plan.scenario_id}' is also in {first[plan.scenario_id]}; "
                "rename one"
            )
    return runs


def _runs_or_problems(
    file: Path, base_seed: int, further_seeds: Sequence[int]
) -> tuple[list[RunPlan], list[str]]:
    try:
        return expand(read_source(file), base_seed, further_seeds), []
    except ScenarioError as error:
        return [], str(error).splitlines()


def scenario_id(file: Path) -> str:
    """category/name: the file's directory and name."""
    return f"{file.resolve().parent.name}/{file.stem}"


def expand(source: Source, base_seed: int, further_seeds: Sequence[int] = ()) -> list[RunPlan]:
    """The runs of one file.

    Raises:
        ScenarioError: the file is wrong.
    """
    identity = scenario_id(source.file)
    drawn = _read_drawn(source)
    sweeps = sweep_combinations(drawn)
    runs: list[RunPlan] = []
    for sample, swept in enumerate(sweeps):
        values = {**swept, **draw_values(drawn, identity, base_seed)}
        scenario = validate(source, replaced(source.data, values))
        seeds = (*(base_seed + number for number in scenario.seeds), *further_seeds)
        for seed in dict.fromkeys(seeds):
            values = {**swept, **draw_values(drawn, identity, seed)}
            data = replaced(source.data, values)
            validate(source, data)
            name = identity + (f":{sample}" if len(sweeps) > 1 else "") + f"@{seed}"
            plain = {dotted(path): value for path, value in values.items()}
            runs.append(RunPlan(name, identity, str(source.file), sample, seed, plain, data))
    return runs


def _read_drawn(source: Source) -> dict[ValuePath, Drawn]:
    found = dict(find_drawn(source.data))
    try:
        drawn = _DRAWN.validate_python(list(found.values()))
    except ValidationError as error:
        paths = list(found)
        lines = [
            _explain(source, {**p, "loc": p["loc"][1:]}, paths[int(p["loc"][0])], Drawn)
            for p in error.errors()
        ]
        raise ScenarioError("\n".join(lines)) from error
    return dict(zip(found, drawn, strict=True))


def validate(source: Source, data: dict[str, Any]) -> Scenario:
    """The concrete scenario of `data`, which came from `source`.

    Raises:
        ScenarioError: it is wrong; one line for each thing.
    """
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        lines = dict.fromkeys(_explain(source, p, (), Scenario) for p in error.errors())
        raise ScenarioError("\n".join(lines)) from error
    if isinstance(scenario.world, WorldFile):
        try:
            scenario.world.path(source.file.parent)
        except ValueError as error:
            raise ScenarioError(f"{source.at(('world', 'file'))}: {error}") from error
    return scenario


def _explain(source: Source, problem: Any, prefix: ValuePath, root: type[BaseModel]) -> str:
    """One line for a problem that pydantic found."""
    path = (*prefix, *value_path(source.data, prefix, problem["loc"]))
    kind, message = problem["type"], str(problem["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"{source.at(path)}: {_unknown(path, problem['loc'], root)}"
    if kind == "missing":
        return f"{source.at(path)}: missing; give it"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return f"{source.at(path)}: {_unknown_kind(path, problem['input'])}"
    shown = _lowered(message)
    if kind not in ("value_error", "assertion_error"):
        shown += f", got {problem['input']!r}"
    if is_drawn(_value_at(source.data, path)) and root is not Drawn:
        shown += " (drawn)"
    return f"{source.at(path)}: {shown}"


def value_path(data: Any, prefix: ValuePath, location: tuple[str | int, ...]) -> ValuePath:
    """The place in the file that pydantic means: its location without the names of variants."""
    here = _value_at(data, prefix)
    path: list[str | int] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if in_list or (isinstance(here, dict) and part in here):
            here = here[part]
            path.append(part)
        elif last and isinstance(here, dict) and part not in _VARIANTS:
            path.append(part)
    return tuple(path)


_VARIANTS = {"file", *REGISTRY, *FAULTS}


def _value_at(data: Any, path: ValuePath) -> Any:
    for part in path:
        if is_drawn(data):
            return data
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _unknown(path: ValuePath, location: tuple[str | int, ...], root: type[BaseModel]) -> str:
    known = _fields_at(root, location[:-1])
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    return f"unknown field{hint}" + (f"; known: {', '.join(known)}" if known else "")


def _fields_at(root: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of the model at a location of pydantic."""
    model: type[BaseModel] | None = root
    for part in location:
        if isinstance(part, int):
            continue
        if part in FAULTS:
            model = FAULTS[part]
        elif part in REGISTRY:
            model = REGISTRY[part]
        elif model is not None and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not None), None)


def _unknown_kind(path: ValuePath, value: Any) -> str:
    if path and path[0] == "world":
        field, known = "generate", list(REGISTRY)
        other = ", or 'file: NAME'"
    else:
        field, known, other = "kind", list(FAULTS), ""
    if not isinstance(value, dict):
        return f"expected a mapping with '{field}', got {value!r}"
    if field not in value:
        return f"'{field}' is missing{other}; known: {', '.join(known)}"
    near = difflib.get_close_matches(str(value[field]), known, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    return f"unknown {field} '{value[field]}'{hint}; known: {', '.join(known)}"


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]
