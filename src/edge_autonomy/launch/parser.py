"""From a launch file to actions: every attribute is known and has the right type, or is refused.

The names and rules are those of ROS 2 launch's YAML frontend (Jazzy), so that a file accepted
here is accepted there. What this subset lacks is refused with its line, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from edge_autonomy.launch.actions import (
    Action,
    Arg,
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
from edge_autonomy.launch.attributes import (
    boolean,
    condition,
    number,
    pairs,
    required,
    template,
    whole_number,
    words,
)
from edge_autonomy.launch.document import Entity, Value, children_of, load_document
from edge_autonomy.launch.errors import LaunchError, did_you_mean
from edge_autonomy.launch.substitution import Template, parse_template


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


def _arg(entity: Entity) -> Arg:
    choices = []
    for entry in entity.entries("choice"):
        choices.append(entry.text("value", required=True) or "")
        entry.done()
    return Arg(
        location=entity.location,
        condition=condition(entity),
        name=entity.text("name", required=True) or "",
        default=template(entity, "default"),
        description=entity.text("description") or "",
        choices=tuple(choices),
    )


def _let(entity: Entity) -> Let:
    name, value = required(entity, "name"), required(entity, "value")
    return Let(entity.location, condition(entity), name, value)


def _set_env(entity: Entity) -> SetEnv:
    name, value = required(entity, "name"), required(entity, "value")
    return SetEnv(entity.location, condition(entity), name, value)


def _group(entity: Entity) -> Group:
    if isinstance(entity.value.data, list):
        return Group(entity.location, None, _actions(children_of(entity.value, "group")), True)
    return Group(
        entity.location,
        condition(entity),
        _actions(children_of(entity.require("children"), "group")),
        boolean(entity, "scoped", default=True),
    )


def _include(entity: Entity) -> Include:
    return Include(
        entity.location,
        condition(entity),
        required(entity, "file"),
        pairs(entity, "arg", "name", "value"),
    )


def _timer(entity: Entity) -> Timer:
    value = entity.require("period")
    period: float | Template
    if isinstance(value.data, str):
        period = parse_template(value.data, value.location)
    else:
        period = number(entity, "period", default=0.0)
    return Timer(
        entity.location,
        condition(entity),
        period,
        _actions(children_of(entity.require("children"), "timer")),
    )


def _options(entity: Entity, name_attribute: str) -> ProcessOptions:
    respawn = entity.get("respawn")
    on_exit = entity.text("on_exit")
    if on_exit not in (None, "shutdown"):
        raise LaunchError(f"'on_exit' can only be 'shutdown', found '{on_exit}'", entity.location)
    return ProcessOptions(
        name=template(entity, name_attribute),
        cwd=template(entity, "cwd"),
        prefix=template(entity, "launch-prefix"),
        output=template(entity, "output"),
        respawn=_respawn(respawn) if respawn else False,
        respawn_delay=number(entity, "respawn_delay", 0.0),
        respawn_max_retries=whole_number(entity, "respawn_max_retries", -1),
        sigterm_timeout=number(entity, "sigterm_timeout", 5.0),
        sigkill_timeout=number(entity, "sigkill_timeout", 5.0),
        shutdown_on_exit=on_exit == "shutdown",
        environment=pairs(entity, "env", "name", "value"),
    )


def _respawn(value: Value) -> Template:
    # ROS 2 launch parses this attribute as text: an unquoted true is an error there.
    if not isinstance(value.data, str):
        raise LaunchError(
            f'\'respawn\' must be a quoted string, "true" or "false"; found {value.kind}',
            value.location,
        )
    return parse_template(value.data, value.location)


def _executable(entity: Entity) -> Executable:
    command = words(entity, "cmd", must=True)
    if not command:
        raise LaunchError("'cmd' is empty", entity.location)
    options = _options(entity, name_attribute="name")
    return Executable(entity.location, condition(entity), options, command)


def _node(entity: Entity) -> Node:
    return Node(
        location=entity.location,
        condition=condition(entity),
        options=_options(entity, name_attribute="exec_name"),
        package=template(entity, "pkg"),
        executable=required(entity, "exec"),
        node_name=template(entity, "name"),
        namespace=template(entity, "namespace"),
        parameters=tuple(_parameter(entry) for entry in entity.entries("param")),
        remappings=pairs(entity, "remap", "from", "to"),
        arguments=words(entity, "args"),
        ros_arguments=words(entity, "ros_args"),
    )


def _parameter(entry: Entity) -> ParameterFile | Parameter:
    file, name = template(entry, "from"), template(entry, "name")
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
