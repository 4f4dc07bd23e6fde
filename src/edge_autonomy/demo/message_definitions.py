"""The text that tells a reader of a recording how a message type is laid out."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

_SEPARATOR = "=" * 80
_FIELD = re.compile(r"^(?P<type>[a-zA-Z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[a-zA-Z]\w*")
_INTEGERS = (f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_PRIMITIVES = {"bool", "byte", "char", "float32", "float64", "string", "wstring", *_INTEGERS}


class DefinitionError(ValueError):
    """A message type whose definition is not installed; the message says what was looked for."""


@cache
def message_definition(type_name: str) -> str:
    """Definition of `type_name` (`sensor_msgs/msg/LaserScan`) with all that it contains.

    In the `ros2msg` form of MCAP and rosbag2: the text of the type's `.msg` file, then each type
    it uses, once, after a line of `=` and a line `MSG: package/Type`.

    Raises:
        DefinitionError: a `.msg` file is not installed.
    """
    order = [type_name]
    for name in order:
        order.extend(used for used in _types_used(name) if used not in order)
    parts = [_text(type_name)]
    for name in order[1:]:
        package, _, message = name.split("/")
        parts.append(f"{_SEPARATOR}\nMSG: {package}/{message}\n{_text(name)}")
    return "\n".join(parts)


def _types_used(type_name: str) -> list[str]:
    """Full names of the message types among the fields of a type, in the order of fields."""
    package = type_name.split("/")[0]
    used = []
    for line in _text(type_name).splitlines():
        match = _FIELD.match(line.split("#")[0].strip())
        if match is None or match["type"] in _PRIMITIVES:
            continue
        *owner, message = match["type"].split("/")
        used.append(f"{owner[0] if owner else package}/msg/{message}")
    return used


@cache
def _text(type_name: str) -> str:
    """Text of a type's `.msg` file, found in the share directory beside its Python package."""
    try:
        package, _, message = type_name.split("/")
        module = importlib.import_module(package)
    except (ValueError, ImportError) as error:
        raise DefinitionError(f"message type '{type_name}': {error}") from error
    for prefix in Path(str(module.__file__)).parents:
        file = prefix / "share" / package / "msg" / f"{message}.msg"
        if file.is_file():
            return file.read_text().rstrip() + "\n"
    raise DefinitionError(
        f"message type '{type_name}': no share/{package}/msg/{message}.msg above {module.__file__}"
    )
