"""Running processes: output, signals, respawn, and an end that leaves nothing behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from edge_autonomy.launch import RunningLaunch, start

WAIT_S = 20.0
Start = Callable[..., RunningLaunch]

SLEEPER = """\
- executable:
    name: sleeper
    cmd: sleep 1000
"""


@pytest.fixture
def launch(tmp_path: Path) -> Start:
    """Starts a launch file of the given actions."""

    def start_actions(actions: str, **options: object) -> RunningLaunch:
        file = tmp_path / "test.launch.yaml"
        file.write_text("launch:\n" + actions)
        return start(file, **options)  # type: ignore[arg-type]

    return start_actions


def script(name: str, source: str, tmp_path: Path, extra: str = "") -> str:
    """An `executable` action that runs Python source."""
    file = tmp_path / f"{name}.py"
    file.write_text(source)
    return f"- executable:\n    name: {name}\n    cmd: '{sys.executable} -S {file}'\n{extra}"


def until(condition: Callable[[], bool]) -> bool:
    """Wait for something outside the launch, such as the end of a process."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_output_is_kept_per_node_and_marked_on_the_stream(launch: Start) -> None:
    stream = io.StringIO()
    actions = (
        "- executable: {name: a, cmd: \"bash -c 'echo one; echo two >&2'\", output: screen}\n"
        '- executable: {name: b, cmd: "echo quiet"}\n'
    )
    with launch(actions, stream=stream) as running:
        assert running.wait(WAIT_S) == 0
        assert sorted(running.lines("a")) == ["one", "two"]
        assert running.lines("b") == ["quiet"]
    assert "[a-1] one\n" in stream.getvalue()
    assert "[a-1] two\n" in stream.getvalue()
    assert "quiet" not in stream.getvalue()


def test_a_failure_gives_exit_code_1_and_a_request_gives_0(launch: Start) -> None:
    with launch("- executable: {name: bad, cmd: \"bash -c 'exit 3'\"}\n") as running:
        assert running.wait(WAIT_S) == 1
        assert [(end.node, end.code, end.failed) for end in running.exits] == [("bad", 3, True)]
    running = launch(SLEEPER)
    assert running.wait_for(lambda r: "sleeper" in r.pids, WAIT_S)
    assert running.stop() == 0
    assert not running.exits[0].failed


def test_stopping_ends_grandchildren_of_other_process_groups_too(
    launch: Start, tmp_path: Path
) -> None:
    source = (
        "import subprocess, signal, os\n"
        "child = subprocess.Popen(['sleep', '1000'], process_group=0) \\\n"
        "    if hasattr(subprocess, 'process_group') else \\\n"
        "    subprocess.Popen(['sleep', '1000'], preexec_fn=os.setpgrp)\n"
        "print(child.pid, flush=True)\n"
        "signal.pause()\n"
    )
    with launch(script("parent", source, tmp_path)) as running:
        assert until(lambda: bool(running.lines("parent")))
        grandchild = int(running.lines("parent")[0])
        assert not is_gone(grandchild)
    assert until(lambda: is_gone(grandchild))


