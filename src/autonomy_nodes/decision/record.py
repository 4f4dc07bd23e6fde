"""One decision explained: who drove and why, what else there was, what it cost.

The same facts go out as a JSON line (all of them, for a file) and as the values of
`/decision/status` (flat, as text).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autonomy_nodes.decision.decision import DecisionOutput
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.roster import Roster, SwapEvent


@dataclass(frozen=True, slots=True)
class TickContext:
    """What the node knows of a tick beside the core's output.

    Attributes:
        tick: number of the decision since the node began.
        decision_ms: wall time of the whole decision.
        handovers: hand-overs so far.
        scan_stamp_ns: of the scan whose costmap it is based on; 0 without one.
        policy: the one that could propose; a shadow may take over before the tick is explained.
    """

    tick: int
    decision_ms: float
    handovers: int
    scan_stamp_ns: int
    policy: Manifest | None


def decision_record(
    output: DecisionOutput,
    roster: Roster,
    context: TickContext,
    swap_events: tuple[SwapEvent, ...] = (),
) -> dict[str, Any]:
    """The record of one decision, ready for JSON."""
    proposal, event = output.proposal, output.event
    return {
        "stamp_ns": output.command.stamp_ns,
        "scan_stamp_ns": context.scan_stamp_ns,
        "tick": context.tick,
        "driver": output.driver,
        "reason": output.reason,
        "vx": round(output.command.vx, 4),
        "wz": round(output.command.wz, 4),
        "policy": identity(context.policy),
        "proposal": None
        if proposal is None
        else {
            "vx": round(proposal.vx, 4),
            "wz": round(proposal.wz, 4),
            "fault": proposal.fault.reason if proposal.fault else "",
            "detail": proposal.fault.detail if proposal.fault else "",
            "familiarity": round(proposal.familiarity, 3),
            "confidence": proposal.confidence,
            "alternatives": [alternative._asdict() for alternative in proposal.alternatives],
        },
        "planner_status": output.planner_status.value if output.planner_status else "",
        "way_m": round(output.way_m, 3),
        "bodies": len(output.bodies),
        "latency_ms": round(output.latency_ms, 3),
        "decision_ms": round(context.decision_ms, 3),
        "handovers": context.handovers,
        "event": None if event is None else asdict(event),
        "swap": {"stage": roster.stage.value, "events": [asdict(e) for e in swap_events]},
        "shadow": shadow_record(roster),
    }


def shadow_record(roster: Roster) -> dict[str, Any] | None:
    """What the policy in the shadow proposed, and how it has compared so far; None without one."""
    shadow = roster.shadow
    if shadow is None:
        return None
    last, counted = shadow.last, shadow.statistics()
    return {
        **identity(shadow.manifest),
        "vx": round(last.vx, 4),
        "wz": round(last.wz, 4),
        "fault": last.fault.reason if last.fault else "",
        "latency_ms": round(last.latency_ms, 3),
        **{
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(counted).items()
        },
    }


def identity(manifest: Manifest | None) -> dict[str, str]:
    """Name, version and hash of a policy; empty for none."""
    if manifest is None:
        return {"name": "", "version": "", "sha256": ""}
    return {
        "name": manifest.name,
        "version": manifest.version,
        "sha256": manifest.model.sha256,
    }


def status_values(record: dict[str, Any], last_swap: str) -> dict[str, str]:
    """The values of `/decision/status`; `last_swap` is the newest step of a policy's change."""
    policy, proposal, event = record["policy"], record["proposal"] or {}, record["event"]
    confidence = proposal.get("confidence")
    values = {
        "driver": record["driver"],
        "reason": record["reason"],
        "latency_ms": f"{record['latency_ms']:.3f}",
        "familiarity": f"{proposal.get('familiarity', 0.0):.3f}",
        "confidence": "" if confidence is None else f"{confidence:.3f}",
        "policy": f"{policy['name']} {policy['version']}" if policy["name"] else "none",
        "sha256": policy["sha256"],
        "planner_status": record["planner_status"],
        "vx": f"{record['vx']:.4f}",
        "wz": f"{record['wz']:.4f}",
        "decision_ms": f"{record['decision_ms']:.3f}",
        "scan_stamp_ns": str(record["scan_stamp_ns"]),
        "handovers": str(record["handovers"]),
        "event": f"{event['previous']} -> {event['driver']}: {event['reason']}" if event else "",
        "swap": last_swap,
    }
    return values | _shadow_values(record["shadow"])


def _shadow_values(shadow: dict[str, Any] | None) -> dict[str, str]:
    if shadow is None:
        return {}
    faults = ", ".join(f"{reason} {count}" for reason, count in sorted(shadow["faults"].items()))
    return {
        "shadow_policy": f"{shadow['name']} {shadow['version']}",
        "shadow_sha256": shadow["sha256"],
        "shadow_ticks": str(shadow["ticks"]),
        "shadow_answered": str(shadow["answered"]),
        "shadow_agreed": str(shadow["agreed"]),
        "shadow_mean_vx": f"{shadow['mean_vx']:.4f}",
        "shadow_mean_wz": f"{shadow['mean_wz']:.4f}",
        "shadow_worst_vx": f"{shadow['worst_vx']:.4f}",
        "shadow_worst_wz": f"{shadow['worst_wz']:.4f}",
        "shadow_faults": faults,
        "shadow_latency_ms": f"{shadow['latency_ms']:.3f}",
    }
