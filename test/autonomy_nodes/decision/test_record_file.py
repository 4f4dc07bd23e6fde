"""Records of decisions reach their file, stay within its bound, and no disk disturbs a tick."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from autonomy_nodes.decision import record_file
from autonomy_nodes.decision.record_file import RecordFile


def ticks(file: Path) -> list[int]:
    return [json.loads(line)["tick"] for line in file.read_text().splitlines()]


def parts(file: Path) -> list[Path]:
    """The older parts, the oldest first, and the file."""
    older = sorted(file.parent.glob(f"{file.name}.*"), key=lambda part: -int(part.suffix[1:]))
    return [*older, file]


def unheard(words: str) -> None:
    raise AssertionError(f"said: {words}")


def test_a_file_is_made_and_appended_to(tmp_path):
    file = tmp_path / "new" / "record.jsonl"
    for run in range(2):
        records = RecordFile(file, 1, unheard)
        records.write({"tick": run})
        records.close()
    assert ticks(file) == [0, 1]


def test_it_keeps_the_newest_and_stays_within_its_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(record_file, "MEBIBYTE", 8 * 1000)
    file = tmp_path / "record.jsonl"
    for start in range(0, 300, 100):
        records = RecordFile(file, 1, unheard)
        for tick in range(start, start + 100):
            records.write({"tick": tick, "filling": "x" * 70})
        records.close()
    assert len(parts(file)) == 8
    assert all(part.stat().st_size <= 1000 for part in parts(file))
    kept = [tick for part in parts(file) for tick in ticks(part)]
    assert kept == list(range(300 - len(kept), 300))
    assert len(kept) > 70


def test_without_a_bound_there_is_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr(record_file, "MEBIBYTE", 8)
    file = tmp_path / "record.jsonl"
    records = RecordFile(file, 0, unheard)
    for tick in range(100):
        records.write({"tick": tick})
    records.close()
    assert parts(file) == [file]
    assert ticks(file) == list(range(100))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's full disk")
def test_a_full_disk_ends_the_record_and_says_so_once():
    told: list[str] = []
    records = RecordFile(Path("/dev/full"), 1, told.append)
    for tick in range(3):
        records.write({"tick": tick})
    records.close()
    assert len(told) == 1
    assert told[0].startswith("no decision is recorded any more: /dev/full: No space left")


def test_a_part_that_cannot_be_put_away_ends_the_record_too(tmp_path, monkeypatch):
    monkeypatch.setattr(record_file, "MEBIBYTE", 8 * 70)
    file, told = tmp_path / "record.jsonl", []
    (tmp_path / "record.jsonl.6").write_text("")
    (tmp_path / "record.jsonl.7").mkdir()
    records = RecordFile(file, 1, told.append)
    for tick in range(9):
        records.write({"tick": tick})
    records.close()
    assert len(told) == 1
    assert told[0].startswith(f"no decision is recorded any more: {file}.7: ")
    assert ticks(file) == [0, 1, 2, 3, 4, 5]


def test_no_tick_waits_for_a_disk_that_hangs(tmp_path):
    """A pipe that nobody reads stands for it: 64 KiB, and then who writes waits."""
    pipe = tmp_path / "record.jsonl"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    records = RecordFile(pipe, 1, unheard)
    filling = "x" * 10_000
    for tick in range(1000):
        records.write({"tick": tick, "filling": filling})
    os.set_blocking(reader, True)
    ending = threading.Thread(target=records.close)
    ending.start()
    with os.fdopen(reader, encoding="utf-8") as stream:
        kept = [json.loads(line)["tick"] for line in stream]
    ending.join()
    assert kept == list(range(len(kept)))
    assert 200 <= len(kept) < 300
