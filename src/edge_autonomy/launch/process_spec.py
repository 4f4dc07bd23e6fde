"""What is to be run: a `node` or `executable` action turned into a command and its conditions."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edge_autonomy.launch.actions import (
    Executable,
    Node,
    Parameter,
    ParameterFile,
    ParameterScalar,
    ProcessOptions,
)
from edge_autonomy.launch.errors import LaunchError, Location
from edge_autonomy.launch.packages import package_executable
from edge_autonomy.launch.substitution import Context, Template, evaluate

OUTPUTS = ("screen", "log", "both")


@dataclass(frozen=True, slots=True)
class ParameterValues:
    """Parameters to be passed in a file; `section` is the node they are for, or `/**`."""

    section: str
    values: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to supervise; durations in seconds.

    `node` is what a person calls it (the node's name, else the executable), `label` what its
    lines are marked with. In `command`, `ParameterValues` stand for a file still to be written.
    """

    node: str
    label: str
    command: tuple[str | ParameterValues, ...]
    environment: Mapping[str, str]
    cwd: str | None
    output: str
    respawn: bool
    respawn_delay: float
    respawn_max_retries: int
    sigterm_timeout: float
    sigkill_timeout: float
    shutdown_on_exit: bool
    start_delay: float
    location: Location


def describe(spec: ProcessSpec) -> str:
    """The command line for a person, parameters spelled out."""
    words = []
    for part in spec.command:
        if isinstance(part, str):
            words.append(shlex.quote(part))
        else:
            words += [f"<{name}: {value!r}>" for name, value in part.values]
    respawn = " (respawn)" if spec.respawn else ""
    return f"[{spec.label}]{respawn} {' '.join(words)}"


def executable_spec(
    action: Executable, context: Context, number: int, start_delay: float
) -> ProcessSpec:
    """The process of an `executable` action, the `number`th of the launch.

    Raises:
        LaunchError: a substitution has no value, or the program does not exist.
    """
    command = [evaluate(word, context) for word in action.command]
    return _spec(action, command, None, context, number, start_delay)


def node_spec(action: Node, context: Context, number: int, start_delay: float) -> ProcessSpec:
    """The process of a `node` action, with the command line that rclpy and rclcpp read.

    Raises:
        LaunchError: a name, file, package or executable does not exist or is not valid.
    """
    name = _optional(action.node_name, context)
    namespace = _optional(action.namespace, context)
    command: list[str | ParameterValues] = [_node_executable(action, context)]
    command += [evaluate(word, context) for word in action.arguments]
    if action.ros_arguments:
        command += ["--ros-args", *(evaluate(word, context) for word in action.ros_arguments)]
    command.append("--ros-args")
    if name:
        _check_name(name, action.node_name or action.executable)
        command += ["-r", f"__node:={name}"]
    if namespace:
        namespace = "/" + namespace.strip("/")
        command += ["-r", f"__ns:={namespace}"]
    # As in ROS 2 launch, values are for this node alone only where its full name is given.
    section = f"{namespace.rstrip('/')}/{name}" if name and namespace else "/**"
    for parameter in action.parameters:
        command += ["--params-file", _parameter(parameter, section, context, action.location)]
    for source, target in action.remappings:
        command += ["-r", f"{evaluate(source, context)}:={evaluate(target, context)}"]
    return _spec(action, command, name, context, number, start_delay)


def _node_executable(action: Node, context: Context) -> str:
    executable = evaluate(action.executable, context)
    if action.package is None:
        return executable
    package = evaluate(action.package, context)
    try:
        return str(package_executable(package, executable, context.environment))
    except LookupError as error:
        raise LaunchError(str(error), action.location) from error


def _check_name(name: str, template: Template) -> None:
    if not name.isidentifier() or not name.isascii():
        raise LaunchError(
            f"'{name}' is not a node name: letters, digits and underscores, "
            "not starting with a digit",
            template.location,
        )


def _parameter(
    parameter: ParameterFile | Parameter, section: str, context: Context, location: Location
) -> str | ParameterValues:
    if isinstance(parameter, ParameterFile):
        file = Path(evaluate(parameter.file, context))
        if not file.is_file():
            raise LaunchError(f"parameter file '{file}' does not exist", parameter.file.location)
        return str(file)
    value: Any
    if isinstance(parameter.value, tuple):
        value = [_parameter_value(item, context) for item in parameter.value]
        if len({type(item) for item in value}) > 1:
            raise LaunchError("a list parameter has items of several types", location)
    else:
        value = _parameter_value(parameter.value, context)
    return ParameterValues(section, ((evaluate(parameter.name, context), value),))


def _parameter_value(value: ParameterScalar | Template, context: Context) -> Any:
    """Plain text stays text; with substitutions it takes the type that YAML gives the result."""
    if not isinstance(value, Template):
        return value
    text = evaluate(value, context)
    if not text or all(isinstance(part, str) for part in value.parts):
        return text
    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LaunchError(f"'{text}' is not a YAML value", value.location) from error
    if isinstance(parsed, list) and len({type(item) for item in parsed}) == 1:
        return parsed
    if isinstance(parsed, bool | int | float | str):
        return parsed
    raise LaunchError(f"'{text}' is not a parameter value; quote it twice", value.location)


def _optional(template: Template | None, context: Context) -> str | None:
    return None if template is None else evaluate(template, context)


def _spec(
    action: Node | Executable,
    command: Sequence[str | ParameterValues],
    node: str | None,
    context: Context,
    number: int,
    start_delay: float,
) -> ProcessSpec:
    options = action.options
    environment = dict(context.environment)
    for variable, value in options.environment:
        environment[evaluate(variable, context)] = evaluate(value, context)
    cwd = _optional(options.cwd, context)
    program = _program(str(command[0]), environment, cwd, action.location)
    prefix = shlex.split(_optional(options.prefix, context) or "")
    name = _optional(options.name, context) or Path(program).name
    return ProcessSpec(
        node=node or name,
        label=f"{name}-{number}",
        command=(*prefix, program, *command[1:]),
        environment=environment,
        cwd=cwd,
        output=_output(options, context, environment, action.location),
        respawn=_is_true(options.respawn, context, action.location),
        respawn_delay=options.respawn_delay,
        respawn_max_retries=options.respawn_max_retries,
        sigterm_timeout=options.sigterm_timeout,
        sigkill_timeout=options.sigkill_timeout,
        shutdown_on_exit=options.shutdown_on_exit,
        start_delay=start_delay,
        location=action.location,
    )


def _program(
    program: str, environment: Mapping[str, str], cwd: str | None, location: Location
) -> str:
    if os.sep in program:
        found = shutil.which(Path(cwd or "") / program)
    else:
        found = shutil.which(program, path=environment.get("PATH"))
    if found is None:
        raise LaunchError(f"program '{program}' not found, or not executable", location)
    return str(Path(found).absolute())


def _output(
    options: ProcessOptions, context: Context, environment: Mapping[str, str], location: Location
) -> str:
    output = environment.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT") or (
        _optional(options.output, context) or "log"
    )
    if output not in OUTPUTS:
        raise LaunchError(f"output '{output}': it can be {', '.join(OUTPUTS)}", location)
    return output


def _is_true(value: bool | Template, context: Context, location: Location) -> bool:
    if isinstance(value, bool):
        return value
    text = evaluate(value, context)
    if text.lower() not in ("true", "false"):
        raise LaunchError(f"'respawn' must come to true or false, found '{text}'", location)
    return text.lower() == "true"
