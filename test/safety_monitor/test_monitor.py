from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import MonitorOutput, SafetyMonitor
from safety_monitor.watchdog import Fault

MS = 1_000_000
TICK = 20 * MS
START = 10_000 * MS
BEAMS = 720
STEP = 4.71238 / (BEAMS - 1)


class Bench:
    """A monitor fed at 50 Hz, input by input, so that a test can leave one out."""

    def __init__(self, config: MonitorConfig | None = None) -> None:
        self.monitor = SafetyMonitor(config or MonitorConfig())
        self.rng = np.random.default_rng(0)
        self.now = START
        self.steady = 0
        self.ranges = np.full(BEAMS, 5.0)
        self.noise = 0.001
        self.wish = (0.5, 0.0)
        self.moving = (0.0, 0.0)
        self.gyro: float | None = None
        self.silent: set[str] = set()

    def scan(self) -> np.ndarray:
        return (self.ranges + self.rng.normal(0.0, self.noise, BEAMS)).astype(np.float32)

    def tick(self, passed: int = TICK) -> MonitorOutput:
        self.now += passed
        self.steady += passed
        return self.feed()

    def feed(self) -> MonitorOutput:
        now = self.now
        if "odometry" not in self.silent:
            self.monitor.on_odometry(now, *self.moving, now)
        if "imu" not in self.silent:
            self.monitor.on_imu(now, self.moving[1] if self.gyro is None else self.gyro, now)
        if "scan" not in self.silent:
            self.monitor.on_scan("scan", now, self.scan(), (-2.35619, STEP, 0.1, 30.0), now)
        if "command" not in self.silent:
            self.monitor.on_command(now, *self.wish, now)
        return self.monitor.step(now, self.steady)

    def run(self, ticks: int) -> MonitorOutput:
        return [self.tick() for _ in range(ticks)][-1]

    def until(self, state: str, ticks: int = 100) -> int:
        """Ticks until a state is reached."""
        for count in range(1, ticks + 1):
            if self.tick().state == state:
                return count
        raise AssertionError(f"{state} not reached: {self.tick()}")


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    assert bench.run(25).state == "nominal"
    return bench


@pytest.mark.parametrize(
    ("silent", "timeout_ms"), [("scan", 70), ("odometry", 70), ("command", 80)]
)
def test_its_patience_ends_where_the_next_input_falls_silent(
    bench: Bench, silent: str, timeout_ms: int
) -> None:
    bench.silent.add(silent)
    bench.run(3)
    left = timeout_ms * MS - 3 * TICK
    assert bench.monitor.patience_ns(bench.now) == left
    assert bench.tick(left).state == "nominal"
    assert bench.tick(MS).cause.startswith({"odometry": "odom"}.get(silent, silent))
    # What is silent already is waited for no more.
    assert bench.monitor.patience_ns(bench.now) > left


def test_its_patience_outlasts_a_jump_of_the_clock_and_needs_an_input(bench: Bench) -> None:
    bench.now += 10_000 * MS
    bench.tick()
    assert bench.monitor.patience_ns(bench.now) == 70 * MS
    assert SafetyMonitor(MonitorConfig()).patience_ns(START) == math.inf


def test_before_any_input_it_stands_in_a_safe_stop() -> None:
    output = SafetyMonitor(MonitorConfig()).step(START)
    assert (output.vx, output.wz, output.state) == (0.0, 0.0, "safe_stop")
    assert "scan_silent" in output.cause


@pytest.mark.parametrize("missing", ["scan", "odometry", "command"])
def test_it_does_not_start_while_an_input_is_missing(missing: str) -> None:
    bench = Bench()
    bench.silent = {missing}
    output = bench.run(50)
    assert (output.vx, output.state) == (0.0, "safe_stop")
    assert f"{missing}_silent" in output.cause


def test_with_all_inputs_it_passes_the_command(bench: Bench) -> None:
    output = bench.tick()
    assert (output.vx, output.wz, output.scale, output.intervention) == (0.5, 0.0, 1.0, "none")
    assert output.cause == ""


