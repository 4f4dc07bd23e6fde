"""From a world's east-north-up frame to latitude, longitude and altitude (WGS 84)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from world_sim.sdf.types import Origin

# WGS 84: semi-major axis (m) and squared eccentricity.
SEMI_MAJOR = 6_378_137.0
FLATTENING = 1.0 / 298.257223563
ECCENTRICITY_SQUARED = FLATTENING * (2.0 - FLATTENING)


def east_north(origin: Origin, x: float, y: float) -> tuple[float, float]:
    """East and north (m, or m/s) of a vector in the world's x and y."""
    cosine, sine = math.cos(origin.heading), math.sin(origin.heading)
    return cosine * x - sine * y, sine * x + cosine * y


def _centred(latitude: float, longitude: float, altitude: float) -> NDArray[np.float64]:
    """Earth-centred coordinates (3,), metres."""
    radius = SEMI_MAJOR / math.sqrt(1.0 - ECCENTRICITY_SQUARED * math.sin(latitude) ** 2)
    level = (radius + altitude) * math.cos(latitude)
    up = (radius * (1.0 - ECCENTRICITY_SQUARED) + altitude) * math.sin(latitude)
    return np.array([level * math.cos(longitude), level * math.sin(longitude), up])


def geodetic(origin: Origin, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Latitude and longitude (radians) and altitude (m) of a point of the world, in metres."""
    east, north = east_north(origin, x, y)
    latitude, longitude = origin.latitude, origin.longitude
    sin_lat, cos_lat = math.sin(latitude), math.cos(latitude)
    sin_lon, cos_lon = math.sin(longitude), math.cos(longitude)
    axes = np.array(
        [
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        ]
    )
    centred = _centred(latitude, longitude, origin.elevation)
    px, py, pz = (float(value) for value in centred + np.array([east, north, z]) @ axes)
    level = math.hypot(px, py)
    # A fixed point that converges by the squared eccentricity with each turn: below a micrometre.
    found = math.atan2(pz, level * (1.0 - ECCENTRICITY_SQUARED))
    for _ in range(5):
        radius = SEMI_MAJOR / math.sqrt(1.0 - ECCENTRICITY_SQUARED * math.sin(found) ** 2)
        found = math.atan2(pz + ECCENTRICITY_SQUARED * radius * math.sin(found), level)
    radius = SEMI_MAJOR / math.sqrt(1.0 - ECCENTRICITY_SQUARED * math.sin(found) ** 2)
    altitude = level * math.cos(found) + pz * math.sin(found) - SEMI_MAJOR**2 / radius
    return found, math.atan2(py, px), altitude
