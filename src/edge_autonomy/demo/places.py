"""Where a run of a world starts and what it drives to (`gazebo_worlds/worlds.yaml`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from autonomy_interfaces.messages import Pose2D
from autonomy_interfaces.share import share_directory


class PlacesError(ValueError):
    """A world that is not there, or places of it that cannot be used; the message says which."""


@dataclass(frozen=True, slots=True)
class Places:
    """One world's file, and the start and the goal of a run, in the world's frame."""

    name: str
    file: Path
    start: Pose2D
    goal: Pose2D


def worlds_directory() -> Path:
    """Where the worlds that ship are."""
    return share_directory() / "gazebo_worlds"


def read_places(directory: Path | None = None) -> dict[str, Places]:
    """Places of every world that `worlds.yaml` in `directory` names, by world name.

    Raises:
        PlacesError: the file is missing or malformed, or names a world that is not beside it.
    """
    directory = directory or worlds_directory()
    file = directory / "worlds.yaml"
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PlacesError(f"{file}: {error}") from error
    if not isinstance(content, dict):
        raise PlacesError(f"{file}: expected a mapping of world names")
    return {str(name): _places(file, str(name), entry) for name, entry in content.items()}


def find_places(world: str) -> Places:
    """Places of the world named `world`.

    Raises:
        PlacesError: there is no such world; the message lists those that are.
    """
    every = read_places()
    if world not in every:
        raise PlacesError(f"no world '{world}': choose one of {', '.join(sorted(every))}")
    return every[world]


def _places(file: Path, name: str, entry: Any) -> Places:
    world_file = file.parent / f"{name}.sdf"
    if not world_file.is_file():
        raise PlacesError(f"{file}: '{name}' has no {world_file.name} beside it")
    if not isinstance(entry, Mapping):
        raise PlacesError(f"{file}: '{name}' needs 'start' and 'goal'")
    return Places(
        name, world_file, _pose(file, name, entry, "start"), _pose(file, name, entry, "goal")
    )


def _pose(file: Path, name: str, entry: Mapping[str, Any], key: str) -> Pose2D:
    value = entry.get(key)
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 3 or not all(
        isinstance(number, int | float) and math.isfinite(number) for number in numbers
    ):
        raise PlacesError(f"{file}: {name}.{key}: expected [x, y, yaw], got {value!r}")
    return Pose2D(*(float(number) for number in numbers))
