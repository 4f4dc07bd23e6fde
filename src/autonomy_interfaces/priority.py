"""A node's place among the processes of its computer, where the system lets it choose."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

DRIVING = -5
"""Niceness of what a command waits for on its way from the sensors."""
REAL_TIME_DRIVING = 30
"""Real-time priority of the same: below the safety monitor's, ros2_control's (50) and the kernel's
interrupt threads (50)."""
REAL_TIME_HARDWARE = 20
"""Of a simulator, which stands for what has a computer of its own: below all that drives."""
ON_END_S = 0.5
"""Of computing without a pause, after which a real-time process is one like all others again."""
LOST_S = 10.0
"""Of the same in code that sees no signal, after which the kernel ends the process."""
REST_S = 10.0
"""Of a process that was made an ordinary one, until it is in real time again."""
RETURNS, RETURNS_WITHIN_S = 3, 600.0
"""So many returns to real time in so many seconds at the most."""
INNER_FRAMES, OUTER_FRAMES = 8, 16
"""Of the Python stack, that the event of a lost real time shows where it is deeper."""
ASLEEP_POLL_S = 0.02
STANDARD_ERROR = 2


def prefer(niceness: int) -> None:
    """Be no nicer than this from now on, this thread and those that it starts.

    Without the right to it (root, CAP_SYS_NICE, a limit `nice` for the user) nothing changes.
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(niceness, os.getpriority(os.PRIO_PROCESS, 0)))


def run_in_real_time(priority: int) -> bool:
    """Run before everything that is not real-time, from now on; says whether the system let us.

    For a process that has started up and waits for messages: its main thread, which calls this,
    and the middleware's threads become SCHED_FIFO. Python's other threads, and whatever is started
    later, do not: what they run is not known to end.

    A thread that computes for `ON_END_S` without waiting for anything makes the process an ordinary
    one. It writes what it was at to standard error, one line of JSON with the event
    `real_time_lost`, and is in real time again after `REST_S` (`real_time_regained`), `RETURNS`
    times in `RETURNS_WITHIN_S`. So a process that never waits takes 4 x 0.5 s of ten minutes from
    the rest of the robot, 0.3 % of a core, in pieces of half a second. One that hangs in code that
    sees no signal is ended after `LOST_S`. One that always waits a little in time is not noticed
    here; the kernel leaves 5 % of each core to what is not real-time.

    Without the right to it (root, CAP_SYS_NICE, a limit `rtprio` for the user) nothing changes.
    """
    return _RealTime(priority).begin()


class Returns:
    """When a process that lost real time is to have it back: after a rest, and not too often."""

    def __init__(self) -> None:
        self._granted: deque[float] = deque(maxlen=RETURNS)

    def grant(self, lost_s: float) -> float:
        """The moment of the return of what was lost at `lost_s`, both of one monotonic clock."""
        moment_s = lost_s + REST_S
        if len(self._granted) == RETURNS:
            moment_s = max(moment_s, self._granted[0] + RETURNS_WITHIN_S)
        self._granted.append(moment_s)
        return moment_s


class _RealTime:
    """Keeps a process in real time that is fit for it."""

    def __init__(self, priority: int) -> None:
        self._priority = priority
        self._returns = Returns()
        # A handler of signals may put into this kind of queue wherever it interrupts its thread.
        self._due: SimpleQueue[float] = SimpleQueue()

    def begin(self) -> bool:
        """Enter real time; says whether the system let us."""
        signal.signal(signal.SIGXCPU, self._on_end)
        _limit()
        if not _schedule(os.SCHED_FIFO, self._priority):
            return False
        threading.Thread(target=self._bring_back, name="real_time", daemon=True).start()
        return True

    def _on_end(self, _: int, frame: FrameType | None) -> None:
        """Leave real time and say what ran, from within it: the main thread, between bytecodes.

        Where a thread of the middleware was at fault, the main thread will have been waiting.
        """
        _schedule(os.SCHED_OTHER, 0)
        now_s = time.monotonic()
        back_s = self._returns.grant(now_s)
        self._due.put(back_s)
        # Whatever the words fail at, the work that was interrupted goes on.
        with suppress(Exception):
            _tell("real_time_lost", after_s=ON_END_S, back_in_s=back_s - now_s, stack=_stack(frame))

    def _bring_back(self) -> None:
        """Return to real time whenever that is due; in a thread of its own, an ordinary one.

        The kernel starts to count afresh when a real-time thread wakes, and neither when one
        becomes real-time nor when an ordinary one wakes: who became real-time while it computes
        would lose it at once. And with each signal it raises the limit by a second.
        """
        while True:
            back_s = self._due.get()
            time.sleep(max(0.0, back_s - time.monotonic()))
            while not _all_asleep():
                time.sleep(ASLEEP_POLL_S)
            _limit()
            if _schedule(os.SCHED_FIFO, self._priority):
                _tell("real_time_regained")


def _limit() -> None:
    """Have the kernel tell us after `ON_END_S`, and end us after `LOST_S`."""
    microseconds = (round(1e6 * ON_END_S), round(1e6 * LOST_S))
    _, most = resource.getrlimit(resource.RLIMIT_RTTIME)
    if most != resource.RLIM_INFINITY:
        microseconds = (min(microseconds[0], most), min(microseconds[1], most))
    resource.setrlimit(resource.RLIMIT_RTTIME, microseconds)


def _threads() -> Iterator[int]:
    """The main thread and those that are not Python's, by the numbers that the kernel gave them."""
    main = threading.main_thread()
    others = {thread.native_id for thread in threading.enumerate() if thread is not main}
    for entry in Path("/proc/self/task").iterdir():
        if int(entry.name) not in others:
            yield int(entry.name)


def _schedule(policy: int, priority: int) -> bool:
    """Schedule all `_threads`; says whether the system let us."""
    policy |= os.SCHED_RESET_ON_FORK
    try:
        for thread in _threads():
            with suppress(ProcessLookupError):
                os.sched_setscheduler(thread, policy, os.sched_param(priority))
    except PermissionError:
        return False
    return True


def _all_asleep() -> bool:
    """Whether all `_threads` wait for something."""
    for thread in _threads():
        with suppress(FileNotFoundError, ProcessLookupError):
            status = Path(f"/proc/self/task/{thread}/stat").read_text()
            # After the name, which may hold anything, the state: R runs or wants to.
            if status.rpartition(")")[2].split()[0] == "R":
                return False
    return True


def _stack(frame: FrameType | None) -> list[str]:
    """What runs in a frame, innermost first: function, file and line of each call."""
    calls = []
    for caller, line in traceback.walk_stack(frame):
        file = "/".join(caller.f_code.co_filename.split("/")[-2:])
        calls.append(f"{caller.f_code.co_name} {file}:{line}")
    if len(calls) > INNER_FRAMES + OUTER_FRAMES:
        calls[INNER_FRAMES:-OUTER_FRAMES] = ["..."]
    return calls


def _tell(event: str, **details: object) -> None:
    """Write an event past Python's streams and ROS's log, whose locks we may have interrupted."""
    with suppress(OSError):
        os.write(STANDARD_ERROR, (json.dumps({"event": event, **details}) + "\n").encode())
