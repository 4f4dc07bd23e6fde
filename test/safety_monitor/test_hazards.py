"""The hazard table of docs/safety.md: every line is complete, and its tests exist."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLUMNS = ["cause", "detection", "reaction", "within", "test"]


def table() -> list[list[str]]:
    """The cells of the table's lines, its head first."""
    section = (ROOT / "docs" / "safety.md").read_text().split("## Hazards")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|") and "| ---" not in line]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@lru_cache
def functions() -> frozenset[str]:
    """Every test function below test/."""
    return frozenset(
        node.name
        for file in (ROOT / "test").rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_the_table_has_its_columns_and_its_lines() -> None:
    head, *rows = table()
    assert head == COLUMNS
    assert len(rows) >= 30
    assert len({row[0] for row in rows}) == len(rows)


@pytest.mark.parametrize("row", table()[1:], ids=lambda row: row[0].replace(" ", "_"))
def test_a_hazard_says_how_it_is_met_and_names_tests_that_exist(row: list[str]) -> None:
    assert len(row) == len(COLUMNS) and all(row)
    named = re.findall(r"`(\w+)`", row[-1])
    assert named
    assert [name for name in named if f"test_{name}" not in functions()] == []
