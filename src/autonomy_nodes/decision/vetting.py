"""Checking a policy in a process of its own, which may crash, hang or hoard memory.

A parser of untrusted files may have faults that no check of ours foresees. Here they cost a
child process and a line of text, while the node that asked goes on driving.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from autonomy_nodes.decision.errors import PolicyError, in_bounds
from autonomy_nodes.decision.signature import Trust

PATIENCE_S = 60.0
CPU_SECONDS = 45
MAX_REMARKS = 40
MAX_ANSWER_BYTES = 64 * 1024
MEMORY_BYTES = 6 * 1024**3
"""Of address space, most of which the libraries reserve and never touch."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a policy that may drive; remarks: what its user should know."""

    directory: str
    name: str
    version: str
    sha256: str
    signed_by: str
    remarks: tuple[str, ...] = ()


def vet(
    path: Path,
    trust: Trust | None = None,
    rate_hz: float | None = None,
    patience_s: float = PATIENCE_S,
) -> Verdict:
    """Check a policy in a child process; arguments as of `contract.load_policy`.

    Raises:
        PolicyError: the policy may not drive, or the check came to no end.
    """
    request = {
        "path": str(path),
        "trusted": str(trust.keys) if trust else "",
        "allow_unsigned": trust is not None and trust.allow_unsigned,
        "rate_hz": rate_hz,
    }
    command = [sys.executable, "-m", "autonomy_nodes.decision.vetting", json.dumps(request)]
    return _verdict(path, *_run(path, command, patience_s))


def _run(path: Path, command: list[str], patience_s: float) -> tuple[bytes, int]:
    """What a process says on standard output, of at most MAX_ANSWER_BYTES, and how it ended.

    Raises:
        PolicyError: it says more, or comes to no end.
    """
    deadline = time.monotonic() + patience_s
    said = b""
    with (
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child,
        selectors.DefaultSelector() as selector,
    ):
        assert child.stdout is not None
        selector.register(child.stdout, selectors.EVENT_READ)
        try:
            while len(said) <= MAX_ANSWER_BYTES:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise subprocess.TimeoutExpired(command, patience_s)
                part = os.read(child.stdout.fileno(), MAX_ANSWER_BYTES)
                if not part:
                    return said, child.wait(max(0.0, deadline - time.monotonic()))
                said += part
        except subprocess.TimeoutExpired:
            raise PolicyError(path, "check", f"no end in {patience_s:g} s", "a verdict") from None
        finally:
            child.kill()
    found = f"more than {MAX_ANSWER_BYTES} bytes of the checking process"
    raise PolicyError(path, "check", found, "a verdict")


def _verdict(path: Path, said: bytes, code: int) -> Verdict:
    """The verdict on the last line of what the checking process said.

    Raises:
        PolicyError: the policy is refused, or there is no verdict.
    """
    try:
        answer = json.loads(said.strip().splitlines()[-1])
        if "refused" not in answer:
            return Verdict(**{**answer, "remarks": tuple(answer["remarks"])})
        where, field, found, expected = answer["refused"]
    except (IndexError, KeyError, TypeError, ValueError):
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        ended = f"the checking process ended by {how}"
        raise PolicyError(path, "check", ended, "a verdict") from None
    raise PolicyError(where, field, found, expected)


def examine(path: Path, trust: Trust | None, rate_hz: float | None) -> Verdict:
    """Check a policy in this process.

    Raises:
        PolicyError: the policy may not drive.
    """
    from autonomy_nodes.decision.contract import load_policy
    from autonomy_nodes.decision.dry_run import answers_alike
    from autonomy_nodes.decision.pointer import manifest_of
    from autonomy_nodes.decision.remarks import remarks_on
    from autonomy_nodes.decision.signature import check_signature, read_signature

    policy = load_policy(path, trust, rate_hz)
    manifest, file = policy.manifest, manifest_of(path)
    remarks = remarks_on(manifest)
    signer = check_signature(file, trust) if trust is not None else ""
    if not signer:
        remarks.append(
            "unsigned"
            if read_signature(file) is None
            else "signed by nobody known"
            if trust is not None
            else "its signature was not checked"
        )
    if policy.unused_outputs:
        remarks.append(f"outputs that are not used: {', '.join(policy.unused_outputs)}")
    if answers_alike(policy):
        remarks.append("it gives the same answer to typical and to extreme inputs")
    return Verdict(
        str(file.parent.resolve()),
        manifest.name,
        manifest.version,
        manifest.model.sha256,
        signer,
        tuple(in_bounds(remark) for remark in remarks[:MAX_REMARKS]),
    )


def _limit(kind: int, amount: int) -> None:
    """Lower a limit of this process, never above what it may have."""
    _, hard = resource.getrlimit(kind)
    wanted = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    resource.setrlimit(kind, (wanted, hard))


def main() -> None:
    """Read a request from the command line and print the verdict as JSON."""
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    request = json.loads(sys.argv[1])
    keys = request["trusted"]
    trust = Trust(Path(keys), request["allow_unsigned"]) if keys else None
    try:
        answer = asdict(examine(Path(request["path"]), trust, request["rate_hz"]))
    except PolicyError as error:
        answer = {"refused": [error.where, error.field, error.found, error.expected]}
    except MemoryError:
        limit = f"at most {MEMORY_BYTES >> 30} GiB"
        answer = {"refused": [request["path"], "check", "more memory needed", limit]}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
