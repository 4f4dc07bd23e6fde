"""The planar lidar: exact ranges to circles and segments, compiled.

The world is cut once at the height of the beam into circles and segments. A scan then asks of
each primitive which beams can meet it (its interval of bearings) and takes the nearest exact
intersection per beam, so that its cost grows with primitives and hits, not with their product.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

ASIN_SLACK = math.pi / 2 - 1

# Beams are turned one from the other; so often (in beams) one is computed anew, which keeps the
# error of all of them at that of rounding.
EXACT_EVERY = 32


@njit(cache=True, nogil=True, inline="always")
def _mark_circle(
    ranges: NDArray[np.float64],
    directions: NDArray[np.float64],
    first: int,
    last: int,
    dx: float,
    dy: float,
    radius_squared: float,
) -> None:
    """Lower `ranges[first..last]` to the circle at (dx, dy) from the sensor, sensor outside."""
    outside = dx * dx + dy * dy - radius_squared
    for beam in range(first, last + 1):
        along = dx * directions[beam, 0] + dy * directions[beam, 1]
        discriminant = along * along - outside
        if along > 0.0 and discriminant >= 0.0:
            # outside / (along + root) is along - root without the cancellation.
            distance = outside / (along + math.sqrt(discriminant))
            if distance < ranges[beam]:
                ranges[beam] = distance


@njit(cache=True, nogil=True, inline="always")
def _mark_segment(
    ranges: NDArray[np.float64],
    directions: NDArray[np.float64],
    first: int,
    last: int,
    ax: float,
    ay: float,
    bx: float,
    by: float,
) -> None:
    """Lower `ranges[first..last]` to the segment from a to b, both relative to the sensor."""
    ex, ey = bx - ax, by - ay
    cross = ax * ey - ay * ex
    for beam in range(first, last + 1):
        ux, uy = directions[beam, 0], directions[beam, 1]
        denominator = ux * ey - uy * ex
        if denominator == 0.0:
            continue
        distance = cross / denominator
        place = (ax * uy - ay * ux) / denominator
        if distance >= 0.0 and -1e-12 <= place <= 1.0 + 1e-12 and distance < ranges[beam]:
            ranges[beam] = distance


@njit(cache=True, nogil=True, inline="always")
def _first_beam(bearing: float, angle_min: float, increment: float) -> int:
    return math.ceil((bearing - angle_min) / increment - 1e-9)


@njit(cache=True, nogil=True, inline="always")
def _last_beam(bearing: float, angle_min: float, increment: float) -> int:
    return math.floor((bearing - angle_min) / increment + 1e-9)


@njit(cache=True, nogil=True)
def cast_circles(
    ranges: NDArray[np.float64],
    directions: NDArray[np.float64],
    circles: NDArray[np.float64],
    x: float,
    y: float,
    angle_min: float,
    increment: float,
    range_max: float,
) -> None:
    """Lower each beam's range to the nearest circle it meets.

    Args:
        ranges: (N,) metres, lowered in place.
        directions: (N, 2) unit vectors of the beams in the world frame.
        circles: (C, 3) centre x, y and radius, world frame, metres.
        x: sensor position, world frame.
        y: sensor position, world frame.
        angle_min: bearing of beam 0 in the world frame, radians.
        increment: radians between beams, above zero.
        range_max: primitives beyond it are skipped, metres.
    """
    count = ranges.shape[0]
    turn = 2.0 * math.pi
    for index in range(circles.shape[0]):
        dx, dy, radius = circles[index, 0] - x, circles[index, 1] - y, circles[index, 2]
        reach = range_max + radius
        squared = dx * dx + dy * dy
        if squared > reach * reach:
            continue
        if squared <= radius * radius:
            _cast_from_inside(ranges, directions, dx, dy, radius)
            continue
        middle = math.atan2(dy, dx)
        # Never below asin(sine), whose series has only positive terms, and cheaper.
        sine = radius / math.sqrt(squared)
        half = sine + ASIN_SLACK * sine * sine * sine
        middle += turn * math.ceil((angle_min - middle - half) / turn)
        while True:
            first = max(0, _first_beam(middle - half, angle_min, increment))
            last = min(count - 1, _last_beam(middle + half, angle_min, increment))
            if first > count - 1:
                break
            _mark_circle(ranges, directions, first, last, dx, dy, radius * radius)
            middle += turn


@njit(cache=True, nogil=True)
def _cast_from_inside(
    ranges: NDArray[np.float64],
    directions: NDArray[np.float64],
    dx: float,
    dy: float,
    radius: float,
) -> None:
    """A sensor inside a circle sees its inner wall on every beam."""
    inside = radius * radius - dx * dx - dy * dy
    for beam in range(ranges.shape[0]):
        along = dx * directions[beam, 0] + dy * directions[beam, 1]
        distance = along + math.sqrt(along * along + inside)
        if distance < ranges[beam]:
            ranges[beam] = distance


@njit(cache=True, nogil=True)
def cast_segments(
    ranges: NDArray[np.float64],
    directions: NDArray[np.float64],
    segments: NDArray[np.float64],
    x: float,
    y: float,
    angle_min: float,
    increment: float,
    range_max: float,
) -> None:
    """Lower each beam's range to the nearest segment it meets.

    Args:
        ranges: as for `cast_circles`.
        directions: as for `cast_circles`.
        segments: (S, 4) ends ax, ay, bx, by, world frame, metres.
        x: sensor position, world frame.
        y: sensor position, world frame.
        angle_min: bearing of beam 0 in the world frame, radians.
        increment: radians between beams, above zero.
        range_max: primitives beyond it are skipped, metres.
    """
    count = ranges.shape[0]
    turn = 2.0 * math.pi
    for index in range(segments.shape[0]):
        ax, ay = segments[index, 0] - x, segments[index, 1] - y
        bx, by = segments[index, 2] - x, segments[index, 3] - y
        ex, ey = bx - ax, by - ay
        length_squared = ex * ex + ey * ey
        place = 0.0
        if length_squared > 0.0:
            place = min(1.0, max(0.0, -(ax * ex + ay * ey) / length_squared))
        nx, ny = ax + place * ex, ay + place * ey
        if nx * nx + ny * ny > range_max * range_max:
            continue
        start = math.atan2(ay, ax)
        # Signed angle that the segment spans, below half a turn, from its start.
        span = math.atan2(ax * by - ay * bx, ax * bx + ay * by)
        if span < 0.0:
            start, span = start + span, -span
        start += turn * math.ceil((angle_min - start - span) / turn)
        while True:
            first = max(0, _first_beam(start, angle_min, increment))
            last = min(count - 1, _last_beam(start + span, angle_min, increment))
            if first > count - 1:
                break
            _mark_segment(ranges, directions, first, last, ax, ay, bx, by)
            start += turn


@njit(cache=True, nogil=True)
def report(
    exact: NDArray[np.float64],
    noise: NDArray[np.float32],
    stddev: float,
    range_min: float,
    range_max: float,
) -> NDArray[np.float32]:
    """What the sensor reports of exact distances: noise added, -inf if too near, inf if too far.

    Args:
        exact: (N,) metres, inf where there is nothing.
        noise: (N,) standard normal numbers.
        stddev: of the noise, metres.
        range_min: metres; what is nearer is -inf (REP-117).
        range_max: metres.

    Returns:
        (N,) float32, metres.
    """
    reported = np.empty(exact.shape[0], dtype=np.float32)
    for beam in range(exact.shape[0]):
        distance = exact[beam] + stddev * noise[beam]
        if exact[beam] < range_min:
            distance = -np.inf
        elif distance > range_max:
            distance = np.inf
        reported[beam] = distance
    return reported


@njit(cache=True, nogil=True)
def beam_directions(
    yaw: float, angle_min: float, increment: float, count: int
) -> NDArray[np.float64]:
    """(N, 2) unit vectors of the beams of a sensor at heading `yaw`, world frame."""
    directions = np.empty((count, 2))
    turn_x, turn_y = math.cos(increment), math.sin(increment)
    ux, uy = 1.0, 0.0
    for beam in range(count):
        if beam % EXACT_EVERY == 0:
            bearing = yaw + angle_min + beam * increment
            ux, uy = math.cos(bearing), math.sin(bearing)
        else:
            ux, uy = turn_x * ux - turn_y * uy, turn_y * ux + turn_x * uy
        directions[beam, 0] = ux
        directions[beam, 1] = uy
    return directions


@njit(cache=True, nogil=True)
def cast(
    circles: NDArray[np.float64],
    segments: NDArray[np.float64],
    x: float,
    y: float,
    yaw: float,
    angle_min: float,
    increment: float,
    count: int,
    range_max: float,
) -> NDArray[np.float64]:
    """Distance along each beam to the nearest primitive, inf where there is none in range.

    Args:
        circles: (C, 3) centre x, y and radius, world frame, metres.
        segments: (S, 4) ends ax, ay, bx, by, world frame, metres.
        x: sensor position, world frame, metres.
        y: sensor position, world frame, metres.
        yaw: sensor heading, radians.
        angle_min: bearing of beam 0 in the sensor frame, radians.
        increment: radians between beams, above zero.
        count: number of beams N.
        range_max: metres.

    Returns:
        (N,) float64, metres, without noise.
    """
    ranges = np.full(count, np.inf)
    directions = beam_directions(yaw, angle_min, increment, count)
    start = yaw + angle_min
    cast_circles(ranges, directions, circles, x, y, start, increment, range_max)
    cast_segments(ranges, directions, segments, x, y, start, increment, range_max)
    for beam in range(count):
        if ranges[beam] > range_max:
            ranges[beam] = np.inf
    return ranges
