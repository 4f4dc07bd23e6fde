"""A launch file as data: the actions that it consists of, not yet evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from edge_autonomy.launch.errors import Location
from edge_autonomy.launch.substitution import Template


@dataclass(frozen=True, slots=True)
class Condition:
    """`if` or `unless`: the action counts when `predicate` evaluates to `expected`."""

    predicate: Template
    expected: bool


@dataclass(frozen=True, slots=True)
class Arg:
    """`arg`: an argument of the file; without `default` it must be given."""

    location: Location
    condition: Condition | None
    name: str
    default: Template | None
    description: str
    choices: tuple[str, ...]

    def describe(self) -> str:
        """One line for a person."""
        default = "(required)" if self.default is None else f"[{self.default}]"
        choices = f" One of: {', '.join(self.choices)}." if self.choices else ""
        return f"{self.name:<18} {default:<28} {self.description}{choices}".rstrip()


@dataclass(frozen=True, slots=True)
class Let:
    """`let`: sets a variable for what follows in its scope."""

    location: Location
    condition: Condition | None
    name: Template
    value: Template


@dataclass(frozen=True, slots=True)
class SetEnv:
    """`set_env`: sets an environment variable for what follows in its scope."""

    location: Location
    condition: Condition | None
    name: Template
    value: Template


@dataclass(frozen=True, slots=True)
class Group:
    """`group`: actions under one condition; `scoped` keeps what they set inside."""

    location: Location
    condition: Condition | None
    actions: tuple[Action, ...]
    scoped: bool


@dataclass(frozen=True, slots=True)
class Include:
    """`include`: another launch file, with arguments."""

    location: Location
    condition: Condition | None
    file: Template
    arguments: tuple[tuple[Template, Template], ...]


@dataclass(frozen=True, slots=True)
class Timer:
    """`timer`: actions that count `period` seconds after the start."""

    location: Location
    condition: Condition | None
    period: float | Template
    actions: tuple[Action, ...]


ParameterScalar: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class ParameterFile:
    """`param: - from: FILE`."""

    file: Template


@dataclass(frozen=True, slots=True)
class Parameter:
    """`param: - name: … value: …`; a string's type is that of YAML after substitution."""

    name: Template
    value: ParameterScalar | Template | tuple[ParameterScalar | Template, ...]


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What `node` and `executable` have in common; durations in seconds."""

    name: Template | None = None
    cwd: Template | None = None
    prefix: Template | None = None
    output: Template | None = None
    respawn: bool | Template = False
    respawn_delay: float = 0.0
    respawn_max_retries: int = -1
    sigterm_timeout: float = 5.0
    sigkill_timeout: float = 5.0
    shutdown_on_exit: bool = False
    environment: tuple[tuple[Template, Template], ...] = ()


@dataclass(frozen=True, slots=True)
class Executable:
    """`executable`: any program; `command` holds one template per argument."""

    location: Location
    condition: Condition | None
    options: ProcessOptions
    command: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """`node`: an executable of a ROS package, with names, parameters and remappings."""

    location: Location
    condition: Condition | None
    options: ProcessOptions
    package: Template | None
    executable: Template
    node_name: Template | None
    namespace: Template | None
    parameters: tuple[ParameterFile | Parameter, ...]
    remappings: tuple[tuple[Template, Template], ...]
    arguments: tuple[Template, ...]
    ros_arguments: tuple[Template, ...]


Action: TypeAlias = Arg | Let | SetEnv | Group | Include | Timer | Executable | Node
