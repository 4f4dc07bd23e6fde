"""The audit log: what it proves, and what it does when the disk, the power or a person fails it."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy_governance import audit
from autonomy_governance.audit import AuditLog
from autonomy_governance.audit_chain import Head, log_files, read_head, records, verify


def write_log(directory: Path, count: int, **options: Any) -> Head:
    log = AuditLog(directory, **options)
    for index in range(count):
        log.record("transition", index, "monitor", f"cause {index}", {"scale": 0.5})
    assert log.close(), log.problem
    return log.head


def write_files(directory: Path, count: int) -> None:
    for _ in range(count):
        write_log(directory, 4, max_bytes=1)
    assert len(log_files(directory)) == count


def kinds(directory: Path) -> list[str]:
    return [record["kind"] for record in records(directory)]


def until(happened: Callable[[], bool]) -> None:
    """Wait for another thread."""
    end = time.monotonic() + 30.0
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.001)


class FaultyOs:
    """The os module with one function replaced for as long as `broken` is set."""

    def __init__(self, name: str, fault: Callable[..., Any]) -> None:
        self.broken = threading.Event()
        self.broken.set()
        self._name, self._fault = name, fault

    def __getattr__(self, name: str) -> Any:
        return self._fault if name == self._name and self.broken.is_set() else getattr(os, name)


def no_space(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_written_log_verifies_and_reads_back(tmp_path: Path) -> None:
    head = write_log(tmp_path, 5)
    result = verify(tmp_path)
    assert result.ok and result.records == 6 and result.head == head == read_head(tmp_path)
    last = list(records(tmp_path))[-1]
    assert last["cause"] == "cause 4" and last["who"] == "monitor"
    assert last["stamp_ns"] == 4 and last["details"] == {"scale": 0.5}


def test_values_that_json_lacks_are_kept_as_text(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    details = {"scale": float("nan"), "path": Path("/x"), "list": [1.0, float("inf")]}
    log.record("intervention", 0, "monitor", "é\n\"quoted'\x00", details)
    assert log.close() and verify(tmp_path).ok
    last = list(records(tmp_path))[-1]
    assert last["details"] == {"scale": "nan", "path": "/x", "list": [1.0, "inf"]}
    assert last["cause"] == "é\n\"quoted'\x00"


def test_the_chain_continues_over_rotated_files_and_restarts(tmp_path: Path) -> None:
    write_files(tmp_path, 3)
    assert verify(tmp_path).ok
    files = log_files(tmp_path)
    for earlier, later in itertools.pairwise(files):
        last_hash = json.loads(earlier.read_bytes().splitlines()[-1])["hash"]
        first = json.loads(later.read_bytes().splitlines()[0])
        assert first["kind"] == "file" and first["details"]["previous"] == last_hash
    assert [record["seq"] for record in records(tmp_path)] == list(
        range(1, verify(tmp_path).records + 1)
    )


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("log")
    write_files(directory, 3)
    return directory


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_tampering_within_the_files_is_found(pristine: Path, data: st.DataObject) -> None:
    lines = [(path, line) for path in log_files(pristine) for line in path.open("rb")]
    kind = data.draw(st.sampled_from(["edit", "remove", "swap", "repeat", "truncate"]))
    at = data.draw(st.integers(0, len(lines) - 1))
    if kind == "edit":
        path, line = lines[at]
        byte = data.draw(st.integers(0, len(line) - 1))
        changed = (line[byte] + data.draw(st.integers(1, 255))) % 256
        lines[at] = (path, line[:byte] + bytes([changed]) + line[byte + 1 :])
    elif kind == "remove":
        lines.pop(at)
    elif kind == "swap":
        other = data.draw(st.integers(0, len(lines) - 1).filter(lambda index: index != at))
        (path_a, line_a), (path_b, line_b) = lines[at], lines[other]
        lines[at], lines[other] = (path_a, line_b), (path_b, line_a)
    elif kind == "repeat":
        lines.insert(at, lines[at])
    else:
        lines = lines[:at]
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch)
        (copy / audit.HEAD_FILE).write_bytes((pristine / audit.HEAD_FILE).read_bytes())
        for path in log_files(pristine):
            content = b"".join(line for owner, line in lines if owner == path)
            (copy / path.name).write_bytes(content)
        assert not verify(copy).ok


def edit_line(directory: Path, number: int, old: bytes, new: bytes) -> None:
    path = log_files(directory)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new)
    path.write_bytes(b"".join(lines))


def test_an_edit_is_one_finding_with_its_file_and_line(tmp_path: Path) -> None:
    write_log(tmp_path, 9)
    edit_line(tmp_path, 4, b"cause 2", b"cause 7")
    (finding,) = verify(tmp_path).findings
    assert (finding.file, finding.line) == ("audit-000001.jsonl", 4)
    assert "edited" in finding.problem


def rehash(line: bytes, previous: str) -> bytes:
    """The line with its hash as docs/audit.md defines it, written independently."""
    body = b"{" + line.rstrip(b"\n").split(b",", 1)[1]
    return (
        b'{"hash":"'
        + hashlib.sha256(previous.encode() + body).hexdigest().encode()
        + (b'",' + body[1:] + b"\n")
    )


def test_the_chain_is_what_the_docs_say(tmp_path: Path) -> None:
    write_files(tmp_path, 2)
    previous = "0" * 64
    for path in log_files(tmp_path):
        for line in path.open("rb"):
            assert line == rehash(line, previous)
            previous = json.loads(line)["hash"]
    assert (tmp_path / audit.HEAD_FILE).read_text() == f"{verify(tmp_path).records}:{previous}\n"


def test_an_edit_with_a_new_hash_breaks_the_next_line(tmp_path: Path) -> None:
    write_log(tmp_path, 9)
    path = log_files(tmp_path)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    before = json.loads(lines[2])["hash"]
    lines[3] = rehash(lines[3].replace(b"cause 2", b"cause 7"), before)
    path.write_bytes(b"".join(lines))
    (finding,) = verify(tmp_path).findings
    assert finding.line == 5 and "the one before it was edited" in finding.problem


def test_a_removed_file_in_the_middle_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, 3)
    log_files(tmp_path)[1].unlink()
    findings = verify(tmp_path).findings
    assert findings[0].file == "audit-000003.jsonl" and "missing" in findings[0].problem
    assert "removed" in findings[1].problem


def test_a_cut_end_shows_against_the_head_file(tmp_path: Path) -> None:
    write_log(tmp_path, 9)
    path = log_files(tmp_path)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    (finding,) = verify(tmp_path).findings
    assert finding.file == audit.HEAD_FILE and "record 10 is cut off" in finding.problem


def test_a_consistent_rewrite_shows_only_against_a_published_head(tmp_path: Path) -> None:
    write_log(tmp_path / "true", 9)
    published = read_head(tmp_path / "true")
    write_log(tmp_path / "forged", 9)
    assert published is not None
    assert verify(tmp_path / "forged").ok
    assert verify(tmp_path / "true", [published]).ok
    (finding,) = verify(tmp_path / "forged", [published]).findings
    assert "record 10 is another one" in finding.problem


def test_archived_files_need_the_head_they_ended_with(tmp_path: Path) -> None:
    write_files(tmp_path, 3)
    first = log_files(tmp_path)[0]
    last = json.loads(first.read_bytes().splitlines()[-1])
    first.unlink()
    assert f"records 1 to {last['seq']} are missing" in verify(tmp_path).findings[0].problem
    assert verify(tmp_path, [Head(last["seq"], last["hash"])]).ok


def test_a_missing_head_file_is_a_finding(tmp_path: Path) -> None:
    write_log(tmp_path, 3)
    (tmp_path / audit.HEAD_FILE).unlink()
    assert [finding.file for finding in verify(tmp_path).findings] == [audit.HEAD_FILE]


def test_a_restart_does_not_hide_an_end_that_was_cut_off(tmp_path: Path) -> None:
    write_log(tmp_path, 9)
    path = log_files(tmp_path)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    write_log(tmp_path, 3)
    assert kinds(tmp_path).count("truncated") == 1
    assert any("the log ends at record 8" in each.problem for each in verify(tmp_path).findings)


def test_a_line_cut_by_a_power_failure_is_moved_aside_and_recorded(tmp_path: Path) -> None:
    write_log(tmp_path, 4)
    path = log_files(tmp_path)[0]
    with path.open("ab") as file:
        file.write(b'{"hash":"12')
    write_log(tmp_path, 1)
    assert verify(tmp_path).ok
    recovered = next(record for record in records(tmp_path) if record["kind"] == "recovered")
    aside = tmp_path / recovered["details"]["file"]
    assert aside.read_bytes() == b'{"hash":"12' and recovered["details"]["bytes"] == 11


def test_a_first_line_cut_by_a_power_failure_leaves_a_usable_log(tmp_path: Path) -> None:
    write_log(tmp_path, 4)
    (tmp_path / "audit-000002.jsonl").write_bytes(b'{"ha')
    write_log(tmp_path, 1)
    assert verify(tmp_path).ok and kinds(tmp_path).count("file") == 2


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_unhealthy_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    write_log(tmp_path, 1)
    faulty = FaultyOs(call, no_space)
    monkeypatch.setattr(audit, "os", faulty)
    log = AuditLog(tmp_path, retry_s=0.001)
    log.record("transition", 1, "monitor", "while full")
    until(lambda: "No space left" in log.problem)
    assert not log.healthy
    faulty.broken.clear()
    assert log.close(), log.problem
    assert verify(tmp_path).ok
    assert [r["cause"] for r in records(tmp_path)][-1] == "while full"
    assert kinds(tmp_path) == ["file", "transition", "transition"]


def test_a_write_cut_short_leaves_no_half_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = threading.Event()
    calls = itertools.count(1)

    def two_pieces_then_full(fd: int, data: memoryview) -> int:
        if next(calls) % 3:
            return os.write(fd, data[:7])
        refused.set()
        return no_space()

    faulty = FaultyOs("write", two_pieces_then_full)
    monkeypatch.setattr(audit, "os", faulty)
    log = AuditLog(tmp_path, retry_s=0.001)
    log.record("stop", 1, "monitor", "bye")
    assert refused.wait(30)
    faulty.broken.clear()
    assert log.close(), log.problem
    assert verify(tmp_path).ok and kinds(tmp_path) == ["file", "stop"]


def test_what_counts_as_written_was_fsynced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replays the calls on the log's file: none of its bytes counts before its fsync."""
    calls: list[tuple[str, int]] = []

    class Recorder(FaultyOs):
        def __getattr__(self, name: str) -> Any:
            if name not in ("write", "fsync"):
                return getattr(os, name)

            def call(fd: int, *rest: Any) -> Any:
                calls.append((name, fd))
                return getattr(os, name)(fd, *rest)

            return call

    monkeypatch.setattr(audit, "os", Recorder("", no_space))
    write_log(tmp_path, 3)
    writes = [index for index, (name, _) in enumerate(calls) if name == "write"]
    assert writes
    assert all(calls[index + 1] == ("fsync", calls[index][1]) for index in writes)


