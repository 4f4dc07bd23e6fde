"""Plays faults into one run: every message and command passes here on its way."""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

from world_sim.faults.clock import ClockFault
from world_sim.faults.drive import HEALTHY, DriveCondition, DriveFault
from world_sim.faults.model import Fault, Message, Stream, StreamFault

COMMAND = "command"
"""The stream of velocity commands from the stack to the base."""


@dataclass(frozen=True)
class Delivery:
    """A message and when, from which robot and on which stream it comes out."""

    time_ns: int
    robot: str
    topic: str
    message: Message


@dataclass(order=True)
class _Pending:
    """A message on its way: it enters stage `stage` of its stream at `time_ns`.

    At one instant, messages go in the order in which they were pushed (`origin`).
    """

    time_ns: int
    origin: int
    sequence: int
    stage: int = field(compare=False)
    key: tuple[str, str] = field(compare=False)
    message: Message = field(compare=False)


@dataclass(frozen=True)
class _Stage:
    fault: StreamFault
    stream: Stream


class FaultPipeline:
    """Every fault of a run, and the messages that they hold.

    Faults act on a stream in the order in which they are given, those of clocks first (a stamp
    is taken before a message travels). A message that one fault delays meets the next at the
    later time. Random numbers depend on the seed, the fault's place in the list and the stream,
    so that a fault does not change the random numbers of another.
    """

    def __init__(self, faults: Sequence[Fault] = (), seed: int = 0):
        self._faults = tuple(faults)
        self._seed = seed
        self._stages: dict[tuple[str, str], list[_Stage]] = {}
        self._pending: list[_Pending] = []
        self._sequence = 0

    def push(self, robot: str, topic: str, message: Message, now_ns: int) -> None:
        """Let `message` enter its stream at `now_ns`; times must not decrease."""
        origin = self._next()
        heapq.heappush(self._pending, _Pending(now_ns, origin, 0, 0, (robot, topic), message))

    def pop(self, until_ns: int) -> list[Delivery]:
        """What has come out by `until_ns` (inclusive), in the order of coming out."""
        delivered = []
        while self._pending and self._pending[0].time_ns <= until_ns:
            pending = heapq.heappop(self._pending)
            stages = self._stages_of(*pending.key)
            if pending.stage == len(stages):
                robot, topic = pending.key
                delivered.append(Delivery(pending.time_ns, robot, topic, pending.message))
            else:
                self._pass(stages[pending.stage], pending)
        return delivered

    def next_event_ns(self, now_ns: int) -> int | None:
        """The first instant after `now_ns` at which a drive changes or a held message moves."""
        changes = (f.next_change_ns(now_ns) for f in self._faults if isinstance(f, DriveFault))
        events = [change for change in changes if change is not None]
        events.extend(p.time_ns for p in self._pending[:1] if p.time_ns > now_ns)
        return min(events, default=None)

    def drive(self, robot: str, now_ns: int) -> DriveCondition:
        """The condition of the drive of `robot` at `now_ns`."""
        faults = (
            fault
            for fault in self._faults
            if isinstance(fault, DriveFault) and fault.concerns(robot) and fault.active(now_ns)
        )
        return reduce(lambda condition, fault: fault.impair(condition), faults, HEALTHY)

    def clock_ns(self, time_ns: int) -> int:
        """What the robot's clock (ROS time) shows at the true time `time_ns`."""
        for fault in self._faults:
            if isinstance(fault, ClockFault) and fault.acts_on("clock"):
                time_ns = fault.read(time_ns)
        return time_ns

    def _pass(self, stage: _Stage, pending: _Pending) -> None:
        fault, stream, now_ns = stage.fault, stage.stream, pending.time_ns
        onset_ns = fault.onset_ns(now_ns)
        if onset_ns is None:
            stream.before = pending.message
            self._forward(pending, now_ns, pending.message)
            return
        if onset_ns != stream.onset_ns:
            stream.onset_ns, stream.first, stream.index = onset_ns, pending.message, 0
        for release_ns, message in fault.apply(pending.message, now_ns, stream):
            self._forward(pending, max(release_ns, now_ns), message)
            stream.last_release_ns = max(stream.last_release_ns, release_ns)
        stream.index += 1

    def _forward(self, sent: _Pending, time_ns: int, message: Message) -> None:
        forwarded = _Pending(time_ns, sent.origin, self._next(), sent.stage + 1, sent.key, message)
        heapq.heappush(self._pending, forwarded)

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _stages_of(self, robot: str, topic: str) -> list[_Stage]:
        stages = self._stages.get((robot, topic))
        if stages is None:
            place = zlib.crc32(f"{robot}/{topic}".encode())
            stages = [
                _Stage(fault, Stream((self._seed, index, place)))
                for index, fault in enumerate(self._faults)
                if isinstance(fault, StreamFault) and fault.acts_on(topic) and fault.concerns(robot)
            ]
            stages.sort(key=lambda stage: not isinstance(stage.fault, ClockFault))
            self._stages[robot, topic] = stages
        return stages
