from dataclasses import dataclass
from pathlib import Path

import pytest

from autonomy_interfaces.parameters import ParameterError, load_config, read_parameter_files


@dataclass(frozen=True)
class Config:
    rate_hz: float = 20.0
    beams: int = 720
    frame: str = "odom"
    clear: bool = True
    footprint: tuple[float, ...] = (0.0, 1.0)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_node_section_overrides_the_wildcard_and_later_files_override_earlier(
    tmp_path: Path,
) -> None:
    robot = write(
        tmp_path / "robot.yaml",
        "/**:\n  ros__parameters:\n    rate_hz: 10\n    footprint: [1, 2, 3]\n"
        "perception:\n  ros__parameters:\n    rate_hz: 5.5\n",
    )
    stack = write(tmp_path / "stack.yaml", "perception:\n  ros__parameters:\n    beams: 360\n")
    config = load_config(Config, [robot, stack], "perception", {"clear": False})
    assert config == Config(rate_hz=5.5, beams=360, clear=False, footprint=(1.0, 2.0, 3.0))
    assert read_parameter_files([robot], "other") == {"rate_hz": 10, "footprint": [1, 2, 3]}


def test_parameters_of_other_nodes_are_left_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", "/**:\n  ros__parameters:\n    unknown: 1\n")
    assert load_config(Config, [file], "perception") == Config()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("beams: 1.5", "beams"),
        ("beams: true", "beams"),
        ("rate_hz: fast", "rate_hz"),
        ("rate_hz: true", "rate_hz"),
        ("clear: 1", "clear"),
        ("footprint: 3.0", "footprint"),
        ("footprint: [1.0, x]", r"footprint\[1\]"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(
    tmp_path: Path, value: str, named: str
) -> None:
    file = write(tmp_path / "a.yaml", f"/**:\n  ros__parameters:\n    {value}\n")
    with pytest.raises(ParameterError, match=named):
        load_config(Config, [file], "perception")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not valid YAML"),
        ("- 1", "expected a mapping"),
        ("perception:\n  rate_hz: 1", "ros__parameters"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path / "broken.yaml", text)
    with pytest.raises(ParameterError, match=message) as error:
        load_config(Config, [file], "perception")
    assert "broken.yaml" in str(error.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"absent\.yaml"):
        load_config(Config, [tmp_path / "absent.yaml"], "perception")
