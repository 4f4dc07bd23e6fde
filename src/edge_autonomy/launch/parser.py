"""From a launch file to actions: every attribute is known and has the right type, or is refused.

The names and rules are those of ROS 2 launch's YAML frontend (Jazzy), so that a file accepted
here is accepted there. What this subset lacks is refused with its line, never ignored.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

from edge_autonomy.launch.actions import (
    Action,
    Arg,
    Condition,
    Executable,
    Group,
    Include,
    Let,
    Node,
    Parameter,
    ParameterFile,
    ParameterScalar,
    ProcessOptions,
    SetEnv,
    Timer,
)
from edge_autonomy.launch.document import Entity, Value, children_of, load_document
from edge_autonomy.launch.errors import LaunchError, did_you_mean
from edge_autonomy.launch.substitution import Call, Template, parse_template


def parse_file(file: Path) -> tuple[Action, ...]:
    """Parse a `.launch.yaml` file.

    Raises:
        LaunchError: anything in it is unknown or malformed; the message has its line.
    """
    document = load_document(file)
    if not isinstance(document.data, dict) or list(document.data) != ["launch"]:
        raise LaunchError("the file must have one root key, 'launch:'", document.location)
    return _actions(children_of(document.data["launch"], "launch"))


def _actions(entities: Iterable[Entity]) -> tuple[Action, ...]:
    return tuple(_action(entity) for entity in entities)


def _action(entity: Entity) -> Action:
    parse = _PARSERS.get(entity.name)
    if parse is None:
        raise LaunchError(
            f"unknown action '{entity.name}'; {did_you_mean(entity.name, tuple(_PARSERS))}",
            entity.location,
        )
    action = parse(entity)
    if isinstance(entity.value.data, dict):
        entity.done()
    return action


def _template(entity: Entity, name: str) -> Template | None:
    text = entity.text(name)
    return None if text is None else parse_template(text, entity.attributes[name].location)


def _required(entity: Entity, name: str) -> Template:
    text = entity.text(name, required=True)
    return parse_template(text or "", entity.attributes[name].location)


def _condition(entity: Entity) -> Condition | None:
    when, unless = _template(entity, "if"), _template(entity, "unless")
    if when and unless:
        raise LaunchError("'if' and 'unless' exclude each other", entity.location)
    if when:
        return Condition(when, expected=True)
    return Condition(unless, expected=False) if unless else None


def _boolean(entity: Entity, name: str, default: bool) -> bool:
    value = entity.get(name)
    if value is None:
        return default
    if not isinstance(value.data, bool):
        raise LaunchError(f"'{name}' must be true or false, found {value.kind}", value.location)
    return value.data


def _number(entity: Entity, name: str, default: float, minimum: float = 0.0) -> float:
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


def _pairs(
    entity: Entity, attribute: str, first: str, second: str
) -> tuple[tuple[Template, Template], ...]:
    pairs = []
    for entry in entity.entries(attribute):
        pairs.append((_required(entry, first), _required(entry, second)))
        entry.done()
    return tuple(pairs)


def _arg(entity: Entity) -> Arg:
    choices = []
    for entry in entity.entries("choice"):
        choices.append(entry.text("value", required=True) or "")
        entry.done()
    return Arg(
        location=entity.location,
        condition=_condition(entity),
        name=entity.text("name", required=True) or "",
        default=_template(entity, "default"),
        description=entity.text("description") or "",
        choices=tuple(choices),
    )


def _let(entity: Entity) -> Let:
    name, value = _required(entity, "name"), _required(entity, "value")
    return Let(entity.location, _condition(entity), name, value)


def _set_env(entity: Entity) -> SetEnv:
    name, value = _required(entity, "name"), _required(entity, "value")
    return SetEnv(entity.location, _condition(entity), name, value)


def _group(entity: Entity) -> Group:
    if isinstance(entity.value.data, list):
        return Group(entity.location, None, _actions(children_of(entity.value, "group")), True)
    return Group(
        entity.location,
        _condition(entity),
        _actions(children_of(entity.require("children"), "group")),
        _boolean(entity, "scoped", default=True),
    )


def _include(entity: Entity) -> Include:
    return Include(
        entity.location,
        _condition(entity),
        _required(entity, "file"),
        _pairs(entity, "arg", "name", "value"),
    )


def _timer(entity: Entity) -> Timer:
    value = entity.require("period")
    period: float | Template
    if isinstance(value.data, str):
        period = parse_template(value.data, value.location)
    else:
        period = _number(entity, "period", default=0.0)
    return Timer(
        entity.location,
        _condition(entity),
        period,
        _actions(children_of(entity.require("children"), "timer")),
    )


def _options(entity: Entity, name_attribute: str) -> ProcessOptions:
    respawn = entity.get("respawn")
    on_exit = entity.text("on_exit")
    if on_exit not in (None, "shutdown"):
        raise LaunchError(f"'on_exit' can only be 'shutdown', found '{on_exit}'", entity.location)
    return ProcessOptions(
        name=_template(entity, name_attribute),
        cwd=_template(entity, "cwd"),
        prefix=_template(entity, "launch-prefix"),
        output=_template(entity, "output"),
        respawn=_respawn(respawn) if respawn else False,
        respawn_delay=_number(entity, "respawn_delay", 0.0),
        respawn_max_retries=_whole_number(entity, "respawn_max_retries", -1),
        sigterm_timeout=_number(entity, "sigterm_timeout", 5.0),
        sigkill_timeout=_number(entity, "sigkill_timeout", 5.0),
        shutdown_on_exit=on_exit == "shutdown",
        environment=_pairs(entity, "env", "name", "value"),
    )


def _respawn(value: Value) -> Template:
    # ROS 2 launch parses this attribute as text: an unquoted true is an error there.
    if not isinstance(value.data, str):
        raise LaunchError(
            f'\'respawn\' must be a quoted string, "true" or "false"; found {value.kind}',
            value.location,
        )
    return parse_template(value.data, value.location)


def _whole_number(entity: Entity, name: str, default: int) -> int:
    value = entity.get(name)
    if value is None:
        return default
    if not isinstance(value.data, int) or isinstance(value.data, bool):
        raise LaunchError(f"'{name}' must be a whole number, found {value.kind}", value.location)
    return value.data


def _words(entity: Entity, name: str, required: bool = False) -> tuple[Template, ...]:
    """Split a command line as a shell would, leaving substitutions whole."""
    text = entity.text(name, required)
    if text is None:
        return ()
    location = entity.attributes[name].location
    words: list[Template] = []
    word: list[str | Call] = []

    def end_word() -> None:
        if word:
            words.append(Template(tuple(word), location))
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
    return tuple(words)


def _executable(entity: Entity) -> Executable:
    command = _words(entity, "cmd", required=True)
    if not command:
        raise LaunchError("'cmd' is empty", entity.location)
    options = _options(entity, name_attribute="name")
    return Executable(entity.location, _condition(entity), options, command)


def _node(entity: Entity) -> Node:
    return Node(
        location=entity.location,
        condition=_condition(entity),
        options=_options(entity, name_attribute="exec_name"),
        package=_template(entity, "pkg"),
        executable=_required(entity, "exec"),
        node_name=_template(entity, "name"),
        namespace=_template(entity, "namespace"),
        parameters=tuple(_parameter(entry) for entry in entity.entries("param")),
        remappings=_pairs(entity, "remap", "from", "to"),
        arguments=_words(entity, "args"),
        ros_arguments=_words(entity, "ros_args"),
    )


def _parameter(entry: Entity) -> ParameterFile | Parameter:
    file, name = _template(entry, "from"), _template(entry, "name")
    if file and name:
        raise LaunchError("'from' and 'name' of 'param' exclude each other", entry.location)
    if file:
        entry.done()
        return ParameterFile(file)
    if not name:
        raise LaunchError("'param' needs 'from', or 'name' and 'value'", entry.location)
    value = entry.require("value")
    entry.done()
    if isinstance(value.data, list):
        items = tuple(_parameter_scalar(item) for item in value.data)
        if not items or len({type(item) for item in items}) > 1:
            raise LaunchError("a list must have items, all of one type", value.location)
        return Parameter(name, items)
    return Parameter(name, _parameter_scalar(value))


def _parameter_scalar(value: Value) -> ParameterScalar | Template:
    if isinstance(value.data, str):
        return parse_template(value.data, value.location)
    if isinstance(value.data, bool | int | float):
        return value.data
    raise LaunchError(f"a parameter cannot be {value.kind}", value.location)


_PARSERS: dict[str, Callable[[Entity], Action]] = {
    "arg": _arg,
    "let": _let,
    "set_env": _set_env,
    "group": _group,
    "include": _include,
    "timer": _timer,
    "node": _node,
    "executable": _executable,
}
