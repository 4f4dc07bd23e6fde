"""Versions, channels and their history: what is active is one atomic file away."""

from __future__ import annotations

import pytest

from autonomy_nodes.decision.contract import PolicyError, load_policy
from autonomy_nodes.decision.pointer import find_policy
from autonomy_nodes.registry import Registry


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "models")


@pytest.fixture
def versions(registry, write_policy):
    """linear/1.0.0, 1.1.0 and 2.0.0 in the registry."""

    def named(version):
        return lambda manifest: manifest.update(version=version)

    return [registry.add(write_policy(edit=named(v))) for v in ("1.0.0", "1.1.0", "2.0.0")]


def test_promoted_version_is_what_the_channel_finds(registry, versions):
    registry.promote(versions[0])
    registry.promote(versions[1], note="slower in the bay")
    assert find_policy("", registry.models) == registry.models / "linear" / "1.1.0"
    assert load_policy(registry.models / "default").manifest.version == "1.1.0"
    last = registry.pointers().history[-1]
    assert (last.action, last.before, last.after) == ("promote", versions[0], versions[1])
    assert last.note == "slower in the bay"


def test_rollback_goes_back_step_by_step_and_then_refuses(registry, versions):
    for version in versions:
        registry.promote(version)
    assert registry.rollback().after == versions[1]
    assert registry.rollback().after == versions[0]
    with pytest.raises(PolicyError, match="nothing"):
        registry.rollback()


def test_withdrawn_version_is_left_and_never_pointed_at_again(registry, versions):
    for version in versions:
        registry.promote(version)
    registry.promote(versions[2], channel="staging")
    registry.demote(versions[1])
    with pytest.raises(PolicyError, match="nothing"):
        registry.demote(versions[2])
    registry.promote(versions[0], channel="staging")
    (change,) = registry.demote(versions[2])
    assert (change.channel, change.after) == ("default", versions[0])
    with pytest.raises(PolicyError, match="withdrawn"):
        registry.promote(versions[2])


def test_version_is_written_once(registry, versions, write_policy):
    same = write_policy()
    assert registry.add(same) == versions[0]
    other = write_policy(edit=lambda manifest: manifest.update(licence="MIT"))
    with pytest.raises(PolicyError, match="other content"):
        registry.add(other)
    assert (registry.models / versions[0] / "CARD.md").read_text().startswith("# linear 1.0.0")


def test_refused_policy_changes_nothing(registry, versions, write_policy, graph):
    registry.promote(versions[0])
    before = (registry.models / "registry.yaml").read_bytes()
    with pytest.raises(PolicyError, match="dry run"):
        registry.add(write_policy(graph(bias=(float("nan"), 0.0))))
    (registry.models / versions[1] / "policy.onnx").write_bytes(b"else")
    with pytest.raises(PolicyError, match="sha256"):
        registry.promote(versions[1])
    assert (registry.models / "registry.yaml").read_bytes() == before
    assert not [p for p in registry.models.rglob(".*") if p.name.startswith(".")]


def test_unknown_name_lists_what_there_is(registry, versions):
    registry.promote(versions[0])
    with pytest.raises(PolicyError, match=r"default, linear/1\.0\.0, linear/1\.1\.0"):
        find_policy("nobody/1", registry.models)


def test_broken_registry_file_is_an_error_and_not_an_empty_registry(registry, versions):
    (registry.models / "registry.yaml").write_text("channels: 3\n")
    with pytest.raises(PolicyError, match=r"channels: found 3.*mend the registry"):
        registry.promote(versions[0])
    with pytest.raises(PolicyError, match=r"channels: found 3.*mend the registry"):
        find_policy("", registry.models)
