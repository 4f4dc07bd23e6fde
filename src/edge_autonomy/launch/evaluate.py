"""From actions to processes: conditions decided, substitutions made, includes followed.

Everything is evaluated before anything starts, so an error in a launch file starts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_autonomy.launch.actions import (
    Action,
    Arg,
    Condition,
    Executable,
    Group,
    Include,
    Let,
    Node,
    SetEnv,
    Timer,
)
from edge_autonomy.launch.errors import LaunchError, did_you_mean
from edge_autonomy.launch.parser import parse_file
from edge_autonomy.launch.process_spec import ProcessSpec, executable_spec, node_spec
from edge_autonomy.launch.substitution import Context, evaluate, root_context

MAX_INCLUDE_DEPTH = 32


@dataclass(slots=True)
class _Deferred:
    """A timer's actions, evaluated when all else has been, as ROS 2 launch does."""

    timer: Timer
    delay: float


@dataclass(slots=True)
class _Evaluation:
    processes: list[ProcessSpec] = field(default_factory=list)
    deferred: list[_Deferred] = field(default_factory=list)
    depth: int = 0
    delay: float = 0.0


def evaluate_file(
    file: Path, arguments: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> list[ProcessSpec]:
    """The processes that a launch file stands for.

    Args:
        file: a `.launch.yaml` file.
        arguments: values of the file's arguments.
        environment: what processes inherit; this process's environment if None.

    Raises:
        LaunchError: the file, one it includes, or an argument cannot be used.
    """
    actions = parse_file(file)
    declared = [action.name for action in declared_arguments(actions)]
    for name in arguments:
        if name not in declared:
            known = did_you_mean(name, tuple(declared))
            raise LaunchError(f"launch file {file} has no argument '{name}'; {known}")
    context = root_context(dict(arguments), dict(environment) if environment else None)
    state = _Evaluation()
    _perform(actions, context, state)
    while state.deferred:
        deferred = state.deferred.pop(0)
        state.delay = deferred.delay
        _perform(deferred.timer.actions, context, state)
    if not state.processes:
        raise LaunchError(f"launch file {file} starts no process with these arguments")
    return state.processes


def declared_arguments(
    actions: Sequence[Action], including: frozenset[Path] = frozenset()
) -> list[Arg]:
    """The arguments of a file: its own, those in its groups and those of files it includes.

    Files named by `find-pkg-share` are followed, as `ros2 launch --show-args` does; an argument
    that the include itself sets is not the caller's to give. `including` holds the files on the way
    here, which are not entered again.
    """
    found: dict[str, Arg] = {}
    for action in actions:
        inner: list[Arg] = []
        if isinstance(action, Arg):
            inner = [action]
        elif isinstance(action, Group):
            inner = declared_arguments(action.actions, including)
        elif isinstance(action, Include):
            given = {str(name) for name, _ in action.arguments}
            inner = [arg for arg in _included_arguments(action, including) if arg.name not in given]
        for argument in inner:
            found.setdefault(argument.name, argument)
    return list(found.values())


def _included_arguments(action: Include, including: frozenset[Path]) -> list[Arg]:
    try:
        file = Path(evaluate(action.file, root_context({}, None)))
        if file in including:
            return []
        return declared_arguments(parse_file(file), including | {file})
    except LaunchError:
        # The place is known only when the launch file is evaluated, which reports what is wrong.
        return []


def _perform(actions: Sequence[Action], context: Context, state: _Evaluation) -> None:
    for action in actions:
        if action.condition is None or _holds(action.condition, context):
            _HANDLERS[type(action)](action, context, state)


def _holds(condition: Condition, context: Context) -> bool:
    text = evaluate(condition.predicate, context).strip().lower()
    if text in ("true", "1"):
        return condition.expected
    if text in ("false", "0"):
        return not condition.expected
    raise LaunchError(
        f"a condition must come to true, 1, false or 0; this one is '{text}'",
        condition.predicate.location,
    )


def _arg(action: Arg, context: Context, state: _Evaluation) -> None:
    if action.name not in context.configurations:
        if action.default is None:
            about = f" ({action.description})" if action.description else ""
            raise LaunchError(
                f"argument '{action.name}'{about} must be given: {action.name}:=VALUE",
                action.location,
            )
        context.configurations[action.name] = evaluate(action.default, context)
    value = context.configurations[action.name]
    if action.choices and value not in action.choices:
        raise LaunchError(
            f"argument '{action.name}' is '{value}'; it can be {', '.join(action.choices)}",
            action.location,
        )


def _let(action: Let, context: Context, state: _Evaluation) -> None:
    context.configurations[evaluate(action.name, context)] = evaluate(action.value, context)


def _set_env(action: SetEnv, context: Context, state: _Evaluation) -> None:
    context.environment[evaluate(action.name, context)] = evaluate(action.value, context)


def _group(action: Group, context: Context, state: _Evaluation) -> None:
    _perform(action.actions, context.copy() if action.scoped else context, state)


def _include(action: Include, context: Context, state: _Evaluation) -> None:
    if state.depth >= MAX_INCLUDE_DEPTH:
        raise LaunchError(f"includes nest deeper than {MAX_INCLUDE_DEPTH}", action.location)
    file = Path(evaluate(action.file, context))
    if not file.is_file():
        raise LaunchError(f"included file '{file}' does not exist", action.location)
    for name, value in action.arguments:
        context.configurations[evaluate(name, context)] = evaluate(value, context)
    state.depth += 1
    _perform(parse_file(file), context, state)
    state.depth -= 1


def _timer(action: Timer, context: Context, state: _Evaluation) -> None:
    period = action.period
    if not isinstance(period, float):
        text = evaluate(period, context)
        try:
            period = float(text)
        except ValueError:
            raise LaunchError(f"period '{text}' is not a number", action.location) from None
    state.deferred.append(_Deferred(action, state.delay + period))


def _executable(action: Executable, context: Context, state: _Evaluation) -> None:
    number = len(state.processes) + 1
    state.processes.append(executable_spec(action, context, number, state.delay))


def _node(action: Node, context: Context, state: _Evaluation) -> None:
    number = len(state.processes) + 1
    state.processes.append(node_spec(action, context, number, state.delay))


_HANDLERS: dict[type, Callable[[Any, Context, _Evaluation], None]] = {
    Arg: _arg,
    Let: _let,
    SetEnv: _set_env,
    Group: _group,
    Include: _include,
    Timer: _timer,
    Executable: _executable,
    Node: _node,
}
