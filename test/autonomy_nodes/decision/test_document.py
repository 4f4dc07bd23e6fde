"""Files of a policy are read up to a bound; what is wrong with one is a refusal with its name."""

from __future__ import annotations

import os

import pytest
import yaml

from autonomy_nodes.decision.contract import load_manifest, load_policy
from autonomy_nodes.decision.document import MAX_NODES, read_document, read_file
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.pointer import find_policy, read_pointers
from autonomy_nodes.decision.signature import read_signature

LIMIT = 1024 * 1024
BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
BAD_DOCUMENTS = {
    "deep": "[" * 3000,
    "deep and long": "[" * LIMIT,
    "bomb": BOMB,
    "alias of itself": "a: &a [*a]",
    "unknown alias": "a: *b",
    "impossible date by tag": "at: !!timestamp 2026-13-45",
    "no date by tag": "at: !!timestamp soon",
    "no number": "at: !!int ''",
    "no truth": "at: !!bool perhaps",
    "endless number": "at: " + "9" * 5000,
    "endless hexadecimal number": "at: 0x" + "f" * 5000,
    "list as a key": "? [1, 2]\n: 3",
    "object": "!!python/object/apply:os.system [true]",
    "not closed": "a: [",
    "not text": "\x00\x01",
}


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_document_that_is_none_is_refused_by_the_name_of_its_file(tmp_path, name):
    for file, read in (
        ("registry.yaml", lambda path: read_pointers(path.parent)),
        ("manifest.yaml", load_manifest),
        ("manifest.sig", lambda path: read_signature(path.with_name("manifest.yaml"))),
    ):
        path = tmp_path / file
        path.write_text(BAD_DOCUMENTS[name])
        with pytest.raises(PolicyError) as refusal:
            read(path)
        assert str(path) in str(refusal.value)
        assert len(str(refusal.value)) < 2000 and len(str(refusal.value).splitlines()) == 1


def test_broken_registry_says_what_to_do(tmp_path):
    (tmp_path / "registry.yaml").write_text("channels: {default: [}")
    with pytest.raises(PolicyError, match=r"line 1, column 22.*mend the registry's file"):
        find_policy("", tmp_path)


def test_values_are_counted_with_aliases_followed(tmp_path):
    path = tmp_path / "document.yaml"
    half = "a: &a [" + "1, " * 100_000 + "1]\n"
    path.write_text(half + "b: [*a, *a]\n")
    assert len(read_document(path, LIMIT)["b"][1]) == 100_001
    path.write_text(half + "b: [" + "*a, " * (MAX_NODES // 100_000) + "*a]\n")
    with pytest.raises(PolicyError, match="values"):
        read_document(path, LIMIT)


def test_parts_that_a_manifest_shares_are_read(write_policy):
    def share(manifest):
        manifest["inputs"][1]["statistics"] = manifest["inputs"][0]["statistics"]

    directory = write_policy(edit=share)
    assert "*id" in (directory / "manifest.yaml").read_text()
    first, second = load_manifest(directory / "manifest.yaml").inputs
    assert first.statistics == second.statistics


@pytest.mark.parametrize("quoted", [True, False])
def test_impossible_date_is_refused_by_its_field(write_policy, quoted):
    path = write_policy() / "manifest.yaml"
    date = "'2026-13-45'" if quoted else "2026-13-45"
    path.write_text(path.read_text().replace("'2025-01-01'", date))
    with pytest.raises(PolicyError, match="2026-13-45") as refusal:
        load_manifest(path)
    assert refusal.value.field == "provenance.created"


def test_date_without_quotes_is_a_text(write_policy):
    path = write_policy() / "manifest.yaml"
    path.write_text(path.read_text().replace("'2025-01-01'", "2025-01-01"))
    assert load_manifest(path).provenance.created == "2025-01-01"


def test_history_with_an_impossible_date_moves_no_channel(tmp_path):
    change = {"at": "x", "action": "promote", "channel": "default", "sha256": "", "by": "me"}
    pointers = {
        "channels": {"default": {"active": "linear/1.0.0"}},
        "history": [{**change, "before": None, "after": "linear/1.0.0"}],
    }
    text = yaml.safe_dump(pointers).replace("at: x", "at: 2026-13-45")
    (tmp_path / "registry.yaml").write_text(text)
    assert read_pointers(tmp_path).channels["default"].active == "linear/1.0.0"


def test_file_that_is_no_regular_file_is_refused_unread(tmp_path):
    pipe, zeros = tmp_path / "pipe", tmp_path / "zeros"
    os.mkfifo(pipe)
    zeros.symlink_to("/dev/zero")
    for path in (pipe, zeros):
        with pytest.raises(PolicyError, match="a device or a pipe"):
            read_file(path, "file", LIMIT)
    with pytest.raises(PolicyError, match="directory"):
        read_file(tmp_path, "file", LIMIT)


@pytest.mark.parametrize("name", ["manifest.yaml", "policy.onnx", "manifest.sig"])
@pytest.mark.parametrize("kind", ["pipe", "zeros"])
def test_policy_of_a_pipe_or_a_device_is_refused(write_policy, tmp_path, name, kind):
    from autonomy_nodes.decision.signature import Trust

    file = write_policy() / name
    file.unlink(missing_ok=True)
    os.mkfifo(file) if kind == "pipe" else file.symlink_to("/dev/zero")
    with pytest.raises(PolicyError, match="a device or a pipe"):
        load_policy(file.parent, Trust(tmp_path, allow_unsigned=True))


def test_registry_that_is_a_device_is_refused(tmp_path):
    (tmp_path / "registry.yaml").symlink_to("/dev/zero")
    with pytest.raises(PolicyError, match="a device or a pipe"):
        read_pointers(tmp_path)


def test_file_longer_than_its_limit_is_refused_with_its_size(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(b"#" * 11)
    assert len(read_file(path, "file", 11)) == 11
    with pytest.raises(PolicyError, match="file size: found 11 bytes, expected at most 10 bytes"):
        read_file(path, "file", 10)


def test_name_that_the_system_refuses_is_no_policy(tmp_path):
    with pytest.raises(PolicyError):
        find_policy("x" * 5000, tmp_path)