@pytest.mark.parametrize(
    ("silent", "within_ms", "cause"),
    [
        ("command", 100, "command_silent"),
        ("scan", 100, "scan_silent"),
        ("odometry", 120, "odometry_silent"),
    ],
)
def test_silence_stops_at_once_and_ends_with_calm(
    bench: Bench, silent: str, within_ms: int, cause: str
) -> None:
    bench.silent = {silent}
    ticks = bench.until("safe_stop")
    assert ticks * 20 <= within_ms
    output = bench.tick()
    assert (output.vx, output.wz) == (0.0, 0.0)
    assert output.cause.startswith(cause)
    bench.silent = set()
    assert bench.until("nominal") * TICK >= 0.3e9


def test_one_late_command_is_no_alarm(bench: Bench) -> None:
    for _ in range(5):
        bench.silent = {"command"}
        outputs = [bench.tick() for _ in range(3)]
        bench.silent = set()
        outputs.append(bench.tick())
        assert {output.state for output in outputs} == {"nominal"}


def test_a_silent_imu_slows_to_the_degraded_tier(bench: Bench) -> None:
    bench.wish = (1.5, 0.5)
    bench.silent = {"imu"}
    bench.until("degraded")
    output = bench.tick()
    assert output.vx == pytest.approx(0.5)
    assert output.wz / output.vx == pytest.approx(0.5 / 1.5)
    assert (output.intervention, output.cause[:10]) == ("slowed", "imu_silent")


def test_what_the_transport_says_counts_at_once(bench: Bench) -> None:
    bench.monitor.on_command_lost("deadline missed")
    output = bench.monitor.step(bench.now + MS, bench.steady + MS)
    assert (output.vx, output.state) == (0.0, "safe_stop")


@pytest.mark.parametrize("stamp_offset", [-200 * MS, 200 * MS, 0])
def test_commands_with_a_past_future_or_repeated_stamp_are_refused(
    bench: Bench, stamp_offset: int
) -> None:
    bench.silent = {"command"}
    bench.now += TICK
    bench.monitor.on_command(bench.now - TICK + stamp_offset, 2.0, 3.0, bench.now)
    output = bench.feed()
    assert (output.vx, output.wz) == (0.5, 0.0)
    assert bench.until("safe_stop") <= 5


@pytest.mark.parametrize(
    "wish", [(math.nan, 0.0), (0.0, math.nan), (math.inf, 0.0), (1, -math.inf)]
)
def test_a_command_that_is_no_number_stops(bench: Bench, wish) -> None:
    bench.wish = wish
    output = bench.tick()
    assert (output.vx, output.wz, output.state) == (0.0, 0.0, "safe_stop")
    assert output.cause.startswith("command_invalid")


@given(vx=st.floats(-1e6, 1e6), wz=st.floats(-1e6, 1e6))
def test_a_command_over_the_limits_is_scaled_along_its_arc(vx: float, wz: float) -> None:
    bench = Bench()
    bench.wish = (0.0, 0.0)
    bench.run(25)
    bench.wish = (vx, wz)
    output = bench.tick()
    assert -2.0 <= output.vx <= 2.0
    assert abs(output.wz) <= 4.0
    assert output.vx * wz == pytest.approx(output.wz * vx, rel=1e-6, abs=1e-6)
    if 0.0 <= vx <= 2.0 and abs(wz) <= 4.0 and vx * abs(wz) <= 3.0:
        assert (output.vx, output.wz) == (vx, wz)


def test_the_emergency_stop_is_latched_until_a_reset(bench: Bench) -> None:
    bench.monitor.estop(bench.now, "operator")
    output = bench.tick()
    assert (output.vx, output.state) == (0.0, "emergency_stop")
    assert "operator" in output.cause
    assert bench.run(100).state == "emergency_stop"
    assert bench.monitor.reset(bench.now, "operator")[0]
    assert bench.tick().state == "safe_stop"
    assert bench.until("nominal") < 30


