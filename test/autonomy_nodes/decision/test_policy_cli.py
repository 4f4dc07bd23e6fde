"""`edge-autonomy policy` accepts, describes and times; refusals are one line and exit code 2."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from edge_autonomy.cli import main


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs `edge-autonomy policy …` in this process, without the user's own key."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["edge-autonomy", "policy", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return SimpleNamespace(
            exit_code=end.value.code or 0, stdout=captured.out, stderr=captured.err
        )

    return command


def test_check_accepts_an_honest_policy(run, write_policy):
    result = run("check", write_policy(), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["name"] == "linear"


@pytest.mark.parametrize("command", ["check", "card", "bench", "sign", "promote"])
def test_refusal_is_one_line_and_exit_code_two(run, write_policy, command):
    directory = write_policy(edit=lambda manifest: manifest.update(name=""))
    result = run(command, directory)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert "name" in result.stderr and str(directory) in result.stderr


def test_card_names_inputs_limits_and_provenance(run, write_policy):
    card = run("card", write_policy()).stdout
    for part in ("# linear 1.0.0", "| scan |", "vx -0.5 … 2 m/s", "Apache-2.0", "- seed: 0"):
        assert part in card


def test_bench_reports_ordered_percentiles(run, write_policy):
    result = run("bench", write_policy(), "--ticks", 50, "--json")
    figures = json.loads(result.stdout)
    assert figures["ticks"] == 50
    assert 0.0 < figures["inference_ms_p50"] <= figures["inference_ms_p99"]
    assert figures["inference_ms_p50"] <= figures["tick_ms_p50"]


def test_shipped_policy_is_accepted(run):
    assert run("check").exit_code == 0


def test_check_says_what_it_cannot_know(run, write_policy):
    notes = run("check", write_policy()).stdout
    assert "unsigned" in notes
    assert "input 'goal' has no statistics" in notes
    assert "same answer to typical and to extreme inputs" in notes


def test_new_begins_a_policy_that_is_accepted(run, tmp_path, graph):
    model = tmp_path / "mine.onnx"
    model.write_bytes(graph().SerializeToString())
    assert run("new", tmp_path / "mine", "--model", model).exit_code == 0
    assert "policy sign" in (tmp_path / "mine" / "GUIDE.md").read_text()
    assert run("check", tmp_path / "mine").exit_code == 0
    again = run("new", tmp_path / "mine", "--model", model)
    assert again.exit_code == 2 and "manifest.yaml" in again.stderr


def test_check_names_what_a_template_leaves_open(run, tmp_path, graph, write_policy):
    model = tmp_path / "mine.onnx"
    model.write_bytes(graph().SerializeToString())
    run("new", tmp_path / "mine", "--model", model)
    notes = run("check", tmp_path / "mine").stdout
    for words in (
        "description is not filled in",
        "licence is not filled in",
        "provenance.data, provenance.code, provenance.configuration, provenance.created",
    ):
        assert words in notes
    assert "not filled in" not in run("check", write_policy()).stdout


def test_table_of_a_template_in_which_nothing_moves_is_refused(run, tmp_path, graph):
    model = tmp_path / "mine.onnx"
    model.write_bytes(graph().SerializeToString())
    run("new", tmp_path / "mine", "--model", model, "--kind", "manoeuvre")
    result = run("check", tmp_path / "mine")
    assert result.exit_code == 2 and "expected one that moves" in result.stderr


def test_check_names_a_limit_that_lets_everything_pass(run, write_policy):
    def blind(manifest):
        manifest["inputs"][0]["statistics"]["score_limit"] = 1e300

    assert "score_limit 1e+300, far above the 2.5" in run("check", write_policy(edit=blind)).stdout
    assert "hardly noticed" not in run("check").stdout


def test_signed_policy_is_verified_until_a_byte_of_it_changes(run, tmp_path, write_policy):
    directory, keys = write_policy(), tmp_path / "keys"
    assert run("keygen", tmp_path / "key.pem").exit_code == 0
    keys.mkdir()
    (tmp_path / "key.pub.pem").rename(keys / "lena.pem")
    unsigned = run("check", directory, "--trusted", keys)
    assert unsigned.exit_code == 2 and "signature: found none" in unsigned.stderr
    assert run("sign", directory, "--key", tmp_path / "key.pem").exit_code == 0
    assert json.loads(run("verify", directory, "--trusted", keys, "--json").stdout) == {
        "directory": str(directory),
        "signed_by": "lena",
    }
    manifest = directory / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("high: 2.0", "high: 3.0"))
    changed = run("check", directory, "--trusted", keys)
    assert changed.exit_code == 2 and "not by 'lena'" in changed.stderr


def test_key_that_is_not_trusted_vouches_for_nothing(run, tmp_path, write_policy):
    directory, keys = write_policy(), tmp_path / "keys"
    run("keygen", tmp_path / "key.pem")
    run("sign", directory, "--key", tmp_path / "key.pem")
    keys.mkdir()
    result = run("verify", directory, "--trusted", keys)
    assert result.exit_code == 2 and "key_id" in result.stderr


def test_private_key_is_for_its_owner_and_never_overwritten(run, tmp_path):
    run("keygen", tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    before = (tmp_path / "key.pem").read_bytes()
    assert run("keygen", tmp_path / "key.pem").exit_code == 2
    assert (tmp_path / "key.pem").read_bytes() == before


def test_card_runs_nothing_of_the_graph(run, write_policy):
    card = run("card", write_policy(b"not a graph"))
    assert card.exit_code == 0 and "# linear 1.0.0" in card.stdout


@pytest.fixture
def broken_registry(tmp_path, write_policy):
    """linear/1.0.0 as it should be, and linear/0.9.0, which channel `old` points at, a pipe."""
    from autonomy_nodes.registry import Registry

    registry = Registry(tmp_path / "models")
    for version in ("0.9.0", "1.0.0"):
        registry.add(write_policy(edit=lambda manifest, v=version: manifest.update(version=v)))
    registry.promote("linear/1.0.0")
    registry.promote("linear/0.9.0", channel="old")
    manifest = registry.models / "linear" / "0.9.0" / "manifest.yaml"
    manifest.unlink()
    manifest.symlink_to("/dev/zero")
    return registry.models


def test_list_and_where_name_a_bad_version_and_go_on(run, broken_registry):
    lines = run("list", "--models", broken_registry).stdout.splitlines()
    assert "linear/0.9.0" in lines[0] and "a device or a pipe" in lines[0]
    assert "linear/1.0.0" in lines[1] and "default" in lines[1]
    versions = json.loads(run("list", "--models", broken_registry, "--json").stdout)["versions"]
    assert [bool(version["fault"]) for version in versions] == [True, False]
    where = run("where", "--models", broken_registry)
    assert where.exit_code == 0 and "default      linear/1.0.0" in where.stdout
    channels = json.loads(run("where", "--models", broken_registry, "--json").stdout)["channels"]
    assert "a device or a pipe" in channels["old"]["fault"]
    assert not channels["default"]["fault"] and channels["default"]["sha256"]
