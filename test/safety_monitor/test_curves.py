"""A base that turns at speed drifts outwards: it is kept to what its tyres hold, and well off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig


def settled(rig):
    rig.settle()
    return rig


@pytest.mark.parametrize("wish", [(2.0, 4.0), (2.0, -2.5), (-2.0, 4.0), (1e30, 1e30)])
def test_no_command_is_sharper_than_the_tyres_hold(make_rig, wish) -> None:
    limit = MonitorConfig().max_lateral_acceleration
    output = settled(make_rig()).tick(*wish)
    assert 0.0 < abs(output.vx * output.wz) <= limit + 1e-9
    assert output.vx / output.wz == pytest.approx(wish[0] / wish[1])


@pytest.mark.parametrize("wish", [(2.0, 1.4), (0.7, 4.0), (2.0, 0.0), (0.0, 4.0)])
def test_what_the_tyres_hold_passes_in_full(make_rig, wish) -> None:
    assert settled(make_rig()).tick(*wish).scale == 1.0


def test_a_fast_curve_keeps_farther_from_a_post_than_a_body_that_cannot_drift(make_rig) -> None:
    def nearest(margin_per_curve: float) -> float:
        config = replace(MonitorConfig(), margin_per_curve=margin_per_curve)
        post = np.array([(0.9, 0.62, 0.03)])
        rig = settled(make_rig(config=config, circles=post))
        for _ in range(60):
            rig.tick(1.5, 1.2)
        return rig.clearance

    assert nearest(0.05) > nearest(0.0) + 0.005
