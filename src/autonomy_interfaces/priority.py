"""A node's place among the processes of its computer, where the system lets it choose."""

from __future__ import annotations

import os
from contextlib import suppress

DRIVING = -5
"""Niceness of what a command waits for on its way from the sensors."""


def prefer(niceness: int) -> None:
    """Be no nicer than this from now on, this thread and those that it starts.

    Without the right to it (root, CAP_SYS_NICE, a limit `nice` for the user) nothing changes.
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(niceness, os.getpriority(os.PRIO_PROCESS, 0)))
