"""config/sros2/policy.xml gives each node what it creates, and no node more than that."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import parse

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "config" / "sros2" / "policy.xml"
INCLUDE = "{http://www.w3.org/2001/XInclude}include"
NODES = {
    "perception": "autonomy_nodes.perception.node.PerceptionNode",
    "decision": "autonomy_nodes.decision.node.DecisionNode",
    "mission": "autonomy_nodes.mission.node.MissionNode",
    "safety_monitor": "safety_monitor.node.SafetyMonitorNode",
    "safety_gate": "autonomy_governance.node.GateNode",
    "world_sim": "world_sim.node.WorldSimNode",
}
Grants = dict[str, set[str]]


def rules(profile: Element) -> Iterator[Element]:
    """The rules of a profile, those of included files in their place."""
    for child in profile:
        if child.tag == INCLUDE:
            yield from rules(parse(POLICY.parent / child.attrib["href"]).getroot())
        else:
            yield child


def read_policy() -> dict[str, Grants]:
    """Granted names by node and by verb (publish, subscribe, request, reply)."""
    policy: dict[str, Grants] = {}
    for enclave in parse(POLICY).getroot().iter("enclave"):
        (profile,) = enclave.iter("profile")
        node = profile.attrib["node"]
        assert enclave.attrib["path"] == f"/edge_autonomy/{node}"
        grants: Grants = defaultdict(set)
        for rule in rules(profile):
            for verb, value in rule.attrib.items():
                assert value == "ALLOW"
                names = [str(item.text) for item in rule]
                assert len(names) == len(set(names))
                grants[verb] |= {name.replace("~", f"/{node}") for name in names}
        policy[node] = grants
    return policy


def created_by(node: Any) -> Grants:
    own = (node.get_name(), node.get_namespace())
    queries = {
        "publish": node.get_publisher_names_and_types_by_node,
        "subscribe": node.get_subscriber_names_and_types_by_node,
        "reply": node.get_service_names_and_types_by_node,
        "request": node.get_client_names_and_types_by_node,
    }
    return {verb: {name for name, _ in query(*own)} for verb, query in queries.items()}


def test_every_executable_of_a_node_has_an_enclave() -> None:
    scripts = re.findall(r"^(\w+)_node = ", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert set(scripts) == set(NODES)
    assert set(read_policy()) == set(NODES) | {"robot_base", "operator"}


@pytest.mark.dds
@pytest.mark.parametrize("name", NODES)
def test_a_node_is_granted_exactly_what_it_creates(name: str, tmp_path: Path) -> None:
    import rclpy

    parameters = {
        "world": ROOT / "gazebo_worlds" / "office.sdf",
        "audit_directory": tmp_path,
        "policy_directory": ROOT / "config" / "gate",
        "ask_gate": "true",
        "use_sim_time": name != "world_sim",
    }
    words = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
    rclpy.init(args=["--ros-args", *words])
    module, _, kind = NODES[name].rpartition(".")
    node = getattr(importlib.import_module(module), kind)()
    try:
        assert node.get_name() == name
        created = created_by(node)
    finally:
        for end in ("stop", "close"):
            getattr(node, end, lambda: None)()
        node.destroy_node()
        rclpy.shutdown()
    granted = read_policy()[name]
    if name == "world_sim":
        granted["subscribe"].discard("/clock")
    assert {verb: names for verb, names in created.items() if names} == dict(granted)


def test_the_dangerous_names_have_one_holder_each() -> None:
    policy = read_policy()

    def holders(verb: str, name: str) -> set[str]:
        return {node for node, grants in policy.items() if name in grants[verb]}

    assert holders("publish", "/cmd_vel") == {"safety_monitor"}
    assert holders("publish", "/decision/cmd_vel") == {"decision"}
    assert holders("subscribe", "/decision/cmd_vel") == {"safety_monitor"}
    assert holders("subscribe", "/cmd_vel") == {"robot_base", "world_sim"}
    assert holders("publish", "/gate/decision") == {"safety_gate"}
    assert holders("publish", "/audit/status") == {"safety_gate"}
    for topic in ("/safety/state", "/safety/events"):
        assert holders("publish", topic) == {"safety_monitor"}
    assert holders("publish", "/gate/answer") == {"operator"}
    for name in ("/safety/estop", "/safety/reset", "/mission/cancel"):
        assert holders("request", name) == {"operator"}
    for topic in ("/scan", "/odom", "/imu"):
        assert holders("publish", topic) == {"robot_base", "world_sim"}


def test_what_one_node_hears_another_says() -> None:
    policy = read_policy()
    for heard, said in (("subscribe", "publish"), ("request", "reply")):
        needs = set().union(*(grants[heard] for grants in policy.values()))
        offers = set().union(*(grants[said] for grants in policy.values()))
        assert needs <= offers
    nodes = [grants for node, grants in policy.items() if node != "operator"]
    said = set().union(*(grants["publish"] for grants in nodes))
    heard = set().union(*(grants["subscribe"] for grants in policy.values()))
    assert said - heard == {"/parameter_events", "/sim/contacts"}


@pytest.mark.dds
def test_the_commands_of_a_person_need_no_more_than_the_operators_enclave() -> None:
    from autonomy_governance.operator import Operator

    with Operator(0.1) as person:
        person.trigger("/safety/estop")
        person.safety_state()
        person.pending()
        person.answer("q1", "me", approve=True)
        created = created_by(person.node)
    granted = read_policy()["operator"]
    assert all(names <= granted[verb] for verb, names in created.items())