def test_a_reset_is_refused_while_the_robot_moves(bench: Bench) -> None:
    bench.moving = (0.3, 0.0)
    bench.monitor.estop(bench.now, "operator")
    bench.tick()
    accepted, message = bench.monitor.reset(bench.now, "operator")
    assert not accepted
    assert "moves" in message
    bench.moving = (0.0, 0.0)
    bench.run(5)
    assert bench.monitor.reset(bench.now, "operator")[0]


def test_a_reset_is_refused_while_standstill_is_not_known(bench: Bench) -> None:
    bench.monitor.estop(bench.now, "operator")
    bench.silent = {"odometry"}
    bench.run(10)
    assert "odometry" in bench.monitor.reset(bench.now, "operator")[1]


def test_an_intrusion_is_an_emergency_that_a_reset_ends_only_without_the_intruder(
    bench: Bench,
) -> None:
    bench.monitor.on_report(Fault.INTRUSION, "a second publisher of /cmd_vel")
    assert bench.tick().state == "emergency_stop"
    assert not bench.monitor.reset(bench.now, "operator")[0]
    bench.monitor.on_report(Fault.INTRUSION, "")
    assert bench.run(50).state == "emergency_stop"
    assert "second publisher" in bench.tick().cause
    assert bench.monitor.reset(bench.now, "operator")[0]
    assert bench.until("nominal") < 30


