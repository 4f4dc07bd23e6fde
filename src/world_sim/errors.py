"""The one error that a world which cannot be played raises."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file: path and 1-based line (0 when the line is unknown)."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        """`file:line`, as editors and compilers write it."""
        return f"{self.file}:{self.line}" if self.line else self.file


class WorldError(ValueError):
    """A world or model that cannot be played; one line naming the place, the cause, the remedy."""

    def __init__(self, where: Location | Path | str, problem: str, remedy: str = "") -> None:
        self.where = where
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{where}: {problem}" + (f"; {remedy}" if remedy else ""))
