"""A request to the kernel lasts as long as the file of it is open: a named pipe stands for that."""

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from autonomy_interfaces.wake_latency import WakeLatency

OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "cpu_dma_latency"
    os.mkfifo(path)
    return path


@pytest.fixture
def kernel(pipe):
    """What has been written to the pipe: nothing and its end while nobody holds it open."""
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    yield lambda: os.read(descriptor, 64)
    os.close(descriptor)


@pytest.mark.parametrize(("longest_s", "microseconds"), [(0.0, 0), (1e-5, 10), (0.0021, 2100)])
def test_it_is_asked_for_in_microseconds_while_it_is_wanted(pipe, kernel, longest_s, microseconds):
    latency = WakeLatency(longest_s, pipe)
    assert kernel() == b""
    latency.hold(True)
    latency.hold(True)
    assert latency.held
    assert kernel() == struct.pack("=i", microseconds)
    with pytest.raises(BlockingIOError):
        kernel()
    latency.hold(False)
    assert not latency.held
    assert kernel() == b""
    latency.hold(True)
    assert kernel() == struct.pack("=i", microseconds)


def test_a_negative_one_leaves_the_system_alone(pipe, kernel):
    latency = WakeLatency(-1.0, pipe)
    latency.hold(True)
    assert not latency.held
    assert kernel() == b""


def test_what_is_not_there_or_not_permitted_changes_nothing_and_is_asked_once(tmp_path):
    file = tmp_path / "cpu_dma_latency"
    latency = WakeLatency(0.0, file)
    latency.hold(True)
    assert not latency.held
    file.touch()
    latency.hold(True)
    assert not latency.held
    assert file.read_bytes() == b""


def test_a_request_that_is_refused_leaves_no_file_open():
    before = len(list(OPEN_FILES.iterdir()))
    latency = WakeLatency(0.0, "/dev/full")
    latency.hold(True)
    assert not latency.held
    assert len(list(OPEN_FILES.iterdir())) == before


@pytest.mark.parametrize("longest_s", [float("nan"), float("inf"), 3000.0])
def test_what_is_no_latency_is_refused_with_its_name(longest_s):
    with pytest.raises(ValueError, match="wake_latency"):
        WakeLatency(longest_s)


HOLDS = """
import sys
from autonomy_interfaces.wake_latency import WakeLatency
latency = WakeLatency(0.0, sys.argv[1])
latency.hold(True)
print("held", flush=True)
sys.stdin.read()
"""


def test_it_ends_with_a_process_that_is_killed(pipe, kernel):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(pipe)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        assert kernel() == bytes(4)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kernel() == b""
