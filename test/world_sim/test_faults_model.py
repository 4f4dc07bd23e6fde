"""Faults as data: their times, their YAML form, their listing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from autonomy_interfaces.messages import SECOND
from world_sim.faults import (
    REGISTRY,
    FaultError,
    catalogue,
    json_schema,
    load_faults,
    markdown_table,
    parse_fault,
    parse_faults,
    register,
)
from world_sim.faults.catalogue import targets_of
from world_sim.faults.model import Message, Release, Stream, ValueFault

SILENCE = {"kind": "silence", "target": "scan"}


def test_a_fault_lasts_from_its_onset_up_to_its_end() -> None:
    fault = parse_fault({**SILENCE, "at_s": 3.0, "duration_s": 1.0})
    assert not fault.active(3 * SECOND - 1)
    assert fault.active(3 * SECOND)
    assert fault.active(4 * SECOND - 1)
    assert not fault.active(4 * SECOND)


def test_a_fault_without_duration_lasts_to_the_end() -> None:
    fault = parse_fault({**SILENCE, "at_s": 3.0})
    assert fault.active(10_000 * SECOND)
    assert fault.next_change_ns(3 * SECOND) is None


def test_a_repeated_fault_comes_back_with_a_new_onset() -> None:
    fault = parse_fault({**SILENCE, "at_s": 1.0, "duration_s": 0.5, "repeat_s": 2.0})
    assert [fault.onset_ns(round(t * SECOND)) for t in (0.5, 1.2, 1.6, 3.4, 5.0)] == [
        None,
        1 * SECOND,
        None,
        3 * SECOND,
        5 * SECOND,
    ]


times = st.floats(0.0, 20.0)


@given(
    at_s=times,
    duration_s=st.none() | st.floats(0.01, 5.0),
    gap_s=st.none() | st.floats(0.01, 5.0),
    now_s=times,
)
def test_activity_changes_only_where_it_is_foretold(
    at_s: float, duration_s: float | None, gap_s: float | None, now_s: float
) -> None:
    repeat_s = None if gap_s is None else gap_s + (duration_s or 0.0)
    fault = parse_fault({**SILENCE, "at_s": at_s, "duration_s": duration_s, "repeat_s": repeat_s})
    now_ns = round(now_s * SECOND)
    change_ns = fault.next_change_ns(now_ns)
    if change_ns is None:
        assert fault.onset_ns(now_ns + 1000 * SECOND) == fault.onset_ns(now_ns)
    else:
        assert change_ns > now_ns
        assert fault.onset_ns(change_ns - 1) == fault.onset_ns(now_ns)
        assert fault.onset_ns(change_ns) != fault.onset_ns(now_ns)


def test_a_fault_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        parse_fault(SILENCE).at_s = 1.0  # type: ignore[misc]


def test_faults_load_from_a_yaml_list_or_under_a_key(tmp_path: Path) -> None:
    text = "- {kind: silence, target: scan, at_s: 3.0, duration_s: 1.0}\n- {kind: nan, target: imu}"
    plain, nested = tmp_path / "plain.yaml", tmp_path / "nested.yaml"
    plain.write_text(text)
    nested.write_text("faults:\n" + "\n".join(f"  {line}" for line in text.splitlines()))
    assert [fault.kind for fault in load_faults(plain)] == ["silence", "nan"]
    assert load_faults(plain) == load_faults(nested)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"kind": "silnce"}, ["'silnce'", "did you mean 'silence'", "drive_stuck"]),
        ({"target": "scan"}, ["'kind' is missing", "silence"]),
        ({"kind": "silence"}, ["(silence)", "'target' is missing", "scan, imu, odom"]),
        ({"kind": "silence", "target": "gyro"}, ["'gyro'", "'scan', 'imu', 'odom'"]),
        ({"kind": "delay", "target": "scan", "delay": 1}, ["did you mean 'delay_s'"]),
        ({"kind": "delay", "target": "scan", "delay_s": -1}, ["'delay_s'", "greater than 0", "-1"]),
        ({"kind": "delay", "target": "scan", "delay_s": float("nan")}, ["'delay_s'", "finite"]),
        ({"kind": "bias", "target": "imu", "field": "vx"}, ["'vx'", "yaw_rate"]),
        ({**SILENCE, "duration_s": 2, "repeat_s": 1}, ["repeat_s", "duration_s"]),
        ("silence", ["mapping", "'silence'"]),
    ],
)
def test_a_wrong_fault_is_refused_with_what_would_be_right(
    entry: object, expected: list[str]
) -> None:
    with pytest.raises(FaultError) as error:
        parse_faults([SILENCE, entry], "run.yaml")
    message = str(error.value)
    assert message.startswith("run.yaml: fault 2")
    assert "\n" not in message
    assert all(part in message for part in expected), message


@pytest.mark.parametrize(
    ("text", "expected"), [("- {kind: [", "not valid YAML"), ("7", "list of faults")]
)
def test_a_file_that_holds_no_faults_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(FaultError, match=expected) as error:
        load_faults(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match=r"absent\.yaml"):
        load_faults(tmp_path / "absent.yaml")


def test_the_listing_has_every_kind_with_its_targets_and_parameters() -> None:
    entries = {entry.kind: entry for entry in catalogue()}
    assert set(entries) == set(REGISTRY)
    sensors = ("scan", "imu", "odom", "camera", "depth")
    assert entries["delay"].targets == (*sensors, "command")
    assert [p.name for p in entries["drive_saturated"].parameters] == ["max_vx", "max_wz"]
    assert all(entry.description and entry.family for entry in entries.values())


def test_the_schema_accepts_what_the_loader_accepts() -> None:
    schema = json_schema()
    assert {ref["$ref"].rsplit("/")[-1] for ref in schema["oneOf"]} == set(REGISTRY)
    for kind, fault_type in REGISTRY.items():
        definition = schema["$defs"][kind]
        assert definition["properties"]["kind"]["const"] == kind
        assert "kind" in definition["required"]
        for target in targets_of(fault_type):
            assert parse_fault({"kind": kind, "target": target}).target == target


def test_the_table_in_the_documentation_is_the_generated_one() -> None:
    page = Path(__file__).parents[2] / "docs" / "faults.md"
    assert markdown_table() in page.read_text(), (
        "docs/faults.md: replace its table by `edge-autonomy worlds faults --markdown`"
    )


def test_a_class_is_all_that_a_new_fault_needs() -> None:
    class Mirror(ValueFault):
        """Left is right."""

        kind: Literal["mirror"] = "mirror"

        def apply(self, message: Message, now_ns: int, stream: Stream) -> list[Release]:
            return [(now_ns, message)]

    try:
        register(Mirror)
        assert parse_fault({"kind": "mirror", "target": "scan"}) == Mirror(target="scan")
        assert "`mirror` | Left is right." in markdown_table()
        with pytest.raises(TypeError, match="exists already"):
            register(Mirror)
    finally:
        REGISTRY.pop("mirror", None)


def test_a_fault_without_a_description_cannot_be_registered() -> None:
    class Nameless(ValueFault):
        kind: Literal["nameless"] = "nameless"

    with pytest.raises(TypeError, match="docstring"):
        register(Nameless)
