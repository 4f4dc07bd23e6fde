"""The policy of config/gate: its table of cases, and how a broken policy is refused."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy_governance.gate_policy import (
    Interpreter,
    Policy,
    PolicyError,
    PolicySources,
    read_sources,
)

DIRECTORY = Path(__file__).parents[2] / "config" / "gate"
SOURCES = read_sources(DIRECTORY)
CASES: list[Mapping[str, Any]] = json.loads((DIRECTORY / "tests/cases.json").read_text())["cases"]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy(SOURCES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "_"))
def test_case(policy: Policy, case: Mapping[str, Any]) -> None:
    assert policy.check(case) == ""


def test_the_table_is_long_and_has_every_outcome() -> None:
    assert len(CASES) >= 30
    assert {case.get("outcome") for case in CASES} >= {"allow", "deny", "escalate"}


def test_a_wrong_expectation_is_found(policy: Policy) -> None:
    case = {"name": "wrong", "input": {"action": "recover"}, "outcome": "allow", "tier": "low"}
    assert "expected" in policy.check(case)


def changed(name: str, change: Callable[[str], str]) -> PolicySources:
    files = dict(SOURCES.files)
    before = files[name].decode()
    files[name] = change(before).encode()
    assert files[name] != before.encode()
    return PolicySources(tuple(sorted(files.items())))


def edited(name: str, old: str, new: str) -> PolicySources:
    return changed(name, lambda text: text.replace(old, new, 1))


def without(name: str) -> PolicySources:
    return PolicySources(tuple(entry for entry in SOURCES.files if entry[0] != name))


def site(**values: Any) -> PolicySources:
    def update(text: str) -> str:
        content = json.loads(text)
        content["site"].update(values)
        return json.dumps(content)

    return changed("site.json", update)


NOMINAL = {"who": "mission", "safety_state": "nominal", "audited": True}
ZONE = {"name": "attic", "tier": "low", "polygon": [[0, 0], [1, 0], [1, 1]]}
BROKEN = {
    "no files": (PolicySources(()), "site.json is missing"),
    "a file is missing": (without("geometry.rego"), "Function not found"),
    "no cases": (without("tests/cases.json"), "cases.json is missing"),
    "an empty table": (changed("tests/cases.json", lambda _: '{"cases": []}'), "holds no case"),
    "syntax error": (
        edited("actions.rego", "some zone in zones_touched", "some zone in (zones_touched"),
        "actions.rego:",
    ),
    "a word that is no rule": (
        edited("gate.rego", "import rego", "}\nimport rego"),
        "gate.rego:9: Invalid import",
    ),
    "not UTF-8": (
        PolicySources((*without("gate.rego").files, ("gate.rego", b"\xff\xfe"))),
        "gate.rego: not UTF-8",
    ),
    "site is no JSON": (edited("site.json", '"frame":', '"frame"'), "site.json"),
    "a case fails": (edited("gate.rego", '"outcome": "deny"', '"outcome": "allow"'), "no action"),
    "allows by default, cases agree": (
        PolicySources(
            (
                *without("gate.rego").files,
                (
                    "gate.rego",
                    b'package gate\nimport rego.v1\ndecision := {"outcome": "allow", "tier": "low",'
                    b' "reason": "", "timeout_s": 0}\nmay_approve := true\n'
                    b"stated_risks contains 1\n",
                ),
            )
        ),
        "expected",
    ),
    "reads the clock": (
        edited("actions.rego", "package gate", "package gate\n\nnow := time.now_ns()"),
        "time.now_ns makes a decision unrepeatable",
    ),
    "takes the largest": (
        edited("actions.rego", "package gate", "package gate\n\nlargest := max([10, 9])"),
        "orders numbers as text",
    ),
    "a misspelt polygon": (site(zones=[{**ZONE, "polygon": None}]), "attic"),
    "a zone of two corners": (site(zones=[{**ZONE, "polygon": [[0, 0], [1, 1]]}]), "attic"),
    "a corner twice": (site(zones=[{**ZONE, "polygon": [[0, 0], [0, 0], [1, 1]]}]), "attic"),
    "a corner as text": (site(zones=[{**ZONE, "polygon": [["0", 0], [1, 0], [1, 1]]}]), "attic"),
    "a zone of no tier": (site(zones=[{**ZONE, "tier": "whatever"}]), "attic"),
    "no frame": (site(frame=None), "frame"),
    "no limits": (site(limits={}), "limits"),
    "a limit without window": (site(limits={"*": {"count": 3}}), "limits of *"),
    "loops that allow": (
        site(loop={"repeats": 3, "window_s": 60, "distance_m": 1, "tier": "low"}),
        "loop",
    ),
    "escalation to nobody": (
        site(
            tiers={
                "low": {"rank": 0, "answer": "allow"},
                "elevated": {"rank": 1, "answer": "escalate", "timeout_s": 9, "approvers": []},
                "forbidden": {"rank": 3, "answer": "deny"},
            }
        ),
        "tier elevated",
    ),
    "escalation without end": (
        site(
            tiers={
                "low": {"rank": 0, "answer": "allow"},
                "elevated": {"rank": 1, "answer": "escalate", "approvers": ["operator"]},
                "forbidden": {"rank": 3, "answer": "deny"},
            }
        ),
        "tier elevated",
    ),
    "forbidden allows": (
        edited("site.json", '"rank": 3, "answer": "deny"', '"rank": 3, "answer": "allow"'),
        "tier forbidden",
    ),
}


@pytest.mark.parametrize("name", BROKEN, ids=lambda name: name.replace(" ", "_"))
def test_a_broken_policy_is_refused_with_its_place(name: str) -> None:
    sources, words = BROKEN[name]
    with pytest.raises(PolicyError) as refusal:
        Policy(sources)
    assert words in str(refusal.value)


def test_a_number_that_is_none_does_not_reach_the_engine(policy: Policy) -> None:
    parameters = {"x": float("nan"), "y": 0.0, "frame": "odom"}
    with pytest.raises(PolicyError):
        policy.decide({**NOMINAL, "action": "drive_to", "parameters": parameters})


def test_a_built_in_that_fails_is_an_error_and_not_a_condition_that_does_not_hold() -> None:
    """Otherwise `not` in front of it would hold."""
    rule = (
        '\nstated_risks contains {"tier": "low", "reason": "fine"} if {\n'
        '\tinput.action == "divide"\n\tnot 1 / input.parameters.zero > 1\n}\n'
    )
    policy = Policy(changed("actions.rego", lambda text: text + rule))
    with pytest.raises(PolicyError):
        policy.decide({**NOMINAL, "action": "divide", "parameters": {"zero": 0}})


def test_the_engine_still_orders_numbers_as_text() -> None:
    """Once this fails, the refusal of min, max and sort can go."""
    assert str(Interpreter().query("max([10, 9])")) == '{"expressions":[9]}'


def test_the_version_changes_with_any_byte() -> None:
    other = edited("geometry.rego", "Cheap", "Easy")
    assert other.sha256 != SOURCES.sha256
    assert Policy(SOURCES).version.endswith(SOURCES.sha256[:12])


values = st.one_of(
    st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)
inputs = st.dictionaries(
    st.sampled_from(["action", "who", "safety_state", "parameters", "x"]),
    st.one_of(values, st.dictionaries(st.sampled_from(["x", "y", "frame", "zone"]), values)),
)


@settings(max_examples=150, deadline=None)
@given(document=inputs)
def test_no_input_that_no_rule_knows_is_allowed(policy: Policy, document: dict[str, Any]) -> None:
    try:
        verdict = policy.decide(document)
    except PolicyError:
        return
    assert verdict.outcome == "deny"


def inside_by_angles(x: float, y: float, polygon: list[list[float]]) -> bool:
    total = 0.0
    for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        turn = math.atan2(by - y, bx - x) - math.atan2(ay - y, ax - x)
        total += math.remainder(turn, math.tau)
    return abs(total) > 1.0


@settings(max_examples=60, deadline=None)
@given(x=st.floats(95.05, 124.95), y=st.floats(-4.95, 14.95))
def test_a_goal_gets_the_tier_of_the_strictest_zone_that_holds_it(
    policy: Policy, x: float, y: float
) -> None:
    ranks = {name: tier["rank"] for name, tier in policy.site["tiers"].items()}
    held = [z for z in policy.site["zones"] if inside_by_angles(x, y, z["polygon"])]
    strictest = max((ranks[zone["tier"]] for zone in held), default=0)
    parameters = {"x": round(x, 6), "y": round(y, 6), "frame": "odom"}
    request = {"action": "drive_to", "parameters": parameters} | NOMINAL
    assert ranks[policy.decide(request).tier] >= strictest


def test_the_engine_may_be_loaded_before_rclpy() -> None:
    code = "from autonomy_governance import gate_policy; import rclpy; print('both')"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.stdout == "both\n", result.stderr
