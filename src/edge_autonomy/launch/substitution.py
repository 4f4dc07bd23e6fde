"""Substitutions of ROS 2 launch: `$(var x)`, `$(find-pkg-share p)`, `$(env X default)`, ….

The grammar is that of ROS 2's launch frontends: arguments are separated by one space, single or
double quotes keep spaces together, a backslash escapes the next character.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from edge_autonomy.launch.errors import LaunchError, Location, did_you_mean
from edge_autonomy.launch.packages import package_share


@dataclass(frozen=True, slots=True)
class Call:
    """`$(name argument …)`."""

    name: str
    arguments: tuple[Template, ...]

    def __str__(self) -> str:
        return f"$({' '.join((self.name, *map(str, self.arguments)))})"


@dataclass(frozen=True, slots=True)
class Template:
    """Text with substitutions in it, and the line that it stands on."""

    parts: tuple[str | Call, ...]
    location: Location

    def __str__(self) -> str:
        return "".join(map(str, self.parts))


@dataclass(slots=True)
class Context:
    """What substitutions read: configurations (`arg`, `let`), environment, the file's place."""

    configurations: dict[str, str]
    environment: dict[str, str]

    def copy(self) -> Context:
        """An independent copy: what is set in it stays in it."""
        return Context(dict(self.configurations), dict(self.environment))


Function: TypeAlias = Callable[[Context, Location, list[str]], str]


def parse_template(text: str, location: Location) -> Template:
    """Parse text with substitutions.

    Raises:
        LaunchError: a substitution is unknown or not closed.
    """
    return _TemplateParser(text, location).template(until=None, quote=None)


def evaluate(template: Template, context: Context) -> str:
    """Replace every substitution by its value.

    Raises:
        LaunchError: one of them has no value.
    """
    pieces = []
    for part in template.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        arguments = [evaluate(argument, context) for argument in part.arguments]
        function, _ = SUBSTITUTIONS[part.name]
        pieces.append(function(context, template.location, arguments))
    return "".join(pieces)


class _TemplateParser:
    """Recursive descent over one string."""

    def __init__(self, text: str, location: Location) -> None:
        self.text, self.location, self.at = text, location, 0

    def template(self, until: str | None, quote: str | None) -> Template:
        """Text and substitutions up to the closing quote `until`, or to the end."""
        parts: list[str | Call] = []
        while self.at < len(self.text) and not (until and self.text[self.at] == until):
            if self.text.startswith("$(", self.at):
                parts.append(self._substitution(quote))
            else:
                parts.append(self._character())
        return Template(_joined(parts), self.location)

    def _substitution(self, quote: str | None) -> Call:
        start = self.at
        match = re.compile(r"\$\(([A-Za-z][A-Za-z0-9_-]*)").match(self.text, self.at)
        if match is None:
            raise self._error("after '$(' comes the name of a substitution", start)
        name = match.group(1)
        if name not in SUBSTITUTIONS:
            raise self._error(
                f"unknown substitution '$({name} …)'; {did_you_mean(name, tuple(SUBSTITUTIONS))}",
                start,
            )
        self.at = match.end()
        arguments = []
        while self._peek() == " ":
            self.at += 1
            arguments.append(self._argument(quote))
        if self._peek() != ")":
            raise self._error(f"'$({name}' is not closed by ')'", start)
        self.at += 1
        _, counts = SUBSTITUTIONS[name]
        if len(arguments) not in counts:
            expected = " or ".join(str(count) for count in counts)
            raise self._error(
                f"'$({name} …)' takes {expected} argument(s), found {len(arguments)}; "
                "an argument with spaces needs quotes",
                start,
            )
        return Call(name, tuple(arguments))

    def _argument(self, quote: str | None) -> Template:
        opening = self._peek()
        if quote is None and opening and opening in "'\"":
            self.at += 1
            argument = self.template(until=opening, quote=opening)
            if self._peek() != opening:
                raise self._error(f"a quote {opening} is not closed", self.at)
            self.at += 1
            return argument
        parts: list[str | Call] = []
        while (character := self._peek()) and character not in " )":
            if self.text.startswith("$(", self.at):
                parts.append(self._substitution(quote))
            elif character in "('\"":
                raise self._error(f"'{character}' inside an argument needs a backslash", self.at)
            else:
                parts.append(self._character())
        if not parts:
            raise self._error("an argument is empty; arguments are separated by one space", self.at)
        return Template(_joined(parts), self.location)

    def _character(self) -> str:
        if self.text[self.at] == "\\" and self.at + 1 < len(self.text):
            self.at += 2
            return self.text[self.at - 1]
        self.at += 1
        return self.text[self.at - 1]

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _error(self, message: str, at: int) -> LaunchError:
        return LaunchError(f"{message} (in '{self.text}', character {at + 1})", self.location)


def _joined(parts: list[str | Call]) -> tuple[str | Call, ...]:
    """Merge neighbouring characters into one text."""
    merged: list[str | Call] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, str) and isinstance(last, str):
            merged[-1] = last + part
        else:
            merged.append(part)
    return tuple(merged)


def _var(context: Context, location: Location, arguments: list[str]) -> str:
    name = arguments[0]
    if name in context.configurations:
        return context.configurations[name]
    if len(arguments) == 2:
        return arguments[1]
    known = did_you_mean(name, tuple(context.configurations))
    raise LaunchError(f"no argument or variable '{name}'; {known}", location)


def _env(context: Context, location: Location, arguments: list[str]) -> str:
    name = arguments[0]
    if name in context.environment:
        return context.environment[name]
    if len(arguments) == 2:
        return arguments[1]
    raise LaunchError(
        f"environment variable '{name}' is not set; set it, or give a default: "
        f"'$(env {name} default)'",
        location,
    )


def _find_pkg_share(context: Context, location: Location, arguments: list[str]) -> str:
    try:
        return str(package_share(arguments[0], context.environment))
    except LookupError as error:
        raise LaunchError(str(error), location) from error


def _dirname(context: Context, location: Location, arguments: list[str]) -> str:
    return str(location.file.resolve().parent)


def _filename(context: Context, location: Location, arguments: list[str]) -> str:
    return str(location.file.resolve())


def _eval(context: Context, location: Location, arguments: list[str]) -> str:
    # A launch file starts processes: evaluating its expressions gives it no new power.
    try:
        return str(eval(arguments[0], {}, {**vars(math), "math": math}))
    except Exception as error:
        raise LaunchError(
            f"'{arguments[0]}' is not a Python expression with a value: {error}", location
        ) from error


SUBSTITUTIONS: dict[str, tuple[Function, tuple[int, ...]]] = {
    "var": (_var, (1, 2)),
    "env": (_env, (1, 2)),
    "find-pkg-share": (_find_pkg_share, (1,)),
    "dirname": (_dirname, (0,)),
    "filename": (_filename, (0,)),
    "eval": (_eval, (1,)),
}


def root_context(configurations: dict[str, str], environment: dict[str, str] | None) -> Context:
    """The context that a launch starts with: its arguments and this process's environment."""
    inherited = dict(os.environ if environment is None else environment)
    return Context(dict(configurations), inherited)
