"""What of the monitor's cycles reaches the audit log."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from safety_monitor.audit_trail import AuditTrail, Entry

CYCLE_NS = 20_000_000


def run(trail: AuditTrail, cycles: list[tuple[str, str, float]]) -> list[Entry]:
    """Feed (state, intervention, scale) at 50 Hz."""
    entries = []
    for index, (state, intervention, scale) in enumerate(cycles):
        entries += trail.step(index * CYCLE_NS, state, f"cause {index}", intervention, scale)
    return entries


def test_a_long_intervention_is_two_records() -> None:
    cycles = [("nominal", "none", 1.0), *[("nominal", "slowed", 0.4)] * 500]
    cycles += [("nominal", "none", 1.0)] * 51
    first, begin, end = run(AuditTrail(), cycles)
    assert (first.kind, first.details) == ("transition", {"from": "start", "to": "nominal"})
    assert begin.cause == "cause 1" and begin.details == {"phase": "slowed", "scale": 0.4}
    assert end.details["cycles"] == 500 and end.details["least_scale"] == 0.4
    assert end.details["duration_s"] == 499 * 0.02 and end.details["phase"] == "end"


def test_flapping_is_one_intervention_and_getting_worse_is_told() -> None:
    cycles = [("nominal", kind, 0.5) for kind in ("none", "slowed") * 200]
    cycles += [("nominal", "stopped", 0.0), *[("nominal", "none", 1.0)] * 50]
    phases = [entry.details.get("phase") for entry in run(AuditTrail(), cycles)]
    assert phases == [None, "slowed", "stopped", "end"]


def test_closing_ends_an_open_intervention_once() -> None:
    trail = AuditTrail()
    run(trail, [("nominal", "stopped", 0.0)])
    assert [entry.details["worst"] for entry in trail.close()] == ["stopped"]
    assert trail.close() == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["nominal", "degraded", "safe_stop"]),
            st.sampled_from(["none", "slowed", "stopped"]),
            st.floats(0.0, 1.0),
        ),
        max_size=300,
    )
)
def test_no_cycle_is_lost_and_the_disk_is_not_flooded(
    cycles: list[tuple[str, str, float]],
) -> None:
    trail = AuditTrail(hold_s=0.2)
    entries = run(trail, cycles) + trail.close()
    intervened = sum(intervention != "none" for _, intervention, _ in cycles)
    ends = [entry for entry in entries if entry.details.get("phase") == "end"]
    assert sum(int(str(end.details["cycles"])) for end in ends) == intervened
    assert sum(entry.kind == "intervention" for entry in entries) <= 3 * (len(cycles) // 10 + 1)
    states = ["start", *(state for state, _, _ in cycles)]
    changes = sum(a != b for a, b in itertools.pairwise(states))
    assert sum(entry.kind == "transition" for entry in entries) == changes
