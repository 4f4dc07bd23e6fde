"""A policy is checked in a process of its own: what ends that process does not end the asker."""

from __future__ import annotations

import subprocess
import sys

import pytest
from onnx import helper

from autonomy_nodes.decision import vetting
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.errors import PolicyError


def test_verdict_names_the_file_that_was_checked(write_policy):
    directory = write_policy()
    verdict = vetting.vet(directory, rate_hz=20.0)
    assert (verdict.name, verdict.directory) == ("linear", str(directory))
    assert "unsigned" in verdict.remarks


def test_refusal_crosses_the_process_with_its_parts(write_policy):
    with pytest.raises(PolicyError) as refusal:
        vetting.vet(write_policy(edit=lambda m: m.update(rate_hz=-1.0)))
    assert refusal.value.field == "rate_hz"
    assert refusal.value.found == "-1.0"


@pytest.mark.parametrize(
    ("program", "word"),
    [
        ("kill -SEGV $$", "SIGSEGV"),
        ("exit 3", "exit code 3"),
        ("exec sleep 60", "no end in"),
        ("exec yes", "more than 65536 bytes"),
        ("echo '[1]'; exit 4", "exit code 4"),
        ("echo '{\"name\": 1}'", "exit code 0"),
        ("exec >&-; exec sleep 60", "no end in"),
    ],
)
def test_crash_or_hang_is_a_refusal(write_policy, tmp_path, monkeypatch, program, word):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(vetting.sys, "executable", str(fake))
    with pytest.raises(PolicyError, match=word):
        vetting.vet(write_policy(), patience_s=1.0)


def test_reason_that_quotes_megabytes_is_cut_and_says_so(write_policy, graph):
    body = [helper.make_node("A" * 3_000_000, ["answer"], ["velocity"], name="n" * 1_000_000)]
    with pytest.raises(PolicyError, match=r"…2999640 characters…") as refusal:
        vetting.vet(write_policy(graph(body=body)))
    assert len(str(refusal.value)) < 2000


def test_reason_is_one_line_that_can_be_printed(write_policy, graph):
    body = [helper.make_node("Evil\n[ERROR]\x1b[2J", ["answer"], ["velocity"])]
    with pytest.raises(PolicyError, match="found Evil \\[ERROR\\]\ufffd") as refusal:
        load_policy(write_policy(graph(body=body)))
    assert str(refusal.value).isprintable()


LOADS = """
import sys
from autonomy_nodes.decision.loading import CPU, share_loader
policy = share_loader("", "", True, 20.0, CPU).load(sys.argv[1])
print(policy.manifest.name, "onnx" in sys.modules)
"""


def test_who_loads_a_policy_holds_no_parser_of_graphs(write_policy):
    command = [sys.executable, "-c", LOADS, str(write_policy())]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["linear", "False"]
