"""The policies of a decision node: the one that proposes, one that takes over, one that watches.

A policy that is to take over first runs in the shadow of the active one, on the same
observations and without driving; then it proposes, on probation, with its predecessor ready to
come back within the same tick. No tick is without a proposer. What counts for it are answers fit
to drive, not ticks that pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from autonomy_interfaces.messages import VelocityCommand
from autonomy_nodes.decision.features import Observation
from autonomy_nodes.decision.handover import Fault
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.proposal import PolicyPilot, Proposal
from autonomy_nodes.decision.runtime import PolicyRunner
from autonomy_nodes.decision.shadow import Shadow

SITUATION = frozenset({"body_ahead", "collision_ahead", "missing_input"})
"""Faults that say as much of the place as of the policy: none by itself counts against it.

Where the other policy is fit to drive in the same tick, it is not the place: the tick is lost.
"""


class SwapStage(str, Enum):
    """Where the change of the active policy stands."""

    NONE = "none"
    SHADOW = "shadow"
    PROBATION = "probation"


@dataclass(frozen=True)
class SwapLimits:
    """What a policy must do to take over, and to stay.

    Attributes:
        shadow_ticks: with an answer fit to drive, beside the active policy, before it takes over;
            as many lost ones before that, and it is refused.
        shadow_faults: until then at which it is refused.
        probation_ticks: fit to drive, after it took over, until when its predecessor stays ready;
            as many lost ones before that, and the predecessor comes back.
        probation_faults: until then at which the predecessor comes back.
    """

    shadow_ticks: int = 40
    shadow_faults: int = 4
    probation_ticks: int = 200
    probation_faults: int = 3


@dataclass(frozen=True, slots=True)
class SwapEvent:
    """One step of a change of the active policy, or the end of a shadow that is too slow.

    action: began, took_over, settled, refused (in the shadow) or rolled_back (on probation);
        dropped, of a shadow policy.
    """

    action: str
    policy: str
    reason: str = ""


class Roster:
    """Who proposes; changes of that; and a shadow, which only watches."""

    def __init__(
        self,
        pilot_of: Callable[[PolicyRunner], PolicyPilot],
        policy: PolicyRunner | None,
        limits: SwapLimits,
        retire: Callable[[PolicyRunner], None] = lambda policy: None,
    ):
        """Begin with `policy`, if any.

        `pilot_of` makes what asks a policy; `retire` is told of each that is needed no more.
        """
        self._pilot_of = pilot_of
        self._limits = limits
        self._retire = retire
        self._active = policy
        self._pilot = pilot_of(policy) if policy is not None else None
        self._candidate: tuple[PolicyRunner, Shadow] | None = None
        self._previous: tuple[PolicyRunner | None, PolicyPilot | None] | None = None
        self._shadow: tuple[PolicyRunner, Shadow] | None = None
        self._fit = self._lost = self._faults = 0
        self._watched = self._late = 0
        self._proposed: Proposal | None = None
        self._events: list[SwapEvent] = []
        self._changes = 0

    @property
    def active(self) -> Manifest | None:
        """The contract of the policy that proposes; None without one."""
        return self._active.manifest if self._active is not None else None

    @property
    def changes(self) -> int:
        """How often the policy that proposes has become another one."""
        return self._changes

    @property
    def shadow(self) -> Shadow | None:
        """The one that watches: the next policy while it is tried, else the shadow policy."""
        watching = self._candidate or self._shadow
        return watching[1] if watching is not None else None

    @property
    def stage(self) -> SwapStage:
        """Where the change of the active policy stands."""
        if self._candidate is not None:
            return SwapStage.SHADOW
        return SwapStage.PROBATION if self._previous is not None else SwapStage.NONE

    @property
    def idle(self) -> bool:
        """Whether there is nobody to show an observation to."""
        return self._pilot is None and self.shadow is None

    def take_events(self) -> tuple[SwapEvent, ...]:
        """What has happened since the last call."""
        events, self._events = tuple(self._events), []
        return events

    def swap_to(self, policy: PolicyRunner) -> None:
        """Let `policy` take over when it has proved itself; one on trial now is given up."""
        if self._candidate is not None:
            self._refuse("another policy is to take over")
        if self._previous is not None:
            self._roll_back("another policy is to take over")
        self._candidate = (policy, Shadow(self._pilot_of(policy)))
        self._fit = self._lost = self._faults = 0
        self._note("began", policy)

    def watch(self, policy: PolicyRunner | None) -> None:
        """Let `policy` watch from now on, in place of who did; None for nobody."""
        if self._shadow is not None:
            self._retire(self._shadow[0])
        self._shadow = (policy, Shadow(self._pilot_of(policy))) if policy is not None else None
        self._watched = self._late = 0

    def reset(self) -> None:
        """Forget every policy's history, as before the first tick of a goal."""
        for pilot in (self._pilot, self._previous[1] if self._previous else None):
            if pilot is not None:
                pilot.reset()
        for watching in (self._candidate, self._shadow):
            if watching is not None:
                watching[1].reset()

    def propose(self, observation: Observation) -> Proposal | None:
        """The active policy's proposal; None without one.

        On probation, the fault that is one too many brings the predecessor back at once: the
        proposal returned is then its own.
        """
        pilot = self._pilot
        self._proposed = pilot.propose(observation) if pilot is not None else None
        if self._proposed is not None:
            self.blame(self._proposed.fault)
        if self._pilot is not pilot:
            self._proposed = self._pilot.propose(observation) if self._pilot is not None else None
        return self._proposed

    def credit(self) -> None:
        """Count a tick in which the active policy was fit to drive; on probation, enough settle."""
        if self._previous is None:
            return
        self._fit += 1
        if self._fit >= self._limits.probation_ticks:
            self._settle()

    def blame(self, fault: Fault | None) -> None:
        """Count a fault against a policy on probation; it goes when they are too many."""
        if self._previous is None or fault is None or fault.reason in SITUATION:
            return
        self._faults += 1
        if self._faults >= self._limits.probation_faults:
            self._roll_back(f"{fault.reason}: {fault.detail}")

    def observe(self, observation: Observation, driven: VelocityCommand) -> None:
        """Show one that watches what was seen and what was driven.

        Call it after the command is out: it costs up to that policy's latency budget. One is
        asked: the next policy while it is tried, the predecessor where the newcomer is to be
        compared with it, else the shadow policy.
        """
        if self._candidate is not None:
            self._try(self._candidate[1].observe(observation, driven).fault)
        elif (fault := self._excused()) is not None:
            self._compare(fault, observation)
        elif self._shadow is not None:
            self._watch(*self._shadow, observation, driven)
        self._proposed = None

    def _watch(
        self,
        policy: PolicyRunner,
        shadow: Shadow,
        observation: Observation,
        driven: VelocityCommand,
    ) -> None:
        """Ask the shadow policy; one that is late too often keeps the node from its work."""
        limits = self._limits
        if self._watched % limits.shadow_ticks == 0:
            self._late = 0
        self._watched += 1
        fault = shadow.observe(observation, driven).fault
        self._late += fault is not None and fault.reason == "late"
        if self._late >= limits.shadow_faults:
            self._note("dropped", policy, f"late in {self._late} of {limits.shadow_ticks} ticks")
            self.watch(None)

    def _try(self, fault: Fault | None) -> None:
        """What a tick in the shadow says of the one that is to take over."""
        limits = self._limits
        if fault is None:
            self._fit += 1
            if self._fit >= limits.shadow_ticks:
                self._take_over()
        elif fault.reason not in SITUATION:
            self._faults += 1
            if self._faults >= limits.shadow_faults:
                self._refuse(f"{fault.reason}: {fault.detail}")
        elif self._proposed is not None and self._proposed.fault is None:
            self._lost += 1
            if self._lost >= limits.shadow_ticks:
                self._refuse(_lost_to(fault, self._lost, "the active policy"))

    def _excused(self) -> Fault | None:
        """The fault of this tick on probation for which the place may be the excuse."""
        if self._previous is None or self._previous[1] is None or self._proposed is None:
            return None
        fault = self._proposed.fault
        return fault if fault is not None and fault.reason in SITUATION else None

    def _compare(self, fault: Fault, observation: Observation) -> None:
        """Ask the predecessor whether it has the same excuse.

        It is asked without a history: it has not seen the ticks in between.
        """
        assert self._previous is not None and self._previous[1] is not None
        pilot = self._previous[1]
        pilot.reset()
        if pilot.propose(observation).fault is None:
            self._lost += 1
            if self._lost >= self._limits.probation_ticks:
                self._roll_back(_lost_to(fault, self._lost, "its predecessor"))

    def _take_over(self) -> None:
        assert self._candidate is not None
        policy, shadow = self._candidate
        self._previous = (self._active, self._pilot)
        self._active, self._pilot = policy, shadow.pilot
        self._changes += 1
        self._candidate = None
        self._note("took_over", policy, f"after {self._fit} good ticks in the shadow")
        self._fit = self._lost = self._faults = 0

    def _roll_back(self, reason: str) -> None:
        assert self._previous is not None and self._active is not None
        failed = self._active
        self._active, self._pilot = self._previous
        self._changes += 1
        self._previous = None
        if self._pilot is not None:
            self._pilot.reset()
        self._note("rolled_back", failed, reason)
        self._retire(failed)

    def _settle(self) -> None:
        assert self._previous is not None and self._active is not None
        previous = self._previous[0]
        self._previous = None
        self._note("settled", self._active)
        if previous is not None:
            self._retire(previous)

    def _refuse(self, reason: str) -> None:
        assert self._candidate is not None
        policy = self._candidate[0]
        self._candidate = None
        self._note("refused", policy, reason)
        self._retire(policy)

    def _note(self, action: str, policy: PolicyRunner, reason: str = "") -> None:
        manifest = policy.manifest
        self._events.append(SwapEvent(action, f"{manifest.name} {manifest.version}", reason))


def _lost_to(fault: Fault, ticks: int, other: str) -> str:
    return f"{fault.reason}: {fault.detail}; {ticks} such ticks in which {other} could drive"
