"""What nodes print: marked by node, to the screen and to a log file, never blocking a node.

A node whose pipe is full stops, and the safety monitor must not stop because a terminal is paused.
So lines pass through a bounded queue to a thread of their own; what does not fit is counted.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TextIO

QUEUE_LINES = 20_000
_PALETTE = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_LEVEL_COLOUR = {"WARNING": 33, "ERROR": 31}


class Console:
    """Writes lines to a stream (or none) and to a log file (or none) in a thread of its own."""

    def __init__(self, stream: TextIO | None, log_file: Path | None) -> None:
        self._stream = stream
        self._log = log_file.open("w", encoding="utf-8") if log_file else None
        self._colour = bool(stream and stream.isatty() and not os.environ.get("NO_COLOR"))
        self._colour_of: dict[str, int] = {}
        self._queue: queue.Queue[tuple[str, str] | None] = queue.Queue(QUEUE_LINES)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="launch-console", daemon=True)
        self._thread.start()

    def line(self, label: str, text: str, to_screen: bool) -> None:
        """One line that the process `label` printed."""
        screen = f"[{self._painted(label)}] {text}\n" if to_screen else ""
        self._put(screen, f"[{label}] {text}\n")

    def notice(self, level: str, label: str, text: str) -> None:
        """One line of the launcher itself."""
        colour = _LEVEL_COLOUR.get(level)
        shown = f"\x1b[{colour}m{level}\x1b[0m" if colour and self._colour else level
        screen = f"[{shown}] [{self._painted(label)}]: {text}\n"
        self._put(screen, f"[{level}] [{label}]: {text}\n")

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is pending and end the thread; give up on a stream that blocks."""
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _painted(self, label: str) -> str:
        if not self._colour:
            return label
        colour = self._colour_of.setdefault(label, _PALETTE[len(self._colour_of) % len(_PALETTE)])
        return f"\x1b[{colour}m{label}\x1b[0m"

    def _put(self, screen: str, log: str) -> None:
        try:
            self._queue.put_nowait((screen, log))
        except queue.Full:
            self._dropped += 1

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            screen, log = item
            if self._dropped:
                note = f"[WARNING] [launch]: {self._dropped} lines dropped: the screen is slow\n"
                self._dropped = 0
                screen, log = note + screen, note + log
            self._write_screen(screen)
            self._write_log(log)
        if self._log:
            self._log.close()

    def _write_screen(self, text: str) -> None:
        if self._stream is None or not text:
            return
        try:
            self._stream.write(text)
            if self._queue.empty():
                self._stream.flush()
        except (OSError, ValueError):
            self._stream = None

    def _write_log(self, text: str) -> None:
        if self._log is None:
            return
        try:
            self._log.write(text)
            if self._queue.empty():
                self._log.flush()
        except OSError as error:
            self._log = None
            self._write_screen(f"[WARNING] [launch]: log file given up: {error.strerror}\n")


def log_directory(environment: Mapping[str, str]) -> Path:
    """A new directory for the logs of one launch, where ROS 2 keeps its logs.

    Raises:
        OSError: it cannot be made.
    """
    if "ROS_LOG_DIR" in environment:
        base = Path(environment["ROS_LOG_DIR"]).expanduser()
    else:
        base = Path(environment.get("ROS_HOME", "~/.ros")).expanduser() / "log"
    stamp = datetime.now().strftime("%Y-%m-%d-%H-%M-%S-%f")
    directory = base / f"{stamp}-{socket.gethostname()}-{os.getpid()}"
    directory.mkdir(parents=True)
    return directory
