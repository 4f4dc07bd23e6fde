"""From a scan to the command computed from it, over DDS: `edge-autonomy bench latency`.

All times are the publishers' own stamps of one clock. A decision's status names the scan that it
is based on; its wish is the last one published before that status; and the command that follows
from it is the first one that the safety monitor publishes after that wish.
"""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np

from autonomy_interfaces.messages import MILLISECOND
from autonomy_interfaces.ros import stamp_of
from edge_autonomy.demo.listener import RawMessage
from edge_autonomy.shuttle import ShuttleError, driving

TOPICS = frozenset({"/scan", "/decision/cmd_vel", "/decision/status", "/cmd_vel"})


class LatencyRecord:
    """Publication times of what was heard."""

    def __init__(self) -> None:
        self.scans: dict[int, int] = {}
        self.wishes: list[int] = []
        self.commands: list[int] = []
        self.decisions: list[tuple[int, int, float, float]] = []

    def hear(self, message: RawMessage) -> None:
        """Take one message."""
        at_ns = message.published_ns
        if message.topic == "/scan":
            self.scans[stamp_of(message.decode().header.stamp)] = at_ns
        elif message.topic == "/decision/cmd_vel":
            self.wishes.append(at_ns)
        elif message.topic == "/cmd_vel":
            self.commands.append(at_ns)
        else:
            values = {pair.key: pair.value for pair in message.decode().values}
            if values["driver"] != "none":
                self.decisions.append(
                    (
                        at_ns,
                        int(values["scan_stamp_ns"]),
                        float(values["latency_ms"]),
                        float(values["decision_ms"]),
                    )
                )

    def figures(self) -> dict[str, Any]:
        """The percentiles, in milliseconds.

        Raises:
            ShuttleError: no decision could be followed from its scan to its command.
        """
        wishes, commands = sorted(self.wishes), sorted(self.commands)
        to_wish, to_command = [], []
        for told_ns, scan_ns, _, _ in self.decisions:
            seen_ns = self.scans.get(scan_ns)
            wish = bisect.bisect_left(wishes, told_ns) - 1
            if seen_ns is None or wish < 0 or wishes[wish] < seen_ns:
                continue
            command = bisect.bisect_right(commands, wishes[wish])
            if command < len(commands):
                to_wish.append((wishes[wish] - seen_ns) / MILLISECOND)
                to_command.append((commands[command] - seen_ns) / MILLISECOND)
        if not to_command:
            raise ShuttleError("no decision could be followed from its scan to its command")
        inference = [latency for _, _, latency, _ in self.decisions if latency > 0.0] or [0.0]
        return {
            "decisions": len(to_command),
            **_percentiles("scan_to_cmd_ms", to_command),
            **_percentiles("scan_to_wish_ms", to_wish),
            **_percentiles("decision_ms", [decision for _, _, _, decision in self.decisions]),
            **_percentiles("inference_ms", inference),
        }


def _percentiles(name: str, values: list[float]) -> dict[str, float]:
    found = np.percentile(values, (50, 99, 100))
    words = ("p50", "p99", "max")
    return {f"{name}_{w}": round(float(v), 3) for w, v in zip(words, found, strict=True)}


def bench_latency(
    duration_s: float, world: str, arguments: dict[str, str] | None = None
) -> dict[str, Any]:
    """Drive to and fro for a while and follow every decision.

    Raises:
        ShuttleError: the robot does not drive.
    """
    record = LatencyRecord()
    with driving(world, TOPICS, arguments or {}) as shuttle:
        shuttle.drive(duration_s, record.hear)
    return {"world": world, "duration_s": duration_s, **record.figures()}
