"""Reading of what a world is for the eye and on the map: lights, colours, place on the Earth."""

from __future__ import annotations

import math

from world_sim.sdf.element import Element
from world_sim.sdf.frames import FrameGraph
from world_sim.sdf.pose import Vector3
from world_sim.sdf.types import Light, Origin
from world_sim.sdf.values import flag, number, numbers, positive, text_of, unit_vector

LIGHT_KINDS = ("directional", "point", "spot")
DOWN = Vector3(0, 0, -1)
Rgb = tuple[float, float, float]


def read_color(parent: Element | None, name: str, default: Rgb) -> Rgb:
    """Red, green and blue (0 to 1) of the child called `name`; transparency is left out."""
    child = parent.find(name) if parent is not None else None
    if child is None or not child.text:
        return default
    words = child.text.split()
    red, green, blue, *_ = numbers(child, 4 if len(words) == 4 else 3)
    return (_share(red), _share(green), _share(blue))


def read_lights(world: Element, frames: FrameGraph, frame: str) -> tuple[Light, ...]:
    """The lights of a world; `frame` is the one in which their poses are resolved.

    Raises:
        WorldError: a value cannot be used, or the type is none of SDF's.
    """
    lights = []
    for element in world.find_all("light"):
        kind = element.attributes.get("type", "point")
        if kind not in LIGHT_KINDS:
            raise element.error(f"type '{kind}'", f"use one of {', '.join(LIGHT_KINDS)}")
        if not flag(element, "light_on", True):
            continue
        attenuation = element.find("attenuation") or Element("attenuation", {}, element.location)
        spot = element.find("spot") or Element("spot", {}, element.location)
        brightness = min(max(number(element, "intensity", 1.0), 0.0), 10.0)
        red, green, blue = read_color(element, "diffuse", (1.0, 1.0, 1.0))
        lights.append(
            Light(
                kind=kind,
                pose=frames.pose_in(frame, element),
                direction=unit_vector(element, "direction", DOWN),
                diffuse=(_share(red * brightness), _share(green * brightness), blue * brightness),
                reach=positive(attenuation, "range", 10.0),
                spread=min(max(number(spot, "outer_angle", 1.0), 0.01), 3.1),
                shadows=flag(element, "cast_shadows"),
            )
        )
    return tuple(lights)


def read_origin(world: Element) -> Origin:
    """Where the world is on the Earth, by its <spherical_coordinates>.

    Raises:
        WorldError: a latitude beyond the poles, or a surface that is not the Earth's.
    """
    element = world.find("spherical_coordinates")
    if element is None:
        return Origin()
    surface = text_of(element, "surface_model", "EARTH_WGS84")
    if surface != "EARTH_WGS84":
        raise element.error(f"surface_model '{surface}' is not played", "use EARTH_WGS84")
    orientation = text_of(element, "world_frame_orientation", "ENU")
    if orientation != "ENU":
        raise element.error(f"world_frame_orientation '{orientation}'", "use ENU")
    latitude = number(element, "latitude_deg", 0.0)
    if abs(latitude) > 90.0:
        raise element.error(f"latitude {latitude:g} degrees", "give -90 to 90")
    return Origin(
        latitude=math.radians(latitude),
        longitude=math.radians(number(element, "longitude_deg", 0.0)),
        elevation=number(element, "elevation", 0.0),
        heading=math.radians(number(element, "heading_deg", 0.0)),
    )


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
