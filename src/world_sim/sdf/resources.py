"""Where `model://` and file URIs lead."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from defusedxml import ElementTree

from autonomy_interfaces.share import share_directory
from world_sim.sdf.element import Element

ENVIRONMENT_VARIABLES = ("GZ_SIM_RESOURCE_PATH", "SDF_PATH")


def search_path(extra: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Directories that `model://` is looked for in: `extra`, the environment's, the package's."""
    from_environment = [
        Path(entry)
        for variable in ENVIRONMENT_VARIABLES
        for entry in os.environ.get(variable, "").split(os.pathsep)
        if entry
    ]
    return (*extra, *from_environment, share_directory() / "gazebo_worlds" / "models")


def resolve_uri(uri: str, beside: Path, path: Sequence[Path], element: Element) -> Path:
    """File or directory that `uri` names; relative ones are searched beside the file first.

    Raises:
        WorldError: the scheme is not played, or nothing is found.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        scheme, rest = "", uri
    if scheme not in ("", "model", "package", "file"):
        raise element.error(
            f"URI scheme '{scheme}://' is not played", "download the model and use model://"
        )
    places = [beside, beside / "models", beside.parent, *path]
    candidates = [Path(rest)] if Path(rest).is_absolute() else [p / rest for p in places]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    searched = ", ".join(str(place) for place in dict.fromkeys(places))
    raise element.error(
        f"'{uri}' not found (searched {searched})",
        f"add its parent directory to {ENVIRONMENT_VARIABLES[0]}",
    )


def model_file(directory: Path, element: Element) -> Path:
    """The SDF file of a model directory: the one its model.config names, or model.sdf.

    Raises:
        WorldError: the directory holds neither.
    """
    if directory.is_file():
        return directory
    config = directory / "model.config"
    names = ["model.sdf"]
    if config.is_file():
        try:
            entries = list(ElementTree.fromstring(config.read_bytes()).iterfind("sdf"))
        except (ElementTree.ParseError, OSError, ValueError) as error:
            raise element.error(f"{config}: {error}") from error
        # The newest version comes last; a model may hold one file per SDF version.
        names = [(entry.text or "").strip() for entry in reversed(entries)] + names
    for name in names:
        if name and (directory / name).is_file():
            return directory / name
    raise element.error(f"{directory} holds no model.sdf", "add model.config and model.sdf")