def test_a_process_that_ignores_sigint_and_sigterm_is_killed(launch: Start, tmp_path: Path) -> None:
    source = (
        "import signal\n"
        "signal.signal(signal.SIGINT, lambda *_: print('int', flush=True))\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('term', flush=True))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    extra = "    sigterm_timeout: 0.2\n    sigkill_timeout: 0.2\n"
    with launch(script("stubborn", source, tmp_path, extra)) as running:
        assert until(lambda: running.lines("stubborn") == ["ready"])
        assert running.stop() == 0
        assert running.lines("stubborn") == ["ready", "int", "term"]
        assert running.exits[0].code == -signal.SIGKILL


def test_a_suspended_process_ends_on_the_first_request(launch: Start) -> None:
    with launch(SLEEPER) as running:
        assert running.wait_for(lambda r: "sleeper" in r.pids, WAIT_S)
        running.signal("sleeper", signal.SIGSTOP)
        running.stop()
        assert running.exits[0].code == -signal.SIGINT


def test_respawn_starts_a_killed_process_again_and_stops_when_asked(launch: Start) -> None:
    with launch(SLEEPER + '    respawn: "true"\n') as running:
        assert running.wait_for(lambda r: "sleeper" in r.pids, WAIT_S)
        first = running.signal("sleeper", signal.SIGKILL)
        assert running.wait_for(lambda r: r.pids.get("sleeper", first) != first, WAIT_S)
        assert running.exits[0].code == -signal.SIGKILL
        second = running.pids["sleeper"]
    assert is_gone(second)
    assert len(running.exits) == 2


def test_respawn_gives_up_after_its_retries(launch: Start) -> None:
    actions = '- executable: {name: a, cmd: "false", respawn: "true", respawn_max_retries: 2}\n'
    with launch(actions) as running:
        assert running.wait(WAIT_S) == 1
        assert len(running.exits) == 3


def test_a_respawn_in_waiting_does_not_hold_up_the_end(launch: Start) -> None:
    with launch(
        '- executable: {name: a, cmd: "false", respawn: "true", respawn_delay: 900.0}\n'
    ) as r:
        assert r.wait_for(lambda running: bool(running.exits), WAIT_S)
        r.stop()
        assert len(r.exits) == 1


def test_on_exit_shutdown_ends_the_rest(launch: Start) -> None:
    actions = SLEEPER + '- executable: {name: main, cmd: "true", on_exit: shutdown}\n'
    with launch(actions) as running:
        assert running.wait(WAIT_S) == 0
        assert {end.node for end in running.exits} == {"sleeper", "main"}


def test_a_signal_for_an_unknown_node_names_those_that_are(launch: Start) -> None:
    with launch(SLEEPER) as running, pytest.raises(KeyError, match="known here: sleeper"):
        running.signal("sleper", signal.SIGKILL)


def test_very_long_lines_and_broken_text_do_not_stop_the_output(
    launch: Start, tmp_path: Path
) -> None:
    source = "import sys\nsys.stdout.buffer.write(b'x' * 300_000 + b'\\n\\xff\\xfe bad\\nlast')\n"
    with launch(script("wide", source, tmp_path)) as running:
        assert running.wait(WAIT_S) == 0
        assert sum(map(len, running.lines("wide")[:-2])) == 300_000
        assert running.lines("wide")[-1] == "last"


def run_in_terminal(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from edge_autonomy.cli import main; main()", "launch", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "ROS_LOG_DIR": str(file.parent / "log")},
    )


def started_pid(program: subprocess.Popen[str]) -> int:
    """Read the terminal until a process has started, and say which."""
    assert program.stdout
    for line in program.stdout:
        if "process started with pid [" in line:
            return int(line.rsplit("[", 1)[1].split("]")[0])
    raise AssertionError("nothing started")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_command_ends_cleanly_on_signals(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "a.launch.yaml"
    file.write_text("launch:\n" + SLEEPER)
    program = run_in_terminal(file)
    pid = started_pid(program)
    program.send_signal(number)
    output, _ = program.communicate(timeout=WAIT_S)
    assert program.returncode == 0
    assert f"shutting down: {number.name}" in output
    assert is_gone(pid)
    (log,) = (tmp_path / "log").glob("*/launch.log")
    assert f"[sleeper-1]: process started with pid [{pid}]" in log.read_text()


def test_nodes_die_with_a_killed_launcher(tmp_path: Path) -> None:
    file = tmp_path / "a.launch.yaml"
    file.write_text("launch:\n" + SLEEPER)
    program = run_in_terminal(file)
    pid = started_pid(program)
    program.kill()
    program.communicate(timeout=WAIT_S)
    assert until(lambda: is_gone(pid))


def test_an_impatient_second_interrupt_is_more_urgent(tmp_path: Path) -> None:
    source = (
        "import signal\n"
        "signal.signal(signal.SIGINT, lambda *_: print('not yet', flush=True))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    file = tmp_path / "a.launch.yaml"
    extra = "    output: screen\n    sigterm_timeout: 900.0\n"
    file.write_text("launch:\n" + script("slow", source, tmp_path, extra))
    program = run_in_terminal(file)
    assert program.stdout
    sent = {"ready": False, "not yet": False}
    for line in program.stdout:
        for word in sent:
            if line.endswith(f"] {word}\n") and not sent[word]:
                program.send_signal(signal.SIGINT)
                sent[word] = True
    assert program.wait(WAIT_S) == 0
    assert all(sent.values())


def test_an_unknown_action_exits_2_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "a.launch.yaml"
    file.write_text("launch:\n- executable: {cmd: echo}\n- frobnicate: {}\n")
    program = run_in_terminal(file)
    output, _ = program.communicate(timeout=WAIT_S)
    assert program.returncode == 2
    assert output.startswith(f"error: {file}:3: unknown action 'frobnicate'")
    assert output.count("\n") == 1