def test_a_defect_of_the_monitor_is_an_emergency_stop_and_not_an_exception(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("defect")

    with monkeypatch.context() as patch:
        patch.setattr(bench.monitor._envelope, "evaluate", fail)
        output = bench.tick()
    assert (output.vx, output.wz, output.state) == (0.0, 0.0, "emergency_stop")
    assert "ZeroDivisionError" in output.cause
    assert bench.run(50).state == "emergency_stop"
    assert bench.monitor.reset(bench.now, "operator")[0]


def test_so_is_a_defect_in_what_waits_until_the_velocity_is_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("defect")

    bench.monitor.remember()
    with monkeypatch.context() as patch:
        patch.setattr(bench.monitor._around._seen, "remember", fail)
        assert bench.tick().state == "nominal"
        bench.monitor.remember()
    output = bench.tick()
    assert (output.vx, output.state) == (0.0, "emergency_stop")
    assert "ZeroDivisionError" in output.cause
    # What failed is not tried again for ever.
    assert bench.monitor.reset(bench.now, "operator")[0]
    assert bench.until("nominal") < 30


def test_a_scan_of_a_source_that_is_not_configured_is_a_defect(bench: Bench) -> None:
    bench.monitor.on_scan("other", bench.now, bench.scan(), (0.0, 0.1, 0.1, 30.0), bench.now)
    assert bench.tick().state == "emergency_stop"


def test_wheels_that_stop_at_once_have_not_stopped_the_body(bench: Bench) -> None:
    """Six centimetres ahead are enough to turn away, and not enough to slide any further."""
    bench.ranges[320:400] = 0.254 - 0.055 + 0.06
    bench.wish = (0.0, 0.2)
    assert bench.run(3).intervention == "none"
    bench.moving = (1.0, 0.0)
    bench.tick()
    bench.moving = (0.0, 0.0)
    assert bench.tick().intervention == "stopped"
    assert not bench.monitor.reset(bench.now, "operator")[0]
    assert bench.run(15).intervention == "none"
    assert bench.monitor.reset(bench.now, "operator")[0]


def test_standing_before_an_obstacle_is_no_fault(bench: Bench) -> None:
    bench.ranges[320:400] = 0.254 - 0.055 + 0.0045
    output = bench.run(3)
    assert (output.vx, output.state, output.intervention) == (0.0, "nominal", "stopped")
    assert output.cause.startswith("envelope")


def test_what_is_inside_the_footprint_does_not_open_the_way_to_what_is_outside(
    bench: Bench,
) -> None:
    bench.ranges[600:610] = 0.15
    bench.ranges[320:400] = 0.254 - 0.055 + 0.004
    assert bench.run(3).vx == 0.0
    bench.wish = (-0.3, 0.0)
    assert bench.run(3).vx == -0.1


@pytest.mark.parametrize("clock_offset", [-5_000 * MS, 5_000 * MS])
def test_a_jump_of_the_clock_stops_and_is_overcome(bench: Bench, clock_offset: int) -> None:
    bench.now += clock_offset
    output = bench.tick()
    assert (output.vx, output.state) == (0.0, "safe_stop")
    assert bench.until("nominal") < 40


def test_a_paused_clock_stops_within_its_limit(bench: Bench) -> None:
    states = []
    for _ in range(20):
        bench.steady += TICK
        output = bench.monitor.step(bench.now, bench.steady)
        states.append(output.state)
    assert "safe_stop" in states[:14]
    assert output.cause.startswith("clock_stalled")
    assert bench.until("nominal") < 40


def test_a_loop_that_is_late_degrades_itself(bench: Bench) -> None:
    bench.now += TICK
    bench.steady += 4 * TICK
    assert bench.feed().state == "degraded"
    assert bench.tick().cause.startswith("loop_overrun")
    assert bench.until("nominal", 100) >= 50


def test_a_late_loop_brakes_earlier() -> None:
    """How long a command stands is measured, and the envelope reckons with it."""
    scales = []
    for lateness in (0, 2 * TICK):
        bench = Bench(MonitorConfig(degraded_speed=5.0, overrun_factor=10.0))
        bench.run(25)
        bench.ranges[340:380] = 0.254 - 0.055 + 0.177
        bench.moving = (1.0, 0.0)
        bench.wish = (1.0, 0.0)
        bench.tick()
        bench.steady += lateness
        scales.append(bench.tick().scale)
    assert scales[1] < scales[0]


def test_two_scanners_are_both_needed_and_both_heeded() -> None:
    config = MonitorConfig(
        scan_sources=("front", "rear"), lidar_pose=(0.2, 0.0, 0.0, -0.2, 0.0, math.pi)
    )
    monitor = SafetyMonitor(config)
    rng = np.random.default_rng(0)

    def tick(now: int, rear: float | None) -> MonitorOutput:
        for source, distance in (("front", 5.0), ("rear", rear)):
            if distance is not None:
                ranges = (distance + rng.normal(0.0, 0.001, BEAMS)).astype(np.float32)
                monitor.on_scan(source, now, ranges, (-2.35619, STEP, 0.1, 30.0), now)
        monitor.on_odometry(now, 0.0, 0.0, now)
        monitor.on_imu(now, 0.0, now)
        monitor.on_command(now, -0.4, 0.0, now)
        return monitor.step(now)

    for k in range(30):
        output = tick(START + k * TICK, 5.0)
    assert output.vx == -0.4
    assert tick(START + 30 * TICK, 0.07).vx == 0.0
    for k in range(31, 40):
        output = tick(START + k * TICK, None)
    assert output.state == "safe_stop"
    assert "rear" in output.cause


SQUARE_AHEAD = (0.2, -0.5, 1.0, -0.5, 1.0, 0.5, 0.2, 0.5)


def zoned(limits: tuple[float, float, float], least: float = 3.0) -> Bench:
    zone = (*limits, least, 4.0, *SQUARE_AHEAD)
    other = (0.1, 0.1, 0.1, 1.0, 3.0, 7.0, 7.0, 8.0, 7.0, 8.0, 8.0)
    bench = Bench(MonitorConfig(speed_zones=(*zone, *other)))
    bench.run(25)
    return bench


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ((0.5, 0.0), (0.3, 0.0)),
        ((0.2, 0.0), (0.2, 0.0)),
        ((-0.4, 0.0), (-0.2, 0.0)),
        ((0.1, 0.8), (0.05, 0.4)),
    ],
)
def test_a_speed_zone_limits_each_direction_while_enough_returns_are_in_it(wish, expected) -> None:
    bench = zoned((0.3, 0.2, 0.4))
    bench.wish = wish
    before = bench.run(2)
    assert (before.vx, before.wz) == wish
    bench.ranges[100:102] = 0.6
    assert bench.tick().scale == 1.0
    bench.ranges[355:358] = 0.9
    output = bench.tick()
    assert (output.vx, output.wz) == pytest.approx(expected)
    assert output.state == "nominal"
    bench.ranges[:] = 5.0
    assert bench.tick().scale == 1.0


