"""No node compiles anything once it has begun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCENARIOS = Path(__file__).parents[2] / "scenarios"
PLAYED = (
    "representative/fallback_field",
    "representative/warehouse_aisle",
    "edge/goal_walled_off",
    "edge/start_facing_away",
    "edge/start_before_box",
    "adversarial/odom_silent",
)


def test_what_has_warmed_up_compiles_nothing_later() -> None:
    files = [str(SCENARIOS / f"{name}.yaml") for name in PLAYED]
    check = Path(__file__).with_name("warm_up_check.py")
    run = subprocess.run(
        [sys.executable, str(check), *files], capture_output=True, text=True, check=True
    )
    assert run.stdout == ""
