"""Gate and recorder in the launched stack: what is asked, what is recorded, and what if not."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from autonomy_governance.audit_chain import records, verify
from stack import Stack

pytestmark = [pytest.mark.dds, pytest.mark.slow, pytest.mark.timeout(600)]

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def test_a_robot_goes_where_it_may_and_slowly_while_nothing_is_recorded(
    stack: Callable[..., Stack], tmp_path: Path
) -> None:
    running = stack(world="warehouse", audit_directory=str(tmp_path))

    def in_state(state: str, cause: str) -> bool:
        _, newest, values = running.states[-1]
        return newest == state and values["cause"].startswith(cause)

    running.drive()
    gate = running.launcher.pids["safety_gate"]
    resource.prlimit(gate, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    running.signal("decision", signal.SIGKILL)
    running.wait(lambda: in_state("degraded", "unrecorded: "), "a robot that goes slowly")
    assert "File too large" in running.states[-1][2]["cause"]
    heard = len(running.commands)
    running.wait(lambda: len(running.commands) > heard + 50, "commands meanwhile")
    resource.prlimit(gate, resource.RLIMIT_FSIZE, UNLIMITED)
    running.wait(lambda: in_state("nominal", ""), "the nominal state")

    # One that were killed might be replaced before it is missed.
    running.signal("safety_gate", signal.SIGSTOP)
    running.wait(lambda: in_state("degraded", "unrecorded: no word"), "a missed recorder")
    running.signal("safety_gate", signal.SIGKILL)
    running.wait(lambda: in_state("nominal", ""), "another recorder")
    assert running.stop() == 0

    log = tmp_path / "safety_gate"
    written = list(records(log))
    assert verify(log).ok
    assert "gap" not in {record["kind"] for record in written}
    changes = [r["details"] for r in written if r["kind"] == "transition"]
    assert {"nominal", "safe_stop", "degraded"} <= {change["to"] for change in changes}
    numbers = [int(c["event"].rsplit("/", 1)[1]) for c in changes]
    assert numbers == sorted(set(numbers))
    goals = [r for r in written if r["details"].get("action") == "drive_to"]
    assert goals and goals[0]["who"] == "mission" and goals[0]["details"]["outcome"] == "allow"
    stops = {record["who"] for record in written if record["kind"] == "stop"}
    assert "safety_gate" in stops
