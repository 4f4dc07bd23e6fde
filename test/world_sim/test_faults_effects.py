"""Every kind of fault changes what it should, when it should, and nothing else."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from autonomy_interfaces.messages import (
    MILLISECOND,
    SECOND,
    Imu,
    LaserScan,
    Odometry,
    VelocityCommand,
    seconds,
)
from world_sim.faults import REGISTRY, Delivery, Fault, FaultPipeline, parse_fault, parse_faults
from world_sim.faults.catalogue import targets_of
from world_sim.faults.clock import ClockFault
from world_sim.faults.drive import HEALTHY, DriveCondition, DriveFault
from world_sim.faults.lockstep import LockstepProcesses
from world_sim.faults.model import Message, Stream, StreamFault
from world_sim.faults.processes import CpuLoad, ProcessFault, ProcessFaultSchedule
from world_sim.measurement import CameraImage

AT_S, DURATION_S = 1.0, 1.0
PERIODS_NS = {
    **dict.fromkeys(("scan", "odom", "command"), 20 * MILLISECOND),
    "imu": 10 * MILLISECOND,
    **dict.fromkeys(("camera", "depth"), 40 * MILLISECOND),
}
BEAMS = 90
NODES = ("perception", "decision", "mission", "safety_monitor")


def message(topic: str, stamp_ns: int) -> Message:
    """What a healthy robot says at `stamp_ns`; every instant differs from every other."""
    t = seconds(stamp_ns)
    if topic == "scan":
        angles = np.linspace(-math.pi / 2, math.pi / 2, BEAMS)
        ranges = (3.0 + np.sin(3.0 * angles + t) + 0.1 * t).astype(np.float32)
        return LaserScan(stamp_ns, ranges, -math.pi / 2, math.pi / (BEAMS - 1), 0.1, 30.0)
    if topic == "camera":
        pixels = np.full((2, 3, 3), round(t / 0.04) % 256, dtype=np.uint8)
        return CameraImage(stamp_ns, pixels, "rgb8", 1.0, "front")
    if topic == "depth":
        return CameraImage(stamp_ns, np.full((2, 3), t, np.float32), "32FC1", 1.0, "front")
    if topic == "imu":
        return Imu(stamp_ns, (0.01, 0.02, 0.3 + 0.1 * t), (0.1 * t, 0.2, 9.81))
    if topic == "odom":
        return Odometry(stamp_ns, 0.5 * t, 0.1 * t, 0.05 * t, 0.5 + 0.01 * t, 0.0, 0.05 + 0.01 * t)
    return VelocityCommand(stamp_ns, 0.5 + 0.01 * t, 0.05 * t)


def play(faults: Sequence[Fault], end_s: float = 4.0, robot: str = "robot") -> list[Delivery]:
    """Send every stream through the faults; what comes out, in order."""
    pipeline = FaultPipeline(faults, seed=7)
    delivered: list[Delivery] = []
    for now_ns in range(0, round(end_s * SECOND) + 1, 10 * MILLISECOND):
        for topic, period_ns in PERIODS_NS.items():
            if now_ns % period_ns == 0:
                pipeline.push(robot, topic, message(topic, now_ns), now_ns)
        delivered.extend(pipeline.pop(now_ns))
    return delivered


@functools.cache
def healthy_run() -> list[Delivery]:
    return play([])


def of_topic(deliveries: Sequence[Delivery], topic: str) -> list[Delivery]:
    return [delivery for delivery in deliveries if delivery.topic == topic]


def digest(deliveries: Sequence[Delivery]) -> str:
    sha = hashlib.sha256()
    for delivery in deliveries:
        sha.update(f"{delivery.time_ns} {delivery.robot} {delivery.topic} ".encode())
        sha.update(repr(delivery.message).encode())
        if isinstance(delivery.message, LaserScan):
            sha.update(delivery.message.ranges.tobytes())
    return sha.hexdigest()


def window(deliveries: Sequence[Delivery], start_s: float, end_s: float) -> list[Delivery]:
    return [d for d in deliveries if start_s * SECOND <= d.time_ns < end_s * SECOND]


def every(family: type) -> list[dict[str, object]]:
    """Each kind of a family with each of its targets, with its own default parameters."""
    return [
        {"kind": kind, "target": target, "at_s": AT_S, "duration_s": DURATION_S}
        for kind, fault_type in REGISTRY.items()
        if issubclass(fault_type, family)
        for target in targets_of(fault_type)
    ]


def test_every_kind_belongs_to_a_family_that_is_tested_here() -> None:
    families = (StreamFault, DriveFault, ProcessFault, CpuLoad)
    assert all(issubclass(fault_type, families) for fault_type in REGISTRY.values())


@pytest.mark.parametrize(
    "entry",
    [entry for entry in every(StreamFault) if entry["target"] != "clock"],
    ids=lambda entry: f"{entry['kind']}-{entry['target']}",
)
def test_a_stream_fault_acts_on_its_target_while_it_lasts(entry: dict[str, object]) -> None:
    healthy, faulty = healthy_run(), play([parse_fault(entry)])
    assert digest(window(faulty, 0.0, AT_S)) == digest(window(healthy, 0.0, AT_S))
    for topic in PERIODS_NS:
        during = [
            digest(window(of_topic(run, topic), AT_S, AT_S + DURATION_S))
            for run in (healthy, faulty)
        ]
        concerned = entry["target"] == topic or (entry["target"] == "all" and topic != "command")
        assert (during[0] != during[1]) == concerned, topic
    assert digest(window(faulty, 3.0, 4.0)) == digest(window(healthy, 3.0, 4.0))


@pytest.mark.parametrize(
    "entry", every(ClockFault), ids=lambda entry: f"{entry['kind']}-{entry['target']}"
)
def test_a_clock_fault_acts_on_the_nodes_clock_or_on_a_sensors(entry: dict[str, object]) -> None:
    pipeline = FaultPipeline([parse_fault(entry)])
    shown = [pipeline.clock_ns(round(t * SECOND)) for t in (0.5, 1.9, 2.5)]
    assert shown[0] == 0.5 * SECOND
    assert (shown[1] != 1.9 * SECOND) == (entry["target"] in ("all", "clock"))
    assert shown[2] == 2.5 * SECOND


@pytest.mark.parametrize("entry", every(DriveFault), ids=lambda entry: str(entry["kind"]))
def test_a_drive_fault_impairs_the_drive_while_it_lasts(entry: dict[str, object]) -> None:
    pipeline = FaultPipeline([parse_fault({**entry, "robot": "a"})])
    conditions = [pipeline.drive("a", round(t * SECOND)) for t in (0.5, 1.0, 1.9, 2.0)]
    assert conditions[0] == conditions[3] == HEALTHY
    assert conditions[1] == conditions[2] != HEALTHY
    assert pipeline.drive("b", round(1.5 * SECOND)) == HEALTHY


def steps_done(faults: Sequence[Fault]) -> dict[str, list[tuple[int, int, int]]]:
    """For each node: (begin, end, generation) of each of its steps at 20 Hz."""
    executor = LockstepProcesses(seed=3)
    schedule = ProcessFaultSchedule(faults, executor)
    steps: dict[str, list[tuple[int, int, int]]] = {node: [] for node in NODES}
    for now_ns in range(0, 4 * SECOND, 50 * MILLISECOND):
        schedule.step(now_ns)
        for node in NODES:
            end_ns = executor.begin_step(node, now_ns)
            if end_ns is not None:
                steps[node].append((now_ns, end_ns, executor.generation(node)))
    return steps


@pytest.mark.parametrize(
    "entry",
    every(ProcessFault) + every(CpuLoad),
    ids=lambda entry: f"{entry['kind']}-{entry['target']}",
)
def test_a_process_fault_acts_on_its_node_in_lockstep(entry: dict[str, object]) -> None:
    healthy, faulty = steps_done([]), steps_done([parse_fault(entry)])
    for node in NODES:
        before = [[s for s in run[node] if s[0] < AT_S * SECOND] for run in (healthy, faulty)]
        assert before[0] == before[1]
        concerned = entry["target"] in (node, "computer")
        assert (healthy[node] != faulty[node]) == concerned


def _passes_on(
    fault: StreamFault, message: Message, now_ns: int, stream: Stream
) -> list[tuple[int, Message]]:
    return [(now_ns, message)]


# What a fault of each family would be that does nothing.
IDLE: dict[type[Fault], dict[str, Callable[..., object]]] = {
    ClockFault: {"apply": _passes_on, "shown": lambda fault, time_ns, onset_ns: time_ns},
    StreamFault: {"apply": _passes_on},
    DriveFault: {"impair": lambda fault, condition: condition},
    ProcessFault: {"begin": lambda fault, executor: None, "end": lambda fault, executor: None},
    CpuLoad: {"begin": lambda fault, executor: None, "end": lambda fault, executor: None},
}


@pytest.mark.parametrize("kind", REGISTRY)
def test_every_kind_has_an_effect_test_that_fails_when_the_fault_does_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault_type = REGISTRY[kind]
    target = targets_of(fault_type)[0]
    entry = {"kind": kind, "target": target, "at_s": AT_S, "duration_s": DURATION_S}
    family = next(family for family in IDLE if issubclass(fault_type, family))
    effect_test: Callable[[dict[str, object]], None] = {
        ClockFault: test_a_clock_fault_acts_on_the_nodes_clock_or_on_a_sensors,
        StreamFault: test_a_stream_fault_acts_on_its_target_while_it_lasts,
        DriveFault: test_a_drive_fault_impairs_the_drive_while_it_lasts,
    }.get(family, test_a_process_fault_acts_on_its_node_in_lockstep)
    for method, idle in IDLE[family].items():
        monkeypatch.setattr(fault_type, method, idle)
    with pytest.raises(AssertionError):
        effect_test(entry)


def stamps(deliveries: Sequence[Delivery]) -> list[int]:
    return [delivery.message.stamp_ns for delivery in deliveries]


def scans(entry: dict[str, object], **timing: float) -> list[tuple[LaserScan, LaserScan]]:
    """Pairs (healthy, faulty) of the scans that a value fault changed."""
    fault = parse_fault({"target": "scan", "at_s": AT_S, "duration_s": DURATION_S, **entry})
    pairs = zip(of_topic(healthy_run(), "scan"), of_topic(play([fault]), "scan"), strict=True)
    return [
        (h.message, f.message)
        for h, f in pairs
        if fault.active(h.time_ns)
        and isinstance(h.message, LaserScan)
        and isinstance(f.message, LaserScan)
    ]


def during(entry: dict[str, object], topic: str = "scan") -> list[Delivery]:
    fault = parse_fault({"target": topic, "at_s": AT_S, "duration_s": DURATION_S, **entry})
    return window(of_topic(play([fault]), topic), AT_S, AT_S + DURATION_S)


def test_silence_lets_nothing_pass() -> None:
    assert during({"kind": "silence"}) == []


def test_drop_loses_about_its_share() -> None:
    fault = parse_fault({"kind": "drop", "target": "scan", "share": 0.3})
    kept = len(of_topic(play([fault], end_s=40.0), "scan"))
    assert 0.65 < kept / 2001 < 0.75


def test_delay_is_the_same_for_every_message() -> None:
    late = [d for d in during({"kind": "delay", "delay_s": 0.1}) if d.time_ns >= 1.1 * SECOND]
    assert late
    assert {d.time_ns - d.message.stamp_ns for d in late} == {100 * MILLISECOND}


def test_jitter_keeps_the_order_and_its_bound() -> None:
    delivered = during({"kind": "jitter", "max_delay_s": 0.1})
    ages = [d.time_ns - d.message.stamp_ns for d in delivered]
    assert stamps(delivered) == sorted(stamps(delivered))
    assert 0 <= min(ages) < max(ages) <= 100 * MILLISECOND
    assert len(set(ages)) > 10


def test_burst_delivers_together() -> None:
    times = [d.time_ns for d in during({"kind": "burst", "period_s": 0.25})]
    assert sorted(set(times)) == [round(t * SECOND) for t in (1.0, 1.25, 1.5, 1.75)]


def test_reorder_lets_messages_overtake_one_another_and_loses_none() -> None:
    fault = parse_fault({"kind": "reorder", "target": "scan", "at_s": AT_S, "duration_s": 1.0})
    healthy, faulty = (of_topic(play(faults), "scan") for faults in ([], [fault]))
    assert stamps(faulty) != sorted(stamps(faulty))
    assert sorted(stamps(faulty)) == stamps(healthy)


def test_duplicate_repeats_stamps() -> None:
    repeated = stamps(during({"kind": "duplicate", "share": 1.0, "copies": 2}))
    assert repeated == [stamp for stamp in dict.fromkeys(repeated) for _ in range(3)]


def test_freeze_repeats_the_last_data_with_fresh_stamps() -> None:
    delivered = during({"kind": "freeze"})
    last = message("scan", round(AT_S * SECOND) - PERIODS_NS["scan"])
    assert isinstance(last, LaserScan)
    assert stamps(delivered) == [d.time_ns for d in delivered]
    for delivery in delivered:
        assert isinstance(delivery.message, LaserScan)
        np.testing.assert_array_equal(delivery.message.ranges, last.ranges)


def test_freeze_from_the_start_holds_the_first_message() -> None:
    fault = parse_fault({"kind": "freeze", "target": "odom"})
    messages = [d.message for d in of_topic(play([fault]), "odom")]
    assert {replace(m, stamp_ns=0) for m in messages} == {message("odom", 0)}


@pytest.mark.parametrize("age_s", [0.5, -0.5])
def test_a_stale_stamp_is_off_by_its_age(age_s: float) -> None:
    delivered = during({"kind": "stale_stamp", "age_s": age_s}, "imu")
    assert {d.time_ns - d.message.stamp_ns for d in delivered} == {age_s * SECOND}


def test_a_repeated_stamp_is_the_last_good_one() -> None:
    assert set(stamps(during({"kind": "repeated_stamp"}))) == {980 * MILLISECOND}


def test_bias_scale_and_noise_change_the_ranges_as_they_say() -> None:
    for healthy, faulty in scans({"kind": "bias", "offset": 0.25}):
        np.testing.assert_allclose(faulty.ranges - healthy.ranges, 0.25, atol=1e-6)
    for healthy, faulty in scans({"kind": "scale", "factor": 1.5}):
        np.testing.assert_allclose(faulty.ranges, 1.5 * healthy.ranges, rtol=1e-6)
    errors = np.concatenate([f.ranges - h.ranges for h, f in scans({"kind": "noise"})])
    assert 0.095 < float(np.std(errors)) < 0.105


def test_a_biased_range_is_never_negative() -> None:
    assert all(f.ranges.min() >= 0.0 for _, f in scans({"kind": "bias", "offset": -9.0}))


@pytest.mark.parametrize(
    ("target", "field", "attributes"),
    [
        ("imu", "yaw_rate", ["angular_velocity"]),
        ("imu", "linear_acceleration", ["linear_acceleration"]),
        ("odom", "", ["vx", "wz"]),
        ("odom", "yaw", ["yaw"]),
        ("odom", "position", ["x", "y"]),
    ],
)
def test_a_value_fault_changes_only_the_field_it_names(
    target: str, field: str, attributes: list[str]
) -> None:
    for delivery in during({"kind": "bias", "field": field}, target):
        healthy, faulty = message(target, delivery.time_ns), delivery.message
        changed = [
            name
            for name in type(healthy).__dataclass_fields__
            if getattr(healthy, name) != getattr(faulty, name)
        ]
        assert changed == attributes


def test_a_biased_yaw_stays_wrapped() -> None:
    for delivery in during({"kind": "bias", "field": "yaw", "offset": 3.12}, "odom"):
        assert isinstance(delivery.message, Odometry)
        assert -math.pi < delivery.message.yaw <= math.pi


@pytest.mark.parametrize(("kind", "test"), [("nan", np.isnan), ("inf", np.isposinf)])
def test_invalid_values_come_in_their_share(kind: str, test: np.ufunc) -> None:
    pairs = scans({"kind": kind, "share": 0.25})
    assert 0.2 < np.mean([test(faulty.ranges).mean() for _, faulty in pairs]) < 0.3
    assert all(test(faulty.ranges).all() for _, faulty in scans({"kind": kind}))


def test_nan_in_odometry_does_not_break_the_fault() -> None:
    for delivery in during({"kind": "nan", "field": "yaw"}, "odom"):
        assert isinstance(delivery.message, Odometry)
        assert math.isnan(delivery.message.yaw)


def in_sector(scan: LaserScan, center_rad: float, width_rad: float) -> np.ndarray:
    angles = scan.angle_min + scan.angle_increment * np.arange(len(scan.ranges))
    return np.abs(angles - center_rad) <= width_rad / 2.0


@pytest.mark.parametrize(
    ("kind", "value"), [("covered_sector", 0.15), ("missing_returns", math.inf)]
)
def test_a_sector_fault_stays_in_its_sector(kind: str, value: float) -> None:
    sector = {"center_rad": 0.5, "width_rad": 0.6}
    for healthy, faulty in scans({"kind": kind, **sector}):
        inside = in_sector(healthy, **sector)
        assert np.all(faulty.ranges[inside] == np.float32(value))
        np.testing.assert_array_equal(faulty.ranges[~inside], healthy.ranges[~inside])


def test_a_sector_may_lie_across_the_rear() -> None:
    count = 360
    ranges = np.ones(count, dtype=np.float32)
    scan = LaserScan(0, ranges, -math.pi, math.tau / count, 0.1, 30.0)
    pipeline = FaultPipeline(
        parse_faults(
            [{"kind": "missing_returns", "target": "scan", "center_rad": 3.1, "width_rad": 1.0}]
        )
    )
    pipeline.push("robot", "scan", scan, 0)
    (delivery,) = pipeline.pop(0)
    assert isinstance(delivery.message, LaserScan)
    empty = np.isinf(delivery.message.ranges)
    assert empty[0]
    assert empty[-1]
    assert not empty[count // 2]
    assert abs(int(empty.sum()) - count / math.tau) <= 1


def test_a_stuck_sector_keeps_the_last_good_ranges() -> None:
    last = message("scan", 980 * MILLISECOND)
    assert isinstance(last, LaserScan)
    for healthy, faulty in scans({"kind": "stuck_sector"}):
        inside = in_sector(healthy, 0.0, 1.0)
        np.testing.assert_array_equal(faulty.ranges[inside], last.ranges[inside])
        np.testing.assert_array_equal(faulty.ranges[~inside], healthy.ranges[~inside])


def test_dead_beams_are_always_the_same() -> None:
    dead = [np.isnan(faulty.ranges) for _, faulty in scans({"kind": "dead_beams"})]
    assert 0.15 < dead[0].mean() < 0.45
    assert all(np.array_equal(beams, dead[0]) for beams in dead)


def test_ghosts_are_nearer_than_what_is_there_and_change_from_scan_to_scan() -> None:
    places = set()
    for healthy, faulty in scans({"kind": "ghost_returns", "share": 0.1}):
        ghosts = faulty.ranges != healthy.ranges
        places.add(ghosts.tobytes())
        assert np.all(faulty.ranges[ghosts] < healthy.ranges[ghosts])
        assert np.all(faulty.ranges[ghosts] >= 0.3)
    assert len(places) > 10


def test_short_sight_empties_what_is_far() -> None:
    for healthy, faulty in scans({"kind": "short_sight", "distance_m": 3.0}):
        far = healthy.ranges > 3.0
        assert np.isposinf(faulty.ranges[far]).all()
        np.testing.assert_array_equal(faulty.ranges[~far], healthy.ranges[~far])


def test_a_turned_mount_reports_what_lies_beside() -> None:
    for healthy, faulty in scans({"kind": "turned_mount", "angle_rad": math.pi / 89 * 5}):
        np.testing.assert_array_equal(faulty.ranges[:-5], healthy.ranges[5:])
        assert np.isposinf(faulty.ranges[-5:]).all()


def test_a_shortened_scan_has_fewer_beams() -> None:
    for healthy, faulty in scans({"kind": "shortened_scan", "kept_share": 0.5}):
        np.testing.assert_array_equal(faulty.ranges, healthy.ranges[: BEAMS // 2])


@pytest.mark.parametrize(
    ("entry", "shown_s"),
    [
        ({"kind": "clock_jump", "offset_s": 2.0}, 3.5),
        ({"kind": "clock_jump", "offset_s": -1.2}, 0.3),
        ({"kind": "clock_jump", "offset_s": -9.0}, 0.0),
        ({"kind": "clock_drift", "rate": 1.1}, 1.55),
        ({"kind": "clock_pause"}, 1.0),
    ],
)
def test_the_clock_shows_what_its_fault_says(entry: dict[str, object], shown_s: float) -> None:
    pipeline = FaultPipeline([parse_fault({**entry, "at_s": 1.0})])
    assert pipeline.clock_ns(1500 * MILLISECOND) == pytest.approx(shown_s * SECOND)


def test_a_clock_fault_of_all_clocks_keeps_stamps_and_clock_together() -> None:
    pipeline = FaultPipeline([parse_fault({"kind": "clock_jump", "offset_s": 2.0})])
    pipeline.push("robot", "scan", message("scan", SECOND), SECOND)
    (delivery,) = pipeline.pop(SECOND)
    assert delivery.message.stamp_ns == pipeline.clock_ns(SECOND) == 3 * SECOND


def test_drive_faults_say_what_the_drive_still_does() -> None:
    def condition(**entry: object) -> DriveCondition:
        return FaultPipeline([parse_fault({"target": "drive", **entry})]).drive("robot", 0)

    assert condition(kind="drive_dead").speed_scale == (0.0, 0.0)
    assert condition(kind="drive_dead", wheel="right").speed_scale == (1.0, 0.0)
    assert not condition(kind="drive_stuck").hears
    assert condition(kind="drive_saturated", max_vx=0.2).max_vx == 0.2
    assert condition(kind="wheel_weak", wheel="left", factor=0.5).speed_scale == (0.5, 1.0)
    assert condition(kind="wheel_slip", wheel="right", grip=0.1).grip_scale == (1.0, 0.1)


def test_drive_faults_add_up() -> None:
    faults = parse_faults(
        [
            {"kind": "wheel_weak", "target": "drive", "wheel": "left", "factor": 0.5},
            {"kind": "wheel_weak", "target": "drive", "wheel": "both", "factor": 0.8},
            {"kind": "drive_saturated", "target": "drive", "max_vx": 0.4},
        ]
    )
    condition = FaultPipeline(faults).drive("robot", 0)
    assert condition.speed_scale == pytest.approx((0.4, 0.8))
    assert condition.max_vx == 0.4


def test_a_delayed_message_meets_the_next_fault_at_its_later_time() -> None:
    faults = parse_faults(
        [
            {"kind": "delay", "target": "scan", "delay_s": 0.5},
            {"kind": "silence", "target": "scan", "at_s": 1.0, "duration_s": 0.5},
        ]
    )
    lost = {s for s in stamps(of_topic(play([]), "scan")) if s <= 3 * SECOND} - set(
        stamps(of_topic(play(faults), "scan"))
    )
    assert lost == set(range(500 * MILLISECOND, 1000 * MILLISECOND, 20 * MILLISECOND))


def test_a_fault_of_another_robot_does_nothing() -> None:
    fault = parse_fault({"kind": "silence", "target": "scan", "robot": "other"})
    assert digest(play([fault])) == digest(play([]))
    assert of_topic(play([fault], robot="other"), "scan") == []


def test_a_fault_does_not_change_the_draws_of_another() -> None:
    noise = {"kind": "noise", "target": "scan"}
    alone = play(parse_faults([noise]))
    beside = play(parse_faults([noise, {"kind": "jitter", "target": "imu"}]))
    assert digest(of_topic(alone, "scan")) == digest(of_topic(beside, "scan"))


def test_the_seed_decides_every_draw() -> None:
    def run(seed: int) -> list[Delivery]:
        pipeline = FaultPipeline([parse_fault({"kind": "drop", "target": "odom"})], seed)
        for now_ns in range(0, 2 * SECOND, PERIODS_NS["odom"]):
            pipeline.push("robot", "odom", message("odom", now_ns), now_ns)
        return pipeline.pop(2 * SECOND)

    assert digest(run(1)) == digest(run(1)) != digest(run(2))


def test_the_next_event_is_a_drive_change_or_a_held_message() -> None:
    pipeline = FaultPipeline(
        parse_faults(
            [
                {"kind": "drive_dead", "target": "drive", "at_s": 2.0},
                {"kind": "delay", "target": "command", "delay_s": 0.3},
            ]
        )
    )
    assert pipeline.next_event_ns(0) == 2 * SECOND
    pipeline.push("robot", "command", message("command", 0), 0)
    assert pipeline.pop(0) == []
    assert pipeline.next_event_ns(0) == 300 * MILLISECOND
