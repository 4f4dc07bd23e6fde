"""Attributes of launch actions, read from YAML with their types checked."""

from __future__ import annotations

import shlex

from edge_autonomy.launch.actions import Condition
from edge_autonomy.launch.document import Entity
from edge_autonomy.launch.errors import LaunchError
from edge_autonomy.launch.substitution import Call, Template, parse_template


def template(entity: Entity, name: str) -> Template | None:
    """A text with substitutions, or None where the attribute is absent."""
    text = entity.text(name)
    return None if text is None else parse_template(text, entity.attributes[name].location)


def required(entity: Entity, name: str) -> Template:
    """A text with substitutions that must be there.

    Raises:
        LaunchError: it is absent.
    """
    text = entity.text(name, required=True)
    return parse_template(text or "", entity.attributes[name].location)


def condition(entity: Entity) -> Condition | None:
    """What `if` or `unless` asks, or None.

    Raises:
        LaunchError: both are there.
    """
    when, unless = template(entity, "if"), template(entity, "unless")
    if when and unless:
        raise LaunchError("'if' and 'unless' exclude each other", entity.location)
    if when:
        return Condition(when, expected=True)
    return Condition(unless, expected=False) if unless else None


def boolean(entity: Entity, name: str, default: bool) -> bool:
    """True or false, `default` where the attribute is absent.

    Raises:
        LaunchError: it is something else.
    """
    value = entity.get(name)
    if value is None:
        return default
    if not isinstance(value.data, bool):
        raise LaunchError(f"'{name}' must be true or false, found {value.kind}", value.location)
    return value.data


def number(entity: Entity, name: str, default: float, minimum: float = 0.0) -> float:
    """A decimal number not below `minimum`, `default` where the attribute is absent.

    Raises:
        LaunchError: it is something else.
    """
    value = entity.get(name)
    if value is None:
        return default
    # ROS 2 launch refuses an integer here, so 2 must be written 2.0.
    if not isinstance(value.data, float) or value.data < minimum:
        raise LaunchError(
            f"'{name}' must be a decimal number such as 2.0, not below {minimum}; "
            f"found {value.kind}",
            value.location,
        )
    return value.data


def pairs(
    entity: Entity, attribute: str, first: str, second: str
) -> tuple[tuple[Template, Template], ...]:
    """The texts `first` and `second` of each entry of a list attribute.

    Raises:
        LaunchError: an entry lacks one, or has something else.
    """
    found = []
    for entry in entity.entries(attribute):
        found.append((required(entry, first), required(entry, second)))
        entry.done()
    return tuple(found)


def whole_number(entity: Entity, name: str, default: int) -> int:
    """A whole number, `default` where the attribute is absent.

    Raises:
        LaunchError: it is something else.
    """
    value = entity.get(name)
    if value is None:
        return default
    if not isinstance(value.data, int) or isinstance(value.data, bool):
        raise LaunchError(f"'{name}' must be a whole number, found {value.kind}", value.location)
    return value.data


def words(entity: Entity, name: str, must: bool = False) -> tuple[Template, ...]:
    """A command line split as a shell would, substitutions left whole.

    Raises:
        LaunchError: a quote is not closed, or it is absent and a `must`.
    """
    text = entity.text(name, required=must)
    if text is None:
        return ()
    location = entity.attributes[name].location
    found: list[Template] = []
    word: list[str | Call] = []

    def end_word() -> None:
        if word:
            found.append(Template(tuple(word), location))
            word.clear()

    for part in parse_template(text, location).parts:
        if not isinstance(part, str):
            word.append(part)
            continue
        try:
            tokens = shlex.split(part)
        except ValueError as error:
            raise LaunchError(
                f"'{name}': {error}; a quoted text cannot hold a substitution here", location
            ) from error
        if not tokens or part[0].isspace():
            end_word()
        for index, token in enumerate(tokens):
            if index > 0:
                end_word()
            word.append(token)
        if part[-1].isspace():
            end_word()
    end_word()
    return tuple(found)
