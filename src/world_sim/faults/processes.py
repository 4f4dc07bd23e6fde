"""Faults of processes and of the computer that they run on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

from pydantic import Field

from world_sim.faults.model import Fault, Share, register


class ProcessExecutor(Protocol):
    """Does to processes what faults ask for; over DDS with signals, in lockstep in kind."""

    def kill(self, node: str) -> None:
        """End the node at once; what it knew is lost."""

    def start(self, node: str) -> None:
        """Start the node afresh, if it does not run."""

    def hang(self, node: str) -> None:
        """Stop the node from computing; it stays alive and keeps what it knows."""

    def resume(self, node: str) -> None:
        """Let a hung node go on."""

    def slow(self, node: str, factor: float) -> None:
        """Let the node compute `factor` times slower; 1 is its own speed."""

    def load(self, share: float) -> None:
        """Take `share` of every core from the nodes; 0 gives it back."""


class ProcessFault(Fault):
    """A fault of one node's process."""

    FAMILY: ClassVar[str] = "process"
    target: Literal["perception", "decision", "mission", "safety_gate", "safety_monitor"]

    @abstractmethod
    def begin(self, executor: ProcessExecutor) -> None:
        """Bring the fault about."""

    def end(self, executor: ProcessExecutor) -> None:
        """Undo it, where it can be undone."""


@register
class Kill(ProcessFault):
    """The process is killed; with a duration, it is started again at the end."""

    kind: Literal["kill"] = "kill"

    def begin(self, executor: ProcessExecutor) -> None:
        """Kill it."""
        executor.kill(self.target)

    def end(self, executor: ProcessExecutor) -> None:
        """Start it again."""
        executor.start(self.target)


@register
class Restart(ProcessFault):
    """The process is killed and started again at once; what it knew is lost."""

    kind: Literal["restart"] = "restart"

    def begin(self, executor: ProcessExecutor) -> None:
        """Kill and start it."""
        executor.kill(self.target)
        executor.start(self.target)


@register
class Hang(ProcessFault):
    """The process stops computing but lives on (SIGSTOP), and then goes on."""

    kind: Literal["hang"] = "hang"

    def begin(self, executor: ProcessExecutor) -> None:
        """Stop it."""
        executor.hang(self.target)

    def end(self, executor: ProcessExecutor) -> None:
        """Let it go on."""
        executor.resume(self.target)


@register
class Slow(ProcessFault):
    """The process computes slower."""

    kind: Literal["slow"] = "slow"
    factor: float = Field(10.0, gt=1.0, le=1000.0, description="times slower")

    def begin(self, executor: ProcessExecutor) -> None:
        """Slow it down."""
        executor.slow(self.target, self.factor)

    def end(self, executor: ProcessExecutor) -> None:
        """Give it its speed back."""
        executor.slow(self.target, 1.0)


@register
class CpuLoad(Fault):
    """Other work takes most of the computer's cores."""

    FAMILY: ClassVar[str] = "process"
    kind: Literal["cpu_load"] = "cpu_load"
    target: Literal["computer"] = "computer"
    share: Share = Field(0.95, description="share of every core that is taken")

    def begin(self, executor: ProcessExecutor) -> None:
        """Take it."""
        executor.load(self.share)

    def end(self, executor: ProcessExecutor) -> None:
        """Give it back."""
        executor.load(0.0)


class ProcessFaultSchedule:
    """Brings process faults about, and ends them, at their times."""

    def __init__(self, faults: Sequence[Fault], executor: ProcessExecutor):
        self._faults = [fault for fault in faults if isinstance(fault, ProcessFault | CpuLoad)]
        self._executor = executor
        self._begun: list[int | None] = [None] * len(self._faults)

    def step(self, now_ns: int) -> None:
        """Begin and end what is due at `now_ns`; call it at least once per tick."""
        for index, fault in enumerate(self._faults):
            onset_ns, begun_ns = fault.onset_ns(now_ns), self._begun[index]
            if onset_ns == begun_ns:
                continue
            if begun_ns is not None:
                fault.end(self._executor)
            if onset_ns is not None:
                fault.begin(self._executor)
            self._begun[index] = onset_ns

    def close(self) -> None:
        """End every fault that still acts, so that nothing is left stopped or loaded."""
        for index, fault in enumerate(self._faults):
            if self._begun[index] is not None:
                fault.end(self._executor)
                self._begun[index] = None
