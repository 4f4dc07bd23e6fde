"""Holds one thread of a process while the others run on, as a deadlock would (Linux ptrace).

SIGSTOP stops all threads. A node that hangs in its own code is another failure: the threads of
its middleware live on and go on asserting that the node is alive.

The tracer is a process of its own, so that a launcher that waits for its children never sees the
stops of one that it did not ask for.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


class HoldError(RuntimeError):
    """A thread cannot be held; the message says why and what would help."""


@contextmanager
def hold_main_thread(pid: int) -> Iterator[int]:
    """Hold the main thread of `pid`; gives the time since when (system time, nanoseconds).

    Raises:
        HoldError: the system does not permit it, or the process is gone.
    """
    command = [sys.executable, "-S", __file__, str(pid)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tracer:
        assert tracer.stdin and tracer.stdout
        answer = tracer.stdout.readline().strip()
        try:
            if not answer.isdecimal():
                raise HoldError(
                    f"process {pid} cannot be held: {answer or 'no answer'}; allow it by "
                    "kernel.yama.ptrace_scope=0 or as root"
                )
            yield int(answer)
        finally:
            # The end of its input lets the tracer go; what it traced goes on.
            tracer.stdin.close()


def _trace(libc: ctypes.CDLL, request: int, pid: int) -> None:
    if libc.ptrace(request, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _main(pid: int) -> None:
    """Hold the thread until standard input ends."""
    import time

    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    try:
        _trace(libc, PTRACE_SEIZE, pid)
        _trace(libc, PTRACE_INTERRUPT, pid)
        os.waitpid(pid, WALL)
    except OSError as error:
        sys.stdout.write(f"{error.strerror}\n")
        return
    sys.stdout.write(f"{time.time_ns()}\n")
    sys.stdout.flush()
    sys.stdin.read()
    _trace(libc, PTRACE_DETACH, pid)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
