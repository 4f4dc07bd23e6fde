"""Faults of the drive: what the base makes of the commands it hears."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from pydantic import Field

from world_sim.faults.model import Fault, register

Sides = tuple[float, float]
"""One number per side of a differential drive: (left, right)."""


@dataclass(frozen=True)
class DriveCondition:
    """How a differential drive differs from a healthy one.

    hears: False: it goes on with its last target, whatever is commanded or not; speed_scale:
    wheel speed reached per wheel speed asked for; grip_scale: friction of the wheels on the
    ground, against the healthy one; max_vx, max_wz: what it can reach, m/s and rad/s.
    """

    hears: bool = True
    speed_scale: Sides = (1.0, 1.0)
    grip_scale: Sides = (1.0, 1.0)
    max_vx: float = math.inf
    max_wz: float = math.inf


HEALTHY = DriveCondition()


class DriveFault(Fault):
    """A fault of the drive itself, after the command has arrived."""

    FAMILY: ClassVar[str] = "drive"
    target: Literal["drive"] = "drive"

    @abstractmethod
    def impair(self, condition: DriveCondition) -> DriveCondition:
        """The condition with this fault added to it."""


class WheelFault(DriveFault):
    """A fault of the wheels of one side, or of both."""

    wheel: Literal["left", "right", "both"] = "left"

    def scaled(self, sides: Sides, factor: float) -> Sides:
        """The numbers of the faulty sides times `factor`."""
        left, right = sides
        return (
            left * factor if self.wheel != "right" else left,
            right * factor if self.wheel != "left" else right,
        )


@register
class DriveDead(WheelFault):
    """The motors get no power: the wheels stop and hold, as behind a gearbox."""

    kind: Literal["drive_dead"] = "drive_dead"
    wheel: Literal["left", "right", "both"] = "both"

    def impair(self, condition: DriveCondition) -> DriveCondition:
        """No wheel speed on the dead sides."""
        return replace(condition, speed_scale=self.scaled(condition.speed_scale, 0.0))


@register
class DriveStuck(DriveFault):
    """The drive goes on as it last was told, deaf to commands and to their absence."""

    kind: Literal["drive_stuck"] = "drive_stuck"

    def impair(self, condition: DriveCondition) -> DriveCondition:
        """Nothing is heard."""
        return replace(condition, hears=False)


@register
class DriveSaturated(DriveFault):
    """The drive reaches less speed than it should: low battery, hot motors."""

    kind: Literal["drive_saturated"] = "drive_saturated"
    max_vx: float = Field(0.3, ge=0.0, description="m/s")
    max_wz: float = Field(0.5, ge=0.0, description="rad/s")

    def impair(self, condition: DriveCondition) -> DriveCondition:
        """The lower of the limits."""
        return replace(
            condition,
            max_vx=min(condition.max_vx, self.max_vx),
            max_wz=min(condition.max_wz, self.max_wz),
        )


@register
class WheelWeak(WheelFault):
    """The wheels of a side turn slower than asked: a worn belt, a wrong gear ratio."""

    kind: Literal["wheel_weak"] = "wheel_weak"
    factor: float = Field(0.7, ge=-1.0, le=2.0, description="speed reached per speed asked for")

    def impair(self, condition: DriveCondition) -> DriveCondition:
        """Less wheel speed on the weak sides."""
        return replace(condition, speed_scale=self.scaled(condition.speed_scale, self.factor))


@register
class WheelSlip(WheelFault):
    """The wheels of a side lose their grip: they turn as asked, the robot does not follow."""

    kind: Literal["wheel_slip"] = "wheel_slip"
    grip: float = Field(0.02, ge=0.0, le=1.0, description="friction left, of the healthy one")

    def impair(self, condition: DriveCondition) -> DriveCondition:
        """Less friction on the slipping sides."""
        return replace(condition, grip_scale=self.scaled(condition.grip_scale, self.grip))
