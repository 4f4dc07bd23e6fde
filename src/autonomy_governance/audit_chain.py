"""The format of the audit log and its proof: sealed lines, files, `verify` (docs/audit.md).

A record is one line of JSON that begins with its hash, SHA-256 over the hash of the record before
it and the bytes of its own body. An edit, a removal or a reordering breaks the chain at a line
that `verify` names; a cut-off end shows against the head, which is why heads get published.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD_FILE = "head.json"
_LINE = re.compile(rb'\{"hash":"([0-9a-f]{64})",(.+\})\n')


@dataclass(frozen=True, slots=True)
class Head:
    """A record's place in the chain; as text `seq:hash`."""

    seq: int = 0
    hash: str = "0" * 64

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read `seq:hash`.

        Raises:
            ValueError: the text is anything else.
        """
        match = re.fullmatch(r"(\d+):([0-9a-f]{64})", text.strip())
        if match is None:
            raise ValueError(f"'{text}' is no head: expected SEQ:HASH, as in /diagnostics")
        return cls(int(match[1]), match[2])


@dataclass(frozen=True, slots=True)
class Finding:
    """One break of the chain: where, and what it means."""

    file: str
    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` saw: the last record, and every break."""

    files: int
    records: int
    head: Head
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was edited, removed, reordered or cut off, as far as can be known."""
        return not self.findings


def log_files(directory: Path) -> list[Path]:
    """The files of one log, oldest first."""
    return sorted(directory.glob(f"audit-{'[0-9]' * 6}.jsonl"))


def file_index(path: Path) -> int:
    """The number of a log file."""
    return int(path.stem[-6:])


def read_head(directory: Path) -> Head | None:
    """The head that the writer left, or None where there is none that can be read."""
    try:
        return Head.parse((directory / HEAD_FILE).read_text())
    except (OSError, ValueError):
        return None


def plain(value: object) -> object:
    """`value` as JSON knows it; what JSON lacks (NaN, paths) becomes text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def seal(head: Head, record: Mapping[str, object]) -> tuple[Head, bytes]:
    """The line that continues the chain at `head` with `record`, and the head that it makes."""
    content = plain({**record, "seq": head.seq + 1})
    body = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    sealed = Head(head.seq + 1, _chain_hash(head.hash, body))
    return sealed, b'{"hash":"%s",%s\n' % (sealed.hash.encode(), body[1:])


def unseal(line: bytes) -> tuple[Head, bytes, dict[str, Any]] | None:
    """Claimed head, hashed bytes and content of a line; None if it is no record."""
    match = _LINE.fullmatch(line)
    try:
        content = json.loads(line) if match else {}
    except ValueError:
        return None
    if match is None or type(content.get("seq")) is not int:
        return None
    return Head(content["seq"], match[1].decode()), b"{" + match[2], content


def records(directory: Path, newest_files: int | None = None) -> Iterator[dict[str, Any]]:
    """Every readable record of one log, or of its newest files, in order, unproven."""
    yield from (record for _, record in lines(directory, newest_files) if record is not None)


def lines(
    directory: Path, newest_files: int | None = None
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """As `records`, each with its place FILE:LINE; None for a line that is no record.

    The last line is left out for as long as it is being written.
    """
    files = log_files(directory)
    for path in files[-newest_files if newest_files else None :]:
        with path.open("rb") as content:
            for number, line in enumerate(content, start=1):
                if path == files[-1] and not line.endswith(b"\n"):
                    return
                unsealed = unseal(line)
                yield f"{path.name}:{number}", unsealed[2] if unsealed else None


def verify(directory: Path, anchors: Iterable[Head] = ()) -> Verification:
    """Prove the chain of one log.

    Args:
        directory: the log; reading it while it is being written is fine.
        anchors: heads noted elsewhere; each must be in the chain, or be what its first file
            continues from where older files were archived.
    """
    stated, files = read_head(directory), log_files(directory)
    wanted = set(anchors) | ({stated} if stated and stated.seq else set())
    check = _Check(frozenset(wanted))
    for position, path in enumerate(files):
        if position and file_index(path) != file_index(files[position - 1]) + 1:
            check.report(path.name, 0, "the file before it is missing")
        with path.open("rb") as content:
            for number, line in enumerate(content, start=1):
                is_being_written = path == files[-1] and not line.endswith(b"\n")
                if not is_being_written:
                    check.line(path.name, number, line)
    if files and stated is None:
        check.report(HEAD_FILE, 0, "missing or unreadable: a cut-off end would not show")
    for anchor in sorted(wanted - check.met, key=lambda head: head.seq):
        where = HEAD_FILE if anchor == stated else "anchor"
        cut = anchor.seq > check.head.seq
        check.report(where, 0, f"record {anchor.seq} {'is cut off' if cut else 'is another one'}")
    return Verification(len(files), check.records, check.head, tuple(check.findings))


class _Check:
    """Follows the chain line by line; after a break it goes on from what the line claims."""

    def __init__(self, wanted: frozenset[Head]) -> None:
        self.wanted = wanted
        self.met: set[Head] = set()
        self.findings: list[Finding] = []
        self.records = 0
        self.head = Head()
        self._hash_known = True

    def report(self, file: str, line: int, problem: str) -> None:
        self.findings.append(Finding(file, line, problem))

    def line(self, file: str, number: int, line: bytes) -> None:
        unsealed = unseal(line)
        if unsealed is None:
            self.report(file, number, f"record {self.head.seq + 1} is not readable")
            self.head, self._hash_known = Head(self.head.seq + 1), False
            return
        claimed, body, content = unsealed
        before = self.head
        if not self.records and claimed.seq > 1:
            before = Head(claimed.seq - 1, str(content.get("details", {}).get("previous")))
            self.met |= {before} & self.wanted
            if before not in self.wanted:
                self.report(file, number, f"records 1 to {before.seq} are missing")
        elif claimed.seq != before.seq + 1:
            problem = f"record {claimed.seq} where {before.seq + 1} belongs: removed or reordered"
            self.report(file, number, problem)
        elif self._hash_known and _chain_hash(before.hash, body) != claimed.hash:
            problem = f"record {claimed.seq} does not fit: it or the one before it was edited"
            self.report(file, number, problem)
        if content.get("kind") == "truncated":
            self.report(file, number, str(content.get("cause")))
        self.met |= {claimed} & self.wanted
        self.records += 1
        self.head, self._hash_known = claimed, True


def _chain_hash(previous: str, body: bytes) -> str:
    return hashlib.sha256(previous.encode() + body).hexdigest()
