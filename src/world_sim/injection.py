"""Plays faults into a simulation: its measurements, its commands, its drives, its clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from autonomy_interfaces.messages import VelocityCommand
from world_sim import stepping
from world_sim.faults import Fault, FaultPipeline
from world_sim.faults.drive import HEALTHY, DriveCondition, DriveFault
from world_sim.faults.model import StreamFault
from world_sim.faults.pipeline import COMMAND
from world_sim.measurement import Measurement, Topic
from world_sim.model import Built
from world_sim.robot_arrays import RobotArrays

NEVER = int(np.iinfo(np.int64).max)


def plays(fault: Fault) -> bool:
    """Whether a simulation plays `fault` itself: it does, unless it is one of processes."""
    return isinstance(fault, StreamFault | DriveFault)


class _Drive:
    """The drive of one robot, in the arrays of the compiled loop."""

    def __init__(self, index: int, arrays: RobotArrays):
        self.condition = HEALTHY
        self._index = index
        self._arrays = arrays
        self._limits = arrays.limits[index].copy()

    def become(self, condition: DriveCondition) -> None:
        """Let the drive be in this condition from the next step on."""
        self.condition = condition
        self._arrays.speed_scale[self._index] = condition.speed_scale
        limits = self._arrays.limits[self._index]
        bounds = {
            stepping.V_MAX: condition.max_vx,
            stepping.V_MIN: -condition.max_vx,
            stepping.W_MAX: condition.max_wz,
            stepping.W_MIN: -condition.max_wz,
        }
        for column, bound in bounds.items():
            limits[column] = (min if bound >= 0.0 else max)(self._limits[column], bound)
        self._arrays.grip[self._index] = condition.grip_scale


class FaultInjection:
    """The faults of a run, between a simulation and those who drive it.

    Args:
        faults: what goes wrong.
        seed: of the faults' random numbers.
        built: the compiled world and its robots.
        arrays: the state of the compiled loop.
        step_ns: duration of a physics step; faults act on whole steps.
        timeout_steps: age at which a command has timed out, or None.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        seed: int,
        built: Built,
        arrays: RobotArrays,
        step_ns: int,
        timeout_steps: int | None,
    ) -> None:
        self.pipeline = FaultPipeline(faults, seed)
        self._arrays = arrays
        self._step_ns = step_ns
        self._timeout_steps = timeout_steps
        self._indices = {robot.name: index for index, robot in enumerate(built.robots)}
        self._drives = [_Drive(index, arrays) for index in range(len(built.robots))]
        self._delivered: list[Measurement] = []
        self.update(0)

    def next_step(self, step: int) -> int:
        """The first step after `step` before which something changes."""
        event_ns = self.pipeline.next_event_ns(step * self._step_ns)
        return NEVER if event_ns is None else -(-event_ns // self._step_ns)

    def update(self, step: int) -> None:
        """Bring drives, commands and messages up to the beginning of `step`."""
        now_ns = step * self._step_ns
        for name, index in self._indices.items():
            condition, drive = self.pipeline.drive(name, now_ns), self._drives[index]
            if condition != drive.condition:
                self._change_hearing(index, drive.condition.hears, condition.hears, step)
                drive.become(condition)
        for delivery in self.pipeline.pop(now_ns):
            if isinstance(delivery.message, VelocityCommand):
                self._execute(self._indices[delivery.robot], delivery.message, step)
            else:
                topic = cast(Topic, delivery.topic)
                self._delivered.append(Measurement(delivery.robot, topic, delivery.message))

    def measured(self, measurement: Measurement, now_ns: int) -> None:
        """Let a sensor's message set out for the stack."""
        self.pipeline.push(measurement.robot, measurement.topic, measurement.message, now_ns)

    def command(self, robot: str, command: VelocityCommand, step: int) -> None:
        """Let a command set out for the base of `robot`."""
        self.pipeline.push(robot, COMMAND, command, step * self._step_ns)
        self.update(step)

    def take_delivered(self) -> list[Measurement]:
        """The messages that have come out since the last call."""
        delivered, self._delivered = self._delivered, []
        return delivered

    def _execute(self, index: int, command: VelocityCommand, step: int) -> None:
        if self._drives[index].condition.hears:
            self._arrays.set_command(index, command.vx, command.wz, self._expiry(step))

    def _change_hearing(self, index: int, heard: bool, hears: bool, step: int) -> None:
        if heard and not hears:
            if step >= self._arrays.expiry[index]:
                self._arrays.set_command(index, 0.0, 0.0, NEVER)
            self._arrays.expiry[index] = NEVER
        elif hears and not heard:
            self._arrays.expiry[index] = self._expiry(step)

    def _expiry(self, step: int) -> int:
        return NEVER if self._timeout_steps is None else step + self._timeout_steps
