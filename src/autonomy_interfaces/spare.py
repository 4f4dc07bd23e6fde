"""What a node's process can do without."""

from __future__ import annotations

import sys

UNUSED = ("scipy.linalg",)
"""Modules that numba imports for functions which no kernel here calls, if it can."""


def spare_memory() -> None:
    """Keep numba from loading `UNUSED`: 18 MB of a process, and 0.3 s of its start.

    Call it before the first kernel runs, in a process that does not need them itself: whoever
    imports one of them afterwards gets an ImportError.
    """
    for name in UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