def test_a_zone_without_a_limit_for_a_direction_leaves_it_alone() -> None:
    bench = zoned((math.inf, 0.1, math.inf), least=1.0)
    bench.ranges[355:358] = 0.9
    assert bench.tick().vx == 0.5
    bench.wish = (-0.3, 0.0)
    assert bench.run(2).vx == pytest.approx(-0.1)


def test_a_slow_odometry_degrades() -> None:
    bench, states = Bench(MonitorConfig(odometry_timeout=0.1)), []
    for k in range(60):
        bench.silent = set() if k % 4 == 0 else {"odometry"}
        states.append(bench.tick().state)
    assert states[-1] == "degraded"
    assert bench.tick().cause.startswith("odometry_slow")


@pytest.mark.parametrize("moving", [(4.1, 0.0), (-4.1, 0.0), (0.0, 8.1), (math.nan, 0.0)])
def test_odometry_that_cannot_be_is_not_believed(bench: Bench, moving) -> None:
    bench.moving = moving
    output = bench.tick()
    assert (output.vx, output.state) == (0.0, "safe_stop")
    assert output.cause.startswith("odometry_invalid")
    bench.moving = (0.0, 0.0)
    assert bench.until("nominal") < 20


def test_a_decision_that_is_repeated_too_long_stops(bench: Bench) -> None:
    """Its node lives and repeats it, with the stamp of the decision but for a nanosecond."""
    bench.silent = {"command"}
    decided = bench.now
    states = []
    for k in range(20):
        bench.monitor.on_command(decided + k + 1, 0.5, 0.0, bench.now)
        states.append(bench.tick().state)
    assert states[8:12] == ["nominal", "nominal", "safe_stop", "safe_stop"]
    assert bench.tick().cause.startswith("command_silent")


@pytest.mark.parametrize("fault", ["frozen", "turning"])
def test_when_a_fault_of_scan_or_odometry_ends_the_robot_recovers(bench: Bench, fault) -> None:
    """What was true meanwhile contradicts what the fault told, and is believed."""
    bench.ranges[:] = np.linspace(2.0, 4.0, BEAMS)
    bench.monitor.reset(bench.now, "operator")
    bench.run(30)
    if fault == "frozen":
        bench.noise, bench.moving = 0.0, (0.5, 0.0)
    else:
        bench.moving, bench.gyro = (0.0, 1.5), 0.0
    assert bench.run(60).state == "safe_stop"
    bench.noise, bench.moving, bench.gyro = 0.001, (0.0, 0.0), None
    bench.ranges -= 0.4
    assert bench.until("nominal", 120) < 100


def test_a_scan_that_jumps_stops_the_robot_and_is_not_remembered(bench: Bench) -> None:
    bench.ranges[:] = np.linspace(2.0, 4.0, BEAMS)
    bench.monitor.reset(bench.now, "operator")
    bench.run(30)
    bench.ranges += 0.3
    output = bench.tick()
    assert (output.vx, output.state) == (0.0, "safe_stop")
    assert output.cause.startswith("scan_jumped")
    assert bench.run(50).state == "safe_stop"
    bench.ranges -= 0.3
    assert bench.until("nominal") < 20


