"""Typed values of elements: numbers that are finite, vectors, poses, with errors that help."""

from __future__ import annotations

import math

from world_sim.sdf.element import Element
from world_sim.sdf.pose import Pose3, Quaternion, Vector3, from_euler

# Beyond this no robot world makes sense and products of lengths lose their meaning.
LARGEST = 1e9


def text_of(parent: Element, name: str, default: str = "") -> str:
    """Text of the child called `name`."""
    child = parent.find(name)
    return default if child is None else child.text


def numbers(element: Element, count: int, unbounded: bool = False) -> tuple[float, ...]:
    """Exactly `count` numbers; finite and below 1e9 unless `unbounded`.

    Raises:
        WorldError: another count, not a number, NaN, infinite or absurdly large.
    """
    words = element.text.split()
    if len(words) != count:
        raise element.error(
            f"expected {count} number(s), got '{element.text[:60]}'", "separate them by spaces"
        )
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        raise element.error(f"expected number(s), got '{element.text[:60]}'") from None
    for value in values:
        if math.isnan(value) or (abs(value) > LARGEST and not unbounded):
            raise element.error(f"{value} is not usable here", "give a finite number below 1e9")
    return values


def number(parent: Element, name: str, default: float, unbounded: bool = False) -> float:
    """The number in the child called `name`, or `default` where it is absent."""
    child = parent.find(name)
    return default if child is None else numbers(child, 1, unbounded)[0]


def positive(parent: Element, name: str, default: float | None = None) -> float:
    """A number above zero.

    Raises:
        WorldError: it is absent without a default, or not above zero.
    """
    child = parent.find(name)
    if child is None:
        if default is None:
            raise parent.error(f"lacks <{name}>")
        return default
    value = numbers(child, 1)[0]
    if value <= 0:
        raise child.error(f"must be above zero, got {value:g}", "give a length or mass above zero")
    return value


def positive_or_zero(parent: Element, name: str) -> float:
    """A number that is not negative; zero where it is absent."""
    value = number(parent, name, 0.0)
    if value < 0:
        raise parent.error(f"<{name}> must not be negative, got {value:g}", "give zero or more")
    return value


def vector(parent: Element, name: str, default: Vector3) -> Vector3:
    """Three numbers in the child called `name`."""
    child = parent.find(name)
    return default if child is None else Vector3(*numbers(child, 3))


def unit_vector(parent: Element, name: str, default: Vector3) -> Vector3:
    """A direction, normalised.

    Raises:
        WorldError: its length is zero.
    """
    value = vector(parent, name, default)
    length = math.sqrt(sum(c * c for c in value))
    if length < 1e-9:
        raise parent.error(f"<{name}> has no direction (0 0 0)")
    return Vector3(*(c / length for c in value))


def flag(parent: Element, name: str, default: bool = False) -> bool:
    """A boolean: true, false, 1 or 0."""
    child = parent.find(name)
    if child is None:
        return default
    word = child.text.lower()
    if word not in ("true", "false", "1", "0"):
        raise child.error(f"expected true or false, got '{child.text[:60]}'")
    return word in ("true", "1")


def attribute(element: Element, name: str) -> str:
    """A required attribute, not empty."""
    value = element.attributes.get(name, "").strip()
    if not value:
        raise element.error(f"lacks the attribute '{name}'")
    return value


def pose_value(element: Element) -> Pose3:
    """The pose that a <pose> element writes, in whatever frame it is relative to."""
    form = element.attributes.get("rotation_format", "euler_rpy")
    if not element.text:
        return Pose3()
    if form == "quat_xyzw":
        x, y, z, qx, qy, qz, qw = numbers(element, 7)
        norm = math.sqrt(qx * qx + qy * qy + qz * qz + qw * qw)
        if norm < 1e-6:
            raise element.error("the quaternion has length zero")
        return Pose3(Vector3(x, y, z), Quaternion(qw / norm, qx / norm, qy / norm, qz / norm))
    if form != "euler_rpy":
        raise element.error(f"rotation_format '{form}'", "use euler_rpy or quat_xyzw")
    x, y, z, roll, pitch, yaw = numbers(element, 6)
    if element.attributes.get("degrees", "false").lower() in ("true", "1"):
        roll, pitch, yaw = (math.radians(angle) for angle in (roll, pitch, yaw))
    return Pose3(Vector3(x, y, z), from_euler(roll, pitch, yaw))
