"""A disk that is full is one line that names the place and the remedy."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from autonomy_interfaces.writing import WritingError, writing

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_names_the_place_and_the_remedy() -> None:
    with (
        pytest.raises(WritingError, match="/dev/full: No space left on device; free some space"),
        writing(FULL),
    ):
        FULL.write_text("results")


def test_a_remedy_of_ones_own_takes_the_place_of_the_usual_one(tmp_path: Path) -> None:
    with (
        pytest.raises(WritingError, match=r"No space left on device; go on with --resume$"),
        writing(tmp_path, "go on with --resume"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "file"
    with pytest.raises(WritingError, match=r"nowhere/file: .*; name a place"), writing(file):
        file.write_text("results")


def test_what_is_missing_elsewhere_is_no_fault_of_the_place(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        (tmp_path / "input").read_text()
