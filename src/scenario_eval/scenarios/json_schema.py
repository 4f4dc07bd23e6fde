"""The JSON schema of a scenario file, for editors; it refuses what the command refuses.

Alternatives are told apart by `if`/`then` on the field that names them, so that a validator
points at the value that is wrong and not at the whole of it.
"""

from __future__ import annotations

from typing import Any

from scenario_eval.scenarios.expressions import PATTERN
from scenario_eval.scenarios.sampling import KINDS, Drawn
from scenario_eval.scenarios.schema import MAX_SEEDS, Assertion, Scenario
from scenario_eval.scenarios.worlds import REGISTRY
from world_sim.faults import REGISTRY as FAULTS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DRAWN = {"$ref": "#/$defs/Drawn"}
_NOT_DRAWN = ("kind", "generate", "description", "tags", "seeds")
"""Fields that must be there in so many words."""


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    schema = Scenario.model_json_schema()
    definitions = schema["$defs"]
    for name, definition in definitions.items():
        definitions[name] = _with_drawn(definition)
    schema = _with_drawn(schema)
    properties = schema["properties"]
    properties["faults"]["else"]["items"] = _by_kind(
        "kind", {k: _ref(f) for k, f in FAULTS.items()}
    )
    worlds = {k: _ref(w) for k, w in REGISTRY.items()}
    properties["world"] = {
        "if": {"type": "object", "required": ["file"]},
        "then": {"$ref": "#/$defs/WorldFile"},
        "else": _by_kind("generate", worlds),
    }
    expected = definitions["Expectations"]["properties"]
    for name in ("never", "always", "eventually"):
        expected[name]["else"]["items"] = _either("object", _ref(Assertion), _CONDITION)
    outcome = {"$ref": "#/$defs/Outcome"}
    expected["outcome"] = _either("array", {"items": outcome, "minItems": 1}, outcome)
    seed = {"type": "integer", "minimum": 0}
    number = {"type": "integer", "minimum": 1, "maximum": MAX_SEEDS}
    properties["seeds"] = _either("array", {"items": seed, "minItems": 1}, number)
    definitions["Drawn"] = _drawn_schema()
    return {"$schema": DRAFT, **_without_titles(schema), "title": "edge_autonomy scenario"}


def _without_titles(schema: Any) -> Any:
    """The schema without the titles that pydantic makes of the fields' names."""
    if isinstance(schema, list):
        return [_without_titles(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    named = isinstance(schema.get("title"), str)
    return {
        key: _without_titles(value)
        for key, value in schema.items()
        if not (named and key == "title")
    }


_CONDITION = {"type": "string", "pattern": PATTERN}


def _either(kind: str, then: dict[str, Any], otherwise: dict[str, Any]) -> dict[str, Any]:
    """One schema for values of a JSON type, another for all others."""
    return {"if": {"type": kind}, "then": then, "else": otherwise}


def _ref(model: type[Any]) -> dict[str, str]:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _by_kind(field: str, kinds: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [field],
        "properties": {field: {"enum": list(kinds)}},
        "allOf": [
            {
                "if": {"properties": {field: {"const": kind}}, "required": [field]},
                "then": reference,
            }
            for kind, reference in kinds.items()
        ],
    }


def _with_drawn(schema: dict[str, Any]) -> dict[str, Any]:
    """A model's schema whose every value may be swept or drawn instead."""
    if "properties" not in schema:
        return schema
    properties = {
        name: value if name in _NOT_DRAWN else _or_drawn(value)
        for name, value in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _or_drawn(schema: dict[str, Any]) -> dict[str, Any]:
    inner = dict(schema)
    if isinstance(inner.get("items"), dict):
        inner["items"] = _or_drawn(inner["items"])
    if "prefixItems" in inner:
        inner["prefixItems"] = [_or_drawn(item) for item in inner["prefixItems"]]
    if "anyOf" in inner:
        inner["anyOf"] = [
            {**part, "items": _or_drawn(part["items"])} if "items" in part else part
            for part in inner["anyOf"]
        ]
    kept: dict[str, Any] = {
        key: inner.pop(key) for key in ("description", "title", "default") if key in inner
    }
    drawn = {"type": "object", "anyOf": [{"required": [kind]} for kind in KINDS]}
    return {**kept, "if": drawn, "then": _DRAWN, "else": inner}


def _drawn_schema() -> dict[str, Any]:
    schema = Drawn.model_json_schema()
    return {**schema, "minProperties": 1, "maxProperties": 1}
