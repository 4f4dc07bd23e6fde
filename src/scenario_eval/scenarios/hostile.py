"""Policies that try to do harm, in the place of decision: what the safety monitor must contain."""

from __future__ import annotations

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, VelocityCommand
from autonomy_nodes.decision.decision import DecisionInputs, DecisionOutput
from scenario_eval.safety_bench.hostile import DRIVERS, Restless, View

HOSTILE = tuple(DRIVERS)
"""Names of the hostile policies."""

NO_PATH = np.empty((0, 2))
STANDSTILL = 0.02


class HostileDecision:
    """A decision core of its own: nothing but the monitor is between it and the wheels."""

    def __init__(self, name: str, seed: int) -> None:
        self._rng = np.random.default_rng((seed, 0x05711E))
        self._driver = Restless(DRIVERS[name](self._rng))

    def step(self, inputs: DecisionInputs, now_ns: int) -> DecisionOutput:
        """Ask for harm, with or without a goal; stand until there is a scan."""
        vx, wz = 0.0, 0.0
        if inputs.scan is not None and inputs.odometry is not None:
            view = View(now_ns // (20 * MILLISECOND), inputs.scan, self._rng)
            moving = max(abs(inputs.odometry.vx), abs(inputs.odometry.wz)) > STANDSTILL
            vx, wz = self._driver.drive(view, moving)
        return DecisionOutput(VelocityCommand(now_ns, vx, wz), "policy", "", None, NO_PATH)
