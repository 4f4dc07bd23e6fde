"""Exact planar ranges and contacts among cylinders: the compiled part of the training rig."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def cast(
    circles: NDArray[np.float64],
    x: float,
    y: float,
    yaw: float,
    angle_min: float,
    angle_increment: float,
    range_max: float,
    ranges: NDArray[np.float32],
) -> None:
    """Distances from a scanner to the nearest circle along each beam.

    Each circle is tested only against the beams inside its angular interval.

    Args:
        circles: (N, 3): x, y, radius, metres, in the frame of the scanner's pose.
        x: scanner, metres.
        y: scanner, metres.
        yaw: scanner, radians.
        angle_min: bearing of beam 0, radians.
        angle_increment: radians, positive.
        range_max: metres.
        ranges: (B,) float32, written; +inf where nothing is within `range_max`.
    """
    ranges[:] = np.inf
    beams = ranges.shape[0]
    for i in range(circles.shape[0]):
        dx, dy, radius = circles[i, 0] - x, circles[i, 1] - y, circles[i, 2]
        distance = math.hypot(dx, dy)
        if distance - radius > range_max:
            continue
        half = math.pi if distance <= radius else math.asin(min(1.0, radius / distance))
        bearing = math.atan2(dy, dx) - yaw - angle_min
        bearing -= 2.0 * math.pi * math.floor(bearing / (2.0 * math.pi))
        for turn in range(-1, 2):
            centre = bearing + turn * 2.0 * math.pi
            first = max(0, math.ceil((centre - half) / angle_increment))
            last = min(beams - 1, math.floor((centre + half) / angle_increment))
            for beam in range(first, last + 1):
                offset = beam * angle_increment - centre
                across = distance * math.sin(offset)
                inside = radius * radius - across * across
                if inside < 0.0:
                    continue
                hit = max(0.0, distance * math.cos(offset) - math.sqrt(inside))
                if hit <= range_max and hit < ranges[beam]:
                    ranges[beam] = hit


@njit(cache=True)
def clearance(
    circles: NDArray[np.float64],
    x: float,
    y: float,
    yaw: float,
    front: float,
    rear: float,
    side: float,
) -> float:
    """Distance from a box around the robot to the nearest circle, metres; negative in contact.

    Args:
        circles: (N, 3): x, y, radius.
        x: robot, metres.
        y: robot, metres.
        yaw: radians.
        front: from the robot's origin to the box's front, metres.
        rear: to its rear, positive.
        side: to each side.
    """
    nearest = np.inf
    cosine, sine = math.cos(yaw), math.sin(yaw)
    for i in range(circles.shape[0]):
        dx, dy = circles[i, 0] - x, circles[i, 1] - y
        ahead, left = cosine * dx + sine * dy, -sine * dx + cosine * dy
        out_x = max(ahead - front, -rear - ahead, 0.0)
        out_y = max(abs(left) - side, 0.0)
        nearest = min(nearest, math.hypot(out_x, out_y) - circles[i, 2])
    return nearest
