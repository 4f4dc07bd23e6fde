"""YAML with the line of every value, so that an error can say where it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import yaml

from edge_autonomy.launch.errors import LaunchError, Location, did_you_mean

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Value:
    """A YAML value: `data` is a scalar, a list of values, or a mapping to values."""

    location: Location
    data: Scalar | list[Value] | dict[str, Value]

    @property
    def kind(self) -> str:
        """What a person calls this value's type."""
        if isinstance(self.data, dict):
            return "a mapping"
        if isinstance(self.data, list):
            return "a list"
        return "nothing" if self.data is None else f"{self.data!r}"


@dataclass(slots=True)
class Entity:
    """One `name: attributes` entry, which knows the attributes that nobody has read."""

    name: str
    location: Location
    value: Value
    known: list[str] = field(default_factory=list)

    @property
    def attributes(self) -> dict[str, Value]:
        """Attributes of an entity written as a mapping.

        Raises:
            LaunchError: it is written as something else.
        """
        if not isinstance(self.value.data, dict):
            raise LaunchError(
                f"'{self.name}' needs a mapping of attributes, found {self.value.kind}",
                self.location,
            )
        return self.value.data

    def get(self, name: str) -> Value | None:
        """The attribute, or None where it is absent."""
        self.known.append(name)
        return self.attributes.get(name)

    def require(self, name: str) -> Value:
        """The attribute.

        Raises:
            LaunchError: it is absent.
        """
        value = self.get(name)
        if value is None:
            raise LaunchError(f"'{self.name}' lacks the attribute '{name}'", self.location)
        return value

    def text(self, name: str, required: bool = False) -> str | None:
        """A string attribute; as in ROS 2 launch, numbers and booleans must be quoted."""
        value = self.require(name) if required else self.get(name)
        if value is None:
            return None
        if not isinstance(value.data, str):
            raise LaunchError(
                f"attribute '{name}' of '{self.name}' must be a string, found {value.kind}; "
                "put it in quotes",
                value.location,
            )
        return value.data

    def entries(self, name: str) -> list[Entity]:
        """A list attribute whose items are mappings; empty where the attribute is absent."""
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value.data, list) or not value.data:
            raise LaunchError(
                f"attribute '{name}' of '{self.name}' must be a list of mappings, "
                f"found {value.kind}",
                value.location,
            )
        return [Entity(name, item.location, item) for item in value.data]

    def done(self) -> None:
        """Refuse what has not been read.

        Raises:
            LaunchError: an attribute is unknown; the message names it and the known ones.
        """
        for name, value in self.attributes.items():
            if name not in self.known:
                raise LaunchError(
                    f"unknown attribute '{name}' of '{self.name}'; "
                    f"{did_you_mean(name, tuple(dict.fromkeys(self.known)))}",
                    value.location,
                )


def children_of(value: Value, parent: str) -> Iterator[Entity]:
    """The entities of a list of one-key mappings.

    Raises:
        LaunchError: the list or one of its items has another form.
    """
    if not isinstance(value.data, list):
        raise LaunchError(f"'{parent}' needs a list of actions, found {value.kind}", value.location)
    for item in value.data:
        if not isinstance(item.data, dict) or len(item.data) != 1:
            raise LaunchError(
                "an action is a mapping with one key, such as '- node:' "
                f"with its attributes indented below; found {item.kind}",
                item.location,
            )
        ((name, attributes),) = item.data.items()
        yield Entity(name, item.location, attributes)


def load_document(file: Path) -> Value:
    """Read a YAML file.

    Raises:
        LaunchError: it cannot be read, is not YAML, or repeats a key.
    """
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise LaunchError(f"launch file {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LaunchError(f"launch file {file} is not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = Location(file, mark.line + 1) if mark else None
        raise LaunchError(f"not valid YAML: {error.problem}", location) from error
    except yaml.YAMLError as error:
        raise LaunchError(f"launch file {file} is not valid YAML: {error}") from error
    if node is None:
        raise LaunchError("the file is empty; it starts with 'launch:'", Location(file, 1))
    return _convert(node, file, yaml.SafeLoader(""))


def _convert(node: yaml.Node, file: Path, loader: yaml.SafeLoader) -> Value:
    location = Location(file, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return Value(location, [_convert(item, file, loader) for item in node.value])
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Value] = {}
        for key_node, value_node in node.value:
            key_location = Location(file, key_node.start_mark.line + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                raise LaunchError("a key must be a plain word", key_location)
            if key_node.value in mapping:
                raise LaunchError(f"key '{key_node.value}' appears twice", key_location)
            value = _convert(value_node, file, loader)
            mapping[key_node.value] = Value(key_location, value.data)
        return Value(location, mapping)
    try:
        data: Scalar = loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        raise LaunchError(f"not a value: {error}", location) from error
    return Value(location, data if isinstance(data, str | int | float | bool) else None)
