"""A node's place among the processes of its computer, where the system lets it choose."""

from __future__ import annotations

import os
import resource
import signal
import threading
from contextlib import suppress
from pathlib import Path

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
    later, do not: what they run is not known to end. Should the process compute for `ON_END_S` on
    end, it is an ordinary one again, so that it cannot take a core from the rest of the robot.

    Without the right to it (root, CAP_SYS_NICE, a limit `rtprio` for the user) nothing changes.
    """
    signal.signal(signal.SIGXCPU, lambda *_: _schedule(os.SCHED_OTHER, 0))
    microseconds = (round(1e6 * ON_END_S), round(1e6 * LOST_S))
    _, most = resource.getrlimit(resource.RLIMIT_RTTIME)
    if most != resource.RLIM_INFINITY:
        microseconds = (min(microseconds[0], most), min(microseconds[1], most))
    resource.setrlimit(resource.RLIMIT_RTTIME, microseconds)
    return _schedule(os.SCHED_FIFO, priority)


def _schedule(policy: int, priority: int) -> bool:
    """Schedule the main thread and those that are not Python's; says whether the system let us."""
    main = threading.main_thread()
    others = {thread.native_id for thread in threading.enumerate() if thread is not main}
    for entry in Path("/proc/self/task").iterdir():
        if (thread := int(entry.name)) not in others:
            try:
                os.sched_setscheduler(
                    thread, policy | os.SCHED_RESET_ON_FORK, os.sched_param(priority)
                )
            except ProcessLookupError:
                continue
            except PermissionError:
                return False
    return True
