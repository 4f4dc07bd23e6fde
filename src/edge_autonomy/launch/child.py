"""A child process in an event loop: its end and its output, each seen by itself.

asyncio's own subprocesses report the end of a process only when its pipes are closed, which a
grandchild can delay for ever. Here the end comes from a pidfd.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

GUARD = Path(__file__).with_name("guard.py")
MAX_LINE_BYTES = 64 * 1024
DRAIN_S = 1.0


class Child:
    """One life of a process, which leads a session of its own."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], cwd: str | None
    ) -> None:
        """Start it; it dies with the thread that runs this.

        Raises:
            OSError: it could not be started.
        """
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self._ended = asyncio.Event()

    @property
    def running(self) -> bool:
        """True until its end has been seen."""
        return not self._ended.is_set()

    async def follow(
        self, on_output: Callable[[str], None], on_error: Callable[[str], None]
    ) -> int:
        """Pass on its lines until it ends, end what it left, and return its exit code."""
        assert self._popen.stdout and self._popen.stderr
        readers = asyncio.gather(
            _read_lines(self._popen.stdout, on_output), _read_lines(self._popen.stderr, on_error)
        )
        await _end_of(self.pid)
        code = self._popen.wait()
        self._ended.set()
        kill_session(self.pid)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(readers, DRAIN_S)
        return code

    async def wait(self, timeout_s: float | None) -> bool:
        """Wait for its end; False where that takes longer."""
        try:
            await asyncio.wait_for(self._ended.wait(), timeout_s)
        except asyncio.TimeoutError:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


def kill_session(leader: int) -> None:
    """End whatever is left of the session that a process led, in whichever process group."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getsid(int(entry.name)) == leader:
                    os.kill(int(entry.name), signal.SIGKILL)


async def _end_of(pid: int) -> None:
    """Wait until a child of this process has ended, without reaping it."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _read_lines(pipe: IO[bytes], on_line: Callable[[str], None]) -> None:
    """Pass on every line; a line without end is passed on in pieces."""
    stream = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(stream)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    pending = b""
    try:
        while chunk := await stream.read(MAX_LINE_BYTES):
            *complete, pending = (pending + chunk).split(b"\n")
            if len(pending) > MAX_LINE_BYTES:
                complete.append(pending)
                pending = b""
            for line in complete:
                on_line(_text(line))
        if pending:
            on_line(_text(pending))
    finally:
        transport.close()


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
