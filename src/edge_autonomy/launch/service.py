"""Running a launch file: from Python (`start`), or as the program of a terminal (`run`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from types import TracebackType
from typing import TextIO

from edge_autonomy.launch.errors import did_you_mean
from edge_autonomy.launch.evaluate import evaluate_file
from edge_autonomy.launch.output import Console, log_directory
from edge_autonomy.launch.process import Exit, SupervisedProcess
from edge_autonomy.launch.process_spec import ProcessSpec


class Supervisor:
    """All processes of a launch, in one event loop."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        console: Console,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="edge_autonomy_launch_"))
        self._console = console
        self._ending: asyncio.Task[None] | None = None
        self._impatience = 0
        self._on_change = on_change
        self._failed_shutdown = False
        self.processes: dict[str, SupervisedProcess] = {}
        for spec in specs:
            key = spec.node if spec.node not in self.processes else spec.label
            process = SupervisedProcess(spec, console, self._scratch, self._changed)
            self.processes[key] = process

    async def run(self) -> int:
        """Run until every process is over; 0 on success or on request, 1 where one failed."""
        try:
            await asyncio.gather(*(process.run() for process in self.processes.values()))
            if self._ending:
                await self._ending
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        asked = self._ending is not None and not self._failed_shutdown
        return 0 if asked or not any(exit_.failed for exit_ in self.exits) else 1

    @property
    def exits(self) -> list[Exit]:
        """Every end of a process so far."""
        return [exit_ for process in self.processes.values() for exit_ in process.exits]

    def shutdown(self, reason: str) -> None:
        """Ask every process to end; asking again makes it more urgent."""
        if self._ending is None:
            self._console.notice("INFO", "launch", f"shutting down: {reason}")
            self._ending = asyncio.ensure_future(self._stop_all())
            return
        self._impatience += 1
        number = signal.SIGTERM if self._impatience == 1 else signal.SIGKILL
        self._console.notice("WARNING", "launch", f"{reason} again: sending {number.name}")
        for process in self.processes.values():
            process.escalate(number)

    async def _stop_all(self) -> None:
        await asyncio.gather(*(process.stop() for process in self.processes.values()))

    def _changed(self) -> None:
        for key, process in self.processes.items():
            if process.spec.shutdown_on_exit and process.exits and self._ending is None:
                self._failed_shutdown = process.exits[-1].failed
                self.shutdown(f"{key} has ended")
        self._on_change()


class RunningLaunch:
    """A launch file running in the background; a context manager that stops it at the end.

    Nodes are named by their `name` in the launch file, or by their executable without one.
    Safe to use from any thread.
    """

    def __init__(self, specs: Sequence[ProcessSpec], console: Console) -> None:
        self._specs = specs
        self._console = console
        self._loop: asyncio.AbstractEventLoop | None = None
        self._supervisor: Supervisor | None = None
        self._changed = threading.Condition()
        self._code: futures.Future[int] = futures.Future()
        self._ready = threading.Event()
        # Nodes die with the thread that started them, so it lives as long as they do.
        self._thread = threading.Thread(target=self._run, name="launch", daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of all nodes of the launch, running or not."""
        return tuple(self._processes)

    @property
    def pids(self) -> dict[str, int]:
        """Process id of every node that runs now."""
        pids = {name: process.pid for name, process in self._processes.items()}
        return {name: pid for name, pid in pids.items() if pid is not None}

    @property
    def exits(self) -> list[Exit]:
        """Every end of a process so far, those before a respawn included."""
        assert self._supervisor
        return self._supervisor.exits

    @property
    def running(self) -> bool:
        """False once every process has ended for good."""
        return not self._code.done()

    def lines(self, node: str) -> list[str]:
        """The newest lines that a node printed, standard output and error as they came."""
        return list(self._process(node).lines)

    def signal(self, node: str, number: int) -> int:
        """Send a signal to one node's process, and nothing else; returns the process id.

        Raises:
            KeyError: there is no such node; the message lists those that are.
            ProcessLookupError: it does not run now.
        """
        pid = self._process(node).pid
        if pid is None:
            raise ProcessLookupError(f"node '{node}' does not run now")
        os.kill(pid, number)
        return pid

    def wait_for(self, condition: Callable[[RunningLaunch], bool], timeout_s: float) -> bool:
        """Wait until `condition(self)` holds; it is tried at every start and end of a process."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until every process has ended for good; 0 on success, 1 where one failed.

        Raises:
            TimeoutError: they still run.
        """
        try:
            return self._code.result(timeout_s)
        except futures.TimeoutError as error:
            raise TimeoutError(f"still running after {timeout_s} s") from error

    def stop(self) -> int:
        """End every process (SIGINT, SIGTERM, SIGKILL) and return when none is left."""
        loop, supervisor = self._loop, self._supervisor
        if loop and supervisor and self.running:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(supervisor.shutdown, "asked to stop")
        code = self.wait()
        self._thread.join()
        return code

    def __enter__(self) -> RunningLaunch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def _processes(self) -> dict[str, SupervisedProcess]:
        assert self._supervisor
        return self._supervisor.processes

    def _process(self, node: str) -> SupervisedProcess:
        if node not in self._processes:
            raise KeyError(f"no node '{node}'; {did_you_mean(node, self.nodes)}")
        return self._processes[node]

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            code = asyncio.run(self._main())
        except BaseException as error:
            self._code.set_exception(error)
        else:
            self._code.set_result(code)
        finally:
            self._console.close()
            self._ready.set()
            self._notify()

    async def _main(self) -> int:
        self._loop = asyncio.get_running_loop()
        self._supervisor = Supervisor(self._specs, self._console, self._notify)
        self._ready.set()
        return await self._supervisor.run()


def start(
    file: Path | str,
    arguments: Mapping[str, str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    stream: TextIO | None = None,
    log_file: Path | None = None,
) -> RunningLaunch:
    """Start a launch file in the background.

    Args:
        file: a `.launch.yaml` file.
        arguments: values of its arguments.
        environment: what the nodes inherit; this process's environment if None.
        stream: where marked output goes; nowhere if None (`RunningLaunch.lines` has it).
        log_file: where all output goes as well.

    Raises:
        LaunchError: the file or an argument cannot be used; nothing has been started.
    """
    specs = evaluate_file(Path(file), arguments or {}, environment)
    return RunningLaunch(specs, Console(stream, log_file))


def run(file: Path, arguments: Mapping[str, str]) -> int:
    """Run a launch file in the foreground until it ends or SIGINT or SIGTERM comes.

    Raises:
        LaunchError: the file or an argument cannot be used; nothing has been started.
    """
    specs = evaluate_file(file, arguments)
    log_file, problem = None, ""
    try:
        log_file = log_directory(os.environ) / "launch.log"
    except OSError as error:
        problem = f"no log file: {error}"
    console = Console(sys.stdout, log_file)
    if problem:
        console.notice("WARNING", "launch", problem)
    else:
        console.notice("INFO", "launch", f"all output is also in {log_file}")
    try:
        return asyncio.run(_foreground(specs, console))
    finally:
        console.close()


async def _foreground(specs: Sequence[ProcessSpec], console: Console) -> int:
    supervisor = Supervisor(specs, console)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.shutdown, number.name)
    return await supervisor.run()
