"""The list of faults for people and editors, derived from their classes."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from world_sim.faults.model import REGISTRY, Fault

FAMILIES = ("transport", "value", "lidar", "clock", "drive", "process")
TIMING = ("kind", "target", "robot", "at_s", "duration_s", "repeat_s")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kind of fault, beyond its target and its times."""

    name: str
    default: Any
    description: str


@dataclass(frozen=True)
class Entry:
    """One kind of fault: what it does, to what, with which parameters."""

    kind: str
    family: str
    description: str
    targets: tuple[str, ...]
    parameters: tuple[Parameter, ...]


def catalogue() -> tuple[Entry, ...]:
    """Every kind of fault, family by family."""
    entries = (
        Entry(
            kind=kind,
            family=fault_type.FAMILY,
            description=(fault_type.__doc__ or "").strip().splitlines()[0],
            targets=targets_of(fault_type),
            parameters=tuple(_parameters(fault_type)),
        )
        for kind, fault_type in REGISTRY.items()
    )
    order = {family: place for place, family in enumerate(FAMILIES)}
    return tuple(sorted(entries, key=lambda entry: order.get(entry.family, len(order))))


def targets_of(fault_type: type[Fault]) -> tuple[str, ...]:
    """The targets that a kind of fault can be given."""
    return tuple(str(value) for value in get_args(fault_type.model_fields["target"].annotation))


def json_schema() -> dict[str, Any]:
    """JSON schema of one fault, for editors: the kinds, told apart by `kind`."""
    definitions = {kind: fault.model_json_schema() for kind, fault in REGISTRY.items()}
    for definition in definitions.values():
        definition["required"] = sorted({"kind", *definition.get("required", ())})
    return {
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in definitions],
        "discriminator": {"propertyName": "kind"},
        "$defs": definitions,
    }


def markdown_table() -> str:
    """The catalogue as a Markdown table."""
    lines = ["| kind | what happens | target | parameters (default) |", "| --- | --- | --- | --- |"]
    for entry in catalogue():
        parameters = "<br>".join(
            f"`{p.name}` ({p.default})" + (f": {p.description}" if p.description else "")
            for p in entry.parameters
        )
        targets = ", ".join(entry.targets)
        lines.append(f"| `{entry.kind}` | {entry.description} | {targets} | {parameters} |")
    return "\n".join(lines) + "\n"


def _parameters(fault_type: type[Fault]) -> Iterator[Parameter]:
    for name, info in fault_type.model_fields.items():
        if name not in TIMING:
            yield Parameter(name, _default(info), _description(info))


def _default(info: FieldInfo) -> Any:
    return '""' if info.default == "" else info.default


def _description(info: FieldInfo) -> str:
    choices = _choices(info.annotation)
    return (info.description or "") + (f"one of {', '.join(choices)}" if choices else "")


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(str(value) for value in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(c for part in get_args(annotation) for c in _choices(part))
    return ()
