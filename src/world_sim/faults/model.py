"""What a fault is: one frozen, validated description that every runner of the stack plays.

A fault says what goes wrong (`kind`), with what (`target`, `robot`), and when (`at_s`,
`duration_s`, `repeat_s`). Its class holds its parameters and its effect, and nothing else knows
it by name: the YAML form, the JSON schema, the listing and the tests follow from `@register`.
Times are simulated time since the start of the run.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, TypeAlias, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from autonomy_interfaces.messages import (
    VelocityCommand,
    nanoseconds,
)
from world_sim.measurement import Message as Measured

Message: TypeAlias = Measured | VelocityCommand
Release: TypeAlias = tuple[int, Message]
"""A message and the instant (nanoseconds) at which it leaves the fault."""

Seconds = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]


class Fault(BaseModel):
    """When something goes wrong, and with which robot."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    FAMILY: ClassVar[str] = ""

    kind: str
    target: str
    robot: str = Field("", description="name of the robot; empty: every robot")
    at_s: float = Field(0.0, ge=0.0, description="simulated time of the onset")
    duration_s: Seconds | None = Field(None, description="how long it lasts; empty: to the end")
    repeat_s: Seconds | None = Field(None, description="time from onset to onset; empty: once")

    @model_validator(mode="after")
    def _repeats_after_its_end(self) -> Self:
        duration, repeat = self.duration_s, self.repeat_s
        if duration is not None and repeat is not None and repeat <= duration:
            raise ValueError(f"repeat_s ({repeat}) must be over duration_s ({duration})")
        return self

    def onset_ns(self, now_ns: int) -> int | None:
        """Start of the activation that covers `now_ns`, or None where the fault is inactive.

        An activation covers [onset, onset + duration).
        """
        elapsed = now_ns - nanoseconds(self.at_s)
        if elapsed < 0:
            return None
        if self.repeat_s is not None:
            elapsed %= nanoseconds(self.repeat_s)
        if self.duration_s is not None and elapsed >= nanoseconds(self.duration_s):
            return None
        return now_ns - elapsed

    def active(self, now_ns: int) -> bool:
        """Whether the fault acts at `now_ns`."""
        return self.onset_ns(now_ns) is not None

    def next_change_ns(self, now_ns: int) -> int | None:
        """The first instant after `now_ns` at which the fault begins or ends, or None."""
        start = nanoseconds(self.at_s)
        if now_ns < start:
            return start
        if self.repeat_s is not None:
            period = nanoseconds(self.repeat_s)
            start += (now_ns - start) // period * period
        edges = []
        if self.duration_s is not None:
            edges.append(start + nanoseconds(self.duration_s))
        if self.repeat_s is not None:
            edges.append(start + nanoseconds(self.repeat_s))
        return min((edge for edge in edges if edge > now_ns), default=None)

    def concerns(self, robot: str) -> bool:
        """Whether the fault acts on `robot`."""
        return self.robot in ("", robot)


@dataclass
class Stream:
    """What a fault may know of the message stream it acts on, beyond the message at hand.

    before: the last message before this activation, or None; first: the first message of this
    activation; index: how many messages of it came earlier; last_release_ns: the latest release
    so far; rng: this fault's own random numbers for this stream.
    """

    seed: tuple[int, ...]
    rng: np.random.Generator = field(init=False)
    before: Message | None = None
    first: Message | None = None
    index: int = 0
    onset_ns: int = -1
    last_release_ns: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def same_draws(self) -> np.random.Generator:
        """A generator that starts equal for every message of one activation.

        For what is drawn once and stays, as the set of beams that are dead.
        """
        return np.random.default_rng((*self.seed, self.onset_ns))


class StreamFault(Fault):
    """A fault in a stream of messages: what goes in comes out changed, late, or not at all."""

    @abstractmethod
    def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
        """Pass on `message`, which arrives at `now_ns`, while the fault is active.

        Returns:
            What leaves the fault, each with its instant, none earlier than `now_ns`.
        """

    def acts_on(self, topic: str) -> bool:
        """Whether the fault acts on the stream `topic` (a sensor's name, or "command")."""
        return self.target == topic


class TransportFault(StreamFault):
    """A fault on the way of a message: between sensor and stack, or between stack and base."""

    FAMILY: ClassVar[str] = "transport"
    target: Literal["scan", "imu", "odom", "camera", "depth", "command"]


class SensorTransportFault(TransportFault):
    """A fault on the way of a sensor's message."""

    target: Literal["scan", "imu", "odom", "camera", "depth"]


class ValueFault(StreamFault):
    """A fault in what a message says."""

    FAMILY: ClassVar[str] = "value"
    target: Literal["scan", "imu", "odom"]


FaultT = TypeVar("FaultT", bound=Fault)
REGISTRY: dict[str, type[Fault]] = {}
"""Every kind of fault, by name, in the order of registration."""


def register(fault_type: type[FaultT]) -> type[FaultT]:
    """Make a fault known under its `kind`, everywhere.

    Raises:
        TypeError: the class has no default `kind`, no docstring, or a name that is taken.
    """
    kind = fault_type.model_fields["kind"].default
    if not isinstance(kind, str):
        raise TypeError(f'{fault_type.__name__}: give it kind: Literal["name"] = "name"')
    if not (fault_type.__dict__.get("__doc__") or "").strip():
        raise TypeError(f"fault '{kind}' needs a docstring: its first line is its description")
    if kind in REGISTRY:
        raise TypeError(f"fault '{kind}' exists already: {REGISTRY[kind].__name__}")
    REGISTRY[kind] = fault_type
    return fault_type
