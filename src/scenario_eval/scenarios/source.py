"""YAML with the line of every value, so that an error can point at it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

ValuePath: TypeAlias = tuple[str | int, ...]


class ScenarioError(ValueError):
    """Scenario files that cannot be played; each line names file, line, place and remedy."""


@dataclass(frozen=True)
class Source:
    """A file's content as plain data, and where each value stands.

    lines: line of each value by its path, from 1; a mapping's entry is where its key stands.
    """

    file: Path
    data: Any
    lines: dict[ValuePath, int]

    def line(self, path: ValuePath) -> int:
        """Line of the value at `path`, or of the nearest thing around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1

    def at(self, path: ValuePath) -> str:
        """`FILE:LINE: a.b[0]` for a message."""
        return f"{self.file}:{self.line(path)}: {dotted(path) or 'file'}"


def dotted(path: ValuePath) -> str:
    """`a.b[0].c` of a path."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_source(file: Path) -> Source:
    """Read a YAML file that holds one mapping.

    Raises:
        ScenarioError: it cannot be read, is not YAML, or repeats a key.
    """
    try:
        loader = yaml.SafeLoader(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{file}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{file}: not YAML: {' '.join(str(error).split())}") from error
    try:
        node = loader.get_single_node()
        lines: dict[ValuePath, int] = {}
        if node is not None:
            _note_lines(node, (), file, lines)
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(f"{file}:{line}: not YAML: {error.problem}") from error
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise ScenarioError(f"{file}:1: expected a scenario: a mapping with 'world' and 'expect'")
    return Source(file, data, lines)


def _note_lines(node: yaml.Node, path: ValuePath, file: Path, lines: dict[ValuePath, int]) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in lines:
                raise ScenarioError(
                    f"{file}:{key.start_mark.line + 1}: {dotted(here)}: stands there twice "
                    f"(first in line {lines[here]}); remove one"
                )
            lines[here] = key.start_mark.line + 1
            _note_lines(value, here, file, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*path, index), file, lines)
