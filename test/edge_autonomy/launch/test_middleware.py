"""What the launch files tell the middleware: UDP, and where it may go."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge_autonomy.launch.evaluate import evaluate_file

ROOT = Path(__file__).resolve().parents[3]
DDS = ROOT / "config" / "dds"
NAMESPACE = "{http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles}"
LOOPBACK_ALONE = ("maxInitialPeersRange", "interfaceWhiteList")
NAMES = PROFILE, RANGE, PEERS = (
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "ROS_STATIC_PEERS",
)


def told(given: Mapping[str, str]) -> dict[str, str | None]:
    """What every process of the launch finds, profiles by their names."""
    own = {name: value for name, value in os.environ.items() if name not in NAMES}
    specs = evaluate_file(ROOT / "launch" / "sim.launch.yaml", {}, {**own, **given})
    kinds = {tuple(spec.environment.get(name) for name in NAMES) for spec in specs}
    assert len(kinds) == 1
    profile, reach, peers = kinds.pop()
    assert profile
    if not given.get(PROFILE):
        assert Path(profile).is_file()
    return {PROFILE: Path(profile).name, RANGE: reach, PEERS: peers}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("udp.xml", None, None)),
        ({RANGE: "SUBNET", PEERS: "10.0.0.2"}, ("udp.xml", "SUBNET", "10.0.0.2")),
        ({RANGE: "LOCALHOST"}, ("udp_loopback.xml", "SUBNET", "127.0.0.1")),
        ({RANGE: "LOCALHOST", PEERS: "10.0.0.2"}, ("udp_loopback.xml", "SUBNET", "127.0.0.1")),
        ({RANGE: "LOCALHOST", PROFILE: "my.xml"}, ("my.xml", "LOCALHOST", None)),
        ({PROFILE: "my.xml"}, ("my.xml", None, None)),
        (
            {RANGE: "LOCALHOST", "RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"},
            ("udp.xml", "LOCALHOST", None),
        ),
    ],
)
def test_processes_share_no_memory_unless_their_user_says_so(
    given: dict[str, str], expected: tuple[str | None, ...]
) -> None:
    assert told(given) == dict(zip(NAMES, expected, strict=True))


def test_on_loopback_the_profile_is_the_same_but_for_where_it_may_go() -> None:
    loopback = ElementTree.parse(DDS / "udp_loopback.xml").getroot()
    (transport,) = loopback.iter(f"{NAMESPACE}transport_descriptor")
    for name in LOOPBACK_ALONE:
        transport.remove(transport.find(f"{NAMESPACE}{name}"))
    written = ElementTree.tostring(loopback, encoding="unicode")
    anywhere = ElementTree.parse(DDS / "udp.xml").getroot()
    assert ElementTree.canonicalize(
        written.replace("udp_loopback", "udp"), strip_text=True
    ) == ElementTree.canonicalize(
        ElementTree.tostring(anywhere, encoding="unicode"), strip_text=True
    )
