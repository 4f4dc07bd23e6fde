"""The parts of the stack that a run waits for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from edge_autonomy.demo.run_log import RunLog
from edge_autonomy.launch import RunningLaunch

MAX_DEATHS = 3
SHOWN_LINES = 8


class DemoError(RuntimeError):
    """The run could not take place; the message says what failed, with the node's own words."""


@dataclass(frozen=True, slots=True)
class Part:
    """A node, what it does, and the topics by which it shows that it works."""

    node: str
    does: str
    topics: tuple[str, ...]


PARTS = (
    Part("world_sim", "plays the world", ("/scan", "/odom")),
    Part("perception", "maps what the lidar sees", ("/perception/costmap",)),
    Part("decision", "has loaded its policy", ("/decision/cmd_vel", "/decision/status")),
    Part("mission", "waits for a goal", ("/mission/status",)),
    Part("safety_gate", "decides and records", ("/audit/status",)),
    Part("safety_monitor", "guards and lets commands pass", ("/safety/state", "/cmd_vel")),
)

PASSING_STATES = ("nominal", "degraded")


class Startup:
    """Watches the parts of a stack become ready."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.ready: dict[str, float | None] = {f"{part.node} {part.does}": None for part in PARTS}
        """Seconds after which each part was ready, None while it is not."""

    def update(self, heard: Mapping[str, int], log: RunLog) -> bool:
        """Take in the topics heard so far; says whether everything is ready."""
        for part in PARTS:
            works = all(topic in heard for topic in part.topics)
            if part.node == "safety_monitor":
                works = works and bool(log.safety) and log.safety[-1].state in PASSING_STATES
            name = f"{part.node} {part.does}"
            if works and self.ready[name] is None:
                self.ready[name] = time.monotonic() - self._started
        return all(after_s is not None for after_s in self.ready.values())

    @property
    def missing(self) -> list[Part]:
        """Parts that are not ready."""
        return [part for part in PARTS if self.ready[f"{part.node} {part.does}"] is None]


def check_alive(launch: RunningLaunch) -> None:
    """Look for nodes that cannot run.

    Raises:
        DemoError: the stack has ended, or a node keeps dying.
    """
    deaths: dict[str, int] = {}
    for exit_ in launch.exits:
        deaths[exit_.node] = deaths.get(exit_.node, 0) + 1
    for node, count in deaths.items():
        if count >= MAX_DEATHS or not launch.running:
            raise DemoError(f"{node} ended {count} times; it said:\n{last_words(launch, node)}")
    if not launch.running:
        raise DemoError("the stack has ended")


def last_words(launch: RunningLaunch, node: str) -> str:
    """The newest lines that a node printed."""
    lines = launch.lines(node)[-SHOWN_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"
