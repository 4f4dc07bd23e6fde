"""A base that turns at speed drifts outwards: it is kept to what its tyres hold, and well off."""

from __future__ import annotations

import bisect
import math
from dataclasses import replace

import numpy as np
import pytest

from safety_monitor.config import MonitorConfig
from safety_monitor.envelope import Motion, MotionEnvelope, body_of
from safety_monitor.kernels import roll_out, turning_point

DRIFTING = MonitorConfig(turning_point=0.15, turning_point_per_curve=0.4)


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


@pytest.mark.parametrize(
    ("v", "w", "ahead"),
    [
        (1.0, 2.0, 0.15),
        (1.0, -2.0, 0.15),
        (-1.0, 2.0, -0.15),
        (0.1, 1.0, 0.04),
        (-0.1, -1.0, -0.04),
        (0.0, 4.0, 0.0),
        (2.0, 0.0, 0.0),
    ],
)
def test_a_base_turns_about_a_point_ahead_the_farther_the_sharper_it_turns(v, w, ahead) -> None:
    assert turning_point(v, w, 0.15, 0.4) == pytest.approx(ahead)


def swept(v: float, w: float) -> np.ndarray:
    """Poses of a tenth of a second's steady curve and of braking at once."""
    at_once = {
        f"{most}{kind}_{way}eleration": 1000.0
        for most in ("", "peak_")
        for kind in ("linear", "angular")
        for way in ("acc", "dec")
        if (most, way) != ("peak_", "dec")
    }
    phases, poses = np.zeros((3, 5)), np.empty((500, 6))
    phases[0] = 0.1, v, v, w, w
    body = body_of(replace(DRIFTING, **at_once))
    return poses[: roll_out(np.array([v, v, w, w]), phases, body, 3, poses)]


@pytest.mark.parametrize(("v", "w"), [(1.0, 2.0), (1.0, -2.0), (-1.0, 2.0), (-1.0, -2.0)])
def test_a_sweep_goes_through_the_middle_of_what_the_tyres_allow(v: float, w: float) -> None:
    """About the middle and about the farthest point: the sweep's last pose is between the two."""
    x, y, *_, drift = swept(v, w)[-1]
    turn = 0.1 * w
    middle = v / w * math.sin(turn), v / w * (1.0 - math.cos(turn))
    ahead = math.copysign(0.15, v)
    farthest = middle[0] + ahead * (1.0 - math.cos(turn)), middle[1] - ahead * math.sin(turn)
    assert drift == pytest.approx(0.5 * 0.15 * abs(turn), rel=0.03)
    for place in (middle, farthest):
        assert math.dist(place, (x, y)) == pytest.approx(drift, rel=0.03)


def test_on_the_spot_and_straight_on_nothing_drifts() -> None:
    assert not swept(0.0, 4.0)[:, 5].any()
    assert not swept(2.0, 0.0)[:, 5].any()


def test_a_curve_keeps_farther_from_a_post_than_that_of_a_body_that_cannot_drift() -> None:
    def nearest(farthest: float) -> int:
        """Millimetres beside the outer flank of a steady curve."""
        envelope = MotionEnvelope(replace(DRIFTING, turning_point=farthest))
        motion = Motion(1.5, 1.2, 0.02, ((1.5, 1.2),))

        def passes(k: int) -> bool:
            post = np.array([[0.4, -0.215 - 0.001 * k]])
            return envelope.evaluate(post, motion, (1.5, 1.2), 0.03, 5.0).scale == 1.0

        return bisect.bisect_left(range(300), True, key=passes)

    assert nearest(0.15) > nearest(0.0) + 5


def turn_back(make_rig, farthest: float) -> float:
    """Clearance after half a circle and straight back, towards a post that it had seen.

    The base turns about the farthest point that its tyres allow, and the monitor thinks that to be
    at most `farthest` metres ahead. No beam looks back, so it goes by what it remembers.
    """
    monitor = replace(DRIFTING, turning_point=farthest)
    world = np.array([(1.35, 1.12, 0.05)])
    rig = settled(make_rig(config=monitor, circles=world, base=DRIFTING, drift=(1.0, 1.0)))
    while rig.yaw < math.pi:
        rig.tick(1.0, 2.0)
    for _ in range(120):
        rig.tick(-0.5, 0.0)
    return rig.clearance


def test_after_a_curve_what_is_behind_is_as_far_as_the_drift_has_left_it(make_rig) -> None:
    assert turn_back(make_rig, farthest=0.15) > 0.05


def test_a_monitor_that_knows_of_no_drift_does_make_contact(make_rig) -> None:
    assert turn_back(make_rig, farthest=0.0) < 0.0
