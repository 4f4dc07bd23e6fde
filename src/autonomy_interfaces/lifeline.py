"""A lock that a node's process holds while it lives: its release tells of its death at once.

The safety monitor looks at it in every cycle. The middleware would take a lease to notice.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import IO

PATIENCE_S = 0.5
POLL_S = 0.01


def lifeline_path(name: str, namespace: str = "/") -> str:
    """The file whose lock the node `name` of `namespace` holds, in this user's ROS domain."""
    place = f"{os.environ.get('ROS_DOMAIN_ID', 0)}{namespace.rstrip('/')}/".replace("/", ".")
    return f"/dev/shm/edge_autonomy.{os.getuid()}.{place}{name}"


def hold_lifeline(name: str, namespace: str = "/") -> IO[bytes] | None:
    """Hold the lock for as long as the answer lives; None where that is not possible.

    Who watches tries the lock for a moment now and then; another process may hold it for good.
    """
    try:
        descriptor = os.open(
            lifeline_path(name, namespace), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600
        )
    except OSError:
        return None
    file = os.fdopen(descriptor, "r+b", buffering=0)
    deadline = time.monotonic() + PATIENCE_S
    while not _lock(file):
        if time.monotonic() > deadline:
            file.close()
            return None
        time.sleep(POLL_S)
    return file


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
