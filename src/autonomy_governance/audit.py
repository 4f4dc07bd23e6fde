"""The writer of the audit log: what the guard did and why, on disk before it is forgotten.

Writing happens in a thread, so that no disk can hold up a control loop (docs/audit.md). The
format and its proof are in `audit_chain`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import os
import queue
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from autonomy_governance.audit_chain import (
    HEAD_FILE,
    Head,
    file_index,
    log_files,
    read_head,
    seal,
    unseal,
)

Kind = Literal["transition", "intervention", "gate", "operator", "start", "stop", "gap", "unknown"]
Record = Mapping[str, object]
# Records sealed before the interpreter lock is offered to the control loop: about a millisecond.
_YIELD_EVERY = 16


def default_directory() -> Path:
    """Where the logs of all writers are: `$ROS_HOME/audit`, as `$ROS_HOME/log` is for ROS."""
    return Path(os.environ.get("ROS_HOME") or Path.home() / ".ros") / "audit"


def digest(*parts: bytes | memoryview) -> str:
    """Short digest of the inputs of a decision, such as the bytes of a scan's ranges."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        hasher.update(part)
    return hasher.hexdigest()


class AuditLog:
    """The one writer of the log in `directory`; construction and `record` never block or raise.

    What goes wrong (full or slow disk, permissions, another writer) shows in `problem` and is
    tried again every `retry_s`. Records beyond `capacity` waiting ones are counted, and the count
    becomes a record when writing resumes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        capacity: int = 4096,
        max_bytes: int = 16 << 20,
        stall_s: float = 2.0,
        retry_s: float = 1.0,
    ) -> None:
        self._directory = directory
        self._capacity, self._max_bytes = capacity, max_bytes
        self._stall_s, self._retry_s = stall_s, retry_s
        self._queue: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._failure = "not opened yet"
        self._busy_since = math.inf
        self._drop_lock = threading.Lock()
        self._dropped = self._dropped_recorded = 0
        self._head = Head()
        self._lock_fd = self._fd = -1
        self._index = self._size = 0
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def record(
        self,
        kind: Kind,
        stamp_ns: int,
        who: str,
        cause: str,
        details: Mapping[str, object] | None = None,
        digest: str = "",
    ) -> None:
        """Append a record: ROS time, who acted, why, and the digest of what it was based on."""
        if self._closing.is_set() or self._queue.qsize() >= self._capacity:
            with self._drop_lock:
                self._dropped += 1
        else:
            self._queue.put(_entry(kind, stamp_ns, who, cause, dict(details or {}), digest))

    @property
    def problem(self) -> str:
        """Why records are not reaching the disk now, or an empty text."""
        if self._failure:
            return self._failure
        if self._dropped > self._dropped_recorded:
            return f"{self._dropped - self._dropped_recorded} records dropped"
        stalled_s = time.monotonic() - self._busy_since
        return f"no answer from the disk for {stalled_s:.1f} s" if stalled_s > self._stall_s else ""

    @property
    def healthy(self) -> bool:
        """Whether what is recorded reaches the disk."""
        return not self.problem

    @property
    def head(self) -> Head:
        """The last record that is safely on disk, to publish where this machine cannot undo it."""
        return self._head

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what waits and release the log; False if the disk did not take it in time."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and self.healthy

    def _run(self) -> None:
        """Thread: write batch after batch; what fails is kept and tried again, once at the end."""
        batch: list[Record] = []
        closing = False
        while True:
            try:
                self._busy_since = time.monotonic()
                if self._fd < 0:
                    batch = [*self._open(), *(e for e in batch if e["kind"] != "truncated")]
                self._write(batch)
                batch = []
                self._write_head()
                self._failure, self._busy_since = "", math.inf
            except Exception as error:
                self._failure = f"{self._directory}: {getattr(error, 'strerror', None) or error}"
                self._close_file()
                if closing:
                    break
                closing = self._closing.wait(self._retry_s)
                continue
            if closing and self._queue.empty():
                break
            batch = [entry for entry in self._next_entries() if entry is not None]
            closing = self._closing.is_set()
        self._close_file()
        if self._lock_fd >= 0:
            os.close(self._lock_fd)

    def _next_entries(self) -> list[Record | None]:
        """What waits, at least one; None is only a wake-up."""
        entries = [self._queue.get()]
        with contextlib.suppress(queue.Empty):
            while len(entries) < self._capacity:
                entries.append(self._queue.get_nowait())
        return entries

    def _open(self) -> list[Record]:
        """Take the lock and find the chain's end; the records that say what was amiss there."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if self._lock_fd < 0:
            lock_fd = os.open(self._directory / ".lock", os.O_CREAT | os.O_RDWR, 0o640)
            try:
                fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock_fd)
                raise OSError("another process writes this log") from None
            self._lock_fd = lock_fd
        amiss: list[Record] = []
        files = log_files(self._directory)
        if files and (aside := _move_partial_line_aside(files[-1])):
            amiss.append(_entry("recovered", 0, "audit", "incomplete last line", aside, ""))
        self._head = _last_record(files)
        stated = read_head(self._directory)
        if (stated is None and self._head.seq) or (stated and stated.seq > self._head.seq):
            cause = f"the log ends at record {self._head.seq}, {HEAD_FILE} says {stated}"
            amiss.append(_entry("truncated", 0, "audit", cause, {}, ""))
        if not files:
            self._write_head()
        self._open_file(file_index(files[-1]) if files else 1)
        return amiss

    def _open_file(self, index: int) -> None:
        self._close_file()
        path = self._directory / f"audit-{index:06d}.jsonl"
        self._fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o640)
        self._index, self._size = index, os.fstat(self._fd).st_size
        _sync_directory(self._directory)

    def _close_file(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _write(self, batch: list[Record]) -> None:
        """Seal a batch and bring it to disk, whole or not at all."""
        dropped, stamp_ns = self._dropped, batch[-1]["stamp_ns"] if batch else 0
        if lost := dropped - self._dropped_recorded:
            batch = [*batch, _entry("dropped", stamp_ns, "audit", "queue full", {"n": lost}, "")]
        if not batch:
            return
        if self._size >= self._max_bytes:
            self._open_file(self._index + 1)
        if self._size == 0:
            origin = {"file": self._index, "previous": self._head.hash}
            header = _entry("file", batch[0]["stamp_ns"], "audit", "new file", origin, "")
            batch = [{**header, "wall_ns": batch[0]["wall_ns"]}, *batch]
        head, lines = self._head, []
        for count, entry in enumerate(batch, start=1):
            head, line = seal(head, entry)
            lines.append(line)
            if count % _YIELD_EVERY == 0:
                time.sleep(0)
        self._append(b"".join(lines))
        self._head, self._dropped_recorded = head, dropped

    def _append(self, data: bytes) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            os.fsync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)

    def _write_head(self) -> None:
        """Replace the head file; it may lag behind the log, never lead it."""
        fresh = self._directory / f".{HEAD_FILE}"
        with fresh.open("w") as file:
            file.write(f"{self._head}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._directory / HEAD_FILE)


def _entry(
    kind: str, stamp_ns: object, who: str, cause: str, details: Mapping[str, object], digest: str
) -> Record:
    return {
        "kind": kind,
        "stamp_ns": stamp_ns,
        "wall_ns": time.time_ns(),
        "who": who,
        "cause": cause,
        "details": details,
        "digest": digest,
    }


def _last_record(files: list[Path]) -> Head:
    """Head of the last readable record, the chain's beginning where there is none."""
    for path in reversed(files):
        for line in reversed(path.read_bytes().splitlines(keepends=True)):
            if unsealed := unseal(line):
                return unsealed[0]
    return Head()


def _move_partial_line_aside(path: Path) -> dict[str, object]:
    """Cut an incomplete last line off the file, keep it beside it, and say so."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole == len(data):
        return {}
    aside = path.with_suffix(f".partial-{whole}")
    aside.write_bytes(data[whole:])
    os.truncate(path, whole)
    return {"file": aside.name, "bytes": len(data) - whole, "sha256": _sha256(data[whole:])}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
