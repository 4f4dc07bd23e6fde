"""Faults of a clock: it jumps, drifts or stands still, and stamps with it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from autonomy_interfaces.messages import nanoseconds
from world_sim.faults.model import Message, Release, Stream, StreamFault, register


class ClockFault(StreamFault):
    """A fault of the robot's clock ("clock"), of one sensor's own clock, or of all of them.

    The clock is what the nodes read as ROS time; a sensor's clock stamps its messages.
    """

    FAMILY: ClassVar[str] = "clock"
    target: Literal["all", "clock", "scan", "imu", "odom", "camera", "depth"] = "all"

    def acts_on(self, topic: str) -> bool:
        """Whether the fault acts on the clock behind `topic`; "clock" is that of the nodes."""
        if topic == "command":
            return False
        return self.target in ("all", topic)

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Pass on the message with the stamp that the faulty clock gives."""
        return [(now_ns, replace(message, stamp_ns=self.read(message.stamp_ns)))]

    def read(self, time_ns: int) -> int:
        """What the faulty clock shows at the true time `time_ns`; never below zero."""
        onset_ns = self.onset_ns(time_ns)
        return time_ns if onset_ns is None else max(self.shown(time_ns, onset_ns), 0)

    @abstractmethod
    def shown(self, time_ns: int, onset_ns: int) -> int:
        """What the clock shows at `time_ns` of an activation that began at `onset_ns`."""


@register
class ClockJump(ClockFault):
    """The clock jumps forward or backward; at the end of the fault it jumps back."""

    kind: Literal["clock_jump"] = "clock_jump"
    offset_s: float = Field(-1.0, description="positive: into the future")

    def shown(self, time_ns: int, onset_ns: int) -> int:
        """The true time and the offset."""
        return time_ns + nanoseconds(self.offset_s)


@register
class ClockDrift(ClockFault):
    """The clock runs too fast or too slow; at the end of the fault it is set right."""

    kind: Literal["clock_drift"] = "clock_drift"
    rate: float = Field(1.05, gt=0.0, le=100.0, description="1 is right; 1.05 gains 50 ms a second")

    def shown(self, time_ns: int, onset_ns: int) -> int:
        """The onset and the time since, at the wrong rate."""
        return onset_ns + round((time_ns - onset_ns) * self.rate)


@register
class ClockPause(ClockFault):
    """The clock stands still while the world goes on; at the end of the fault it catches up."""

    kind: Literal["clock_pause"] = "clock_pause"

    def shown(self, time_ns: int, onset_ns: int) -> int:
        """The onset."""
        return onset_ns
