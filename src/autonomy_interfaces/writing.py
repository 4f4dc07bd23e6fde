"""What the system refuses while results are written: said with its place and its remedy."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOM = "free some space there, or name another place"
_PLACE = "name a place that may be written"
REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "the limit on a file's size is reached (ulimit -f)",
    errno.EROFS: _PLACE,
    errno.EACCES: _PLACE,
    errno.EPERM: _PLACE,
    errno.ENOTDIR: _PLACE,
    errno.EISDIR: _PLACE,
    errno.EIO: "look at the disk, or name another place",
    errno.EADDRINUSE: "end who listens there, or choose another port",
}


class WritingError(OSError):
    """Something cannot be written; names it, and what to do."""


def explained(error: OSError, place: Path | str = "", remedy: str = "") -> str:
    """One line of an error of the system: where, what, and the remedy.

    Args:
        error: as the system raised it; a full disk does not say of which file.
        place: what was written, where the error does not say it.
        remedy: in place of the usual one.
    """
    if isinstance(error, WritingError):
        return str(error)
    where = error.filename or place
    told = f"{where}: " if where else ""
    remedy = remedy or REMEDIES.get(error.errno or 0, "")
    return f"{told}{error.strerror or error}" + (f"; {remedy}" if remedy else "")


@contextmanager
def writing(place: Path, remedy: str = "") -> Iterator[None]:
    """While `place`, or what is in it, is written.

    Raises:
        WritingError: the system refuses; one line with `remedy`, or else with the usual one.
    """
    try:
        yield
    except OSError as error:
        absent = isinstance(error, FileNotFoundError) and error.filename == str(place)
        if error.errno in REMEDIES or absent:
            raise WritingError(explained(error, place, remedy or _PLACE * absent)) from error
        raise
