"""Faults as people write them: YAML lists, with errors that say what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from world_sim.faults.model import REGISTRY, Fault


class FaultError(ValueError):
    """A fault that cannot be played; the message names it and says what would be right."""


def load_faults(file: Path) -> tuple[Fault, ...]:
    """Read a YAML file: a list of faults, or a mapping with one under `faults`.

    Raises:
        FaultError: the file is missing or is not YAML, or a fault in it is wrong.
    """
    try:
        content = yaml.safe_load(file.read_text())
    except OSError as error:
        raise FaultError(f"fault file {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise FaultError(f"fault file {file} is not valid YAML: {reason}") from error
    if isinstance(content, Mapping):
        content = content.get("faults")
    if content is None:
        return ()
    return parse_faults(content, str(file))


def parse_faults(entries: Any, source: str = "faults") -> tuple[Fault, ...]:
    """Build faults from a list of mappings such as `{kind: silence, target: scan, at_s: 3.0}`.

    Raises:
        FaultError: an entry is wrong; the message begins with `source` and its number.
    """
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise FaultError(f"{source}: expected a list of faults, got {type(entries).__name__}")
    return tuple(
        parse_fault(entry, f"{source}: fault {number}")
        for number, entry in enumerate(entries, start=1)
    )


def parse_fault(entry: Any, source: str = "fault") -> Fault:
    """Build one fault from a mapping.

    Raises:
        FaultError: the kind is unknown, or a parameter is.
    """
    if isinstance(entry, Fault):
        return entry
    if not isinstance(entry, Mapping):
        raise FaultError(f"{source}: expected a mapping with 'kind', got {entry!r}")
    if "kind" not in entry:
        raise FaultError(f"{source}: 'kind' is missing; one of: {', '.join(REGISTRY)}")
    kind = entry["kind"]
    fault_type = REGISTRY.get(kind) if isinstance(kind, str) else None
    if fault_type is None:
        raise FaultError(f"{source}: {_unknown('kind', kind, REGISTRY)}")
    try:
        return fault_type.model_validate(dict(entry))
    except ValidationError as error:
        reasons = "; ".join(_reason(problem, fault_type) for problem in error.errors())
        raise FaultError(f"{source} ({kind}): {reasons}") from error


def _reason(problem: Any, fault_type: type[Fault]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return _unknown("parameter", name, fault_type.model_fields)
    if problem["type"] == "missing":
        return f"'{name}' is missing; {_allowed(name, fault_type)}"
    message = problem["msg"].removeprefix("Value error, ")
    if not name:
        return str(message)
    return f"'{name}': {message[0].lower()}{message[1:]}, got {problem['input']!r}"


def _allowed(name: str, fault_type: type[Fault]) -> str:
    schema = fault_type.model_json_schema()["properties"][name]
    values = schema.get("enum") or [schema.get("const", schema.get("type", "a value"))]
    return "give one of: " + ", ".join(str(value) for value in values)


def _unknown(what: str, name: Any, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    return f"unknown {what} {name!r}{hint}; known: {', '.join(known)}"
