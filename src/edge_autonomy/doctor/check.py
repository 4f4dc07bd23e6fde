"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(str, Enum):
    """`LACKS` is something optional; with a `FAILS` the stack cannot run here."""

    OK = "ok"
    LACKS = "lacks"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and what to do where it is not good."""

    name: str
    status: Status
    found: str
    remedy: str = ""


def good(name: str, found: str) -> Check:
    """Nothing to do."""
    return Check(name, Status.OK, found)


def lacks(name: str, found: str, remedy: str) -> Check:
    """Something optional is absent."""
    return Check(name, Status.LACKS, found, remedy)


def fails(name: str, found: str, remedy: str) -> Check:
    """Something that the stack needs is absent."""
    return Check(name, Status.FAILS, found, remedy)