def test_a_scan_that_jumps_behind_one_that_says_nothing_is_noticed_too(bench: Bench) -> None:
    """A knock: one scan is lost, and the scanner looks elsewhere after it."""
    bench.ranges[:] = np.linspace(2.0, 4.0, BEAMS)
    bench.monitor.reset(bench.now, "operator")
    bench.run(30)
    for _ in range(2):
        bench.ranges += np.nan
        assert bench.tick().cause.startswith("scan_invalid")
        bench.ranges[:] = np.linspace(2.3, 4.3, BEAMS)
        output = bench.run(50)
        assert (output.vx, output.state) == (0.0, "safe_stop")
        assert output.cause.startswith("scan_jumped")
    bench.ranges -= 0.3
    assert bench.until("nominal") < 20


def test_a_gyroscope_that_falls_silent_contradicts_no_longer(bench: Bench) -> None:
    bench.gyro = 0.7
    bench.tick()
    bench.silent = {"imu"}
    assert "safe_stop" not in {bench.tick().state for _ in range(60)}
    assert bench.tick().cause.startswith("imu_silent")


def test_a_config_that_cannot_be_used_is_refused_by_name() -> None:
    closed_square = (0.1, 1.0, 1.0, 3.0, 5.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0)
    for name, value in [
        ("speed_zones", closed_square),
        ("speed_zones", (*closed_square[:4], 3.0, 0.0, 0.0, math.nan, 0.0, 1.0, 1.0)),
        ("memory_time", 0.0),
        ("actuation_delay", -0.1),
        ("margin", -1.0),
        ("min_linear_velocity", math.nan),
        ("min_linear_velocity", 0.1),
        ("degraded_speed", math.nan),
        ("scan_timeout", math.inf),
        ("lidar_pose", (0.0, math.nan, 0.0)),
        ("scan_mask", (0.0, math.inf)),
        ("footprint", (0.0, 1.0)),
        ("lidar_pose", (0.0,)),
        ("linear_deceleration", 0.0),
        ("speed_zones", (1.0, 1.0, 1.0, 2.0)),
        ("scan_mask", (1.0,)),
        ("peak_linear_acceleration", 1.0),
    ]:
        with pytest.raises(ValueError, match=name):
            MonitorConfig(**{name: value})


any_float = st.floats(allow_nan=True, allow_infinity=True)
stamp = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(START - 1000 * MS, START + 2000 * MS)
)
message = st.one_of(
    st.tuples(st.just("scan"), stamp, st.lists(any_float, max_size=40), *[any_float] * 4),
    st.tuples(st.sampled_from(["command", "odometry"]), stamp, any_float, any_float),
    st.tuples(st.just("imu"), stamp, any_float),
    st.tuples(st.sampled_from(["estop", "reset", "lost", "step", "tick"])),
)


def as_float32(ranges: list[float]) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.array(ranges, np.float32)


@settings(max_examples=150)
@given(st.lists(message, min_size=1, max_size=60))
def test_no_messages_bring_an_exception_or_a_command_that_is_none(messages) -> None:
    bench = Bench()
    bench.run(20)
    monitor = bench.monitor
    for kind, *values in messages:
        bench.now += 5 * MS
        now = bench.now
        if kind == "scan":
            at, ranges, *layout = values
            monitor.on_scan("scan", at, as_float32(ranges), tuple(layout), now)
        elif kind == "command":
            monitor.on_command(*values, now)
        elif kind == "odometry":
            monitor.on_odometry(*values, now)
        elif kind == "imu":
            monitor.on_imu(*values, now)
        elif kind == "estop":
            monitor.estop(now, "fuzz")
        elif kind == "reset":
            monitor.reset(now, "fuzz")
        elif kind == "lost":
            monitor.on_command_lost("fuzz")
        output = bench.tick() if kind == "tick" else monitor.step(now, bench.steady)
        assert math.isfinite(output.vx) and math.isfinite(output.wz)
        assert -2.0 <= output.vx <= 2.0 and abs(output.wz) <= 4.0
        assert 0.0 <= output.scale <= 1.0
        assert "internal_error" not in output.cause
        if output.state in ("safe_stop", "emergency_stop"):
            assert output.vx == output.wz == 0.0
