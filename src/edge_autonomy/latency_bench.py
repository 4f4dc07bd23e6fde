"""From a scan to the command computed from it, over DDS: `edge-autonomy bench latency`.

All times are when a publisher handed the message to its middleware, by one clock. A decision's
status names the scan that made the costmap that it decided on; its wish is the last one published
before that status; and the command that follows from it is the first one after it that lies along
the wish's arc, passed or scaled: what the safety monitor was just computing from the wish before
does not count, and neither does a stop.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy_interfaces.messages import MILLISECOND
from autonomy_interfaces.ros import stamp_of
from edge_autonomy.demo.listener import RawMessage
from edge_autonomy.shuttle import ShuttleError, driving

ALONG = 1e-6
"""Product of m/s and rad/s by which a command may be beside the arc of its wish."""
SOON = 10
"""Commands after a wish among which the one that follows from it is looked for."""
TOPICS = frozenset({"/scan", "/decision/cmd_vel", "/decision/status", "/cmd_vel"})


@dataclass(frozen=True, slots=True, order=True)
class Velocity:
    """A wish or a command, and when it was published: nanoseconds, m/s, rad/s."""

    at_ns: int
    vx: float = 0.0
    wz: float = 0.0

    def follows(self, wish: Velocity) -> bool:
        """Whether it is some of the wish, or all of it."""
        if not (self.vx or self.wz):
            return not (wish.vx or wish.wz)
        forward = self.vx * wish.vx + self.wz * wish.wz > 0.0
        return forward and abs(self.vx * wish.wz - self.wz * wish.vx) < ALONG


@dataclass(frozen=True, slots=True)
class Decision:
    """What a status says: when, on which scan, milliseconds of inference and of all of it."""

    at_ns: int
    scan_ns: int
    inference_ms: float
    decision_ms: float


class LatencyRecord:
    """Publication times of what was heard."""

    def __init__(self) -> None:
        self.scans: dict[int, int] = {}
        self.wishes: list[Velocity] = []
        self.commands: list[Velocity] = []
        self.decisions: list[Decision] = []

    def hear(self, message: RawMessage) -> None:
        """Take one message."""
        at_ns = message.published_ns
        if message.topic == "/scan":
            self.scans[stamp_of(message.decode().header.stamp)] = at_ns
        elif message.topic == "/decision/status":
            values = {pair.key: pair.value for pair in message.decode().values}
            if values["driver"] != "none":
                times = float(values["latency_ms"]), float(values["decision_ms"])
                self.decisions.append(Decision(at_ns, int(values["scan_stamp_ns"]), *times))
        else:
            twist = message.decode().twist
            velocity = Velocity(at_ns, twist.linear.x, twist.angular.z)
            wish = message.topic == "/decision/cmd_vel"
            (self.wishes if wish else self.commands).append(velocity)

    def figures(self) -> dict[str, Any]:
        """The percentiles, in milliseconds.

        Raises:
            ShuttleError: no decision could be followed from its scan to its command.
        """
        wishes, commands = sorted(self.wishes), sorted(self.commands)
        to_wish, to_command = [], []
        for decision in self.decisions:
            seen_ns = self.scans.get(decision.scan_ns)
            number = bisect.bisect_left(wishes, Velocity(decision.at_ns)) - 1
            if seen_ns is None or number < 0 or wishes[number].at_ns < seen_ns:
                continue
            wish = wishes[number]
            first = bisect.bisect_left(commands, wish)
            following = (c for c in commands[first : first + SOON] if c.follows(wish))
            if (command := next(following, None)) is not None:
                to_wish.append((wish.at_ns - seen_ns) / MILLISECOND)
                to_command.append((command.at_ns - seen_ns) / MILLISECOND)
        if not to_command:
            raise ShuttleError("no decision could be followed from its scan to its command")
        inference = [d.inference_ms for d in self.decisions if d.inference_ms > 0.0] or [0.0]
        return {
            "decisions": len(self.decisions),
            "followed": len(to_command),
            **_percentiles("scan_to_cmd_ms", to_command),
            **_percentiles("scan_to_wish_ms", to_wish),
            **_percentiles("decision_ms", [d.decision_ms for d in self.decisions]),
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
