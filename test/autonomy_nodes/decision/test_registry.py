"""Versions, channels and their history: what is active is one atomic file away."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from autonomy_nodes import registry as registry_module
from autonomy_nodes.decision.contract import PolicyError, load_policy
from autonomy_nodes.decision.loading import PolicyLoader
from autonomy_nodes.decision.pointer import find_policy
from autonomy_nodes.decision.signature import Trust
from autonomy_nodes.directory_lock import locked
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


@pytest.mark.parametrize("elsewhere", [False, True])
def test_withdrawn_version_does_not_drive_wherever_it_lies(registry, versions, tmp_path, elsewhere):
    loader = PolicyLoader(registry.models, Trust(tmp_path, allow_unsigned=True), 20.0)
    registry.demote(versions[1], note="cuts corners")
    name = versions[1]
    if elsewhere:
        name = str(shutil.copytree(registry.models / versions[1], tmp_path / "copy"))
    with pytest.raises(PolicyError, match=r"withdrawn by .*: cuts corners"):
        loader.load(name)
    loader.load(versions[0]).close()


def test_withdrawn_version_that_a_channel_still_names_does_not_drive(registry, versions, tmp_path):
    registry.promote(versions[0])
    file = registry.models / "registry.yaml"
    file.write_text(file.read_text().replace("withdrawn: {}", f"withdrawn: [{versions[0]}]"))
    loader = PolicyLoader(registry.models, Trust(tmp_path, allow_unsigned=True), 20.0)
    with pytest.raises(PolicyError, match="withdrawn"):
        loader.load("")


def test_withdrawal_is_kept_with_its_reason_when_other_things_change(registry, versions):
    registry.demote(versions[2], note="cuts corners")
    registry.promote(versions[0])
    registry.demote(versions[2], note="later words")
    assert registry.pointers().withdrawn[versions[2]].note == "cuts corners"


def test_changes_at_the_same_time_are_all_in_the_history(registry, versions):
    """All have read the pointers before any writes, unless one waits for the other."""
    together = Barrier(4)

    def promote(channel):
        together.wait()
        return Registry(registry.models).promote(versions[0], channel)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(promote, ["a", "b", "c", "d"]))
    pointers = registry.pointers()
    assert set(pointers.channels) == {"a", "b", "c", "d"}
    assert {change.channel for change in pointers.history} == {"a", "b", "c", "d"}


def test_registry_that_another_process_holds_is_left_as_it_is(registry, versions, monkeypatch):
    monkeypatch.setattr(registry_module, "PATIENCE_S", 0.0)
    with (
        locked(registry.models, 0.0),
        pytest.raises(PolicyError, match="locked by another process"),
    ):
        Registry(registry.models).promote(versions[0])
    registry.promote(versions[0])


def test_registry_grows_to_what_can_be_read_and_no_further(registry, versions):
    registry.promote(versions[0])
    with pytest.raises(PolicyError, match="move the oldest of `history`"):
        registry.promote(versions[1], note="x" * 5 * 1024 * 1024)
    assert registry.pointers().channels["default"].active == versions[0]


def test_registry_that_is_not_there_is_said_to_be_none_and_not_made(tmp_path):
    with pytest.raises(PolicyError, match="registry: found No such file"):
        Registry(tmp_path / "absent").rollback()
    assert not (tmp_path / "absent").exists()
