"""One supervised process: start, output, respawn, signals, and an end that leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from edge_autonomy.launch.output import Console
from edge_autonomy.launch.process_spec import ParameterValues, ProcessSpec

GUARD = Path(__file__).with_name("guard.py")
KEPT_LINES = 5_000
MAX_LINE_BYTES = 64 * 1024
DRAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: `code` as in subprocess (negative: the signal that ended it)."""

    node: str
    pid: int
    code: int
    requested: bool

    @property
    def failed(self) -> bool:
        """True where it ended by itself and not with success."""
        return not self.requested and self.code != 0


class SupervisedProcess:
    """Runs one `ProcessSpec` until it ends for good; used from the event loop's thread alone."""

    def __init__(
        self,
        spec: ProcessSpec,
        console: Console,
        scratch: Path,
        on_change: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.exits: list[Exit] = []
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._console = console
        self._scratch = scratch
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def run(self) -> None:
        """Start it, and again as often as its specification says; return when it is over."""
        await self._pause(self.spec.start_delay)
        retries = 0
        while not self._stopping.is_set():
            if not await self._run_once():
                return
            limit = self.spec.respawn_max_retries
            if not self.spec.respawn or (0 <= limit <= retries):
                return
            retries += 1
            await self._pause(self.spec.respawn_delay)

    async def stop(self) -> None:
        """Ask it to end: SIGINT, then SIGTERM, then SIGKILL; return when it has ended."""
        self._stopping.set()
        ladder = (
            (signal.SIGINT, self.spec.sigterm_timeout),
            (signal.SIGTERM, self.spec.sigkill_timeout),
            (signal.SIGKILL, None),
        )
        for number, patience_s in ladder:
            process = self._process
            if process is None or process.returncode is not None:
                return
            if number != signal.SIGINT:
                self._notice("ERROR", f"did not end in time, escalating to {number.name}")
            self._signal_group(number)
            # A node stopped by SIGSTOP acts on nothing until it is continued.
            self._signal_group(signal.SIGCONT)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), patience_s)

    def escalate(self, number: signal.Signals) -> None:
        """Send a harder signal at once: somebody is waiting."""
        if self.pid is not None:
            self._signal_group(number)

    async def _run_once(self) -> bool:
        """One life of the process; False where it could not be started."""
        command = self._command()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={"PYTHONUNBUFFERED": "1", **self.spec.environment},
                cwd=self.spec.cwd,
                start_new_session=True,
            )
        except OSError as error:
            self._notice("ERROR", f"could not be started: {error}")
            self.exits.append(Exit(self.spec.node, 0, 127, requested=False))
            self._on_change()
            return False
        self._process = process
        self._notice("INFO", f"process started with pid [{process.pid}]")
        self._on_change()
        assert process.stdout and process.stderr
        readers = asyncio.gather(
            self._read(process.stdout, self.spec.output in ("screen", "both")),
            self._read(process.stderr, True),
        )
        code = await process.wait()
        kill_session(process.pid)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(readers, DRAIN_S)
        self._report_exit(process.pid, code)
        return True

    def _report_exit(self, pid: int, code: int) -> None:
        outcome = Exit(self.spec.node, pid, code, requested=self._stopping.is_set())
        self.exits.append(outcome)
        if code == 0:
            self._notice("INFO", f"process has finished cleanly [pid {pid}]")
        elif outcome.requested and code in (-signal.SIGINT, -signal.SIGTERM, 130, 143):
            self._notice("INFO", f"process ended on request [pid {pid}, exit code {code}]")
        else:
            self._notice("ERROR", f"process has died [pid {pid}, exit code {code}]")
        self._on_change()

    async def _pause(self, duration_s: float) -> None:
        if duration_s > 0.0:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), duration_s)

    async def _read(self, stream: asyncio.StreamReader, to_screen: bool) -> None:
        pending = b""
        while chunk := await stream.read(MAX_LINE_BYTES):
            *complete, pending = (pending + chunk).split(b"\n")
            if len(pending) > MAX_LINE_BYTES:
                complete.append(pending)
                pending = b""
            for line in complete:
                self._line(line, to_screen)
        if pending:
            self._line(pending, to_screen)

    def _line(self, raw: bytes, to_screen: bool) -> None:
        text = raw.decode(errors="replace").rstrip("\r")
        self.lines.append(text)
        self._console.line(self.spec.label, text, to_screen)

    def _notice(self, level: str, text: str) -> None:
        self._console.notice(level, self.spec.label, text)

    def _signal_group(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _command(self) -> list[str]:
        return [
            part if isinstance(part, str) else self._parameter_file(part, index)
            for index, part in enumerate(self.spec.command)
        ]

    def _parameter_file(self, parameters: ParameterValues, index: int) -> str:
        file = self._scratch / f"{self.spec.label}-{index}.yaml"
        content = {parameters.section: {"ros__parameters": dict(parameters.values)}}
        file.write_text(yaml.safe_dump(content))
        return str(file)


def kill_session(leader: int) -> None:
    """End whatever is left of the session that a process led, in whichever process group."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getsid(int(entry.name)) == leader:
                    os.kill(int(entry.name), signal.SIGKILL)
