"""`edge-autonomy audit` and `gate check`: exit codes and figures for people and for scripts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autonomy_governance.audit import AuditLog
from autonomy_governance.audit_chain import log_files, read_head
from autonomy_governance.cli import audit, gate

DIRECTORY = Path(__file__).parents[2] / "config" / "gate"
runner = CliRunner()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for name in ("safety_monitor", "safety_gate"):
        log = AuditLog(tmp_path / name)
        log.record("start", 0, name, "start", {"pid": 7})
        log.record("operator", 1, "lena", "estop")
        assert log.close(), log.problem
    return tmp_path


def test_verify_proves_every_log_below_a_directory(logs: Path) -> None:
    result = runner.invoke(audit, ["verify", str(logs), "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == 0 and report["ok"]
    assert {Path(name).name for name in report["logs"]} == {"safety_monitor", "safety_gate"}
    assert {log["records"] for log in report["logs"].values()} == {3}


def test_verify_uses_the_shared_directory_by_default(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_HOME", str(logs / "home"))
    result = runner.invoke(audit, ["verify"])
    assert result.exit_code == 2 and f"{logs}/home/audit holds no audit log" in result.stderr
    shutil.copytree(logs / "safety_gate", logs / "home" / "audit" / "safety_gate")
    assert runner.invoke(audit, ["verify"]).exit_code == 0


def test_verify_names_the_line_of_an_edit_and_exits_1(logs: Path) -> None:
    file = log_files(logs / "safety_gate")[0]
    file.write_bytes(file.read_bytes().replace(b"lena", b"anna"))
    result = runner.invoke(audit, ["verify", str(logs)])
    assert result.exit_code == 1
    assert "audit-000001.jsonl:3: record 3 does not fit" in result.stdout
    result = runner.invoke(audit, ["verify", str(logs), "--json"])
    finding = json.loads(result.stdout)["logs"][str(logs / "safety_gate")]["findings"][0]
    assert (finding["file"], finding["line"]) == ("audit-000001.jsonl", 3)


def test_an_anchor_is_looked_for_in_one_log(logs: Path) -> None:
    log = logs / "safety_gate"
    anchor = ["--anchor", str(read_head(log))]
    assert runner.invoke(audit, ["verify", str(log), *anchor]).exit_code == 0
    assert runner.invoke(audit, ["verify", str(logs / "safety_monitor"), *anchor]).exit_code == 1
    assert "one log" in runner.invoke(audit, ["verify", str(logs), *anchor]).stderr
    result = runner.invoke(audit, ["verify", str(log), "--anchor", "latest"])
    assert result.exit_code == 2 and "'latest' is no head" in result.stderr


def test_show_and_tail_print_records_in_the_order_of_time(logs: Path) -> None:
    result = runner.invoke(audit, ["show", str(logs), "--json"])
    shown = json.loads(result.stdout)["records"]
    times = [record["wall_ns"] for record in shown]
    assert len(shown) == 6 and times == sorted(times)
    result = runner.invoke(audit, ["tail", str(logs), "-n", "1"])
    assert result.stdout.count("\n") == 1 and "lena: estop" in result.stdout


@pytest.mark.parametrize("command", ["show", "tail"])
def test_what_cannot_be_read_is_told_beside_what_can(logs: Path, command: str) -> None:
    file = log_files(logs / "safety_gate")[0]
    first, _, third = file.read_bytes().splitlines(keepends=True)
    no_time = third.replace(b'"wall_ns":', b'"wall_ms":')
    file.write_bytes(first + b"garbage\n" + no_time + b'{"being writ')
    result = runner.invoke(audit, [command, str(logs), "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == 1 and len(report["records"]) == 4
    assert report["unreadable"] == [f"safety_gate/audit-000001.jsonl:{line}" for line in (2, 3)]
    result = runner.invoke(audit, [command, str(logs)])
    assert result.exit_code == 1 and result.stdout.count("\n") == 4
    assert "2 records cannot be read, the first is safety_gate/audit-0" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("named", ["robot", "4000"])
def test_a_domain_that_is_none_is_one_line(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    from autonomy_governance.operator import Operator, OperatorError

    monkeypatch.setenv("ROS_DOMAIN_ID", named)
    with pytest.raises(OperatorError, match=f"ROS_DOMAIN_ID is '{named}': set it") as caught:
        Operator(1.0).__enter__()
    assert "\n" not in str(caught.value)


def test_what_ros_does_not_permit_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import rclpy

    from autonomy_governance.operator import Operator, OperatorError

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no such middleware\nat line 7")

    monkeypatch.setattr(rclpy, "init", refuse)
    with pytest.raises(OperatorError, match=r"cannot be joined \(no such middleware\)") as caught:
        Operator(1.0).__enter__()
    assert "edge-autonomy doctor" in str(caught.value) and "\n" not in str(caught.value)


def test_gate_check_says_whether_a_policy_would_be_loaded(tmp_path: Path) -> None:
    result = runner.invoke(gate, [str(DIRECTORY), "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == 0 and report["ok"] and report["cases"] >= 30
    broken = tmp_path / "gate"
    shutil.copytree(DIRECTORY, broken)
    (broken / "extra.rego").write_text("package gate\nallow if {")
    result = runner.invoke(gate, [str(broken)])
    assert result.exit_code == 1 and "extra.rego:2" in result.stdout
    result = runner.invoke(gate, [str(tmp_path / "nowhere")])
    assert result.exit_code == 2 and "not a directory" in result.stderr
