"""Checks of the machine: interpreter, cores, memory, disk, sockets, ports, time."""

from __future__ import annotations

import os
import platform
import reprlib
import shutil
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from autonomy_interfaces.ros_domain import HIGHEST_DOMAIN, is_domain
from autonomy_interfaces.wake_latency import CPU_LATENCY
from edge_autonomy.doctor.check import Check, fails, good, lacks

GIB = 1024**3
SHARED_MEMORY = Path("/dev/shm")
RECEIVE_BUFFER = Path("/proc/sys/net/core/rmem_max")
RECEIVE_BUFFER_BYTES = 212_992
"""What config/dds asks for, and Linux grants where nobody has changed it."""
TIMER_PERIOD_S = 0.02
TIMER_CYCLES = 50
LATE_MS = 10.0
HIGHEST_PRIORITY = 40
"""In real time, of the stack: the safety monitor's."""


def python() -> Check:
    """The interpreter's version, and whether it runs in an environment of its own."""
    version = platform.python_version()
    where = sys.prefix if sys.prefix != sys.base_prefix else "system installation"
    if not (3, 10) <= sys.version_info[:2] <= (3, 14):
        return fails("python", version, "use Python 3.10 to 3.14: make PYTHON=python3.12 setup")
    return good("python", f"{version} on {platform.machine()} ({where})")


def cores() -> Check:
    """Cores that this process may use."""
    count = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    found = f"{count} (load {load:.1f})"
    if count < 2:
        return lacks("cores", found, "the stack with its simulator wants two cores")
    if load > 2.0 * count:
        return lacks("cores", found, "other programs use them all; timings will suffer")
    return good("cores", found)


def memory() -> Check:
    """Memory that can be had without swapping."""
    available = psutil.virtual_memory().available / GIB
    found = f"{available:.1f} GiB available"
    if available < 1.0:
        return fails("memory", found, "free at least 1 GiB")
    return good("memory", found)


def disk() -> Check:
    """Room for recordings and logs."""
    free = shutil.disk_usage(Path.cwd()).free / GIB
    found = f"{free:.1f} GiB free here"
    if free < 0.2:
        return fails("disk", found, "free some space: a run records about 10 MB a minute")
    if free < 1.0:
        return lacks("disk", found, "recordings will soon fill it")
    return good("disk", found)


def shared_memory() -> Check:
    """Where the processes that are watched hold a lock for as long as they live."""
    if not SHARED_MEMORY.is_dir() or not os.access(SHARED_MEMORY, os.W_OK):
        return lacks(
            "shared memory",
            "/dev/shm cannot be written to",
            "mount a tmpfs there: without it a dead process is noticed by its silence alone",
        )
    return good("shared memory", "/dev/shm can be written to")


def socket_buffers() -> Check:
    """Whether a costmap, four datagrams of UDP, fits into what a socket may hold."""
    if not RECEIVE_BUFFER.is_file():
        return good("socket buffers", "not known here")
    most = int(RECEIVE_BUFFER.read_text())
    found = f"net.core.rmem_max = {most}"
    if most < RECEIVE_BUFFER_BYTES:
        return lacks(
            "socket buffers", found, f"sudo sysctl net.core.rmem_max={RECEIVE_BUFFER_BYTES}"
        )
    return good("socket buffers", found)


def ports() -> Check:
    """Whether the UDP ports of the ROS domain can be had."""
    named = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not is_domain(named):
        return fails(
            "ports",
            f"ROS_DOMAIN_ID is {reprlib.repr(named)}",
            f"it is a number of 0 to {HIGHEST_DOMAIN}: export ROS_DOMAIN_ID=42",
        )
    domain = int(named)
    first = 7400 + 250 * domain
    busy = [port for port in range(first + 10, first + 30, 2) if not _is_free(port)]
    found = f"domain {domain}, UDP from {first}"
    if busy:
        return lacks(
            "ports",
            f"{found}; {len(busy)} of 10 in use: another ROS program runs in this domain",
            "end it, or use another domain: export ROS_DOMAIN_ID=42",
        )
    return good("ports", found)


def timer() -> Check:
    """How late a 50 Hz loop wakes up: the monitor's cycle depends on it."""
    lateness = []
    due = time.monotonic()
    for _ in range(TIMER_CYCLES):
        due += TIMER_PERIOD_S
        time.sleep(max(0.0, due - time.monotonic()))
        lateness.append(1e3 * (time.monotonic() - due))
    worst = max(lateness)
    middle = sorted(lateness)[TIMER_CYCLES // 2]
    found = f"50 Hz loop late by {middle:.2f} ms in the middle, {worst:.2f} ms at most"
    if worst > LATE_MS:
        return lacks("timer", found, "the machine is busy or virtual; expect slower reactions")
    return good("timer", found)


def real_time() -> Check:
    """Whether the nodes that drive may run before everything else."""
    allowed = threading.Event()

    def ask() -> None:
        # Not permitted, or by a sandbox that knows no such scheduler.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(HIGHEST_PRIORITY))
            allowed.set()

    # Of this thread alone, which ends with it.
    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    if not allowed.is_set():
        return lacks(
            "real time",
            "not permitted to this user: other programs delay the nodes that drive",
            f"`USER - rtprio {HIGHEST_PRIORITY}` in /etc/security/limits.d (docs/performance.md)",
        )
    return good("real time", "permitted: monitor, perception and decision run before all else")


def wake_latency() -> Check:
    """Whether the nodes may bound the time that a sleeping core takes to wake."""
    if not CPU_LATENCY.exists():
        return good("wake latency", f"there is no {CPU_LATENCY} here: cores sleep as they like")
    if not os.access(CPU_LATENCY, os.W_OK):
        return lacks(
            "wake latency",
            f"{CPU_LATENCY} is not this user's to write: idle cores wake late while it drives",
            f'`KERNEL=="{CPU_LATENCY.name}", GROUP="GROUP", MODE="0660"` in /etc/udev/rules.d '
            "(docs/performance.md)",
        )
    return good("wake latency", "permitted: cores stay awake while there is a goal")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
