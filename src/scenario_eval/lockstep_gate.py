"""The safety gate between a goal and the mission, and the people whom it asks, in lockstep."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from autonomy_governance.gate import ActionRequest, Decision, Gate
from autonomy_governance.gate_policy import PolicySources, read_sources
from autonomy_interfaces.gate import GateDecision, GateQuestion
from autonomy_interfaces.messages import Pose2D
from autonomy_interfaces.parameters import ParameterError
from autonomy_nodes.mission.permission import GoalPermission

SITE = "site.json"


class GatedGoals:
    """What the mission's node asks of the gate's, and what people answer.

    Both sides are the cores that the nodes have; a question is decided at the tick at which it is
    asked, and its decision is heard at the next. Times are of a clock that nobody sets:
    simulated time, whatever a fault does to the robot's clock.

    granted: the goal (odom frame) that was asked for last, once it is allowed. refusal: why it
    was denied, or "".
    """

    def __init__(self, new_gate: Callable[[], Gate]) -> None:
        """`new_gate` makes the gate's core, as its process begins with it."""
        self._new_gate = new_gate
        self._asked = 0
        self._runs = True
        self.restart_gate()
        self.restart_mission()

    def restart_gate(self) -> None:
        """The gate's process began anew: it has forgotten whom it asked and what it counted."""
        self._gate = self._new_gate()

    def restart_mission(self) -> None:
        """The mission's process began anew: what it had asked for is forgotten."""
        self._permission = GoalPermission(self._new_id)
        self._decisions: list[Decision] = []
        self.granted: Pose2D | None = None
        self.refusal = ""

    @property
    def pending(self) -> bool:
        """Whether a goal awaits its answer."""
        return self._permission.pending

    @property
    def state(self) -> str:
        """`asking`, `escalated: why`, or why the last goal was denied; else ''."""
        return self._permission.state or self.refusal

    def ask(self, goal: Pose2D, now_ns: int) -> None:
        """Ask for a goal, odom frame."""
        self.granted, self.refusal = None, ""
        self._permission.ask(goal, now_ns)

    def withdraw(self) -> bool:
        """Ask for the goal no longer; a person may still be asked, to no effect, as over DDS.

        Returns:
            Whether a goal was awaiting its answer.
        """
        awaited = self._permission.pending
        self._permission.withdraw()
        return awaited

    def observe(self, safety_state: str, place: Pose2D | None, arrived: bool, now_ns: int) -> None:
        """What the gate's node hears of the others: "" for a monitor that says nothing."""
        if safety_state:
            self._gate.observe(safety_state, now_ns)
        if place is not None:
            self._gate.observe_place(place.x, place.y)
        if arrived:
            self._gate.progress()

    def answer(self, approves: bool, who: str, now_ns: int) -> None:
        """A person answers what has waited longest, if something waits and the gate hears."""
        if self._runs and self._gate.pending:
            request_id = self._gate.pending[0][0].request_id
            answer = self._gate.approve if approves else self._gate.reject
            self._decisions.append(answer(request_id, who, now_ns))

    def step(self, now_ns: int, mission_runs: bool = True, gate_runs: bool = True) -> Pose2D | None:
        """Let the mission hear and ask, and the gate decide; returns a goal allowed just now."""
        self._runs = gate_runs
        overdue = self._gate.expire(now_ns) if gate_runs else []
        if not mission_runs:
            self._decisions += overdue
            return None
        for decision in self._decisions:
            self._permission.hear(_heard(decision), now_ns)
        self._decisions = list(overdue)
        question = self._permission.due(now_ns)
        if question is not None and gate_runs:
            self._decisions.append(self._gate.decide(_request(question), now_ns))
        goal, refusal = self._permission.settled()
        if goal is not None or refusal:
            self.granted, self.refusal = goal, refusal
        return goal

    def _new_id(self) -> str:
        self._asked += 1
        return f"goal_{self._asked}"


def gate_of(directory: Path, site: Mapping[str, Any]) -> Gate:
    """A gate with the policy of a directory in force.

    Args:
        directory: the policy's, as of docs/gate.md.
        site: goes over the `site` of its site.json: mappings key by key, lists at the end.

    Raises:
        ParameterError: the policy is refused.
    """
    gate = Gate()
    if not gate.adopt(_with_site(read_sources(directory), site)):
        raise ParameterError(f"gate policy {directory}: {gate.alarm}")
    return gate


def _with_site(sources: PolicySources, site: Mapping[str, Any]) -> PolicySources:
    files = dict(sources.files)
    if site and SITE in files:
        content = json.loads(files[SITE])
        content["site"] = _merged(content["site"], site)
        files[SITE] = json.dumps(content).encode()
    return replace(sources, files=tuple(files.items()))


def _merged(under: Any, over: Any) -> Any:
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return {**under, **{key: _merged(under.get(key), value) for key, value in over.items()}}
    if isinstance(under, list) and isinstance(over, list | tuple):
        return [*under, *over]
    return over


def _heard(decision: Decision) -> GateDecision:
    return GateDecision(
        decision.request_id,
        decision.outcome,
        decision.reason,
        decision.tier,
        decision.policy_version,
        decision.by,
    )


def _request(question: GateQuestion) -> ActionRequest:
    return ActionRequest(question.request_id, question.action, question.who, question.parameters)
