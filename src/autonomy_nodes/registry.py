"""The registry of policies: versions side by side, and channels that point at one each.

    registry = Registry(share_directory() / "models")
    registry.add(Path("out/policies/mine"))
    registry.promote("mine/1.2.0", Change…)

A change writes `registry.yaml` anew beside the old one and renames it: whoever reads sees the
state before or after, and the history in the same file as what it led to. Who changes holds a
lock on the directory, so that of two changes the later one builds on the earlier.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

import yaml

from autonomy_nodes.decision.card import render
from autonomy_nodes.decision.contract import load_manifest, load_policy
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.pointer import (
    DEFAULT_CHANNEL,
    MANIFEST_FILE,
    MAX_REGISTRY_BYTES,
    REGISTRY_FILE,
    Change,
    Channel,
    Pointers,
    Withdrawal,
    read_pointers,
    refuse_withdrawn,
)
from autonomy_nodes.decision.signature import SIGNATURE_FILE
from autonomy_nodes.directory_lock import locked

CARD_FILE = "CARD.md"
MAX_PREVIOUS = 10
PATIENCE_S = 30.0
"""With another process that changes the registry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version in the registry; channels: those that point at it now.

    fault: why its manifest cannot be read; there is then no `manifest`.
    """

    reference: str
    manifest: Manifest | None
    fault: str
    signed: bool
    withdrawn: bool
    channels: tuple[str, ...]


class Registry:
    """The versions in a directory and its channels."""

    def __init__(self, models: Path) -> None:
        """Use the registry in `models`; it need not have anything yet."""
        self.models = models

    def pointers(self) -> Pointers:
        """Channels and history as they are on disk now.

        Raises:
            PolicyError: `registry.yaml` is not a registry.
        """
        return read_pointers(self.models)

    def entries(self) -> Iterator[Entry]:
        """Every version, by name and version, with its fault where its manifest is none.

        Raises:
            PolicyError: `registry.yaml` is not a registry.
        """
        pointers = self.pointers()
        for path in sorted(self.models.glob(f"*/*/{MANIFEST_FILE}")):
            reference = str(path.parent.relative_to(self.models))
            manifest, fault = None, ""
            try:
                manifest = load_manifest(path)
            except PolicyError as error:
                fault = str(error)
            yield Entry(
                reference,
                manifest,
                fault,
                path.with_name(SIGNATURE_FILE).is_file(),
                reference in pointers.withdrawn,
                tuple(n for n, c in pointers.channels.items() if c.active == reference),
            )

    def add(self, source: Path) -> str:
        """Copy a checked policy into its place, with its card; returns NAME/VERSION.

        A version is written once: the same content again is no change, other content is refused.

        Raises:
            PolicyError: the policy is refused, or the version is there with other content.
        """
        manifest = load_policy(source).manifest
        self.models.mkdir(parents=True, exist_ok=True)
        with locked(self.models, PATIENCE_S):
            return self._copy(source, manifest)

    def _copy(self, source: Path, manifest: Manifest) -> str:
        reference = manifest.reference
        target = self.models / reference
        if target.is_dir():
            there = load_manifest(target / MANIFEST_FILE)
            if there != manifest:
                raise PolicyError(
                    reference, "version", "one with other content", "a new version number"
                )
            return reference
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".adding_", dir=target.parent))
        scratch.chmod(0o755)
        for name in (MANIFEST_FILE, manifest.model.file, SIGNATURE_FILE, CARD_FILE):
            if (source / name).is_file():
                shutil.copyfile(source / name, scratch / name)
        if not (scratch / CARD_FILE).is_file():
            (scratch / CARD_FILE).write_text(render(manifest))
        scratch.rename(target)
        return reference

    def promote(self, reference: str, channel: str = DEFAULT_CHANNEL, note: str = "") -> Change:
        """Let a channel point at a version, after it was checked once more.

        Raises:
            PolicyError: there is no such version, it is withdrawn, refused, or active already.
        """
        with locked(self.models, PATIENCE_S):
            pointers = self.pointers()
            refuse_withdrawn(reference, pointers)
            manifest = load_policy(self.models / reference).manifest
            if manifest.reference != reference:
                found = manifest.reference
                raise PolicyError(reference, "name and version", found, "those of its directory")
            now = pointers.channels.get(channel)
            if now is not None and now.active == reference:
                found = f"active in '{channel}'"
                raise PolicyError(reference, "channel", found, "another version")
            before = (now.active, *now.previous) if now else ()
            pointers = self._pointed(pointers, "promote", channel, reference, before, note)
            self._write(pointers)
        return pointers.history[-1]

    def rollback(self, channel: str = DEFAULT_CHANNEL, note: str = "") -> Change:
        """Let a channel point at what it pointed at before.

        Raises:
            PolicyError: there is no such channel, or nothing before.
        """
        with locked(self.models, PATIENCE_S):
            pointers = self._back(self.pointers(), "rollback", channel, note)
            self._write(pointers)
        return pointers.history[-1]

    def demote(self, reference: str, note: str = "") -> list[Change]:
        """Withdraw a version: channels that point at it go back, and it drives nowhere again.

        Raises:
            PolicyError: there is no such version, or a channel has nothing to go back to.
        """
        with locked(self.models, PATIENCE_S):
            if not (self.models / reference / MANIFEST_FILE).is_file():
                raise PolicyError(reference, "version", "no such version", "one that `list` shows")
            pointers = self.pointers()
            known = len(pointers.history)
            withdrawal = Withdrawal(at=_now(), by=_who(), note=note)
            withdrawn = {reference: withdrawal, **pointers.withdrawn}
            pointers = pointers.model_copy(update={"withdrawn": withdrawn})
            for name in [n for n, c in pointers.channels.items() if c.active == reference]:
                pointers = self._back(pointers, "demote", name, note)
            self._write(pointers)
        return list(pointers.history[known:])

    def _target_before(self, pointers: Pointers, channel: str) -> tuple[str, tuple[str, ...]]:
        """What a channel goes back to, and what is then before that."""
        now = pointers.channels.get(channel)
        if now is None:
            known = sorted(pointers.channels) or "none yet"
            raise PolicyError(f"channel '{channel}'", "name", "no such channel", known)
        for index, reference in enumerate(now.previous):
            exists = (self.models / reference / MANIFEST_FILE).is_file()
            if exists and reference not in pointers.withdrawn:
                return reference, now.previous[index + 1 :]
        raise PolicyError(f"channel '{channel}'", "previous", "nothing", "a version to go back to")

    def _back(
        self, pointers: Pointers, action: Literal["rollback", "demote"], channel: str, note: str
    ) -> Pointers:
        reference, before = self._target_before(pointers, channel)
        load_policy(self.models / reference)
        return self._pointed(pointers, action, channel, reference, before, note)

    def _pointed(
        self,
        pointers: Pointers,
        action: Literal["promote", "rollback", "demote"],
        channel: str,
        reference: str,
        previous: tuple[str, ...],
        note: str,
    ) -> Pointers:
        """The pointers after a change, which is the last of their history."""
        now = pointers.channels.get(channel)
        change = Change(
            at=_now(),
            action=action,
            channel=channel,
            before=now.active if now else None,
            after=reference,
            sha256=load_manifest(self.models / reference / MANIFEST_FILE).model.sha256,
            by=_who(),
            note=note,
        )
        kept = tuple(name for name in previous if name != reference)[:MAX_PREVIOUS]
        channels = {**pointers.channels, channel: Channel(active=reference, previous=kept)}
        history = (*pointers.history, change)
        return pointers.model_copy(update={"channels": channels, "history": history})

    def _write(self, pointers: Pointers) -> None:
        """Replace `registry.yaml` as a whole; what is written can be read again, or nothing is."""
        document = Pointers.model_validate(pointers.model_dump()).model_dump(mode="json")
        content = yaml.safe_dump(document, sort_keys=False, width=100).encode()
        if len(content) > MAX_REGISTRY_BYTES:
            expected = f"at most {MAX_REGISTRY_BYTES} bytes; move the oldest of `history` elsewhere"
            raise PolicyError(
                self.models / REGISTRY_FILE, "size", f"{len(content)} bytes", expected
            )
        descriptor, name = tempfile.mkstemp(prefix=".registry_", dir=self.models)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(self.models / REGISTRY_FILE)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
