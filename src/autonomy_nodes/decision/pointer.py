"""Where a policy is: a directory, a version in the registry, or a channel that points at one.

The registry is a directory (`models/`) of NAME/VERSION/ directories and one file, `registry.yaml`,
which says for each channel what is active and what was before, and keeps the history.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from autonomy_nodes.decision.document import read_document, validated
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.schema import Schema

MANIFEST_FILE = "manifest.yaml"
REGISTRY_FILE = "registry.yaml"
DEFAULT_CHANNEL = "default"
MAX_REGISTRY_BYTES = 4 * 1024 * 1024
REGISTRY_REMEDY = "; mend the registry's file, or put the last good one back"

ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Version = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$")
]


class Channel(Schema):
    """What a channel points at, and what it pointed at before, newest first: NAME/VERSION."""

    active: Version
    previous: tuple[Version, ...] = ()


class Change(Schema):
    """One entry of the history."""

    at: str
    action: Literal["promote", "rollback", "demote"]
    channel: ChannelName
    before: Version | None
    after: Version | None
    sha256: str
    by: str
    note: str = ""


class Withdrawal(Schema):
    """When a version was withdrawn, by whom and why."""

    at: str = ""
    by: str = ""
    note: str = ""


class Pointers(Schema):
    """The file `registry.yaml`. withdrawn: versions that may not drive; a list of them will do."""

    registry_version: Literal[1] = 1
    channels: dict[ChannelName, Channel] = Field(default_factory=dict)
    withdrawn: dict[Version, Withdrawal] = Field(default_factory=dict)
    history: tuple[Change, ...] = ()

    @field_validator("withdrawn", mode="before")
    @classmethod
    def _listed(cls, withdrawn: object) -> object:
        if isinstance(withdrawn, (list, tuple)):
            return {version: {} for version in withdrawn}
        return withdrawn


def read_pointers(models: Path) -> Pointers:
    """The registry's pointers; none where it has no file yet.

    Raises:
        PolicyError: the file cannot be read or is against the schema.
    """
    file = models / REGISTRY_FILE
    if not os.path.lexists(file):
        return Pointers()
    document = read_document(file, MAX_REGISTRY_BYTES, REGISTRY_REMEDY)
    return validated(Pointers, document, file, REGISTRY_REMEDY)


def refuse_withdrawn(reference: str, pointers: Pointers) -> None:
    """Refuse a version that the registry has withdrawn, wherever its files lie.

    Args:
        reference: NAME/VERSION.
        pointers: of the registry.

    Raises:
        PolicyError: it is withdrawn; with when, by whom and why.
    """
    withdrawal = pointers.withdrawn.get(reference)
    if withdrawal is not None:
        why = f": {withdrawal.note}" if withdrawal.note else ""
        by = f" by {withdrawal.by} at {withdrawal.at}" if withdrawal.by else ""
        expected = "a version that is not; mend it under a new version number"
        raise PolicyError(reference, "version", f"withdrawn{by}{why}", expected)


def manifest_of(path: Path) -> Path:
    """The manifest that a path stands for: itself, or in the directory or channel that it names.

    `models/default` is the default channel of the registry in `models/`.
    """
    if path.is_dir() and (path / MANIFEST_FILE).is_file():
        return path / MANIFEST_FILE
    if not path.exists() and (path.parent / REGISTRY_FILE).is_file():
        channel = read_pointers(path.parent).channels.get(path.name)
        if channel is not None:
            return path.parent / channel.active / MANIFEST_FILE
    return path if path.is_file() else path / MANIFEST_FILE


def find_policy(name: str, models: Path) -> Path:
    """The directory of the policy that a person or a parameter names.

    Args:
        name: a directory, NAME/VERSION, or a channel; empty for the default channel.
        models: the registry.

    Raises:
        PolicyError: there is no such policy; the message lists what there is.
    """
    wanted = Path(name or models / DEFAULT_CHANNEL)
    try:
        for candidate in (wanted, models / wanted):
            manifest = manifest_of(candidate)
            if manifest.is_file():
                return manifest.parent
    except OSError as error:
        raise PolicyError(name, "name", error.strerror, "a policy's directory") from error
    if wanted.is_absolute() and name:
        raise PolicyError(name, "directory", "no manifest.yaml there", "a policy's directory")
    versions = sorted(
        str(manifest.parent.relative_to(models)) for manifest in models.glob("*/*/manifest.yaml")
    )
    channels = sorted(read_pointers(models).channels)
    known = ", ".join([*channels, *versions]) or f"none in {models}"
    raise PolicyError(f"'{name or DEFAULT_CHANNEL}'", "name", "no such policy", f"one of: {known}")
