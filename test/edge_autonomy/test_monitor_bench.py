"""The monitor's benchmark measures a robot that drives."""

from __future__ import annotations

from edge_autonomy.monitor_bench import measure


def test_the_robot_drives_on_and_the_monitor_has_something_to_do() -> None:
    found = measure(100)
    for scanners in ("", "two_scanners_"):
        # Two seconds, of which the monitor begins in a safe stop and lets go after 0.3 s.
        assert found[f"{scanners}way_m"] > 1.0
        assert found[f"{scanners}slowed_share"] > 0.0
        assert 0.0 < found[f"{scanners}cycle_ms_p50"] <= found[f"{scanners}cycle_ms_p99"]
    assert found["first_cycle_ms"] > 0.0
