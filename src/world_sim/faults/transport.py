"""Faults on the way of a message: lost, late, repeated, out of order, wrongly stamped."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from autonomy_interfaces.messages import nanoseconds
from world_sim.faults.model import (
    Message,
    Release,
    Seconds,
    SensorTransportFault,
    Share,
    Stream,
    TransportFault,
    register,
)


@register
class Silence(TransportFault):
    """No message arrives."""

    kind: Literal["silence"] = "silence"

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Drop the message."""
        return []


@register
class Drop(TransportFault):
    """Messages are lost at random."""

    kind: Literal["drop"] = "drop"
    share: Share = Field(0.5, description="share of the messages that are lost")

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Drop the message with probability `share`."""
        return [] if stream.rng.random() < self.share else [(now_ns, message)]


@register
class Delay(TransportFault):
    """Every message arrives late by the same time, with the stamp of its measurement."""

    kind: Literal["delay"] = "delay"
    delay_s: Seconds = 0.2

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Hold the message for `delay_s`."""
        return [(now_ns + nanoseconds(self.delay_s), message)]


@register
class Jitter(TransportFault):
    """Messages arrive late by random times; their order is kept, as one connection keeps it."""

    kind: Literal["jitter"] = "jitter"
    max_delay_s: Seconds = Field(0.1, description="delays are uniform in [0, max_delay_s]")

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Hold the message for a random time, and behind those that came before it."""
        delay = nanoseconds(float(stream.rng.uniform(0.0, self.max_delay_s)))
        return [(max(now_ns + delay, stream.last_release_ns), message)]


@register
class Burst(TransportFault):
    """Messages are held back and arrive together, as over a congested radio link."""

    kind: Literal["burst"] = "burst"
    period_s: Seconds = Field(0.5, description="time from burst to burst")

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Hold the message until the end of its period."""
        period = nanoseconds(self.period_s)
        elapsed = now_ns - stream.onset_ns
        return [(now_ns + (-elapsed) % period, message)]


@register
class Reorder(TransportFault):
    """Some messages are overtaken by later ones."""

    kind: Literal["reorder"] = "reorder"
    share: Share = Field(0.3, description="share of the messages that are held back")
    hold_s: Seconds = Field(0.05, description="how long; over one period of the stream to matter")

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Hold the message back with probability `share`, without holding those behind it."""
        held = stream.rng.random() < self.share
        return [(now_ns + (nanoseconds(self.hold_s) if held else 0), message)]


@register
class Duplicate(TransportFault):
    """Some messages arrive more than once."""

    kind: Literal["duplicate"] = "duplicate"
    share: Share = Field(0.5, description="share of the messages that are repeated")
    copies: int = Field(1, ge=1, le=100, description="further copies of each")
    spacing_s: float = Field(0.0, ge=0.0, description="time between the copies")

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Send the message and, with probability `share`, its copies after it."""
        copies = self.copies if stream.rng.random() < self.share else 0
        spacing = nanoseconds(self.spacing_s)
        return [(now_ns + index * spacing, message) for index in range(copies + 1)]


@register
class Freeze(TransportFault):
    """The last data over and over, with fresh stamps: a driver that repeats its buffer."""

    kind: Literal["freeze"] = "freeze"

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Send what was last seen before the fault, stamped as the message is."""
        frozen = stream.before or stream.first or message
        return [(now_ns, replace(frozen, stamp_ns=message.stamp_ns))]


@register
class StaleStamp(SensorTransportFault):
    """Fresh data that claims to be older, or (negative age) to come from the future."""

    kind: Literal["stale_stamp"] = "stale_stamp"
    age_s: float = 0.5

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Send the message with its stamp set back by `age_s`."""
        stamp_ns = max(message.stamp_ns - nanoseconds(self.age_s), 0)
        return [(now_ns, replace(message, stamp_ns=stamp_ns))]


@register
class RepeatedStamp(SensorTransportFault):
    """Fresh data that always carries the same stamp."""

    kind: Literal["repeated_stamp"] = "repeated_stamp"

    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Send the message with the stamp that was last seen before the fault."""
        repeated = stream.before or stream.first or message
        return [(now_ns, replace(message, stamp_ns=repeated.stamp_ns))]
