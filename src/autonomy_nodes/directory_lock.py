"""One process at a time changes what is in a directory."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autonomy_nodes.decision.errors import PolicyError

LOOK_S = 0.02


@contextmanager
def locked(directory: Path, patience_s: float) -> Iterator[None]:
    """While this process alone has `directory` by `flock`, which ends with the process too.

    Raises:
        PolicyError: another holds it for longer than `patience_s`, or it cannot be locked.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise PolicyError(directory, "registry", error.strerror, "a directory") from error
    try:
        deadline = time.monotonic() + patience_s
        while not _taken(descriptor, directory):
            if time.monotonic() > deadline:
                found = f"locked by another process for {patience_s:g} s"
                raise PolicyError(directory, "registry", found, "one that nobody else changes")
            time.sleep(LOOK_S)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int, directory: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        expected = "a file system with locks"
        raise PolicyError(directory, "registry", error.strerror, expected) from error
    return True
