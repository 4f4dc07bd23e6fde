"""Faults of processes and clocks in the lockstep stack: each one shows, and none is dangerous."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from autonomy_interfaces.messages import SECOND, Pose2D
from autonomy_interfaces.share import share_directory
from scenario_eval.episode import Episode, TickRecord
from scenario_eval.lockstep import LockstepStack, StackOptions
from scenario_eval.lockstep_transport import Outbox
from world_sim.faults import REGISTRY, parse_faults
from world_sim.faults.catalogue import targets_of
from world_sim.faults.processes import CpuLoad, ProcessFault
from world_sim.simulator import RobotSpawn, Simulator
from world_sim.world import load_world

PILLAR = """<model name="pillar{n}"><static>true</static><pose>{x} {y} 0.5 0 0 0</pose>
<link name="link"><collision name="c">{shape}</collision><visual name="v">{shape}</visual></link>
</model>"""
SHAPE = "<geometry><cylinder><radius>0.2</radius><length>1</length></cylinder></geometry>"
PLACES = [(2.0, 1.5), (4.0, -1.2), (6.0, 1.4), (3.0, -2.5), (8.0, 0.0)]
WORLD = """<?xml version="1.0"?><sdf version="1.9"><world name="pillars">
<model name="ground"><static>true</static><link name="link"><collision name="c">
<geometry><plane><normal>0 0 1</normal><size>100 100</size></plane></geometry>
</collision></link></model>{pillars}</world></sdf>
"""
AT_S = 2.0
SLOW = {"slow": {"factor": 400.0}}


@pytest.fixture(scope="module")
def world_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pillars = (PILLAR.format(n=n, x=x, y=y, shape=SHAPE) for n, (x, y) in enumerate(PLACES))
    file = tmp_path_factory.mktemp("worlds") / "pillars.sdf"
    file.write_text(WORLD.format(pillars="".join(pillars)))
    return file


def drive(
    file: Path, *entries: dict[str, object], end_s: float = 3.5, monitor: bool = True
) -> Episode:
    """Drive towards (7, 0) for a while, under the classical planner."""
    faults = parse_faults([{"at_s": AT_S, **entry} for entry in entries])
    simulator = Simulator(load_world(file), [RobotSpawn()], seed=1, faults=faults)
    stack = LockstepStack(simulator, StackOptions(driver="fallback", monitor=monitor))
    stack.tick()
    stack.set_goal(Pose2D(7.0, 0.0))
    return stack.run(lambda _: False, end_s)


@cache
def healthy(file: Path) -> Episode:
    return drive(file)


def during(episode: Episode, start_s: float, end_s: float = 1e9) -> Sequence[TickRecord]:
    return [t for t in episode.ticks if start_s * SECOND <= t.stamp_ns < end_s * SECOND]


def test_the_healthy_robot_drives_on_through_all_of_it(world_file: Path) -> None:
    assert min(t.truth.vx for t in during(healthy(world_file), AT_S)) > 0.3


@pytest.mark.parametrize(
    "entry",
    [
        # Long enough for the lease on a goal to end, slow enough for the slowest core to starve.
        {"kind": kind, "target": target, "duration_s": 1.4, **SLOW.get(kind, {})}
        for kind, fault_type in REGISTRY.items()
        if issubclass(fault_type, ProcessFault | CpuLoad)
        for target in targets_of(fault_type)
        # This robot asks no gate for leave.
        if target != "safety_gate"
    ],
    ids=lambda entry: f"{entry['kind']}-{entry['target']}",
)
def test_every_process_fault_changes_the_run_from_its_onset_on(
    world_file: Path, entry: dict[str, object]
) -> None:
    reference, episode = healthy(world_file), drive(world_file, entry)
    assert during(episode, 0.0, AT_S) == during(reference, 0.0, AT_S)
    assert episode.ticks != reference.ticks or episode.decisions != reference.decisions
    assert episode.contact == ""


@pytest.mark.parametrize(
    "fault", [{"kind": "kill"}, {"kind": "hang"}, {"kind": "slow", "factor": 60.0}]
)
def test_a_gate_that_does_not_run_gives_no_leave(
    world_file: Path, fault: dict[str, object]
) -> None:
    def waited(*faults: dict[str, object]) -> int:
        simulator = Simulator(
            load_world(world_file), [RobotSpawn()], seed=1, faults=parse_faults(faults)
        )
        options = StackOptions(driver="fallback", gate=share_directory() / "config/gate")
        stack = LockstepStack(simulator, options)
        stack.run(lambda _: False, 0.5)
        stack.set_goal(Pose2D(7.0, 0.0))
        episode = stack.run(lambda tick: tick.mission == "active", 1.0)
        return len(episode.ticks)

    assert waited() < 30
    assert waited({"target": "safety_gate", "at_s": 0.2, "duration_s": 0.6, **fault}) > 38


def test_a_loaded_computer_delays_the_same_steps_on_every_run(world_file: Path) -> None:
    load = {"kind": "cpu_load", "target": "computer"}
    assert drive(world_file, load, end_s=3.0) == drive(world_file, load, end_s=3.0)


@pytest.mark.parametrize("kind", ["kill", "hang"])
def test_without_its_decision_the_robot_is_stopped_by_the_monitor(
    world_file: Path, kind: str
) -> None:
    episode = drive(world_file, {"kind": kind, "target": "decision"})
    assert during(episode, AT_S + 0.3)[0].monitor_state == "safe_stop"
    assert max(abs(t.command.vx) for t in during(episode, AT_S + 0.3)) == 0.0
    assert abs(episode.ticks[-1].truth.vx) < 0.01


def test_a_decision_that_comes_back_drives_on(world_file: Path) -> None:
    fault = {"kind": "kill", "target": "decision", "duration_s": 0.5}
    episode = drive(world_file, fault, end_s=6.0)
    assert during(episode, AT_S + 0.3)[0].truth.vx < 0.3
    assert max(t.truth.vx for t in during(episode, 4.5)) > 0.5


@pytest.mark.parametrize("kind", ["kill", "hang"])
def test_without_its_monitor_the_base_stops_by_its_own_timeout(world_file: Path, kind: str) -> None:
    episode = drive(world_file, {"kind": kind, "target": "safety_monitor"})
    assert during(episode, AT_S + 0.1)[0].monitor_state == "silent"
    assert max(abs(t.truth.vx) for t in during(episode, AT_S + 0.8)) < 0.01


def test_a_restarted_monitor_begins_in_a_safe_stop(world_file: Path) -> None:
    episode = drive(world_file, {"kind": "restart", "target": "safety_monitor"})
    states = [t.monitor_state for t in during(episode, AT_S, AT_S + 0.3)]
    assert states[0] == "safe_stop"
    assert "silent" not in states


def test_a_restarted_mission_has_lost_its_goal(world_file: Path) -> None:
    episode = drive(world_file, {"kind": "restart", "target": "mission"})
    assert episode.ticks[-1].mission == "idle"
    assert abs(episode.ticks[-1].truth.vx) < 0.05


def test_a_silent_mission_stops_the_robot_when_its_lease_ends(world_file: Path) -> None:
    episode = drive(world_file, {"kind": "hang", "target": "mission"}, end_s=4.5)
    assert during(episode, AT_S + 0.8)[0].truth.vx > 0.3
    assert abs(episode.ticks[-1].truth.vx) < 0.05


def test_a_dead_perception_stops_the_robot(world_file: Path) -> None:
    episode = drive(world_file, {"kind": "kill", "target": "perception"}, end_s=4.0)
    assert abs(episode.ticks[-1].truth.vx) < 0.05


def test_without_a_monitor_a_dead_decision_leaves_the_base_to_its_timeout(
    world_file: Path,
) -> None:
    fault = {"kind": "kill", "target": "decision"}
    episode = drive(world_file, fault, monitor=False)
    assert {t.monitor_state for t in episode.ticks} == {"off"}
    assert abs(episode.ticks[-1].truth.vx) < 0.01


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "clock_jump", "offset_s": 5.0},
        {"kind": "clock_jump", "offset_s": -1.0},
        {"kind": "clock_pause"},
        {"kind": "clock_jump", "target": "clock", "offset_s": 5.0},
    ],
    ids=str,
)
def test_a_wrong_clock_is_noticed_by_the_monitor(
    world_file: Path, fault: dict[str, object]
) -> None:
    episode = drive(world_file, {"duration_s": 0.5, **fault})
    states = {t.monitor_state for t in during(episode, AT_S, AT_S + 0.6)}
    assert states & {"safe_stop", "degraded", "emergency_stop"}
    assert episode.contact == ""


def test_an_outbox_keeps_what_is_not_yet_out() -> None:
    outbox: Outbox[str] = Outbox()
    outbox.put(30, "late")
    outbox.put(10, "soon")
    assert outbox.take(10) == ["soon"]
    assert outbox.take(20) == []
    assert outbox.take(30) == ["late"]