def test_a_disk_that_does_not_answer_is_unhealthy_and_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, answer = threading.Event(), threading.Event()

    def stalled(fd: int) -> None:
        entered.set()
        answer.wait(30)

    faulty = FaultyOs("fsync", stalled)
    monkeypatch.setattr(audit, "os", faulty)
    log = AuditLog(tmp_path, capacity=10, stall_s=0.0)
    assert entered.wait(10)
    assert not log.healthy
    for index in range(25):
        log.record("intervention", index, "monitor", "slowed")
    assert "15 records dropped" in log.problem or not log.healthy
    faulty.broken.clear()
    answer.set()
    assert log.close(), log.problem
    written = list(records(tmp_path))
    assert verify(tmp_path).ok
    assert sum(record["kind"] == "intervention" for record in written) == 10
    assert [r["details"]["n"] for r in written if r["kind"] == "dropped"] == [15]


def test_an_unwritable_place_is_unhealthy_and_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log = AuditLog(tmp_path / "file", retry_s=0.001)
    log.record("start", 0, "monitor", "start")
    assert not log.close()
    assert str(tmp_path / "file") in log.problem


def test_a_second_writer_waits_until_the_first_lets_go(tmp_path: Path) -> None:
    first = AuditLog(tmp_path)
    first.record("start", 0, "first", "start")
    until(lambda: first.head.seq > 0)
    second = AuditLog(tmp_path, retry_s=0.001)
    second.record("start", 1, "second", "start")
    until(lambda: "another process" in second.problem)
    assert first.close()
    assert second.close(), second.problem
    assert verify(tmp_path).ok
    assert [r["who"] for r in records(tmp_path) if r["kind"] == "start"] == ["first", "second"]


