"""A policy that is asked like the one that drives, and never drives: how it would differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from autonomy_interfaces.messages import VelocityCommand
from autonomy_nodes.decision.features import Observation
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.proposal import PolicyPilot, Proposal

AGREE_VX = 0.1
AGREE_WZ = 0.3
"""Differences up to which two commands are taken for the same, m/s and rad/s."""


@dataclass(frozen=True, slots=True)
class ShadowStatistics:
    """How a shadow's proposals compare with what was driven.

    Attributes:
        ticks: in which it was asked.
        answered: in which it had an answer fit to drive.
        agreed: of these, in which it was within `AGREE_VX` and `AGREE_WZ` of what was driven.
        mean_vx: mean absolute difference of the linear velocity, m/s.
        mean_wz: of the angular velocity, rad/s.
        worst_vx: largest difference of the linear velocity, m/s.
        worst_wz: of the angular velocity, rad/s.
        faults: ticks by the reason for which it might not have driven.
    """

    ticks: int
    answered: int
    agreed: int
    mean_vx: float
    mean_wz: float
    worst_vx: float
    worst_wz: float
    faults: dict[str, int]


class Shadow:
    """Asks a policy beside the one that drives and keeps count of the differences."""

    def __init__(self, pilot: PolicyPilot):
        self.pilot = pilot
        self.last = Proposal()
        self._ticks = self._answered = self._agreed = 0
        self._sum = [0.0, 0.0]
        self._worst = [0.0, 0.0]
        self._faults: Counter[str] = Counter()

    @property
    def manifest(self) -> Manifest:
        """The policy's contract."""
        return self.pilot.manifest

    def reset(self) -> None:
        """Forget the policy's input history; the counts stay."""
        self.pilot.reset()

    def observe(self, observation: Observation, driven: VelocityCommand) -> Proposal:
        """Ask for a proposal and compare it with the command that was driven."""
        self.last = proposal = self.pilot.propose(observation)
        self._ticks += 1
        if proposal.fault is not None:
            self._faults[proposal.fault.reason] += 1
            return proposal
        self._answered += 1
        differences = abs(proposal.vx - driven.vx), abs(proposal.wz - driven.wz)
        self._agreed += differences[0] <= AGREE_VX and differences[1] <= AGREE_WZ
        for i, difference in enumerate(differences):
            self._sum[i] += difference
            self._worst[i] = max(self._worst[i], difference)
        return proposal

    def statistics(self) -> ShadowStatistics:
        """What was counted so far."""
        count = max(1, self._answered)
        return ShadowStatistics(
            self._ticks,
            self._answered,
            self._agreed,
            self._sum[0] / count,
            self._sum[1] / count,
            self._worst[0],
            self._worst[1],
            dict(self._faults),
        )
