"""A policy is checked in a process of its own: what ends that process does not end the asker."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autonomy_nodes.decision import vetting
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
    [("kill -SEGV $$", "SIGSEGV"), ("exit 3", "exit code 3"), ("exec sleep 60", "no end in")],
)
def test_crash_or_hang_is_a_refusal(write_policy, tmp_path, monkeypatch, program, word):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(vetting.sys, "executable", str(fake))
    with pytest.raises(PolicyError, match=word):
        vetting.vet(write_policy(), patience_s=1.0)


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
