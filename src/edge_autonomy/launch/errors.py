"""What can be wrong with a launch file, with the place where it is."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Location:
    """A line of a launch file, counted from one."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class LaunchError(ValueError):
    """A launch file or argument that cannot be used; the message has FILE:LINE and the remedy."""

    def __init__(self, message: str, location: Location | None = None) -> None:
        super().__init__(f"{location}: {message}" if location else message)
        self.location = location


def did_you_mean(name: str, known: list[str] | tuple[str, ...]) -> str:
    """The remedy for an unknown name: the nearest known one, then all of them."""
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}known here: {', '.join(known)}"
