"""The numbers inside a message, by name, so that one fault of values serves every sensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import wrap_angle
from autonomy_interfaces.messages import Imu, LaserScan
from world_sim.faults.model import Message

Values: TypeAlias = NDArray[np.float64]

FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "scan": {"ranges": ("ranges",)},
    "imu": {
        "yaw_rate": ("angular_velocity[2]",),
        "angular_velocity": tuple(f"angular_velocity[{axis}]" for axis in range(3)),
        "linear_acceleration": tuple(f"linear_acceleration[{axis}]" for axis in range(3)),
    },
    "odom": {
        "twist": ("vx", "wz"),
        "vx": ("vx",),
        "wz": ("wz",),
        "position": ("x", "y"),
        "x": ("x",),
        "y": ("y",),
        "yaw": ("yaw",),
    },
}
"""Per sensor, the fields that a fault can name; the first is the default."""


def default_field(target: str) -> str:
    """The field that is meant where none is named."""
    return next(iter(FIELDS[target]))


def change_values(
    message: Message, target: str, field: str, change: Callable[[Values], Values]
) -> Message:
    """A copy of `message` whose `field` went through `change` ((K,) float64 in and out)."""
    if isinstance(message, LaserScan):
        changed = change(message.ranges.astype(np.float64))
        # A driver reports no negative distance; -inf (too near, REP-117) stays.
        changed[np.isfinite(changed) & (changed < 0.0)] = 0.0
        return replace(message, ranges=changed.astype(np.float32))
    names = FIELDS[target][field]
    if isinstance(message, Imu):
        return _change_imu(message, names, change)
    values = change(np.array([getattr(message, name) for name in names]))
    changes: dict[str, Any] = {
        name: float(value) for name, value in zip(names, values, strict=True)
    }
    if math.isfinite(changes.get("yaw", math.nan)):
        changes["yaw"] = wrap_angle(changes["yaw"])
    return replace(message, **changes)


def _change_imu(message: Imu, names: tuple[str, ...], change: Callable[[Values], Values]) -> Imu:
    vector_name = names[0].partition("[")[0]
    vector = np.array(getattr(message, vector_name), dtype=np.float64)
    axes = [int(name[-2]) for name in names]
    vector[axes] = change(vector[axes])
    x, y, z = (float(value) for value in vector)
    if vector_name == "angular_velocity":
        return replace(message, angular_velocity=(x, y, z))
    return replace(message, linear_acceleration=(x, y, z))
