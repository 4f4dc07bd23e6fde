"""Where the records of decisions go: JSON lines in files of bounded size, written by a thread."""

from __future__ import annotations

import atexit
import json
import logging
import queue
import sys
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import QueueListener, RotatingFileHandler
from pathlib import Path
from typing import Any

from autonomy_interfaces.writing import explained

MEBIBYTE = 1 << 20
OLDER_FILES = 7
"""FILE.1 is the newest of them; with each new file the oldest goes."""
MOST_WAITING = 200


class RecordFile:
    """JSON lines that no disk holds the decisions up for.

    A full disk ends the file and not the node. While a disk hangs, records wait, and further ones
    are left out: the numbers of the ticks show it.
    """

    def __init__(self, path: Path, size_mib: int, tell: Callable[[str], None]) -> None:
        """Append to `path`.

        Args:
            path: its directory is made where it is not there.
            size_mib: MiB that it and the older files take together; 0 for no bound.
            tell: hears, once, why no more is recorded; called by the thread that writes.

        Raises:
            OSError: the file cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _Lines(path, size_mib * MEBIBYTE // (1 + OLDER_FILES), tell)
        # Unbounded, so that the word to end finds room; `write` holds to the bound.
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._writer = QueueListener(self._waiting, file)
        self._writer.start()
        atexit.register(self.close)

    def write(self, record: dict[str, Any]) -> None:
        """Append one record; returns at once."""
        if self._waiting.qsize() < MOST_WAITING:
            line = json.dumps(record, separators=(",", ":"))
            self._waiting.put(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        """Write what waits, and end."""
        atexit.unregister(self.close)
        self._writer.stop()
        for file in self._writer.handlers:
            # What a full disk has not taken it does not take now; that has been told.
            with suppress(OSError):
                file.close()


class _Lines(RotatingFileHandler):
    """A file and its older parts; after the first error it takes no more."""

    def __init__(self, path: Path, part_bytes: int, tell: Callable[[str], None]) -> None:
        super().__init__(path, maxBytes=part_bytes, backupCount=OLDER_FILES, encoding="utf-8")
        self._path, self._tell = path, tell
        self._ended = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._ended:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, logging's name
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            raise
        self._ended = True
        self._tell(f"no decision is recorded any more: {explained(error, self._path)}")
