"""Process faults on real processes: signals, duty cycles and busy loops."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

SLICE_S = 0.01
"""A slowed process runs for this long, then rests for `factor - 1` times as long."""

# It ends with who began it, in whichever way that one ends.
_BUSY = """
import os, sys, time
share, period, parent = float(sys.argv[1]), 0.02, int(sys.argv[2])
while os.getppid() == parent:
    end = time.perf_counter() + share * period
    while time.perf_counter() < end:
        pass
    time.sleep((1.0 - share) * period)
"""


class SignalProcesses:
    """Executes process faults on the processes of a running stack.

    Args:
        pid_of: the process of a node now, or None while it has none (as its launcher knows).
        start_node: starts a node's process; None where a launcher restarts what ends.
    """

    def __init__(
        self,
        pid_of: Callable[[str], int | None],
        start_node: Callable[[str], None] | None = None,
    ):
        self._pid_of = pid_of
        self._start_node = start_node
        self._slowed: dict[str, _DutyCycle] = {}
        self._load: list[subprocess.Popen[bytes]] = []

    def kill(self, node: str) -> None:
        """SIGKILL."""
        self._send(node, signal.SIGKILL)

    def start(self, node: str) -> None:
        """Start the node, if it is ours to start and does not run."""
        if self._start_node is not None:
            self._start_node(node)

    def hang(self, node: str) -> None:
        """SIGSTOP."""
        self._send(node, signal.SIGSTOP)

    def resume(self, node: str) -> None:
        """SIGCONT."""
        self._send(node, signal.SIGCONT)

    def slow(self, node: str, factor: float) -> None:
        """Stop and continue the node in turn, so that it runs 1/factor of the time."""
        cycle = self._slowed.pop(node, None)
        if cycle is not None:
            cycle.end()
        if factor > 1.0:
            self._slowed[node] = _DutyCycle(lambda sent: self._send(node, sent), factor)

    def load(self, share: float) -> None:
        """Keep every core busy for `share` of the time."""
        for process in self._load:
            process.kill()
            process.wait()
        self._load = []
        if share > 0.0:
            command = [sys.executable, "-S", "-c", _BUSY, str(share), str(os.getpid())]
            self._load = [subprocess.Popen(command) for _ in os.sched_getaffinity(0)]

    def close(self) -> None:
        """Leave no process slowed and no load behind."""
        for node in list(self._slowed):
            self.slow(node, 1.0)
        self.load(0.0)

    def _send(self, node: str, sent: signal.Signals) -> None:
        pid = self._pid_of(node)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)


class _DutyCycle:
    """A thread that stops and continues a process in turn."""

    def __init__(self, send: Callable[[signal.Signals], None], factor: float):
        self._send = send
        self._rest_s = SLICE_S * (factor - 1.0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Let the process run freely again."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._send(signal.SIGSTOP)
            self._ended.wait(self._rest_s)
            self._send(signal.SIGCONT)
            self._ended.wait(SLICE_S)
