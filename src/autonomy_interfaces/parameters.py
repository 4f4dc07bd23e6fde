"""Core configurations as frozen dataclasses, read from ROS 2 parameter files.

A core has one frozen dataclass of plain fields (float, int, bool, str, tuples of these). The
same YAML parameter file configures it over DDS (the node declares one parameter per field) and
in lockstep (`load_config`), so a parameter has one name, one default and one place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

ConfigT = TypeVar("ConfigT")

# PyYAML's compiled loader, where it has one, reads the same ten times as fast.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ParameterError(ValueError):
    """A parameter file or value that cannot be used; the message names it and the remedy."""


def read_parameter_files(files: Sequence[Path], node_name: str) -> dict[str, Any]:
    """Merge the `/**` and `node_name` sections of ROS 2 parameter files, later entries winning.

    Raises:
        ParameterError: a file is missing, is not YAML, or has no `ros__parameters` section.
    """
    merged: dict[str, Any] = {}
    for file in files:
        try:
            content = yaml.load(file.read_text(), Loader=_Loader)
        except OSError as error:
            raise ParameterError(f"parameter file {file}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ParameterError(f"parameter file {file} is not valid YAML: {error}") from error
        if not isinstance(content, dict):
            raise ParameterError(f"parameter file {file}: expected a mapping of node names")
        for section in ("/**", node_name, f"/{node_name}"):
            if section not in content:
                continue
            node_section = content[section]
            if not isinstance(node_section, dict) or "ros__parameters" not in node_section:
                raise ParameterError(f"{file}: section '{section}' lacks 'ros__parameters:'")
            merged.update(node_section["ros__parameters"] or {})
    return merged


def build_config(config_type: type[ConfigT], parameters: Mapping[str, Any]) -> ConfigT:
    """Build `config_type` from the parameters it names; names it lacks are for other nodes.

    Raises:
        ParameterError: a value has another type than the field's.
    """
    hints = get_type_hints(config_type)
    values = {}
    for field in fields(config_type):  # type: ignore[arg-type]
        if field.name in parameters:
            values[field.name] = _coerce(field.name, hints[field.name], parameters[field.name])
    return config_type(**values)


def load_config(
    config_type: type[ConfigT],
    files: Sequence[Path],
    node_name: str,
    overrides: Mapping[str, Any] | None = None,
) -> ConfigT:
    """Read `files` for `node_name`, apply `overrides`, and build the configuration."""
    return build_config(
        config_type, {**read_parameter_files(files, node_name), **(overrides or {})}
    )


def _coerce(name: str, expected: Any, value: Any) -> Any:
    """Check a YAML value against a field's type, widening int to float and list to tuple."""
    if expected is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if getattr(expected, "__origin__", None) is tuple:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise ParameterError(f"parameter '{name}': expected a list, got {value!r}")
        element = expected.__args__[0]
        return tuple(_coerce(f"{name}[{i}]", element, item) for i, item in enumerate(value))
    if isinstance(expected, type) and type(value) is expected:
        return value
    expected_name = getattr(expected, "__name__", str(expected))
    raise ParameterError(f"parameter '{name}': expected {expected_name}, got {value!r}")
