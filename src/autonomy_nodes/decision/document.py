"""Reading a policy's files, which come from somewhere else: never more than a bound of any.

A file is regular and no longer than its limit, or it is refused before it is read. YAML is walked
through event by event before anything of it is built, so that depth, and what its aliases stand
for, are bounded too. Whatever is wrong is a `PolicyError` that names the file.
"""

from __future__ import annotations

import os
import re
import reprlib
import stat
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from yaml.constructor import ConstructorError
from yaml.nodes import Node, ScalarNode

from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.schema import Schema

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # a PyYAML without libyaml, ten times slower
    from yaml import SafeLoader  # type: ignore[assignment]

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 500_000
"""Of a document, aliases counted as often as they are used."""
MAX_NUMBER_CHARACTERS = 64
OWN_MESSAGE = re.compile(r"(?:([\w. ]+): )?found (.+?), expected (.+)", re.DOTALL)
"""What a check of a schema says: FIELD: found FOUND, expected EXPECTED."""
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
TIMESTAMP = "tag:yaml.org,2002:timestamp"

AnySchema = TypeVar("AnySchema", bound=Schema)


class _Loader(SafeLoader):
    """Safe, a date is a text, and what makes no value is an error with its place."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
        for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        if isinstance(node, ScalarNode) and node.tag in NUMBERS:
            digits = len(node.value)
            if digits > MAX_NUMBER_CHARACTERS:
                raise ConstructorError(problem=f"a number of {digits} characters", **_at(node))
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise ConstructorError(problem=f"no {node.tag}: {error}", **_at(node)) from error


def _at(node: Node) -> dict[str, Any]:
    return {"problem_mark": node.start_mark}


def read_file(path: Path, field: str, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        PolicyError: it is missing, longer, or something else, such as a device or a pipe.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PolicyError(path, field, "a device or a pipe", "a regular file")
            content = file.read(limit + 1) if status.st_size <= limit else b""
    except OSError as error:
        raise PolicyError(path, field, error.strerror, "a readable file") from error
    size = max(status.st_size, len(content))
    if size > limit:
        raise PolicyError(path, f"{field} size", f"{size} bytes", f"at most {limit} bytes")
    return content


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def read_document(path: Path, limit: int, remedy: str = "") -> Any:
    """What a YAML file of at most `limit` bytes says; dates in it are texts.

    Args:
        path: the file.
        limit: bytes.
        remedy: what to do with one that is no YAML.

    Raises:
        PolicyError: it cannot be read, is no YAML, or is too deep or too much.
    """
    content = read_file(path, "file", limit)
    try:
        _bound(content, path)
        return yaml.load(content, Loader=_Loader)
    except yaml.YAMLError as error:
        raise PolicyError(path, "file", _place_of(error), f"valid YAML{remedy}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, PolicyError):
            raise
        found = str(error) or type(error).__name__
        raise PolicyError(path, "file", found, f"valid YAML{remedy}") from error


def validated(kind: type[AnySchema], document: Any, where: Path, remedy: str = "") -> AnySchema:
    """The document as the schema `kind`.

    Raises:
        PolicyError: with the first field that is against it.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        field, found, expected = _explained(error.errors(include_url=False)[0])
        where_in = field or kind.__name__.lower()
        raise PolicyError(where, where_in, found, expected + remedy) from error


def _explained(problem: ErrorDetails) -> tuple[str, str, str]:
    """Field, found and expected of what pydantic says, or what a schema's own check says."""
    field = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "union_tag_invalid":
        context = problem["ctx"]
        return field, f"kind '{context['tag']}'", f"one of {context['expected_tags']}"
    own = OWN_MESSAGE.fullmatch(message) if problem["type"] == "value_error" else None
    if own is not None:
        name, found, expected = own.groups()
        return ".".join(part for part in (field, name) if part), found, expected
    if problem["type"] in ("missing", "value_error"):
        return field, problem["type"], message
    return field, reprlib.repr(problem["input"]), message


def _bound(content: bytes, where: Path) -> None:
    """Refuse a document that is too deep, or has too many nodes once its aliases are followed."""
    nodes = 0
    open_nodes: list[tuple[str | None, int]] = []
    sizes: dict[str | None, int] = {}
    for event in yaml.parse(content, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise PolicyError(where, f"alias '*{event.anchor}'", "nothing before it", "a value")
            nodes += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, nodes))
            nodes += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            sizes[anchor] = nodes - before
        if len(open_nodes) > MAX_DEPTH:
            raise PolicyError(where, "depth", f"more than {MAX_DEPTH}", f"at most {MAX_DEPTH}")
        if nodes > MAX_NODES:
            found = f"more than {MAX_NODES}, aliases followed"
            raise PolicyError(where, "values", found, f"at most {MAX_NODES}")


def _place_of(error: yaml.YAMLError) -> str:
    """One line: what is wrong, and where."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{error.problem} (line {mark.line + 1}, column {mark.column + 1})"
    return " ".join(str(error).split())
