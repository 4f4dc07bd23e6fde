"""Stacks that are measured while they drive: none in the ROS domain of the one before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge_autonomy import judged_run, shuttle


class Driver:
    """In place of the node that gives the goals."""

    def __init__(self, *_: object) -> None:
        self.closed = False

    def wait_until_driving(self) -> None:
        """As if it drove."""

    def close(self) -> None:
        self.closed = True


def test_each_stack_has_a_domain_of_its_own_and_the_caller_s_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    domains = []

    @contextmanager
    def start(*_: object) -> Iterator[None]:
        domains.append(os.environ["ROS_DOMAIN_ID"])
        yield

    monkeypatch.delenv("ROS_DOMAIN_ID")
    monkeypatch.setattr(judged_run, "start", start)
    monkeypatch.setattr(shuttle, "Shuttle", Driver)
    for _ in range(2):
        with shuttle.driving("office", frozenset(), {}) as driver:
            pass
        assert driver.closed
        assert "ROS_DOMAIN_ID" not in os.environ
    assert len(set(domains)) == 2
