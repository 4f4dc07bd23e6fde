"""Control sequences to try: a fixed library, and perturbations of what was good."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autonomy_nodes.planning.config import PlannerConfig

# Sets of perturbations that successive ticks take in turn.
NOISE_SETS = 8
# Perturbations come in these sizes: small ones thread narrow passages, large ones find new ways.
NOISE_SCALES = (0.1, 0.3, 1.0)
# Standard deviation of the largest ones, as a share of the highest speed and yaw rate.
NOISE_SHARE = 0.2
FORWARD_SHARES = (0.06, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0)
REVERSE_SHARES = (0.5, 1.0)
RATE_SHARES = (-1.0, -0.6, -0.35, -0.2, -0.1, 0.0, 0.1, 0.2, 0.35, 0.6, 1.0)
# Share of the horizon after which a turn that comes first gives way to driving.
TURN_FIRST = 0.6


def library(
    config: PlannerConfig, lowest_speed: float, highest_speed: float
) -> NDArray[np.float64]:
    """Constant arcs, turns on the spot, arcs that straighten, turns before a drive, the stop.

    Returns:
        (S, knots, 2) float64 target velocities, m/s and rad/s.
    """
    rates = [min(config.turn_speed, config.max_angular_velocity) * share for share in RATE_SHARES]
    constant = np.ones(config.knots)
    falling = np.linspace(1.0, 0.0, config.knots)
    turning = (falling > 1.0 - TURN_FIRST).astype(np.float64)
    backward = [
        (v * constant, w * constant)
        for v in (lowest_speed * share for share in REVERSE_SHARES)
        for w in rates
    ]
    forward = [
        profile
        for v in (highest_speed * share for share in (0.0, *FORWARD_SHARES))
        for w in rates
        for profile in (
            (v * constant, w * constant),
            (v * constant, w * falling),
            (v * (1.0 - falling), w * turning),
        )
    ]
    profiles = np.array(backward + forward)
    return np.unique(np.ascontiguousarray(profiles.transpose(0, 2, 1)), axis=0)


def perturbations(config: PlannerConfig, highest_speed: float) -> NDArray[np.float64]:
    """Gaussian perturbations, part of each shared by all knots and part not.

    Returns:
        (NOISE_SETS, samples, knots, 2) float64, m/s and rad/s; the same for the same seed.
    """
    generator = np.random.default_rng(config.seed)
    sets, samples, knots = NOISE_SETS, config.samples, config.knots
    noise = generator.standard_normal((sets, samples, knots, 2))
    noise += generator.standard_normal((sets, samples, 1, 2))
    noise *= generator.choice(NOISE_SCALES, (sets, samples, 1, 1))
    scale = NOISE_SHARE * np.array([highest_speed, config.max_angular_velocity])
    scaled: NDArray[np.float64] = noise * scale
    return scaled


def advanced(knots: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The same control sequence, begun a share of the horizon later; its end is held."""
    position = np.linspace(0.0, 1.0, len(knots))
    at = np.minimum(position + max(0.0, share), 1.0)
    return np.column_stack([np.interp(at, position, knots[:, i]) for i in range(2)])
