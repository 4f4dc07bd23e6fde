"""Decides mission-level actions: allowed, denied with the reason, or left to a person.

A pure core: requests, answers of people and times go in, decisions come out. Nothing is allowed
by default or by failure: without a policy, with a policy that fails, and after the time that a
person had to answer, the answer is no (docs/gate.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from autonomy_governance.gate_limits import LoopDetector, RateLimiter
from autonomy_governance.gate_policy import Outcome, Policy, PolicyError, PolicySources, Verdict

_SECOND = 1_000_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
_MAX_PARAMETERS, _MAX_PENDING, _REMEMBERED = 16, 32, 256
_REPEATED_FOR_NS = 10 * _SECOND
_STATE_LIFE_NS = 2 * _SECOND
_NO = Verdict("deny", "forbidden", "no policy is in force", 0.0)


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """A wish to act. The asker gives `request_id`, unique; texts are plain names."""

    request_id: str
    action: str
    who: str
    parameters: Mapping[str, str | float] = field(default_factory=dict)

    def defect(self) -> str:
        """Why this request cannot be judged, or an empty text."""
        values = self.parameters.values()
        names = [self.request_id, self.action, self.who, *self.parameters]
        names += [value for value in values if isinstance(value, str)]
        if len(self.parameters) > _MAX_PARAMETERS:
            return f"more than {_MAX_PARAMETERS} parameters"
        if not all(_NAME.fullmatch(name) for name in names):
            return "texts must be plain names of 1 to 128 characters"
        if not all(isinstance(value, str) or math.isfinite(value) for value in values):
            return "numbers must be finite"
        return ""

    def likeness(self) -> tuple[object, ...]:
        """Equal for requests that ask the same thing, numbers compared to 0.1."""
        items = sorted(self.parameters.items())
        return (self.action, *((k, v if isinstance(v, str) else round(v, 1)) for k, v in items))


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer and who gave it; an escalated request awaits a person until `deadline_ns`."""

    request_id: str
    outcome: Outcome
    reason: str
    tier: str = "forbidden"
    policy_version: str = "none"
    by: str = "gate"
    deadline_ns: int = 0


Journal = Callable[[ActionRequest, Decision], None]