LIMITED_WRITER = """
import resource, sys
from pathlib import Path
from autonomy_governance.audit import AuditLog
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
log = AuditLog(Path(sys.argv[1]), retry_s=0.001)
for index in range(100):
    log.record("transition", index, "monitor", "x" * 50)
closed = log.close()
print(closed, log.problem)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log = AuditLog(Path(sys.argv[1]))
log.record("start", 0, "monitor", "again")
print(log.close())
"""


def test_a_real_limit_of_the_file_system_leaves_a_log_that_verifies(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    out = subprocess.run(
        [sys.executable, "-c", LIMITED_WRITER, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert out[0].startswith("False") and "too large" in out[0] and out[1] == "True"
    assert verify(tmp_path).ok
    assert list(records(tmp_path))[-1]["cause"] == "again"


def test_a_killed_writer_leaves_a_log_that_verifies(tmp_path: Path) -> None:
    code = (
        "import sys, os; from pathlib import Path; from autonomy_governance.audit import AuditLog\n"
        "log = AuditLog(Path(sys.argv[1]), max_bytes=3000)\n"
        "while True:\n"
        "    log.record('transition', 1, 'monitor', 'again')\n"
        "    if log.head.seq > 40: os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    before = verify(tmp_path)
    assert before.ok and before.records >= 40
    write_log(tmp_path, 1)
    assert verify(tmp_path).ok
