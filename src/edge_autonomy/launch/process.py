"""One supervised process: start, respawn, signals and the way to its end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from edge_autonomy.launch.child import Child
from edge_autonomy.launch.output import Console
from edge_autonomy.launch.process_spec import ParameterValues, ProcessSpec

KEPT_LINES = 5_000


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
        self._child: Child | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        child = self._child
        return child.pid if child and child.running else None

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
        child = self._child
        if child is None:
            return
        ladder = (
            (signal.SIGINT, self.spec.sigterm_timeout),
            (signal.SIGTERM, self.spec.sigkill_timeout),
            (signal.SIGKILL, None),
        )
        for number, patience_s in ladder:
            if not child.running:
                return
            if number != signal.SIGINT:
                self._notice("ERROR", f"did not end in time, escalating to {number.name}")
            child.signal(number)
            # A node stopped by SIGSTOP acts on nothing until it is continued.
            child.signal(signal.SIGCONT)
            await child.wait(patience_s)

    def escalate(self, number: signal.Signals) -> None:
        """Send a harder signal at once: somebody is waiting."""
        if self._child is not None:
            self._child.signal(number)

    async def _run_once(self) -> bool:
        """One life of the process; False where it could not be started."""
        environment = {"PYTHONUNBUFFERED": "1", **self.spec.environment}
        try:
            child = Child(self._command(), environment, self.spec.cwd)
        except OSError as error:
            self._notice("ERROR", f"could not be started: {error}")
            self.exits.append(Exit(self.spec.node, 0, 127, requested=False))
            self._on_change()
            return False
        self._child = child
        self._notice("INFO", f"process started with pid [{child.pid}]")
        self._on_change()
        both = self.spec.output in ("screen", "both")
        code = await child.follow(
            lambda line: self._line(line, to_screen=both),
            lambda line: self._line(line, to_screen=True),
        )
        self._report_exit(child.pid, code)
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

    def _line(self, text: str, to_screen: bool) -> None:
        self.lines.append(text)
        self._console.line(self.spec.label, text, to_screen)

    def _notice(self, level: str, text: str) -> None:
        self._console.notice(level, self.spec.label, text)

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