class Gate:
    """The one place where mission-level actions are decided. Times are of a steady clock."""

    def __init__(self, journal: Journal = lambda request, decision: None) -> None:
        """Start without a policy; `journal` is given every new decision, and no repetition."""
        self.alarm = "no policy was loaded"
        self.audited = True
        self._journal = journal
        self._policy: Policy | None = None
        self._tried = ""
        self._rates = RateLimiter({"*": {"count": 0, "window_s": 1}})
        self._loops = LoopDetector({"repeats": 1, "window_s": 1, "distance_m": 0, "tier": ""})
        self._state, self._state_ns = "unknown", 0
        self._place = (0.0, 0.0)
        self._pending: dict[str, tuple[ActionRequest, Decision]] = {}
        self._answered: dict[str, tuple[ActionRequest, Decision, int]] = {}

    @property
    def policy_version(self) -> str:
        """Version and digest of the policy in force."""
        return self._policy.version if self._policy else "none"

    @property
    def pending(self) -> tuple[tuple[ActionRequest, Decision], ...]:
        """What awaits a person, oldest first."""
        return tuple(self._pending.values())

    def adopt(self, sources: PolicySources) -> bool:
        """Put a policy in force if it is sound, else keep the last good one and raise `alarm`."""
        if sources.sha256 == self._tried:
            return False
        self._tried = sources.sha256
        try:
            policy = Policy(sources)
            rates, loops = RateLimiter(policy.site["limits"]), LoopDetector(policy.site["loop"])
        except (PolicyError, LookupError, TypeError, ValueError, AttributeError) as error:
            self.alarm = str(error)
            return False
        self._policy, self._rates, self._loops, self.alarm = policy, rates, loops, ""
        return True

    def observe(self, safety_state: str, now_ns: int) -> None:
        """What the safety monitor says of itself; what it said 2 s ago is `unknown`."""
        self._state, self._state_ns = safety_state, now_ns

    def safety_state(self, now_ns: int) -> str:
        """What the policy is told of the safety monitor."""
        return self._state if now_ns - self._state_ns < _STATE_LIFE_NS else "unknown"

    def observe_place(self, x: float, y: float) -> None:
        """Where the robot is, metres in the odometry frame; for telling loops from progress.

        Numbers that are none are passed over: nothing is near them, so no loop would be told.
        """
        if math.isfinite(x) and math.isfinite(y):
            self._place = (x, y)

    def progress(self) -> None:
        """A goal was reached."""
        self._loops.progress()

    def decide(self, request: ActionRequest, now_ns: int) -> Decision:
        """Answer a request; asked again with the same id within 10 s, the answer is the same."""
        known, answer, answered_ns = self._answered.get(request.request_id, (None, None, 0))
        if answer is not None and known == request:
            awaits_person = request.request_id in self._pending
            if awaits_person or now_ns - answered_ns < _REPEATED_FOR_NS:
                return answer
        defect = "this request id was used before" if answer is not None else request.defect()
        if defect:
            decision = self._deny(request, defect)
            self._journal(request, decision)
            return decision
        decision = self._judge(request, now_ns)
        if decision.outcome == "escalate":
            self._pending[request.request_id] = (request, decision)
        return self._answer(request, decision, now_ns)

    def approve(self, request_id: str, who: str, now_ns: int) -> Decision:
        """A person's yes. The policy is asked again: what held when it escalated may not now."""
        if request_id not in self._pending:
            return self._settled(request_id)
        request, escalated = self._pending[request_id]
        verdict = self._verdict(request, now_ns)
        if now_ns >= escalated.deadline_ns:
            verdict = replace(verdict, outcome="deny", reason="approved too late")
        if verdict.outcome == "deny" or self._policy is None:
            return self._settle(request_id, "deny", verdict.reason, "policy", now_ns)
        tier = verdict.tier if verdict.outcome == "escalate" else escalated.tier
        if not self._policy.may_approve(who, tier, request.who):
            return replace(escalated, reason=f"{who} may not approve tier {tier}", by=who)
        return self._settle(request_id, "allow", f"approved: {escalated.reason}", who, now_ns)

    def reject(self, request_id: str, who: str, now_ns: int) -> Decision:
        """A person's no; anybody may say no."""
        if request_id not in self._pending:
            return self._settled(request_id)
        return self._settle(request_id, "deny", "rejected", who, now_ns)

    def expire(self, now_ns: int) -> tuple[Decision, ...]:
        """Deny what no person answered in time."""
        late = [key for key, (_, asked) in self._pending.items() if now_ns >= asked.deadline_ns]
        return tuple(
            self._settle(key, "deny", "nobody answered in time", "timeout", now_ns) for key in late
        )

    def _settled(self, request_id: str) -> Decision:
        """The decision on what no longer awaits anybody: an answer may arrive twice."""
        nothing = Decision(request_id, "deny", "nothing of this id awaits a person")
        return self._answered[request_id][1] if request_id in self._answered else nothing

    def _judge(self, request: ActionRequest, now_ns: int) -> Decision:
        """The policy's verdict, made stricter by rate limits and loops."""
        if self._policy is None:
            return self._deny(request, f"no policy is in force: {self.alarm}")
        if refusal := self._rates.admit(request.action, now_ns):
            return self._deny(request, refusal)
        verdict = self._verdict(request, now_ns)
        refused = verdict.outcome == "deny"
        loop = "" if refused else self._loops.ask(request.likeness(), self._place, now_ns)
        if loop and verdict.outcome == "allow":
            verdict = self._policy.verdict(self._loops.tier, loop)
        escalated = verdict.outcome == "escalate"
        if escalated and len(self._pending) >= _MAX_PENDING:
            return self._deny(request, "too many requests await a person")
        return Decision(
            request.request_id,
            verdict.outcome,
            verdict.reason,
            verdict.tier,
            self._policy.version,
            by="policy",
            deadline_ns=now_ns + round(verdict.timeout_s * _SECOND) if escalated else 0,
        )

    def _verdict(self, request: ActionRequest, now_ns: int) -> Verdict:
        document = {
            "action": request.action,
            "who": request.who,
            "safety_state": self.safety_state(now_ns),
            "audited": self.audited,
            "parameters": {
                name: value if isinstance(value, str) else round(value, 6)
                for name, value in request.parameters.items()
            },
        }
        try:
            return self._policy.decide(document) if self._policy else _NO
        except PolicyError as error:
            return replace(_NO, reason=f"the policy failed: {error}")

    def _deny(self, request: ActionRequest, reason: str) -> Decision:
        return Decision(request.request_id, "deny", reason, policy_version=self.policy_version)

    def _settle(
        self, request_id: str, outcome: Outcome, reason: str, by: str, now_ns: int
    ) -> Decision:
        """Close an escalated request."""
        request, asked = self._pending.pop(request_id)
        decision = replace(asked, outcome=outcome, reason=reason, by=by, deadline_ns=0)
        return self._answer(request, decision, now_ns)

    def _answer(self, request: ActionRequest, decision: Decision, now_ns: int) -> Decision:
        self._journal(request, decision)
        self._answered[request.request_id] = (request, decision, now_ns)
        if len(self._answered) > _REMEMBERED:
            del self._answered[next(iter(self._answered))]
        return decision
