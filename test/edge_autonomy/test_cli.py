"""The root command: what it mounts, how it reports errors, how light it is."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from edge_autonomy import cli

HEAVY = ("numpy", "rclpy", "mujoco", "numba", "onnxruntime", "scipy", "torch", "rich")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from edge_autonomy.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "launch",
        "doctor",
        "estop",
        "reset",
        "status",
        "approve",
        "audit",
        "gate",
        "policy",
        "train",
        "worlds",
        "barn",
    ],
)
def test_every_command_of_the_packages_is_there(command: str) -> None:
    result = CliRunner().invoke(cli.app, [command, "--help"])
    assert result.exit_code == 0
    assert command in result.output


@pytest.mark.parametrize("command", ["sim", "env", "monitor", "watchdog"])
def test_the_benches_of_all_packages_are_in_one_group(command: str) -> None:
    assert CliRunner().invoke(cli.app, ["bench", command, "--help"]).exit_code == 0


def test_help_imports_nothing_heavy() -> None:
    source = (
        "import sys\n"
        "from edge_autonomy.cli import app\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["launch", "no_such.launch.yaml"], "launch file no_such.launch.yaml: No such file"),
        (["launch", "sim", "world=office"], "launch argument 'world=office' is not NAME:=VALUE"),
        (["launch", "sim", "wolrd:=office"], "did you mean 'world'?"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(arguments: list[str], says: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["launch", "sim"], ["demo"], ["estop"], ["status"]])
def test_a_domain_that_is_none_is_one_line_before_any_node_starts(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "4000")
    result = run(*arguments)
    assert result.returncode == 2
    assert "error: ROS_DOMAIN_ID is '4000': set it to" in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_the_system_refuses_is_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> None:
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(cli, "app", refused)
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    said = capsys.readouterr().err
    assert said == "error: Address already in use; end who listens there, or choose another port\n"


def test_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_the_launch_command_shows_arguments_and_commands() -> None:
    shown = run("launch", "sim", "--show-args").stdout
    assert "world " in shown
    assert "use_sim_time" not in shown
    printed = run("launch", "sim", "--print", "world:=field").stdout
    assert len(printed.splitlines()) == 6
    assert "<world: 'field'>" in printed
